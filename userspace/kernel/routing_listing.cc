#include "kernel/routing_listing.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <functional>

#include "kernel/netlink.h"

namespace gatehouse::kernel {
namespace {

template <typename Header>
Result<void> dump(std::uint16_t type, const Header& header, const std::string& what, const NetlinkSocket::Take& take) {
  auto socket = NetlinkSocket::open(NETLINK_ROUTE);
  if (!socket) return std::unexpected(socket.error());
  alignas(nlmsghdr) std::array<char, 512> buffer{};
  nlmsghdr* message = mnl_nlmsg_put_header(buffer.data());
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_DUMP;
  *static_cast<Header*>(mnl_nlmsg_put_extra_header(message, sizeof header)) = header;
  const auto asked = socket->request(*message, take);
  if (asked || asked.error().error_number == EAFNOSUPPORT || asked.error().error_number == EOPNOTSUPP) return {};
  return failure("the kernel does not list its " + what + ": " + asked.error().text());
}

}  // namespace

std::string ListedPolicyRule::text() const {
  const std::string narrowed = mask == 0xffffffffU ? "" : fmt::format("/{:#x}", mask);
  return fmt::format("{}: {}{} lookup {}", priority, mask == 0 ? "from all" : fmt::format("fwmark {:#x}", mark),
                     mask == 0 ? "" : narrowed, table);
}

Result<std::vector<ListedPolicyRule>> list_policy_rules(int family) {
  std::vector<ListedPolicyRule> rules;
  fib_rule_hdr asked{};
  asked.family = static_cast<std::uint8_t>(family);
  const auto take = [&](const nlmsghdr& message) {
    const auto* header = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(&message));
    if (header->family != family) return;
    ListedPolicyRule rule{.family = family, .table = header->table, .action = header->action};
    rule.only_mark = header->src_len == 0 && header->dst_len == 0 && header->tos == 0 && header->flags == 0;
    each_attribute(message, sizeof *header, [&](const nlattr& attribute) {
      switch (mnl_attr_get_type(&attribute)) {
        case FRA_PRIORITY:
          rule.priority = mnl_attr_get_u32(&attribute);
          break;
        case FRA_FWMARK:
          rule.mark = mnl_attr_get_u32(&attribute);
          break;
        case FRA_FWMASK:
          rule.mask = mnl_attr_get_u32(&attribute);
          break;
        case FRA_TABLE:
          rule.table = mnl_attr_get_u32(&attribute);
          break;
        case FRA_IIFNAME:
        case FRA_OIFNAME:
        case FRA_IP_PROTO:
        case FRA_SPORT_RANGE:
        case FRA_DPORT_RANGE:
        case FRA_UID_RANGE:
        case FRA_TUN_ID:
          rule.only_mark = false;
          break;
        default:
          break;
      }
    });
    rules.push_back(rule);
  };
  if (auto listed = dump(RTM_GETRULE, asked, "policy rules", take); !listed) return std::unexpected(listed.error());
  return rules;
}

Result<std::vector<ListedRoute>> list_routes(int family, std::uint32_t table) {
  std::vector<ListedRoute> routes;
  rtmsg asked{};
  asked.rtm_family = static_cast<std::uint8_t>(family);
  const auto take = [&](const nlmsghdr& message) {
    const auto* header = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&message));
    ListedRoute route{.family = header->rtm_family,
                      .table = header->rtm_table,
                      .type = header->rtm_type,
                      .prefix_length = header->rtm_dst_len};
    each_attribute(message, sizeof *header, [&](const nlattr& attribute) {
      if (mnl_attr_get_type(&attribute) == RTA_TABLE) route.table = mnl_attr_get_u32(&attribute);
      if (mnl_attr_get_type(&attribute) == RTA_OIF) route.interface = mnl_attr_get_u32(&attribute);
    });
    if (route.family == family && route.table == table) routes.push_back(route);
  };
  if (auto listed = dump(RTM_GETROUTE, asked, "routes", take); !listed) return std::unexpected(listed.error());
  return routes;
}

}  // namespace gatehouse::kernel
