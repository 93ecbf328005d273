#include "support/packet.h"

#include <arpa/inet.h>

#include <array>
#include <stdexcept>
#include <string>

namespace gatehouse::test {
namespace {

constexpr std::size_t v4_header_bytes = 20;
constexpr std::size_t v6_header_bytes = 40;

template <std::size_t Size>
void append_address(std::vector<std::uint8_t>& bytes, int family, std::string_view text) {
  std::array<std::uint8_t, Size> address{};
  if (::inet_pton(family, std::string(text).c_str(), address.data()) != 1) {
    throw std::invalid_argument(std::string(text) + " is no address");
  }
  bytes.insert(bytes.end(), address.begin(), address.end());
}

}  // namespace

PacketBuilder::PacketBuilder() {
  bytes_ = {0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2};
  ether_type_at_ = bytes_.size();
  append16(0);
}

void PacketBuilder::append16(std::uint16_t value) {
  bytes_.push_back(static_cast<std::uint8_t>(value >> 8U));
  bytes_.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

void PacketBuilder::ether_type(std::uint16_t value) {
  bytes_.at(ether_type_at_) = static_cast<std::uint8_t>(value >> 8U);
  bytes_.at(ether_type_at_ + 1) = static_cast<std::uint8_t>(value & 0xffU);
}

PacketBuilder& PacketBuilder::vlan(std::uint16_t id, std::uint16_t type) {
  ether_type(type);
  append16(id);
  ether_type_at_ = bytes_.size();
  append16(0);
  return *this;
}

PacketBuilder& PacketBuilder::arp() {
  ether_type(0x0806);
  bytes_.resize(bytes_.size() + 28);
  return *this;
}

PacketBuilder& PacketBuilder::v4(std::string_view source, std::string_view destination, unsigned option_words,
                                 std::uint16_t fragment_offset, bool more_fragments) {
  ether_type(0x0800);
  network_header_ = bytes_.size();
  is_v6_ = false;
  bytes_.push_back(static_cast<std::uint8_t>(0x40U | (v4_header_bytes / 4 + option_words)));
  bytes_.push_back(0);
  append16(0);  // length
  append16(0x1234);
  append16(static_cast<std::uint16_t>(fragment_offset | (more_fragments ? 0x2000U : 0U)));
  bytes_.push_back(64);
  next_at_ = bytes_.size();
  bytes_.push_back(0);
  append16(0);
  append_address<4>(bytes_, AF_INET, source);
  append_address<4>(bytes_, AF_INET, destination);
  bytes_.resize(bytes_.size() + std::size_t{4} * option_words, 1);  // "no operation"
  fill_lengths();
  return *this;
}

PacketBuilder& PacketBuilder::v6(std::string_view source, std::string_view destination) {
  ether_type(0x86dd);
  network_header_ = bytes_.size();
  is_v6_ = true;
  append16(0x6000);
  append16(0);
  append16(0);  // length
  next_at_ = bytes_.size();
  bytes_.push_back(static_cast<std::uint8_t>(Next::none));
  bytes_.push_back(64);
  append_address<16>(bytes_, AF_INET6, source);
  append_address<16>(bytes_, AF_INET6, destination);
  fill_lengths();
  return *this;
}

void PacketBuilder::follow(Next kind) {
  bytes_.at(next_at_) = static_cast<std::uint8_t>(kind);
}

PacketBuilder& PacketBuilder::extension(Next kind, unsigned units) {
  follow(kind);
  next_at_ = bytes_.size();
  bytes_.push_back(static_cast<std::uint8_t>(Next::none));
  // AH counts 32-bit words less two, the others units of 8 bytes less one.
  const unsigned length = kind == Next::authentication ? units * 2 - 2 : units - 1;
  bytes_.push_back(static_cast<std::uint8_t>(length));
  bytes_.resize(bytes_.size() + std::size_t{8} * units - 2);
  fill_lengths();
  return *this;
}

PacketBuilder& PacketBuilder::fragment(std::uint16_t offset, bool more_fragments) {
  extension(Next::fragment);
  const std::size_t at = next_at_ + 2;
  const auto field = static_cast<std::uint16_t>(static_cast<unsigned>(offset) << 3U | (more_fragments ? 1U : 0U));
  bytes_.at(next_at_ + 1) = 0;
  bytes_.at(at) = static_cast<std::uint8_t>(field >> 8U);
  bytes_.at(at + 1) = static_cast<std::uint8_t>(field & 0xffU);
  return *this;
}

PacketBuilder& PacketBuilder::tcp(std::uint16_t destination_port, std::uint8_t flags) {
  follow(Next::tcp);
  append16(40000);
  append16(destination_port);
  bytes_.resize(bytes_.size() + 8);
  bytes_.push_back(0x50);
  bytes_.push_back(flags);
  bytes_.resize(bytes_.size() + 6);
  fill_lengths();
  return *this;
}

PacketBuilder& PacketBuilder::udp(std::uint16_t destination_port) {
  follow(Next::udp);
  append16(40000);
  append16(destination_port);
  append16(8);
  append16(0);
  fill_lengths();
  return *this;
}

PacketBuilder& PacketBuilder::next(Next kind) {
  follow(kind);
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::string_view bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  fill_lengths();
  return *this;
}

PacketBuilder& PacketBuilder::payload(std::size_t bytes) {
  bytes_.resize(bytes_.size() + bytes, 0xa5);
  fill_lengths();
  return *this;
}

void PacketBuilder::fill_lengths() {
  const std::size_t whole = bytes_.size() - network_header_;
  const std::size_t length = is_v6_ ? whole - v6_header_bytes : whole;
  const std::size_t at = network_header_ + (is_v6_ ? 4 : 2);
  bytes_.at(at) = static_cast<std::uint8_t>(length >> 8U);
  bytes_.at(at + 1) = static_cast<std::uint8_t>(length & 0xffU);
}

}  // namespace gatehouse::test
