#include "admin/requests.h"

#include <charconv>
#include <limits>

#include "admin/json_input.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;

constexpr std::size_t longest_name = 256;
constexpr std::size_t longest_reason = 1024;
constexpr std::size_t longest_path = 4096;
constexpr std::size_t most_files = 10'000;
constexpr std::size_t most_ids = 100'000;
constexpr auto any_count = std::numeric_limits<std::size_t>::max();             // the body's own limit is enough
constexpr std::uint64_t largest_id = std::numeric_limits<std::int64_t>::max();  // the store's integers are signed
constexpr auto any_number = std::numeric_limits<std::uint64_t>::max();

std::string indexed(std::string_view name, std::size_t index) {
  return std::string(name) + "[" + std::to_string(index) + "]";
}

template <typename T>
Result<T> finished(T&& value, const std::optional<Error>& fault) {
  if (fault) return std::unexpected(*fault);
  return std::forward<T>(value);
}

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

Result<WallTime> parse_future(std::string_view text, WallTime now) {
  auto time = parse_time(text);
  if (time && *time <= now) return failure("'" + std::string(text) + "' has passed", "name a moment to come");
  return time;
}

// Text as people write it, or seconds as the answers of the API have them.
std::optional<Duration> read_duration(ObjectReader& ban) {
  const auto* value = ban.member("duration", false);
  if (value == nullptr) return std::nullopt;
  if (value->is_string()) return ban.parsed("duration", parse_duration);
  const auto seconds = ban.number("duration", 1, 100ULL * 365 * 86'400);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

Result<std::uint64_t> parse_number(std::string_view text, std::uint64_t least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    return failure("'" + std::string(text) + "' is not a number that fits",
                   "write a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

// One parameter through `parse`; its error gets the parameter's name.
template <typename Parse>
auto parameter(const Query& query, std::string_view name, std::optional<Error>& fault, Parse&& parse)
    -> std::optional<typename decltype(parse(std::string_view{}))::value_type> {
  const auto value = query.value(name);
  if (!value || fault) return std::nullopt;
  const auto complain = [&](const Error& error) {
    fault = Error{"query parameter " + std::string(name) + ": " + error.what, error.mend};
  };
  if (auto checked = check_line(*value, longest_name); !checked) {
    complain(checked.error());
    return std::nullopt;
  }
  auto result = parse(std::string_view(*value));
  if (!result) {
    complain(result.error());
    return std::nullopt;
  }
  return std::move(*result);
}

std::optional<std::size_t> limit_of(const Query& query, std::optional<Error>& fault) {
  return parameter(query, "limit", fault, [](std::string_view text) { return parse_number(text, 1, most_rows); });
}

Result<std::string> any_text(std::string_view text) {
  return std::string(text);
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

Result<std::vector<BanRequest>> read_add_bans(std::string_view bytes, WallTime now) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"bans"}, fault);
  std::vector<BanRequest> requests;
  const auto* list = body.list("bans", any_count, true);
  if (list == nullptr) return finished(std::move(requests), fault);
  if (list->empty()) body.complain("bans", {"is empty", "send at least one"});
  requests.reserve(list->size());
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    ObjectReader ban(list->at(i), indexed("bans", i), {"network", "reason", "expires", "duration"}, fault);
    BanRequest request;
    if (const auto network = ban.parsed("network", parse_network, true)) request.network = *network;
    if (auto reason = ban.line("reason", longest_reason, true)) request.reason = std::move(*reason);
    request.expires = ban.parsed("expires", [&](std::string_view text) { return parse_future(text, now); });
    if (const auto duration = read_duration(ban)) {
      if (request.expires) ban.complain("duration", {"stands beside expires", "send one of them, or none for ever"});
      request.expires = now + *duration;
    }
    requests.push_back(std::move(request));
  }
  return finished(std::move(requests), fault);
}

Result<std::vector<Prefix>> read_remove_bans(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"networks"}, fault);
  std::vector<Prefix> networks;
  const auto* list = body.list("networks", any_count, true);
  if (list == nullptr) return finished(std::move(networks), fault);
  if (list->empty()) body.complain("networks", {"is empty", "send at least one"});
  networks.reserve(list->size());
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    const auto place = indexed("networks", i);
    const auto& value = list->at(i);
    if (!value.is_string()) {
      body.complain(place, {"is not text", "write it like 192.0.2.0/24"});
      break;
    }
    const auto& text = value.get_ref<const std::string&>();
    if (auto checked = check_line(text, longest_name); !checked) {
      body.complain(place, checked.error());
    } else if (auto network = parse_network(text); !network) {
      body.complain(place, network.error());
    } else {
      networks.push_back(*network);
    }
  }
  return finished(std::move(networks), fault);
}

Result<std::optional<std::uint64_t>> read_policy_version(const Query& query) {
  if (auto known = query.only({"version"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  auto version =
      parameter(query, "version", fault, [](std::string_view text) { return parse_number(text, 0, largest_id); });
  return finished(std::move(version), fault);
}

Result<VersionsRequest> read_policy_versions(const Query& query) {
  if (auto known = query.only({"before", "limit"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  VersionsRequest request;
  const auto before =
      parameter(query, "before", fault, [](std::string_view text) { return parse_number(text, 1, largest_id); });
  request.before = before.value_or(0);
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(VersionsRequest(request), fault);
}

Result<SessionsRequest> read_sessions(const Query& query) {
  if (auto known = query.only({"open", "limit"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  SessionsRequest request;
  const auto open = parameter(query, "open", fault, [](std::string_view text) { return parse_number(text, 0, 1); });
  request.only_open = open.value_or(0) == 1;
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(SessionsRequest(request), fault);
}

Result<std::size_t> read_bans_limit(const Query& query) {
  if (auto known = query.only({"limit"}); !known) return std::unexpected(known.error());
  std::optional<Error> fault;
  return finished(limit_of(query, fault).value_or(100), fault);
}

Result<AuditRequest> read_audit(const Query& query) {
  if (auto known = query.only({"since", "action", "user", "source", "reason", "after", "limit"}); !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  AuditRequest request;
  request.since = parameter(query, "since", fault, parse_time);
  request.action = parameter(query, "action", fault, [](std::string_view text) -> Result<std::string> {
    if (policy::is_audit_action(text)) return std::string(text);
    return failure("'" + std::string(text) + "' is no action of the audit", "docs/api.md lists them");
  });
  request.user = parameter(query, "user", fault, any_text);
  request.source = parameter(query, "source", fault, Address::parse);
  request.reason = parameter(query, "reason", fault, [](std::string_view text) -> Result<policy::Reason> {
    if (const auto reason = policy::reason_of(text)) return *reason;
    return failure("'" + std::string(text) + "' is no reason code", "docs/policy.md lists them");
  });
  const auto after =
      parameter(query, "after", fault, [](std::string_view text) { return parse_number(text, 0, largest_id); });
  request.after_id = after.value_or(0);
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(std::move(request), fault);
}

}  // namespace gatehouse::admin
