#include "support/network.h"

#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace gatehouse::test {

namespace {

Address address(const char* text) {
  return Address::parse(text).value();
}
Prefix prefix_of(const char* text) {
  return Prefix::parse(text).value();
}

// "192.0.2.10/24": an address with the length of its network, as ip(8) wants it.
std::string on(const Address& address, const Prefix& network) {
  const std::string text = network.text();
  return address.text() + text.substr(text.find('/'));
}

// The first is what a socket sends from that is not bound: with IPv4 that is so by itself, with IPv6 if the others are
// deprecated (RFC 6724 section 5, rule 3).
void add_all(LinkEnd& end, std::initializer_list<Address> all, const Prefix& network) {
  for (const Address& one : all) {
    const bool is_first = &one == all.begin();
    end.addresses.push_back(on(one, network) + (is_first || one.is_v4() ? "" : " preferred_lft 0"));
  }
}

}  // namespace

const char* text_of(Family family) {
  return family == Family::v4 ? "IPv4" : "IPv6";
}

const Addresses& addresses(Family family) {
  static const Addresses v4{
      .clients = prefix_of("192.0.2.0/24"),
      .client = address("192.0.2.10"),
      .second_client = address("192.0.2.20"),
      .third_client = address("192.0.2.130"),  // in the other half of the network
      .gateway_to_clients = address("192.0.2.1"),
      .backends = prefix_of("203.0.113.0/24"),
      .gateway_to_backends = address("203.0.113.1"),
      .backend = address("203.0.113.10"),
      .second_backend = address("203.0.113.20"),
      .black_hole = address("203.0.113.200"),
      .pool = prefix_of("198.51.100.0/24"),
  };
  static const Addresses v6{
      .clients = prefix_of("2001:db8:1::/64"),
      .client = address("2001:db8:1::10"),
      .second_client = address("2001:db8:1::20"),
      .third_client = address("2001:db8:1::8000:0:0:130"),
      .gateway_to_clients = address("2001:db8:1::1"),
      .backends = prefix_of("2001:db8:3::/64"),
      .gateway_to_backends = address("2001:db8:3::1"),
      .backend = address("2001:db8:3::10"),
      .second_backend = address("2001:db8:3::20"),
      .black_hole = address("2001:db8:3::200"),
      .pool = prefix_of("2001:db8:64::/64"),
  };
  return family == Family::v4 ? v4 : v6;
}

Address proxy_ip(Family family, std::uint8_t number) {
  if (number < 1 || number > 250) throw std::out_of_range("proxy IPs have the numbers 1 to 250");
  Address result = addresses(family).pool.address;
  result.bytes[15] = number;
  return result;
}

Network::Built::Built(const Network& network) {
  // Also for the wires to come; what the machine itself has set is inherited otherwise.
  for (const Namespace* one : {&network.client, &network.gateway, &network.backend}) {
    for (const char* device : {"all", "default"})
      one->set_sysctl(std::string("net.ipv4.conf.") + device + ".rp_filter", "0");
  }
  LinkEnd client{network.client, wire, {}};
  LinkEnd to_clients{network.gateway, clients_interface, {}};
  LinkEnd to_backends{network.gateway, backends_interface, {}};
  LinkEnd backend{network.backend, wire, {}};
  for (const Family family : {Family::v4, Family::v6}) {
    const Addresses& who = addresses(family);
    add_all(client, {who.client, who.second_client, who.third_client}, who.clients);
    to_clients.addresses.push_back(on(who.gateway_to_clients, who.clients));
    to_backends.addresses.push_back(on(who.gateway_to_backends, who.backends));
    add_all(backend, {who.backend, who.second_backend}, who.backends);
  }
  connect(client, to_clients);
  connect(to_backends, backend);
  network.gateway.set_sysctl("net.ipv4.ip_forward", "1");
  network.gateway.set_sysctl("net.ipv6.conf.all.forwarding", "1");

  std::vector<std::string> client_routes;
  std::vector<std::string> gateway_routes;
  std::vector<std::string> backend_routes;
  for (const Family family : {Family::v4, Family::v6}) {
    const Addresses& who = addresses(family);
    const std::string any = family == Family::v4 ? "0.0.0.0/0" : "::/0";
    const std::string via_backend = " via " + who.backend.text();
    client_routes.push_back("route add " + any + " via " + who.gateway_to_clients.text());
    gateway_routes.push_back("route add " + who.pool.text() + via_backend);
    gateway_routes.push_back("route add " + who.black_hole.text() + via_backend);
    backend_routes.push_back("route add " + any + " via " + who.gateway_to_backends.text());
    backend_routes.push_back("route add local " + who.pool.text() + " dev lo");
    backend_routes.push_back("route add blackhole " + who.black_hole.text());
  }
  network.client.ip(client_routes);
  network.gateway.ip(gateway_routes);
  network.backend.ip(backend_routes);
}

Network::Network()
    : built_(*this),
      leaked_v4_(backend, wire, addresses(Family::v4).pool),
      leaked_v6_(backend, wire, addresses(Family::v6).pool) {}

std::uint64_t Network::leaked_packets() {
  return leaked_v4_.packets() + leaked_v6_.packets();
}

}  // namespace gatehouse::test
