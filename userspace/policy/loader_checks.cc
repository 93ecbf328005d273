#include <map>
#include <optional>
#include <unordered_map>
#include <utility>

#include "policy/loader_draft.h"
#include "policy/prefix_map.h"
#include "policy/service_ports.h"

namespace gatehouse::policy {
namespace {

// Why nothing can be reached at this address; nullptr: it can.
const char* unreachable(const Address& address) {
  if (address.is_v4()) {
    const std::uint32_t v4 = address.v4();
    if (v4 >> 24U == 0) return "is within 0.0.0.0/8, which is nobody's";
    if (v4 >> 28U == 14) return "is a multicast address";
    if (v4 == 0xffffffffU) return "is the broadcast address";
    return nullptr;
  }
  if (address == Address{}) return "is the unspecified address";
  if (address.bytes[0] == 0xff) return "is a multicast address";
  if (address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80U) {
    return "is a link-local address, which means nothing without an interface";
  }
  return nullptr;
}

class Checker {
 public:
  Checker(const Draft& draft, Issues& issues) : draft_(&draft), issues_(&issues) {
    std::vector<PrefixMap<const OwnedNetwork*>::Entry> entries;
    entries.reserve(draft.pool_networks.size());
    for (const auto& network : draft.pool_networks) entries.push_back({network.prefix, &network});
    pools_ = PrefixMap<const OwnedNetwork*>(entries);
  }

  void pools() {
    auto networks = draft_->pool_networks;
    std::stable_sort(networks.begin(), networks.end(),
                     [](const OwnedNetwork& a, const OwnedNetwork& b) { return a.prefix < b.prefix; });
    // Sorted, a network stands after whatever holds it, and the ones that hold the current one form a stack.
    std::vector<const OwnedNetwork*> holding;
    for (const auto& network : networks) {
      while (!holding.empty() && !holding.back()->prefix.overlaps(network.prefix)) holding.pop_back();
      if (!holding.empty()) {
        const auto& other = *holding.back();
        report(network.place,
               "pool " + *network.owner + ": " + network.prefix.text() + " overlaps " + other.prefix.text() +
                   " of pool " + *other.owner + " (" + other.place.text() + ")",
               "each address may be in one pool once; take one of the two out");
      }
      holding.push_back(&network);
    }
  }

  void users() {
    std::unordered_map<Prefix, const OwnedNetwork*> seen;
    seen.reserve(draft_->user_sources.size());
    for (const auto& source : draft_->user_sources) {
      const auto [at, is_new] = seen.emplace(source.prefix, &source);
      if (!is_new) {
        const auto& first = *at->second;
        const std::string text = "user " + *source.owner + ": source " + source.prefix.text();
        if (first.owner == source.owner) {
          report(source.place, text + " comes twice (" + first.place.text() + ")", "keep one of them");
        } else {
          report(source.place, text + " belongs to user " + *first.owner + " (" + first.place.text() + ") already",
                 "a source must name one user; take it from one of the two");
        }
      }
      const auto* pool = pool_of(source.prefix.address);
      if (pool != nullptr && pool->prefix.length <= source.prefix.length) {
        report(source.place,
               "user " + *source.owner + ": source " + source.prefix.text() + " lies in pool " + *pool->owner + " (" +
                   pool->place.text() + ")",
               "addresses of a pool stand for servers; nobody connects from there");
      }
    }
  }

  void servers() {
    for (const auto& [name, server] : draft_->document.servers) {
      const Origin& origin = draft_->servers.at(name);
      check_certificate_keys(name, server, origin);
      if (!origin.has_read("address")) continue;
      if (const char* why = unreachable(server.address)) {
        report(origin, "address", "server " + name + ": " + server.address.text() + " " + why,
               "write the address of the server itself");
      }
      if (const auto* pool = pool_of(server.address)) {
        report(origin, "address",
               "server " + name + ": " + server.address.text() + " lies in pool " + *pool->owner + " (" +
                   pool->place.text() + "), so the gateway would connect to itself",
               "write the address of the server itself, or take it out of the pool");
      }
    }
  }

  void services() {
    struct First {
      const std::string* name;
      const Service* service;
      const Origin* origin;
    };
    std::unordered_map<Address, First> by_address;
    std::unordered_map<Endpoint, First> by_endpoint;
    for (const auto& [name, service] : draft_->document.services) {
      const Origin& origin = draft_->services.at(name);
      const auto server = draft_->document.servers.find(service.server);
      const bool server_known = server != draft_->document.servers.end();
      if (origin.has_read("server") && !server_known) dangling(origin, "service " + name, "server", service.server);
      if (service.deny == DenyMode::explain && service.kind != Kind::rdp) {
        report(origin, "deny", "service " + name + ": only services of kind rdp can explain a denial",
               "write deny: reset, or leave it out");
      }
      if (!origin.has_read("proxy_ip")) continue;

      const std::string who = "service " + name + ": proxy IP " + service.proxy_ip.text();
      if (const char* why = unreachable(service.proxy_ip)) {
        report(origin, "proxy_ip", who + " " + why, "write an address out of a pool");
      } else if (pool_of(service.proxy_ip) == nullptr) {
        report(origin, "proxy_ip", who + " lies in no pool",
               "write an address out of a pool, or add its network to one");
      }
      const First self{&name, &service, &origin};
      if (const auto [at, is_new] = by_address.emplace(service.proxy_ip, self);
          !is_new && origin.has_read("server") && at->second.origin->has_read("server") &&
          at->second.service->server != service.server) {
        report(origin, "proxy_ip",
               who + " stands for server " + at->second.service->server + " already (service " + *at->second.name +
                   ", " + at->second.origin->place.text() + ")",
               "give each server proxy IPs of its own");
      }
      if (origin.has_read("port") && ports_fit(service)) {
        for (const auto& [transport, port] : ports_of(service)) {
          if (transport == Transport::udp) continue;  // with the port of the same number over TCP
          if (const auto [at, is_new] = by_endpoint.emplace(Endpoint{service.proxy_ip, port}, self); !is_new) {
            report(origin, "port",
                   "service " + name + ": " + at->first.text() + " is taken by service " + *at->second.name + " (" +
                       at->second.origin->place.text() + ")",
                   "give one of them another port or proxy IP");
          }
        }
      }
      check_rustdesk(name, service, origin);
      if (origin.has_read("front") && origin.has_read("kind") && service.kind != Kind::rdp) {
        report(origin, "front",
               "service " + name + ": front is of kind rdp only, and its kind is " +
                   std::string(policy::name(service.kind)),
               "take the key out, or write kind: rdp");
      }
      if (service.source == SourceMode::client && server_known &&
          draft_->servers.at(service.server).has_read("address") &&
          server->second.address.is_v4() != service.proxy_ip.is_v4()) {
        report(origin, "source",
               "service " + name + ": source client needs proxy IP and server of one family, but " +
                   service.proxy_ip.text() + " and " + server->second.address.text() + " are not",
               service.kind == Kind::rustdesk ? "use a proxy IP of the server's family"
                                              : "write source: gateway, or use a proxy IP of the server's family");
      }
    }
  }

