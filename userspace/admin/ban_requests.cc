// The requests about bans. A list of them may be long (a million), so an entry can be as short as its target's text,
// with reason and end once for all.
#include <limits>

#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

constexpr auto as_many_as_fit = std::numeric_limits<std::size_t>::max();  // the body's own limit is enough
constexpr std::string_view kinds_of_bans = "network, user, server or device";

// Exactly one of the kinds.
std::optional<policy::BanTarget> read_target(ObjectReader& ban) {
  std::optional<policy::BanTarget> target;
  bool seen = false;
  for (const auto kind : policy::all_ban_kinds) {
    const auto key = policy::name(kind);
    if (ban.member(key, false) == nullptr) continue;
    if (seen) ban.complain(key, {"stands beside another kind", "send one ban for each"});
    seen = true;
    target = ban.parsed(key, [&](std::string_view text) { return policy::parse_ban_target(kind, text); });
  }
  if (!seen) ban.complain("network", {"is missing", "send " + std::string(kinds_of_bans)});
  return target;
}

std::optional<policy::BanTarget> parse_entry(ObjectReader& body, std::string_view list, std::size_t at,
                                             const nlohmann::json& value) {
  if (!value.is_string()) {
    body.complain(indexed(list, at), {"is not text", "write it like 192.0.2.0/24 or user:bob"});
    return std::nullopt;
  }
  const auto& text = value.get_ref<const std::string&>();
  auto checked = check_line(text, longest_name);
  if (!checked) {
    body.complain(indexed(list, at), checked.error());
    return std::nullopt;
  }
  auto target = policy::parse_ban_target(text);
  if (!target) {
    body.complain(indexed(list, at), target.error());
    return std::nullopt;
  }
  return std::move(*target);
}

void read_targets(ObjectReader& body, std::string_view key, std::vector<policy::BanTarget>& targets,
                  const std::optional<Error>& fault) {
  const auto* list = body.list(key, as_many_as_fit);
  if (list == nullptr) return;
  if (list->empty()) body.complain(key, {"is empty", "send at least one"});
  targets.reserve(targets.size() + list->size());
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    if (auto target = parse_entry(body, key, i, list->at(i))) targets.push_back(std::move(*target));
  }
}

Result<BansRequest> read_what(const Query& query) {
  std::optional<Error> fault;
  BansRequest request;
  request.kind = parameter(query, "subject", fault, [](std::string_view text) -> Result<policy::BanKind> {
    if (const auto kind = policy::ban_kind_of(text)) return *kind;
    return failure("'" + std::string(text) + "' is nothing that can be banned", "write " + std::string(kinds_of_bans));
  });
  request.target =
      parameter(query, "target", fault, [](std::string_view text) { return policy::parse_ban_target(text); });
  request.before_id = id_before(query, fault).value_or(0);
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(std::move(request), fault);
}

}  // namespace

Result<std::vector<BanRequest>> read_add_bans(std::string_view bytes, WallTime now) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"bans", "reason", "expires", "duration"}, fault);
  std::vector<BanRequest> requests;
  const auto* list = body.list("bans", as_many_as_fit, true);
  if (list == nullptr) return finished(std::move(requests), fault);
  if (list->empty()) body.complain("bans", {"is empty", "send at least one"});
  const auto reason_of_all = body.line("reason", longest_reason);
  const auto end_of_all = read_expiry(body, now);
  requests.reserve(list->size());
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    auto& request = requests.emplace_back();
    request.reason = reason_of_all.value_or(std::string());
    request.expires = end_of_all;
    const auto& entry = list->at(i);
    if (entry.is_string()) {
      if (auto target = parse_entry(body, "bans", i, entry)) request.target = std::move(*target);
      if (!reason_of_all) body.complain("reason", {"is missing", "send it, for the entries that are text"});
      continue;
    }
    ObjectReader ban(entry, indexed("bans", i),
                     {"network", "user", "server", "device", "reason", "expires", "duration"}, fault);
    if (auto target = read_target(ban)) request.target = std::move(*target);
    if (auto reason = ban.line("reason", longest_reason, !reason_of_all)) request.reason = std::move(*reason);
    if (const auto end = read_expiry(ban, now)) request.expires = end;
  }
  return finished(std::move(requests), fault);
}

Result<RemoveBansRequest> read_remove_bans(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"bans", "networks", "ids"}, fault);
  RemoveBansRequest request;
  read_targets(body, "bans", request.targets, fault);
  read_targets(body, "networks", request.targets, fault);  // as the first version of the API had it
  if (const auto* ids = body.list("ids", as_many_as_fit)) {
    for (std::size_t i = 0; i < ids->size() && !fault; ++i) {
      if (!ids->at(i).is_number_unsigned() ||
          ids->at(i).get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
        body.complain(indexed("ids", i), {"is no ban id", "send the number that the list of bans shows"});
      } else {
        request.ids.push_back(ids->at(i).get<std::uint64_t>());
      }
    }
  }
  if (!fault && request.targets.empty() && request.ids.empty()) {
    body.complain("bans", {"is missing", "send bans, or ids"});
  }
  return finished(std::move(request), fault);
}

Result<BansRequest> read_bans(const Query& query) {
  if (auto known = query.only({"subject", "target", "limit"}); !known) return std::unexpected(known.error());
  return read_what(query);
}

Result<BansRequest> read_ban_history(const Query& query) {
  if (auto known = query.only({"subject", "target", "before", "limit"}); !known) return std::unexpected(known.error());
  return read_what(query);
}

}  // namespace gatehouse::admin
