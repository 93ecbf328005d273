#include "cli/service_arguments.h"

#include <CLI/CLI.hpp>

#include "cli/proxy_addresses.h"
#include "policy/document_fields.h"

namespace gatehouse::cli {

void add_proxy_options(CLI::App& verb, ProxyOptions& options) {
  auto* address = verb.add_option("--proxy-ip", options.proxy_ip, "Address that clients connect to, out of a pool");
  verb.add_option("--pool", options.pool, "The first free address of this pool")->excludes(address);
}

Result<ProxyChoice> parse_proxy(const ProxyOptions& options) {
  if (!options.pool.empty()) return ProxyChoice{std::nullopt, options.pool};
  if (options.proxy_ip.empty()) {
    return failure("on which address shall clients find it?", "give --pool NAME for a free one, or --proxy-ip ADDRESS");
  }
  const auto address = Address::parse(options.proxy_ip);
  if (!address) return std::unexpected(address.error());
  return ProxyChoice{*address, {}};
}

Result<Address> proxy_address(const policy::Document& document, const ProxyChoice& choice) {
  if (choice.address) return *choice.address;
  return first_free_address(document, choice.pool);
}

policy::Service service_of(const std::string& server, const Address& proxy_ip, policy::Kind kind, std::uint16_t port) {
  policy::Service service;
  service.server = server;
  service.proxy_ip = proxy_ip;
  service.port = port;
  service.kind = kind;
  service.protocol = policy::default_protocol(kind);
  service.backend_port = port;
  service.source = policy::default_source(kind);
  return service;
}

}  // namespace gatehouse::cli
