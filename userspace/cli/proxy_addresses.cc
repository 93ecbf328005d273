#include "cli/proxy_addresses.h"

#include <algorithm>
#include <optional>

#include "cli/document_edit.h"

namespace gatehouse::cli {
namespace {

constexpr unsigned bits_of_address = 128;
constexpr unsigned many_bits = 32;

Address after(Address address) {
  for (auto byte = address.bytes.rbegin(); byte != address.bytes.rend(); ++byte) {
    if (++*byte != 0) break;
  }
  return address;
}

bool is_last(const Prefix& network, const Address& address) {
  return !network.contains(after(address));
}

// Networks of one or two addresses have none to leave out.
bool has_room(const Prefix& network) {
  return network.length < bits_of_address - 1;
}

std::optional<Address> first_free(const Prefix& network, const std::map<Address, std::vector<std::string>>& taken) {
  for (Address at = has_room(network) ? after(network.address) : network.address;; at = after(at)) {
    const bool last = is_last(network, at);
    const bool broadcast = last && has_room(network) && network.is_v4();
    if (!broadcast && !taken.contains(at)) return at;
    if (last) return std::nullopt;
  }
}

}  // namespace

std::map<Address, std::vector<std::string>> taken_addresses(const policy::Document& document,
                                                            const policy::Pool& pool) {
  std::map<Address, std::vector<std::string>> taken;
  for (const auto& [name, service] : document.services) {
    if (std::ranges::any_of(pool.networks, [&](const Prefix& network) { return network.contains(service.proxy_ip); })) {
      taken[service.proxy_ip].push_back(name);
    }
  }
  return taken;
}

Result<Address> first_free_address(const policy::Document& document, const std::string& name) {
  const auto pool = document.pools.find(name);
  if (pool == document.pools.end()) return std::unexpected(no_such_thing(pools.word, pools.verb, name));
  const auto taken = taken_addresses(document, pool->second);
  for (const auto& network : pool->second.networks) {
    if (const auto address = first_free(network, taken)) return *address;
  }
  return failure("pool " + name + " has no free address",
                 "add a network to it (`gatehouse pool network add`), or free one: `gatehouse pool show " + name + "`");
}

std::string size_of(const policy::Pool& pool) {
  std::uint64_t addresses = 0;
  for (const auto& network : pool.networks) {
    const unsigned bits = bits_of_address - network.length;
    if (bits >= many_bits) return "many";
    const std::uint64_t all = std::uint64_t{1} << bits;
    const std::uint64_t left_out = !has_room(network) ? 0 : network.is_v4() ? 2 : 1;
    addresses += all - left_out;
  }
  return std::to_string(addresses);
}

}  // namespace gatehouse::cli
