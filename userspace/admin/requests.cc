#include "admin/requests.h"

#include <limits>

#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

constexpr std::size_t longest_path = 4096;
constexpr std::size_t most_files = 10'000;
constexpr std::size_t most_ids = 100'000;
constexpr auto any_number = std::numeric_limits<std::uint64_t>::max();

std::vector<policy::SourceText> read_files(ObjectReader& body, std::optional<Error>& fault) {
  std::vector<policy::SourceText> files;
  const auto* list = body.list("files", most_files, true);
  if (list == nullptr) return files;
  if (list->empty()) body.complain("files", {"is empty", "send at least one file; an empty policy is a file too"});
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    ObjectReader file(list->at(i), indexed("files", i), {"file", "text"}, fault);
    auto name = file.line("file", longest_path, true);
    auto text = file.text("text", true);
    if (name && text) files.push_back({std::move(*name), std::move(*text)});
  }
  return files;
}

Result<PolicyRequest> read_policy(std::string_view bytes, std::initializer_list<std::string_view> keys) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", keys, fault);
  PolicyRequest request;
  request.files = read_files(body, fault);
  request.expected_version = body.number("expected_version", 0, any_number);
  return finished(std::move(request), fault);
}

}  // namespace

Result<void> read_nothing(std::string_view bytes) {
  if (bytes.empty()) return {};
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  const ObjectReader body(*document, "", {}, fault);
  if (fault) return std::unexpected(*fault);
  return {};
}

Result<PolicyRequest> read_plan(std::string_view bytes) {
  return read_policy(bytes, {"files"});
}

Result<PolicyRequest> read_apply(std::string_view bytes) {
  return read_policy(bytes, {"files", "expected_version"});
}

Result<CheckRequest> read_check(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"source", "destination", "port", "transport", "time", "login"}, fault);
  CheckRequest request;
  if (const auto source = body.parsed("source", Address::parse, true)) request.source = *source;
  if (const auto destination = body.parsed("destination", Address::parse, true)) {
    request.destination.address = *destination;
  }
  if (const auto port = body.number("port", 1, 65535, true))
    request.destination.port = static_cast<std::uint16_t>(*port);
  const auto parse_transport = [](std::string_view text) -> Result<policy::Transport> {
    if (const auto transport = policy::transport_of(text)) return *transport;
    return failure("'" + std::string(text) + "' is no transport", "write tcp or udp");
  };
  if (const auto transport = body.parsed("transport", parse_transport)) request.transport = *transport;
  request.time = body.parsed("time", parse_time);
  request.login = body.line("login", longest_name);
  return finished(std::move(request), fault);
}

Result<KillRequest> read_kill(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"ids", "user"}, fault);
  KillRequest request;
  if (const auto* list = body.list("ids", most_ids)) {
    for (std::size_t i = 0; i < list->size() && !fault; ++i) {
      if (!list->at(i).is_number_unsigned()) {
        body.complain(indexed("ids", i), {"is no session id", "send the number that the list of sessions shows"});
      } else {
        request.ids.push_back(list->at(i).get<std::uint64_t>());
      }
    }
  }
  request.user = body.line("user", longest_name);
  if (!fault && request.ids.empty() != request.user.has_value()) {
    return failure(request.user ? "the body has both ids and a user" : "the body has neither ids nor a user",
                   "send ids, or a user for all of their sessions");
  }
  return finished(std::move(request), fault);
}

Result<std::optional<std::uint64_t>> read_policy_version(const Query& query) {
  if (auto known = query.only({"version"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  const auto version =
      parameter(query, "version", fault, [](std::string_view text) { return parse_number(text, 0, largest_id); });
  return finished(std::optional<std::uint64_t>(version), fault);
}

Result<VersionsRequest> read_policy_versions(const Query& query) {
  if (auto known = query.only({"before", "limit"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  VersionsRequest request;
  request.before = id_before(query, fault).value_or(0);
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(VersionsRequest(request), fault);
}

}  // namespace gatehouse::admin
