#include "kernel/nft_expressions.h"

#include <arpa/inet.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <netinet/ip6.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>

namespace gatehouse::kernel {
namespace {

constexpr std::uint32_t data_register = NFT_REG_1;
// The kernel reports an aligned register by its old 16-byte name: 1 to 4. Using the same names keeps rule_text()
// comparable.
constexpr std::uint32_t second_register = NFT_REG_2;

constexpr std::uint32_t ipv4_source = 12;
constexpr std::uint32_t ipv4_destination = 16;
constexpr std::uint32_t ipv4_fragment = 6;
constexpr std::uint32_t ipv6_source = 8;
constexpr std::uint32_t ipv6_destination = 24;
constexpr std::uint32_t transport_source_port = 0;
constexpr std::uint32_t transport_destination_port = 2;
constexpr std::uint32_t tcp_flags = 13;
constexpr std::uint8_t tcp_syn = 0x02;
constexpr std::uint8_t tcp_ack = 0x10;

std::uint32_t address_length(Family family) {
  return family == Family::ipv4 ? 4 : 16;
}

std::uint32_t address_offset(Family family, Side side) {
  if (family == Family::ipv4) return side == Side::source ? ipv4_source : ipv4_destination;
  return side == Side::source ? ipv6_source : ipv6_destination;
}

}  // namespace

RuleBuilder::RuleBuilder(const std::string& table, const std::string& chain) : rule_(new_rule()) {
  nftnl_rule_set_u32(rule_.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(rule_.get(), NFTNL_RULE_TABLE, table.c_str());
  nftnl_rule_set_str(rule_.get(), NFTNL_RULE_CHAIN, chain.c_str());
}

nftnl_expr* RuleBuilder::add(const char* name) {
  nftnl_expr* expression = nftnl_expr_alloc(name);
  if (expression == nullptr) throw std::bad_alloc();
  nftnl_rule_add_expr(rule_.get(), expression);
  return expression;
}

void RuleBuilder::load_meta(std::uint32_t key, std::uint32_t target) {
  nftnl_expr* expression = add("meta");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, key);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_META_DREG, target);
}

void RuleBuilder::load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length, std::uint32_t target) {
  nftnl_expr* expression = add("payload");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_DREG, target);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_PAYLOAD_LEN, length);
}

void RuleBuilder::mask(const void* mask_bytes, std::uint32_t length) {
  constexpr std::array<std::uint8_t, 4> nothing{};
  nftnl_expr* expression = add("bitwise");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_SREG, data_register);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_DREG, data_register);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_BITWISE_LEN, length);
  nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_MASK, mask_bytes, length);
  nftnl_expr_set(expression, NFTNL_EXPR_BITWISE_XOR, nothing.data(), length);
}

void RuleBuilder::compare(std::uint32_t operation, const void* data, std::uint32_t length) {
  nftnl_expr* expression = add("cmp");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_SREG, data_register);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_CMP_OP, operation);
  nftnl_expr_set(expression, NFTNL_EXPR_CMP_DATA, data, length);
}

void RuleBuilder::immediate(std::uint32_t target, const void* data, std::uint32_t length) {
  nftnl_expr* expression = add("immediate");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, target);
  nftnl_expr_set(expression, NFTNL_EXPR_IMM_DATA, data, length);
}

void RuleBuilder::verdict(std::int32_t code, const std::string& chain) {
  nftnl_expr* expression = add("immediate");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_IMM_VERDICT, static_cast<std::uint32_t>(code));
  if (!chain.empty()) nftnl_expr_set_str(expression, NFTNL_EXPR_IMM_CHAIN, chain.c_str());
}

void RuleBuilder::look_up(const std::string& set) {
  nftnl_expr* expression = add("lookup");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_SREG, data_register);
  nftnl_expr_set_str(expression, NFTNL_EXPR_LOOKUP_SET, set.c_str());
  nftnl_expr_set_u32(expression, NFTNL_EXPR_LOOKUP_FLAGS,
                     0);  // the kernel reports it: rule_text() must show it here, too
}

RuleBuilder& RuleBuilder::family(Family family) {
  const auto number = static_cast<std::uint8_t>(family);
  load_meta(NFT_META_NFPROTO, data_register);
  compare(NFT_CMP_EQ, &number, sizeof number);
  return *this;
}

RuleBuilder& RuleBuilder::protocol(std::uint8_t number) {
  load_meta(NFT_META_L4PROTO, data_register);
  compare(NFT_CMP_EQ, &number, sizeof number);
  return *this;
}

RuleBuilder& RuleBuilder::address_in(Family which, Side side, const std::string& set) {
  family(which);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, address_offset(which, side), address_length(which), data_register);
  look_up(set);
  return *this;
}

RuleBuilder& RuleBuilder::service_in(Family which, const std::string& set) {
  return end_in(which, Side::destination, transport_destination_port, set);
}

RuleBuilder& RuleBuilder::server_in(Family which, const std::string& set) {
  return end_in(which, Side::source, transport_source_port, set);
}

RuleBuilder& RuleBuilder::end_in(Family which, Side side, std::uint32_t port_offset, const std::string& set) {
  // The parts of a concatenation lie in consecutive 32-bit registers.
  const std::uint32_t protocol_register = which == Family::ipv4 ? std::uint32_t{NFT_REG32_01} : second_register;
  const std::uint32_t port_register = which == Family::ipv4 ? NFT_REG32_02 : NFT_REG32_05;
  family(which);
  load_payload(NFT_PAYLOAD_NETWORK_HEADER, address_offset(which, side), address_length(which), data_register);
  load_meta(NFT_META_L4PROTO, protocol_register);
  load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, port_offset, 2, port_register);
  look_up(set);
  return *this;
}

