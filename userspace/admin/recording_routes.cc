#include "admin/recording_routes.h"

#include <algorithm>
#include <array>

#include "admin/query.h"
#include "admin/recording_page.h"
#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

// Nothing but what comes from here; no script, style or handler in the page itself; in no other site's frame. Video
// comes from the script (blob:), which gets its bytes by requests of its own.
constexpr auto page_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src blob:; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'";

struct FileType {
  std::string_view ending;
  const char* content_type;
};
constexpr std::array file_types{FileType{".mp4", "video/mp4"}, FileType{".jsonl", "application/jsonl"},
                                FileType{".json", "application/json"}};
constexpr const char* kept_file_type = "application/octet-stream";

Answer fault_answer(const Fault& fault) {
  return {fault.status, error_body(fault.error, fault.issues), {}};
}

Answer not_a_recording(std::string_view text) {
  return fault_answer({404,
                       {"'" + std::string(text) + "' is no recording's number",
                        "a recording has the number of its session: `gatehouse sessions --all` lists them"},
                       {}});
}

std::optional<std::uint64_t> recording_id(std::string_view text) {
  const auto number = parse_number(text, 1, largest_id);
  if (!number || text.front() == '0') return std::nullopt;
  return *number;
}

Answer page_answer(const PagePart& part) {
  Answer answer{.text = std::string(part.text), .content_type = part.content_type};
  answer.headers = {{"Content-Security-Policy", page_policy},
                    {"Cross-Origin-Opener-Policy", "same-origin"},
                    {"Cross-Origin-Resource-Policy", "same-origin"},
                    {"X-Frame-Options", "DENY"}};
  return answer;
}

constexpr std::string_view page_name = "recording.html";

}  // namespace

Answer recording_page(const Request& request) {
  const auto parts = match_path("/recordings/{id}", path_of(request.target));
  if (!recording_id(parts->front())) return not_a_recording(parts->front());
  const auto& all = recording_page_parts();
  return page_answer(*std::ranges::find(all, page_name, &PagePart::name));
}

Answer recording_page_part(const Request& request) {
  const auto name = match_path("/recordings/parts/{name}", path_of(request.target))->front();
  const auto& all = recording_page_parts();
  const auto found = std::ranges::find(all, name, &PagePart::name);
  if (found == all.end() || name == page_name) {
    return fault_answer({404, {"the page has no such part", "open /recordings/ and the recording's number"}, {}});
  }
  return page_answer(*found);
}

Answer get_recording(const Request& request, Operations& operations) {
  const auto text = match_path("/v1/recordings/{id}", path_of(request.target))->front();
  const auto id = recording_id(text);
  if (!id) return not_a_recording(text);
  auto outcome = operations.recording(*id, request.peer);
  if (!outcome) return fault_answer(outcome.error());
  Answer answer{.body = std::move(*outcome)};
  answer.headers = {{"Cross-Origin-Resource-Policy", "same-origin"}};
  return answer;
}

Answer get_recording_file(const Request& request, Operations& operations) {
  const auto parts = *match_path("/v1/recordings/{id}/files/{name}", path_of(request.target));
  const auto id = recording_id(parts[0]);
  if (!id) return not_a_recording(parts[0]);
  auto opened = operations.recording_file(*id, std::string(parts[1]), request.peer);
  if (!opened) return fault_answer(opened.error());
  const auto range = range_of(request.range, opened->size);
  Answer answer{.status = range.status};
  answer.headers = {{"Accept-Ranges", "bytes"}, {"Cross-Origin-Resource-Policy", "same-origin"}};
  if (!range.content_range.empty()) answer.headers.emplace_back("Content-Range", range.content_range);
  if (range.status == 416) {
    answer.body =
        error_body({"there is nothing of the file in this range: it has " + std::to_string(opened->size) + " bytes",
                    "ask for what begins before its end; a recording that goes on has more later"});
    return answer;
  }
  // A copy of what somebody moved: nothing that a browser should show.
  answer.content_type = kept_file_type;
  for (const auto& type : file_types) {
    if (parts[1].ends_with(type.ending)) answer.content_type = type.content_type;
  }
  if (answer.content_type == kept_file_type) {
    answer.headers.emplace_back("Content-Disposition", "attachment");
  }
  answer.file = FilePart{std::move(opened->file), range.part};
  return answer;
}

Answer post_login(const Request& request, Operations&) {
  if (auto nothing = read_nothing(request.body); !nothing) return fault_answer({400, nothing.error(), {}});
  if (request.peer.token.empty()) {
    return fault_answer({400, {"there is nothing to log in to at the socket", "it takes requests as they are"}, {}});
  }
  Answer answer{.body = {{"name", request.peer.token}, {"role", name(request.peer.role)}}};
  answer.opens_login = true;
  return answer;
}

Answer post_logout(const Request& request, Operations&) {
  if (auto nothing = read_nothing(request.body); !nothing) return fault_answer({400, nothing.error(), {}});
  if (request.peer.login == 0) {
    return fault_answer({400, {"there is no login to end", "only browsers log in, at a recording's page"}, {}});
  }
  Answer answer{.body = nlohmann::json::object()};
  answer.closes_login = true;
  return answer;
}

}  // namespace gatehouse::admin
