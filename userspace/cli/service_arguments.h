// The proxy IP of a service as the verbs take it: --proxy-ip, or --pool for the first free address of a pool.
#pragma once

#include <optional>
#include <string>

#include "base/address.h"
#include "cli/context.h"
#include "policy/document.h"

namespace gatehouse::cli {

struct ProxyOptions {
  std::string proxy_ip;
  std::string pool;
};
void add_proxy_options(CLI::App& verb, ProxyOptions& options);

// Read once, before the daemon is asked for anything.
struct ProxyChoice {
  std::optional<Address> address;
  std::string pool;
};
Result<ProxyChoice> parse_proxy(const ProxyOptions& options);
Result<Address> proxy_address(const policy::Document& document, const ProxyChoice& choice);

// A service of this kind on all of its defaults.
policy::Service service_of(const std::string& server, const Address& proxy_ip, policy::Kind kind, std::uint16_t port);

}  // namespace gatehouse::cli
