// The requests about RustDesk devices. Ids are what clients chose: any text, so that each that there is can be asked
// for.
#include "admin/request_parts.h"

namespace gatehouse::admin {
namespace {

constexpr std::size_t longest_id = 128;  // bytes: what a ban can name
constexpr std::size_t longest_path_of_file = 4096;

Result<std::string> parse_id(std::string_view text) {
  if (text.empty() || text.size() > longest_id) {
    return failure("is no id of a device", "write 1 to " + std::to_string(longest_id) + " bytes");
  }
  return std::string(text);
}

std::optional<bool> yes_or_no(const Query& query, std::string_view name, std::optional<Error>& fault) {
  const auto number = parameter(query, name, fault, [](std::string_view text) { return parse_number(text, 0, 1); });
  if (!number) return std::nullopt;
  return *number == 1;
}

std::optional<std::string> any_id(const Query& query, std::string_view name, std::optional<Error>& fault) {
  const auto value = query.value(name);
  if (!value || fault) return std::nullopt;
  auto id = parse_id(*value);
  if (id) return std::move(*id);
  fault = Error{"query parameter " + std::string(name) + ": " + id.error().what, id.error().mend};
  return std::nullopt;
}

bool is_true(ObjectReader& body, std::string_view key, bool otherwise) {
  const auto* value = body.member(key, false);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) body.complain(key, {"is neither true nor false", "send one of them"});
  return value->is_boolean() && value->get<bool>();
}

}  // namespace

Result<DevicesRequest> read_devices(const Query& query) {
  if (auto known = query.only({"id", "online", "banned", "pending", "after", "limit"}); !known) {
    return std::unexpected(known.error());
  }
  std::optional<Error> fault;
  DevicesRequest request;
  request.id = any_id(query, "id", fault);
  request.online = yes_or_no(query, "online", fault);
  request.banned = yes_or_no(query, "banned", fault);
  request.pending = yes_or_no(query, "pending", fault);
  request.after = any_id(query, "after", fault).value_or("");
  request.limit = limit_of(query, fault).value_or(request.limit);
  return finished(std::move(request), fault);
}

Result<std::string> read_device(std::string_view part) {
  const auto text = percent_decode(part);
  if (!text) return std::unexpected(text.error());
  auto id = parse_id(*text);
  if (!id) return failure("the path " + id.error().what, id.error().mend);
  return id;
}

Result<ApproveRequest> read_approve(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"ids", "approved"}, fault);
  ApproveRequest request;
  request.approved = is_true(body, "approved", true);
  const auto* list = body.list("ids", std::numeric_limits<std::size_t>::max(), true);  // the body has its own limit
  if (list == nullptr) return finished(std::move(request), fault);
  if (list->empty()) body.complain("ids", {"is empty", "send at least one"});
  request.ids.reserve(list->size());
  for (std::size_t i = 0; i < list->size() && !fault; ++i) {
    const auto& entry = list->at(i);
    if (!entry.is_string()) {
      body.complain(indexed("ids", i), {"is not text", "send the id of a device"});
    } else if (auto id = parse_id(entry.get_ref<const std::string&>()); !id) {
      body.complain(indexed("ids", i), id.error());
    } else if (auto checked = check_line(*id, longest_id); !checked) {  // it gets into the audit
      body.complain(indexed("ids", i), checked.error());
    } else {
      request.ids.push_back(std::move(*id));
    }
  }
  return finished(std::move(request), fault);
}

Result<DeviceBanImport> read_import_bans(std::string_view bytes) {
  const auto document = parse_json(bytes);
  if (!document) return std::unexpected(document.error());
  std::optional<Error> fault;
  ObjectReader body(*document, "", {"path", "dry_run"}, fault);
  DeviceBanImport request;
  request.path = body.line("path", longest_path_of_file, true).value_or(std::string());
  if (!request.path.empty() && request.path.front() != '/') {
    body.complain("path", {"'" + request.path + "' is not absolute", "write it from / on, as the gateway sees it"});
  }
  request.dry_run = is_true(body, "dry_run", false);
  return finished(std::move(request), fault);
}

}  // namespace gatehouse::admin
