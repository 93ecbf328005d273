// The requests about recordings.
#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

constexpr std::uint64_t largest_size = 1ULL << 60U;

Result<std::string> any_text(std::string_view text) {
  return std::string(text);
}

void read_which(const Query& query, RecordingsRequest& request, std::optional<Error>& fault) {
  const auto open = parameter(query, "open", fault, [](std::string_view text) { return parse_number(text, 0, 1); });
  request.only_open = open.value_or(0) == 1;
  request.user = parameter(query, "user", fault, any_text);
  request.server = parameter(query, "server", fault, any_text);
  request.service = parameter(query, "service", fault, any_text);
  request.since = parameter(query, "since", fault, parse_time);
  request.until = parameter(query, "until", fault, parse_time);
  request.before_id = id_before(query, fault).value_or(0);
  request.limit = limit_of(query, fault).value_or(request.limit);
  if (!fault && request.since && request.until && *request.until <= *request.since) {
    fault = Error{"query parameter until: is not after since", "nothing lies between them; let until be later"};
  }
}

}  // namespace

Result<RecordingsRequest> read_recordings(const Query& query) {
  if (auto known = query.only({"open", "user", "server", "service", "since", "until", "before", "limit"}); !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  RecordingsRequest request;
  read_which(query, request, fault);
  return finished(std::move(request), fault);
}

Result<RecordingSearch> read_recording_search(const Query& query) {
  if (auto known = query.only({"text", "open", "user", "server", "service", "since", "until", "before", "limit"});
      !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  RecordingSearch search;
  read_which(query, search.where, fault);
  search.text = parameter(query, "text", fault, any_text).value_or("");
  if (!fault && search.text.empty()) fault = Error{"query parameter text: is missing", "say what is to be found"};
  return finished(std::move(search), fault);
}

Result<PruneRequest> read_prune(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"older_than", "over", "dry_run"}, fault);
  PruneRequest request;
  request.older_than = body.parsed("older_than", parse_duration);
  request.over = body.number("over", 0, largest_size);
  if (const auto* dry_run = body.member("dry_run", false)) {
    if (!dry_run->is_boolean()) body.complain("dry_run", {"is neither true nor false", "send one of them"});
    request.dry_run = dry_run->is_boolean() && dry_run->get<bool>();
  }
  return finished(PruneRequest(request), fault);
}

Result<std::uint64_t> read_pass(const Query& query) {
  if (auto known = query.only({"pass"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  const auto pass =
      parameter(query, "pass", fault, [](std::string_view text) { return parse_number(text, 1, largest_id); });
  if (!fault && !pass) fault = Error{"query parameter pass: is missing", "send the number that was answered"};
  return finished(std::uint64_t(pass.value_or(0)), fault);
}

}  // namespace gatehouse::admin
