#include "kernel/routes.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "kernel/netlink.h"
#include "kernel/routing_listing.h"

namespace gatehouse::kernel {
namespace {

constexpr std::array socket_families{AF_INET, AF_INET6};
constexpr std::uint32_t exact = 0xffffffffU;
constexpr unsigned loopback_index = 1;  // LOOPBACK_IFINDEX: fixed in every network namespace
constexpr std::uint32_t main_rule_priority = 32766;

const char* name_of(int family) {
  return family == AF_INET ? "IPv4" : "IPv6";
}

bool family_is_missing(int error_number) {
  return error_number == EAFNOSUPPORT;
}

std::string policy_rule_text(const PolicyRoute& route, int family) {
  return fmt::format("the {} rule 'fwmark {:#x} lookup {} priority {}'", name_of(family), route.mark, route.table,
                     route.priority);
}

std::string route_text(const PolicyRoute& route, int family) {
  return fmt::format("the {} route 'local default dev lo table {}'", name_of(family), route.table);
}

std::string mend_for(int error_number, int family) {
  if (error_number == EPERM) return "run with CAP_NET_ADMIN";
  if (family == AF_INET6 && (error_number == EACCES || error_number == EINVAL || error_number == ENODEV)) {
    return "enable IPv6 on the loopback interface: sysctl -w net.ipv6.conf.lo.disable_ipv6=0";
  }
  return {};
}

// A message under construction, with room for the few attributes that rules and routes take.
class Message {
 public:
  Message(std::uint16_t type, std::uint16_t flags) : header_(mnl_nlmsg_put_header(buffer_.data())) {
    header_->nlmsg_type = type;
    header_->nlmsg_flags = flags;
  }
  template <typename Header>
  void put(const Header& header) {
    *static_cast<Header*>(mnl_nlmsg_put_extra_header(header_, sizeof header)) = header;
  }
  void put(std::uint16_t type, std::uint32_t value) { mnl_attr_put_u32(header_, type, value); }
  nlmsghdr& header() { return *header_; }

 private:
  alignas(nlmsghdr) std::array<char, 512> buffer_{};
  nlmsghdr* header_;
};

Message rule_message(const PolicyRoute& route, int family, std::uint16_t type, std::uint16_t flags) {
  Message message(type, flags);
  fib_rule_hdr header{};
  header.family = static_cast<std::uint8_t>(family);
  header.action = FR_ACT_TO_TBL;
  header.table = RT_TABLE_UNSPEC;
  message.put(header);
  message.put(FRA_PRIORITY, route.priority);
  message.put(FRA_FWMARK, route.mark);
  message.put(FRA_FWMASK, exact);
  message.put(FRA_TABLE, route.table);
  return message;
}

Message route_message(const PolicyRoute& route, int family, std::uint16_t type, std::uint16_t flags) {
  Message message(type, flags);
  rtmsg header{};
  header.rtm_family = static_cast<std::uint8_t>(family);
  header.rtm_table = RT_TABLE_UNSPEC;
  header.rtm_protocol = type == RTM_NEWROUTE ? RTPROT_STATIC : RTPROT_UNSPEC;
  header.rtm_scope = family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_LOCAL;
  message.put(header);
  message.put(RTA_TABLE, route.table);
  message.put(RTA_OIF, loopback_index);
  return message;
}

Result<void> check(const PolicyRoute& route) {
  if (route.mark == 0) return failure("firewall mark 0 means unmarked", "choose another mark");
  if (route.table == RT_TABLE_UNSPEC || (route.table >= RT_TABLE_DEFAULT && route.table <= RT_TABLE_LOCAL)) {
    return failure(fmt::format("routing table {} is not free for the gate", route.table), "choose another table");
  }
  if (route.priority == 0 || route.priority >= main_rule_priority) {
    return failure(fmt::format("rule priority {} is not between the local and the main table", route.priority),
                   fmt::format("choose 1 to {}", main_rule_priority - 1));
  }
  return {};
}

Result<void> bring_loopback_up(NetlinkSocket& socket) {
  // Only what changes is sent: the kernel leaves the other flags alone.
  Message message(RTM_NEWLINK, 0);
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(loopback_index);
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  message.put(header);
  if (auto done = socket.request(message.header()); !done) {
    return failure("the loopback interface cannot be brought up: " + done.error().text(),
                   mend_for(done.error().error_number, AF_INET));
  }
  return {};
}

bool is_our_rule(const ListedPolicyRule& rule, const PolicyRoute& route) {
  return rule.priority == route.priority && rule.mark == route.mark && rule.mask == exact &&
         rule.table == route.table && rule.action == FR_ACT_TO_TBL && rule.only_mark;
}

bool is_our_route(const ListedRoute& listed) {
  return listed.type == RTN_LOCAL && listed.prefix_length == 0 && listed.interface == loopback_index;
}

bool kernel_has(NetlinkSocket& socket, int family) {
  Message message(RTM_GETRULE, NLM_F_DUMP);
  fib_rule_hdr header{};
  header.family = static_cast<std::uint8_t>(family);
  message.put(header);
  const auto asked = socket.request(message.header());
  return asked || !(family_is_missing(asked.error().error_number) || asked.error().error_number == EOPNOTSUPP);
}

Result<bool> loopback_is_up(NetlinkSocket& socket) {
  Message message(RTM_GETLINK, 0);
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(loopback_index);
  message.put(header);
  bool up = false;
  const auto asked = socket.request(message.header(), [&](const nlmsghdr& answer) {
    up = (static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&answer))->ifi_flags & IFF_UP) != 0;
  });
  if (!asked) return failure("the kernel does not show the loopback interface: " + asked.error().text());
  return up;
}

}  // namespace