RuleBuilder& RuleBuilder::later_fragment(Family which) {
  constexpr std::array<std::uint8_t, 2> nothing{};
  family(which);
  if (which == Family::ipv4) {
    constexpr std::array<std::uint8_t, 2> offset_bits{0x1f, 0xff};
    load_payload(NFT_PAYLOAD_NETWORK_HEADER, ipv4_fragment, 2, data_register);
    mask(offset_bits.data(), offset_bits.size());
  } else {
    constexpr std::array<std::uint8_t, 2> offset_bits{0xff, 0xf8};
    nftnl_expr* expression = add("exthdr");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_DREG, data_register);
    nftnl_expr_set_u8(expression, NFTNL_EXPR_EXTHDR_TYPE, IPPROTO_FRAGMENT);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OFFSET, offsetof(ip6_frag, ip6f_offlg));
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_LEN, 2);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_EXTHDR_OP, NFT_EXTHDR_OP_IPV6);
    mask(offset_bits.data(), offset_bits.size());
  }
  compare(NFT_CMP_NEQ, nothing.data(), nothing.size());
  return *this;
}

RuleBuilder& RuleBuilder::not_opening() {
  constexpr std::uint8_t looked_at = tcp_syn | tcp_ack;
  protocol(IPPROTO_TCP);
  load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, tcp_flags, 1, data_register);
  mask(&looked_at, 1);
  compare(NFT_CMP_NEQ, &tcp_syn, 1);
  return *this;
}

RuleBuilder& RuleBuilder::transparent_socket() {
  for (const auto& [key, wanted] :
       {std::pair{NFT_SOCKET_TRANSPARENT, std::uint8_t{1}}, std::pair{NFT_SOCKET_WILDCARD, std::uint8_t{0}}}) {
    nftnl_expr* expression = add("socket");
    nftnl_expr_set_u32(expression, NFTNL_EXPR_SOCKET_KEY, key);
    nftnl_expr_set_u32(expression, NFTNL_EXPR_SOCKET_DREG, data_register);
    compare(NFT_CMP_EQ, &wanted, sizeof wanted);
  }
  return *this;
}

RuleBuilder& RuleBuilder::tproxy(Family family, std::uint16_t port) {
  if (family == Family::ipv4) {
    const std::uint32_t loopback = htonl(INADDR_LOOPBACK);
    immediate(data_register, &loopback, sizeof loopback);
  } else {
    immediate(data_register, &in6addr_loopback, sizeof in6addr_loopback);
  }
  const std::uint16_t wire_port = htons(port);
  immediate(second_register, &wire_port, sizeof wire_port);
  nftnl_expr* expression = add("tproxy");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_TPROXY_FAMILY, static_cast<std::uint32_t>(family));
  nftnl_expr_set_u32(expression, NFTNL_EXPR_TPROXY_REG_ADDR, data_register);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_TPROXY_REG_PORT, second_register);
  return *this;
}

RuleBuilder& RuleBuilder::mark(std::uint32_t value) {
  immediate(data_register, &value, sizeof value);  // host order: meta values are numbers, not packet bytes
  nftnl_expr* expression = add("meta");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_META_KEY, NFT_META_MARK);
  nftnl_expr_set_u32(expression, NFTNL_EXPR_META_SREG, data_register);
  return *this;
}

RuleBuilder& RuleBuilder::counter() {
  add("counter");
  return *this;
}

RuleBuilder& RuleBuilder::tcp_reset() {
  nftnl_expr* expression = add("reject");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
  nftnl_expr_set_u8(expression, NFTNL_EXPR_REJECT_CODE, 0);
  return *this;
}

RuleBuilder& RuleBuilder::port_unreachable() {
  nftnl_expr* expression = add("reject");
  nftnl_expr_set_u32(expression, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
  nftnl_expr_set_u8(expression, NFTNL_EXPR_REJECT_CODE, NFT_REJECT_ICMPX_PORT_UNREACH);
  return *this;
}

RuleBuilder& RuleBuilder::accept() {
  verdict(NF_ACCEPT);
  return *this;
}

RuleBuilder& RuleBuilder::drop() {
  verdict(NF_DROP);
  return *this;
}

RuleBuilder& RuleBuilder::go_to(const std::string& chain) {
  verdict(NFT_GOTO, chain);
  return *this;
}

void set_comment(nftnl_rule& rule, const std::string& comment) {
  UserData data;
  data.put(NFTNL_UDATA_RULE_COMMENT, comment);
  nftnl_rule_set_data(&rule, NFTNL_RULE_USERDATA, data.data(), data.size());
}

std::string comment_of(const nftnl_rule& rule) {
  std::uint32_t size = 0;
  const void* data = nftnl_rule_get_data(&rule, NFTNL_RULE_USERDATA, &size);
  return UserData::text_in(data, size, NFTNL_UDATA_RULE_COMMENT);
}

std::vector<std::string> rule_text(const nftnl_rule& rule) {
  std::vector<std::string> lines;
  struct Destroy {
    void operator()(nftnl_expr_iter* iterator) const { nftnl_expr_iter_destroy(iterator); }
  };
  const std::unique_ptr<nftnl_expr_iter, Destroy> iterator(nftnl_expr_iter_create(&rule));
  if (!iterator) throw std::bad_alloc();
  while (nftnl_expr* expression = nftnl_expr_iter_next(iterator.get())) {
    const std::string name = nftnl_expr_get_str(expression, NFTNL_EXPR_NAME);
    if (name == "counter") continue;
    std::array<char, 512> text{};
    nftnl_expr_snprintf(text.data(), text.size(), expression, NFTNL_OUTPUT_DEFAULT, 0);
    lines.push_back(name + " " + std::string_view(text.data()).data());
  }
  return lines;
}

}  // namespace gatehouse::kernel
