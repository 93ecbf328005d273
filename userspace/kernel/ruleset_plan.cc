#include "kernel/ruleset_plan.h"

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_ipv4.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "kernel/address_intervals.h"
#include "kernel/nft_expressions.h"

namespace gatehouse::kernel {
namespace {

// nft's numbers of the data types (nft(8) shows their names); a concatenation shifts six bits for each part.
constexpr std::uint32_t type_ipv4 = 7;
constexpr std::uint32_t type_ipv6 = 8;
constexpr std::uint32_t type_protocol = 12;
constexpr std::uint32_t type_port = 13;
constexpr std::uint32_t type_bits = 6;

constexpr std::int32_t forward_priority = NF_IP_PRI_FILTER - 10;

constexpr std::array families{Family::ipv4, Family::ipv6};

std::uint8_t icmp_of(Family family) {
  return static_cast<std::uint8_t>(family == Family::ipv4 ? int{IPPROTO_ICMP} : int{IPPROTO_ICMPV6});
}
const char* number_of(Family family) {
  return family == Family::ipv4 ? "4" : "6";
}
std::string pools_of(Family family, Generation generation) {
  return set_name(std::string("pools") + number_of(family), generation);
}
std::string services_of(Family family, Generation generation) {
  return set_name(std::string("services") + number_of(family), generation);
}
std::string servers_of(Family family, Generation generation) {
  return set_name(std::string("servers") + number_of(family), generation);
}
const char* name_of(Family family) {
  return family == Family::ipv4 ? "IPv4" : "IPv6";
}
AddressFamily address_family(Family family) {
  return family == Family::ipv4 ? AddressFamily::ipv4 : AddressFamily::ipv6;
}

std::vector<std::uint8_t> address_key(const Address& address, AddressFamily family) {
  return {address.bytes.begin() + (family == AddressFamily::ipv4 ? 12 : 0), address.bytes.end()};
}

std::vector<std::uint8_t> service_key_of(const ServiceBinding& service, AddressFamily family) {
  // Every part of a concatenation is padded to 32 bits.
  std::vector<std::uint8_t> key = address_key(service.proxy.address, family);
  const auto protocol = static_cast<std::uint8_t>(service.transport);
  const auto port_high = static_cast<std::uint8_t>(service.proxy.port >> 8U);
  const auto port_low = static_cast<std::uint8_t>(service.proxy.port & 0xffU);
  key.insert(key.end(), {protocol, 0, 0, 0, port_high, port_low, 0, 0});
  return key;
}

PlannedSet pool_set(const std::vector<AddressInterval>& intervals, Family family, Generation generation) {
  PlannedSet set{.name = pools_of(family, generation),
                 .key_type = family == Family::ipv4 ? type_ipv4 : type_ipv6,
                 .key_length = family == Family::ipv4 ? 4U : 16U,
                 .interval = true,
                 .elements = {}};
  for (const AddressInterval& interval : intervals) {
    set.elements.push_back({.key = address_key(interval.first, address_family(family)), .interval_end = false});
    // An interval up to the last address of the space has no end element.
    if (const auto behind = next_address(interval.last, address_family(family))) {
      set.elements.push_back({.key = address_key(*behind, address_family(family)), .interval_end = true});
    }
  }
  return set;
}

// Of the services, or of the servers whose answers over UDP come this way.
PlannedSet service_set(const RulesetSpec& spec, Family family, std::string name, bool from_server) {
  const std::uint32_t address_type = family == Family::ipv4 ? type_ipv4 : type_ipv6;
  PlannedSet set{.name = std::move(name),
                 .key_type = (((address_type << type_bits) | type_protocol) << type_bits) | type_port,
                 .key_length = (family == Family::ipv4 ? 4U : 16U) + 8U,
                 .interval = false,
                 .elements = {}};
  for (const ServiceBinding& service : spec.services) {
    if (service.proxy.address.is_v4() != (family == Family::ipv4) || service.from_server != from_server) continue;
    set.elements.push_back({.key = service_key_of(service, address_family(family)), .interval_end = false});
  }
  std::ranges::sort(set.elements);
  const auto repeated = std::ranges::unique(set.elements);
  set.elements.erase(repeated.begin(), repeated.end());
  return set;
}

class ChainBuilder {
 public:
  ChainBuilder(const RulesetSpec& spec, std::string name, std::optional<Hook> hook)
      : spec_(spec), chain_{.name = std::move(name), .hook = hook, .rules = {}} {}

  RuleBuilder rule() const { return {spec_.table, chain_.name}; }
  void add(std::string purpose, RuleBuilder&& built, std::string mend = {}) {
    chain_.rules.push_back(
        {.purpose = std::move(purpose), .mend = std::move(mend), .comment = {}, .rule = built.take()});
  }
  void add_marked(std::string purpose, RuleBuilder&& built, std::string mend = {}) {
    built.mark(spec_.mark).accept();
    add(std::move(purpose), std::move(built), std::move(mend));
  }
  void comment_last(std::string comment) {
    PlannedRule& last = chain_.rules.back();
    set_comment(*last.rule, comment);
    last.comment = std::move(comment);
  }
  PlannedChain take() { return std::move(chain_); }