Result<void> add_policy_route(const PolicyRoute& route) {
  if (auto checked = check(route); !checked) return checked;
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  if (auto up = bring_loopback_up(*socket); !up) return up;
  for (const int family : socket_families) {
    if (!kernel_has(*socket, family)) continue;
    // The route before the rule: a rule into an empty table would let marked packets fall through to the main one.
    Message local = route_message(route, family, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    if (auto done = socket->request(local.header()); !done && done.error().error_number != EEXIST) {
      return failure(fmt::format("{} was refused: {}", route_text(route, family), done.error().text()),
                     mend_for(done.error().error_number, family));
    }
    Message rule = rule_message(route, family, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
    if (auto done = socket->request(rule.header()); !done && done.error().error_number != EEXIST) {
      return failure(fmt::format("{} was refused: {}", policy_rule_text(route, family), done.error().text()),
                     mend_for(done.error().error_number, family));
    }
  }
  return {};
}

Result<void> remove_policy_route(const PolicyRoute& route) {
  if (auto checked = check(route); !checked) return checked;
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  for (const int family : socket_families) {
    if (!kernel_has(*socket, family)) continue;
    Message rule = rule_message(route, family, RTM_DELRULE, 0);
    if (auto done = socket->request(rule.header()); !done && done.error().error_number != ENOENT) {
      return failure(fmt::format("{} stays: {}", policy_rule_text(route, family), done.error().text()),
                     mend_for(done.error().error_number, family));
    }
    Message local = route_message(route, family, RTM_DELROUTE, 0);
    if (auto done = socket->request(local.header());
        !done && done.error().error_number != ESRCH && done.error().error_number != ENOENT) {
      return failure(fmt::format("{} stays: {}", route_text(route, family), done.error().text()),
                     mend_for(done.error().error_number, family));
    }
  }
  return {};
}

Result<bool> policy_route_is_intact(const PolicyRoute& route) {
  if (auto checked = check(route); !checked) return std::unexpected(checked.error());
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  const auto up = loopback_is_up(*socket);
  if (!up || !*up) return up;
  for (const int family : socket_families) {
    if (!kernel_has(*socket, family)) continue;
    const auto rules = list_policy_rules(family);
    if (!rules) return std::unexpected(rules.error());
    if (std::ranges::none_of(*rules, [&](const ListedPolicyRule& rule) { return is_our_rule(rule, route); }))
      return false;
    const auto routes = list_routes(family, route.table);
    if (!routes) return std::unexpected(routes.error());
    if (std::ranges::none_of(*routes, is_our_route)) return false;
  }
  return true;
}

}  // namespace gatehouse::kernel
