// The policy that the gate's tests start from: one pool a family, one user "bob" at the first client address, and
// whatever a test adds.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/network.h"

namespace gatehouse::test {

struct ServiceLine {
  std::string name;
  std::string server = "one";
  std::uint8_t proxy = 10;  // proxy_ip() number
  std::uint16_t port = 7000;
  std::string kind = "relay";
  std::uint16_t backend_port = 0;  // 0: the same
  std::string more{};              // ", source: client"
};

struct PolicyText {
  Family family = Family::v4;
  std::string users{};  // further lines of `users:`; bob is there unless `bob` is empty
  std::string bob = "active: true";
  std::vector<ServiceLine> services = {ServiceLine{.name = "echo"}};
  std::string servers{};  // further lines
  std::string grants = "  bob-one: { user: bob, server: one }\n";
  std::string sections{};  // further ones, whole

  [[nodiscard]] std::string text() const {
    const auto& where = addresses(family);
    std::string yaml = "pools:\n  test: \"" + where.pool.text() + "\"\nusers:\n";
    if (!bob.empty()) yaml += "  bob: { sources: [\"" + where.client.text() + "\"], " + bob + " }\n";
    yaml += users + "servers:\n  one: { address: \"" + where.backend.text() + "\" }\n" + servers;
    if (!services.empty()) yaml += "services:\n";
    for (const auto& service : services) {
      yaml += "  " + service.name + ": { server: " + service.server + ", proxy_ip: \"" +
              proxy_ip(family, service.proxy).text() + "\", port: " + std::to_string(service.port) +
              ", kind: " + service.kind;
      if (service.backend_port != 0) yaml += ", backend_port: " + std::to_string(service.backend_port);
      yaml += service.more + " }\n";
    }
    if (!grants.empty()) yaml += "grants:\n" + grants;
    return yaml + sections;
  }
};

}  // namespace gatehouse::test
