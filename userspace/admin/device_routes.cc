#include "admin/device_routes.h"

#include "admin/requests.h"

namespace gatehouse::admin {
namespace {

Outcome wrong_request(const Error& error) {
  return std::unexpected(Fault{400, error, {}});
}

}  // namespace

Outcome get_devices(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_devices(asked);
  return wanted ? operations.devices(*wanted) : wrong_request(wanted.error());
}

Outcome get_device(const Request& request, const Query&, Operations& operations) {
  const auto id = read_device(match_path("/v1/devices/{id}", path_of(request.target))->front());
  if (!id) return wrong_request(id.error());
  DevicesRequest wanted;
  wanted.id = *id;
  wanted.limit = 1;
  const auto found = operations.devices(wanted);
  if (!found) return found;
  const auto devices = found->value("devices", nlohmann::json::array());
  if (!devices.empty()) return devices.front();
  return std::unexpected(Fault{
      404,
      {"no device '" + *id + "' is known", "`gatehouse device list` shows those that were seen, approved or banned"},
      {}});
}

Outcome post_approve(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_approve(request.body);
  return wanted ? operations.approve_devices(*wanted, request.peer) : wrong_request(wanted.error());
}

Outcome post_import_bans(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_import_bans(request.body);
  return wanted ? operations.import_device_bans(*wanted, request.peer) : wrong_request(wanted.error());
}

}  // namespace gatehouse::admin
