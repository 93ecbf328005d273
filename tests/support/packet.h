// Frames for tests of what judges packets: composed from the outside in, with every length filled in by frame().
// Checksums are left zero; nothing that is tested here looks at them.
//
//   PacketBuilder().vlan(7).v4("192.0.2.1", "198.51.100.2").tcp(3389).frame()
//
// Errors: std::invalid_argument for text that is no address of the family.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace gatehouse::test {

inline constexpr std::uint8_t tcp_fin = 0x01;
inline constexpr std::uint8_t tcp_syn = 0x02;
inline constexpr std::uint8_t tcp_reset = 0x04;
inline constexpr std::uint8_t tcp_ack = 0x10;

// Protocol numbers (IANA) as IP headers and extension headers name what follows.
enum class Next : std::uint8_t {
  hop_by_hop = 0,
  icmp = 1,
  tcp = 6,
  udp = 17,
  routing = 43,
  fragment = 44,
  esp = 50,
  authentication = 51,
  icmp_v6 = 58,
  none = 59,
  destination_options = 60,
};

class PacketBuilder {
 public:
  PacketBuilder();

  PacketBuilder& vlan(std::uint16_t id, std::uint16_t ether_type = 0x8100);  // 0x88a8: a service tag
  PacketBuilder& arp();

  // `option_words`: 32-bit words of options. `fragment_offset` in units of 8 bytes.
  PacketBuilder& v4(std::string_view source, std::string_view destination, unsigned option_words = 0,
                    std::uint16_t fragment_offset = 0, bool more_fragments = false);
  PacketBuilder& v6(std::string_view source, std::string_view destination);

  // Extension headers of IPv6, in the order of the calls. `units`: length in units of 8 bytes.
  PacketBuilder& extension(Next kind, unsigned units = 1);
  PacketBuilder& fragment(std::uint16_t offset, bool more_fragments = false);

  PacketBuilder& tcp(std::uint16_t destination_port, std::uint8_t flags = tcp_syn);
  PacketBuilder& udp(std::uint16_t destination_port);
  PacketBuilder& next(Next kind);  // any other, with no header of its own
  PacketBuilder& payload(std::size_t bytes);
  PacketBuilder& payload(std::string_view bytes);

  [[nodiscard]] const std::vector<std::uint8_t>& frame() const { return bytes_; }
  [[nodiscard]] std::size_t network_header() const { return network_header_; }  // offset in the frame

 private:
  void append16(std::uint16_t value);
  void ether_type(std::uint16_t value);
  void follow(Next kind);
  void fill_lengths();

  std::vector<std::uint8_t> bytes_;
  std::size_t ether_type_at_ = 0;
  std::size_t network_header_ = 0;
  std::size_t next_at_ = 0;  // where the number of what follows belongs
  bool is_v6_ = false;
};

}  // namespace gatehouse::test
