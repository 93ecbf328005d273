#include <netinet/in.h>

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "kernel/doctor_checks.h"
#include "kernel/nft_listing.h"
#include "kernel/routing_listing.h"
#include "kernel/ruleset.h"

namespace gatehouse::kernel {
namespace {

const char* family_name(int family) {
  return family == AF_INET ? "IPv4" : "IPv6";
}

void examine_rule(const DataplaneOptions& options, const ListedPolicyRule& rule, Report& report) {
  const std::string subject = fmt::format("ip rule ({})", family_name(rule.family));
  const bool to_table = rule.action == FR_ACT_TO_TBL;
  const bool ours = rule.priority == options.rule_priority && rule.mark == options.mark && rule.mask == 0xffffffffU &&
                    rule.table == options.route_table && to_table && rule.only_mark;
  if (ours || (to_table && (rule.table == RT_TABLE_LOCAL || rule.table == RT_TABLE_UNSPEC))) return;

  const bool takes_our_mark = rule.mask != 0 && (options.mark & rule.mask) == rule.mark;
  if (takes_our_mark && rule.priority <= options.rule_priority) {
    report.fail(subject, fmt::format("'{}' takes packets with the gate's mark {:#x} first", rule.text(), options.mark),
                "choose another mark in the configuration, or remove the rule");
  } else if (rule.priority == options.rule_priority) {
    report.warn(subject, fmt::format("'{}' has the gate's priority; which is asked first is not defined", rule.text()),
                "choose another rule_priority in the configuration");
  } else if (rule.table == options.route_table) {
    report.warn(subject,
                fmt::format("'{}' sends other packets into the gate's routing table, which delivers everything locally",
                            rule.text()),
                "choose another route_table in the configuration");
  } else if (rule.mask == 0 && rule.priority < options.rule_priority) {
    report.warn(
        subject,
        fmt::format("'{}' is asked before the gate's rule, and may route steered packets elsewhere", rule.text()),
        fmt::format("choose a rule_priority below {} in the configuration", rule.priority));
  }
}

bool is_mark_writer(std::string_view line) {
  return line.find("meta set mark") != std::string_view::npos ||
         line.find("target name MARK") != std::string_view::npos ||
         line.find("target name CONNMARK") != std::string_view::npos;
}

bool is_tproxy(std::string_view line) {
  return line.starts_with("tproxy ") || line.find("target name TPROXY") != std::string_view::npos;
}

const char* table_family(std::uint32_t family) {
  switch (family) {
    case NFPROTO_INET:
      return "inet";
    case NFPROTO_IPV4:
      return "ip";
    case NFPROTO_IPV6:
      return "ip6";
    default:
      return "other";
  }
}

bool filters_ip(std::uint32_t family) {
  return family == NFPROTO_INET || family == NFPROTO_IPV4 || family == NFPROTO_IPV6;
}

// The lines of a chain and of all that it jumps to.
std::vector<std::string> reachable_lines(const std::vector<ListedRule>& rules, const std::string& start) {
  std::map<std::string, std::vector<std::string>> lines;
  for (const ListedRule& rule : rules) {
    auto& chain = lines[rule.chain];
    chain.insert(chain.end(), rule.text.begin(), rule.text.end());
  }
  std::vector<std::string> reached;
  std::vector<std::string> waiting{start};
  std::set<std::string> seen{start};
  while (!waiting.empty()) {
    const std::string chain = waiting.back();
    waiting.pop_back();
    for (const std::string& line : lines[chain]) {
      reached.push_back(line);
      constexpr std::string_view arrow = "-> ";
      const std::size_t at = line.find(arrow);
      if (!line.starts_with("immediate") || at == std::string::npos) continue;
      std::string target = line.substr(at + arrow.size());
      while (!target.empty() && target.back() == ' ') target.pop_back();
      if (seen.insert(target).second) waiting.push_back(target);
    }
  }
  return reached;
}

void examine_foreign_chain(const DataplaneOptions& options, const ListedChain& chain, Report& report) {
  const std::string place = fmt::format("chain {} of table {} {}", chain.name, table_family(chain.family), chain.table);
  const std::string accept =
      fmt::format("let it accept packets with the gate's mark: meta mark {:#x} accept", options.mark);
  if (chain.policy == NF_DROP) {
    report.warn("nftables", place + " drops what it does not accept; steered packets pass it", accept);
  }
  if (chain.hook->number != NF_INET_PRE_ROUTING) return;
  const auto rules = list_rules(chain.family, chain.table);
  if (!rules) return report.fail("nftables", rules.error().what, rules.error().mend);
  const auto lines = reachable_lines(*rules, chain.name);
  if (std::ranges::any_of(lines, is_tproxy)) {
    report.warn("nftables", fmt::format("{} (priority {}) has a tproxy of its own", place, chain.hook->priority),
                "make sure that it matches no address of a pool");
  }
  if (!std::ranges::any_of(lines, is_mark_writer)) return;
  if (chain.hook->priority > NF_IP_PRI_MANGLE) {
    report.warn("nftables",
                fmt::format("{} (priority {}) sets marks after the gate has set its own", place, chain.hook->priority),
                fmt::format("begin it with: meta mark {:#x} return", options.mark));
  } else if (chain.hook->priority == NF_IP_PRI_MANGLE) {
    report.warn("nftables",
                fmt::format("{} sets marks at the gate's own priority ({}); which comes first is not defined", place,
                            chain.hook->priority),
                fmt::format("give it a smaller priority, or begin it with: meta mark {:#x} return", options.mark));
  } else {
    report.warn("nftables",
                fmt::format("{} (priority {}) sets marks before the gate, which replaces them on packets to a pool",
                            place, chain.hook->priority),
                fmt::format("make sure that it never sets {:#x}, and that nobody needs its marks on packets to a pool",
                            options.mark));
  }
}

// Says whether the gate's own name is free.
void examine_own_table(const DataplaneOptions& options, const std::vector<ListedTable>& tables, Report& report) {
  const auto own = std::ranges::find_if(
      tables, [&](const ListedTable& table) { return table.family == NFPROTO_INET && table.name == options.table; });
  const std::string subject = "nftables table inet " + options.table;
  if (own == tables.end()) return report.ok(subject, "is not there yet");
  if (own->comment == table_comment_start + options.instance) {
    return report.ok(subject, "is the gate's");
  }
  if (own->comment.starts_with(table_comment_start)) {
    return report.fail(subject, fmt::format("belongs to another instance: {}", own->comment),
                       "give each instance a table, a mark, a route_table and a rule_priority of its own");
  }
  report.fail(subject, "is somebody else's, and would be replaced",
              fmt::format("choose another table in the configuration, or nft delete table inet {}", options.table));
}

void examine_legacy_tables(Report& report) {
  for (const char* path : {"/proc/thread-self/net/ip_tables_names", "/proc/thread-self/net/ip6_tables_names"}) {
    std::ifstream file(path);
    std::string name;
    while (file >> name) {
      if (name != "mangle" && name != "nat") continue;
      report.warn("iptables",
                  fmt::format("the old iptables has a {} table in {}; its rules are not seen here", name, path),
                  "check with iptables-legacy-save that none matches an address of a pool or sets marks on it");
    }
  }
}

}  // namespace

void examine_routing(const DataplaneOptions& options, Report& report) {
  for (const int family : {AF_INET, AF_INET6}) {
    const auto rules = list_policy_rules(family);
    if (!rules) {
      report.fail("ip rule", rules.error().what, rules.error().mend);
      continue;
    }
    for (const ListedPolicyRule& rule : *rules) examine_rule(options, rule, report);
    const auto routes = list_routes(family, options.route_table);
    if (!routes) {
      report.fail("ip route", routes.error().what, routes.error().mend);
      continue;
    }
    const auto is_foreign = [](const ListedRoute& route) {
      return route.type != RTN_LOCAL || route.prefix_length != 0;
    };
    if (std::ranges::any_of(*routes, is_foreign)) {
      report.warn("ip route",
                  fmt::format("routing table {} has {} routes of others", options.route_table, family_name(family)),
                  "choose another route_table in the configuration");
    } else {
      report.ok("ip route",
                fmt::format("routing table {} is free for the gate ({})", options.route_table, family_name(family)));
    }
  }
}

void examine_nftables(const DataplaneOptions& options, Report& report) {
  const auto tables = list_tables();
  if (!tables) {
    return report.fail("nftables", tables.error().what,
                       tables.error().mend.empty() ? "modprobe nf_tables" : tables.error().mend);
  }
  report.ok("nftables", fmt::format("can be used; {} tables are there", tables->size()));
  examine_own_table(options, *tables, report);
  const auto chains = list_chains();
  if (!chains) return report.fail("nftables", chains.error().what, chains.error().mend);
  for (const ListedChain& chain : *chains) {
    const bool own = chain.family == NFPROTO_INET && chain.table == options.table;
    const bool passed =
        chain.hook && (chain.hook->number == NF_INET_PRE_ROUTING || chain.hook->number == NF_INET_LOCAL_IN);
    if (own || !passed || !filters_ip(chain.family)) continue;
    examine_foreign_chain(options, chain, report);
  }
  examine_legacy_tables(report);
}

}  // namespace gatehouse::kernel