 private:
  void check_rustdesk(const std::string& name, const Service& service, const Origin& origin) {
    const std::string who = "service " + name + ": ";
    if (service.kind != Kind::rustdesk) {
      for (const auto& [key, is_list] : rustdesk_keys) {
        if (!origin.has_written(key)) continue;
        report(origin, key, std::string(who).append(key).append(" is of kind rustdesk only"),
               "take the key out, or write kind: rustdesk");
      }
      return;
    }
    if (origin.has_read("port") && !ports_fit(service)) {
      report(origin, "port", who + "no room for the ports that belong to " + std::to_string(service.port),
             "the ports are P-1, P, P+2 and relay_port, relay_port+2: none of them twice, none beyond 65535");
    }
    if (service.source != SourceMode::client) {
      report(origin, "source", who + "a RustDesk server works with the addresses of its clients",
             "write source: client, or leave it out");
    }
    if (service.backend_port != service.port) {
      report(origin, "backend_port", who + "clients work the other ports out from this one",
             "leave backend_port out, and let the server have the same port");
    }
    if (service.proxy_protocol != ProxyProtocol::off) {
      report(origin, "proxy_protocol", who + "a RustDesk server knows no PROXY protocol", "take the key out");
    }
    if ((service.rustdesk.secure_tcp == SecureTcp::terminate) == service.rustdesk.server_key.empty()) {
      report(origin, service.rustdesk.server_key.empty() ? "secure_tcp" : "server_key",
             who + "secure_tcp: terminate and server_key belong together", "write both, or none");
    }
    // What the server sends by UDP of its own accord goes out under the one proxy IP.
    const auto [first, is_new] = rustdesk_servers_.emplace(std::pair(service.server, service.port), name);
    if (!is_new) {
      report(origin, "server",
             who + "server " + service.server + " stands behind service " + first->second + " already",
             "let one service of kind rustdesk stand for a server");
    }
  }

  // Each of the two ways to know a certificate that need a value has a key for it.
  void check_certificate_keys(const std::string& name, const Server& server, const Origin& origin) {
    if (origin.has_written("backend_certificate") && !origin.has_read("backend_certificate")) return;
    struct Pair {
      CertificateCheck check;
      std::string_view key;
      const char* example;
    };
    for (const auto& [check, key, example] :
         {Pair{CertificateCheck::pinned, "fingerprint", "the SHA-256 fingerprint of its certificate"},
          Pair{CertificateCheck::ca, "ca", "the path of the authority's certificate"}}) {
      const std::string who = "server " + name + ": ";
      const std::string word(policy::name(check));
      if (server.backend_certificate == check && !origin.has_written(key)) {
        report(origin, "backend_certificate",
               std::string(who).append("backend_certificate: ").append(word).append(" needs ").append(key),
               std::string("write ").append(key).append(": ").append(example));
      } else if (server.backend_certificate != check && origin.has_read(key)) {
        report(origin, key,
               std::string(who).append(key).append(" counts with backend_certificate: ").append(word).append(" only"),
               std::string("write backend_certificate: ").append(word).append(", or take ").append(key).append(" out"));
      }
    }
  }
  [[nodiscard]] const OwnedNetwork* pool_of(const Address& address) const {
    const auto entry = pools_.find(address);
    return entry ? entry->value : nullptr;
  }
  void report(const Place& place, std::string what, std::string mend) {
    issues_->add(*place.file, place.line, std::move(what), std::move(mend));
  }
  void report(const Origin& origin, std::string_view key, std::string what, std::string mend) {
    report(Place{origin.place.file, origin.line_of(key)}, std::move(what), std::move(mend));
  }
  void dangling(const Origin& origin, const std::string& who, const std::string& key, const std::string& missing) {
    report(origin, key, who + ": there is no " + key + " '" + missing + "'",
           "add it under " + key + "s, or correct the name");
  }

  const Draft* draft_;
  Issues* issues_;
  PrefixMap<const OwnedNetwork*> pools_;
  std::map<std::pair<std::string, std::uint16_t>, std::string> rustdesk_servers_;  // and port -> the service
};

}  // namespace

void check(const Draft& draft, Issues& issues) {
  Checker checker(draft, issues);
  checker.pools();
  checker.users();
  checker.servers();
  checker.services();
  check_rules(draft, issues);
}

}  // namespace gatehouse::policy