 private:
  const RulesetSpec& spec_;
  PlannedChain chain_;
};

constexpr const char* socket_mend = "load the kernel module nft_socket, or use a kernel with CONFIG_NFT_SOCKET";
constexpr const char* tproxy_mend = "load the kernel module nft_tproxy, or use a kernel with sk_lookup";
constexpr const char* reject_mend = "load the kernel module nft_reject_inet; Linux 5.9 or later is needed";

void add_divert(ChainBuilder& chain) {
  RuleBuilder built = chain.rule();
  built.not_opening().transparent_socket();
  chain.add_marked("the rule for TCP of transparent sockets", std::move(built), socket_mend);
}

void add_steering(ChainBuilder& chain, const RulesetSpec& spec, Family family, Generation generation,
                  std::span<const policy::Transport> transports) {
  const std::string services = services_of(family, generation);
  if (!spec.tproxy) {
    RuleBuilder built = chain.rule();
    built.service_in(family, services);
    chain.add_marked(fmt::format("the {} services", name_of(family)), std::move(built));
    return;
  }
  if (spec.tproxy_port != 0) {
    for (const policy::Transport transport : transports) {
      RuleBuilder built = chain.rule();
      built.protocol(static_cast<std::uint8_t>(transport))
          .service_in(family, services)
          .tproxy(family, spec.tproxy_port);
      chain.add_marked(fmt::format("tproxy of the {} services", name_of(family)), std::move(built), tproxy_mend);
    }
  }
  // tproxy without a listener ends its rule, not the packet: without this drop the packet would go on to the real
  // target.
  RuleBuilder built = chain.rule();
  built.service_in(family, services).counter().drop();
  chain.add(fmt::format("the drop behind tproxy of the {} services", name_of(family)), std::move(built));
}

PlannedChain pool_chain(const RulesetSpec& spec, Generation generation, std::string comment) {
  ChainBuilder chain(spec, "pool", std::nullopt);
  for (const Family family : families) {
    RuleBuilder built = chain.rule();
    built.family(family).protocol(icmp_of(family));
    chain.add_marked(fmt::format("the rule for ICMP of {}", name_of(family)), std::move(built));
  }
  std::vector<policy::Transport> transports{policy::Transport::tcp};
  if (std::ranges::any_of(spec.services,
                          [](const ServiceBinding& service) { return service.transport == policy::Transport::udp; })) {
    transports.push_back(policy::Transport::udp);
  }
  for (const Family family : families) add_steering(chain, spec, family, generation, transports);
  // nft's tproxy turns the kernel's reassembly on in front of this hook: it never sees a fragment.
  if (!spec.tproxy) {
    for (const Family family : families) {
      RuleBuilder built = chain.rule();
      built.later_fragment(family);
      chain.add_marked(fmt::format("the rule for fragments of {}", name_of(family)), std::move(built));
    }
  }
  if (spec.socket_match) add_divert(chain);

  RuleBuilder tcp = chain.rule();
  tcp.protocol(IPPROTO_TCP).counter();
  if (spec.reject == RejectMode::reset) {
    tcp.tcp_reset();
  } else {
    tcp.drop();
  }
  chain.add("the refusal of TCP to no service", std::move(tcp), reject_mend);
  RuleBuilder udp = chain.rule();
  udp.protocol(IPPROTO_UDP).counter().port_unreachable();
  chain.add("the refusal of UDP to no service", std::move(udp), reject_mend);
  RuleBuilder rest = chain.rule();
  rest.counter().drop();
  chain.add("the drop of other protocols", std::move(rest));
  chain.comment_last(std::move(comment));
  return chain.take();
}

bool has_servers(const RulesetSpec& spec, Family family) {
  return std::ranges::any_of(spec.services, [family](const ServiceBinding& service) {
    return service.from_server && service.proxy.address.is_v4() == (family == Family::ipv4);
  });
}

// A server's answers over UDP come to the daemon as its clients' datagrams do, and go nowhere without it.
void add_servers(ChainBuilder& chain, const RulesetSpec& spec, Family family, Generation generation) {
  const std::string servers = servers_of(family, generation);
  if (!spec.tproxy) {
    RuleBuilder built = chain.rule();
    built.server_in(family, servers);
    chain.add_marked(fmt::format("what {} servers of services over UDP send", name_of(family)), std::move(built));
    return;
  }
  if (spec.tproxy_port != 0) {
    RuleBuilder built = chain.rule();
    built.protocol(IPPROTO_UDP).server_in(family, servers).tproxy(family, spec.tproxy_port);
    chain.add_marked(fmt::format("tproxy of what {} servers send over UDP", name_of(family)), std::move(built),
                     tproxy_mend);
  }
  RuleBuilder built = chain.rule();
  built.server_in(family, servers).counter().drop();
  chain.add(fmt::format("the drop behind tproxy of what {} servers send", name_of(family)), std::move(built));
}

PlannedChain prerouting_chain(const RulesetSpec& spec, Generation generation) {
  ChainBuilder chain(spec, "prerouting", Hook{.number = NF_INET_PRE_ROUTING, .priority = NF_IP_PRI_MANGLE});
  for (const Family family : families) {
    RuleBuilder built = chain.rule();
    built.address_in(family, Side::destination, pools_of(family, generation)).go_to("pool");
    chain.add(fmt::format("the way of the {} pools", name_of(family)), std::move(built));
  }
  for (const Family family : families) {
    if (has_servers(spec, family)) add_servers(chain, spec, family, generation);
  }
  if (spec.socket_match) {
    add_divert(chain);
    for (const Family family : families) {
      RuleBuilder built = chain.rule();
      built.family(family).protocol(icmp_of(family)).transparent_socket();
      chain.add_marked(fmt::format("the rule for ICMP errors of {} to transparent sockets", name_of(family)),
                       std::move(built), socket_mend);
    }
  }
  return chain.take();
}

PlannedChain forward_chain(const RulesetSpec& spec, Generation generation) {
  ChainBuilder chain(spec, "forward", Hook{.number = NF_INET_FORWARD, .priority = forward_priority});
  for (const Family family : families) {
    for (const Side side : {Side::destination, Side::source}) {
      RuleBuilder built = chain.rule();
      built.address_in(family, side, pools_of(family, generation)).counter().drop();
      chain.add(fmt::format("the forwarding ban of the {} pools", name_of(family)), std::move(built));
    }
  }
  return chain.take();
}

// FNV-1a: it only has to tell one wanted table from another, for those who look at it.
class Digest {
 public:
  void take(std::string_view text) {
    for (const char character : text) step(static_cast<std::uint8_t>(character));
    step(0);
  }
  void take(std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) step(byte);
  }
  [[nodiscard]] std::string text() const { return fmt::format("{:016x}", state_); }

