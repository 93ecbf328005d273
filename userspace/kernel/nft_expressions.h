// The rules of the gate's table, put together out of nftables expressions. Each step adds what `nft` would write for
// it; the order of the steps is the order of evaluation. Facts: include/uapi/linux/netfilter/nf_tables.h, nft(8), and
// the output of `nft --debug=netlink`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/nft_objects.h"

namespace gatehouse::kernel {

enum class Family : std::uint8_t { ipv4 = 2, ipv6 = 10 };  // NFPROTO_*
enum class Side : std::uint8_t { source, destination };

class RuleBuilder {
 public:
  RuleBuilder(const std::string& table, const std::string& chain);

  RuleBuilder& family(Family family);
  RuleBuilder& protocol(std::uint8_t number);  // the transport's, behind any IPv6 extension headers
  RuleBuilder& address_in(Family family, Side side, const std::string& set);
  // {destination address . protocol . destination port} in `set`.
  RuleBuilder& service_in(Family family, const std::string& set);
  // {source address . protocol . source port} in `set`.
  RuleBuilder& server_in(Family family, const std::string& set);
  RuleBuilder& later_fragment(Family family);  // every fragment but the first: it has no ports
  RuleBuilder& not_opening();                  // TCP with anything but SYN alone
  // A socket of this machine with IP_TRANSPARENT that is not bound to the wildcard address.
  RuleBuilder& transparent_socket();

  RuleBuilder& tproxy(Family family,
                      std::uint16_t port);  // to 127.0.0.1 or ::1; without a listener evaluation ends here
  RuleBuilder& mark(std::uint32_t value);
  RuleBuilder& counter();
  RuleBuilder& tcp_reset();
  RuleBuilder& port_unreachable();
  RuleBuilder& accept();
  RuleBuilder& drop();
  RuleBuilder& go_to(const std::string& chain);

  NftRule take() { return std::move(rule_); }

 private:
  nftnl_expr* add(const char* name);
  void load_meta(std::uint32_t key, std::uint32_t target);
  void load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length, std::uint32_t target);
  void mask(const void* mask_bytes, std::uint32_t length);
  void compare(std::uint32_t operation, const void* data, std::uint32_t length);
  void immediate(std::uint32_t target, const void* data, std::uint32_t length);
  void verdict(std::int32_t code, const std::string& chain = {});
  void look_up(const std::string& set);
  RuleBuilder& end_in(Family family, Side side, std::uint32_t port_offset, const std::string& set);

  NftRule rule_;
};

// What `nft` shows as the rule's comment; at most 127 characters.
void set_comment(nftnl_rule& rule, const std::string& comment);
std::string comment_of(const nftnl_rule& rule);

// The expressions of a rule as libnftnl writes them, one each; counters are left out, for their values change. Two
// rules with the same text do the same.
std::vector<std::string> rule_text(const nftnl_rule& rule);

}  // namespace gatehouse::kernel