 private:
  void step(std::uint8_t byte) { state_ = (state_ ^ byte) * 0x100000001b3ULL; }
  std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

std::string digest_of(const RulesetSpec& spec, std::span<const PlannedSet> sets) {
  Digest digest;
  digest.take(fmt::format("{} {} {} {} {}", spec.mark, spec.reject == RejectMode::reset, spec.tproxy, spec.tproxy_port,
                          spec.socket_match));
  for (const PlannedSet& set : sets) {
    for (const SetElement& element : set.elements) {
      digest.take(element.key);
      digest.take(element.interval_end ? "end" : "key");
    }
    digest.take("set");
  }
  return digest.text();
}

Result<void> check(const RulesetSpec& spec) {
  const auto is_letter = [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; };
  const auto is_name = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
  };
  if (spec.table.empty() || spec.table.size() > 64 || !is_letter(spec.table.front()) ||
      !std::ranges::all_of(spec.table, is_name)) {
    return failure(fmt::format("nftables table '{}' cannot be named so", spec.table),
                   "use up to 64 letters, digits, '_', '-' or '.', a letter first");
  }
  if (spec.instance.size() > 32 || !std::ranges::all_of(spec.instance, is_name)) {
    return failure(fmt::format("instance '{}' cannot be named so", spec.instance),
                   "use up to 32 letters, digits or '-'");
  }
  if (spec.mark == 0) return failure("firewall mark 0 means unmarked", "choose another mark");
  return {};
}

}  // namespace

std::string set_name(std::string_view base, Generation generation) {
  return fmt::format("{}{}{}", base, generation_mark, static_cast<char>(generation));
}

bool is_of_generation(std::string_view set, Generation generation) {
  return set.ends_with(set_name("", generation));
}

Result<TablePlan> plan_ruleset(const RulesetSpec& spec, Generation generation) {
  if (auto checked = check(spec); !checked) return std::unexpected(checked.error());
  TablePlan plan{.table = spec.table, .comment = table_comment_start + spec.instance, .sets = {}, .chains = {}};
  for (const Family family : families) {
    const auto intervals = merged_intervals(spec.pools, address_family(family));
    for (const ServiceBinding& service : spec.services) {
      if (service.proxy.address.is_v4() != (family == Family::ipv4) || service.from_server) continue;
      if (covers(intervals, service.proxy.address)) continue;
      return failure(fmt::format("service {} lies in no pool", service.proxy.text()), "add its address to a pool");
    }
    plan.sets.push_back(pool_set(intervals, family, generation));
    plan.sets.push_back(service_set(spec, family, services_of(family, generation), false));
    if (has_servers(spec, family)) {
      plan.sets.push_back(service_set(spec, family, servers_of(family, generation), true));
    }
  }
  plan.chains.push_back(pool_chain(spec, generation, "digest=" + digest_of(spec, plan.sets)));
  plan.chains.push_back(prerouting_chain(spec, generation));
  plan.chains.push_back(forward_chain(spec, generation));
  return plan;
}

}  // namespace gatehouse::kernel
