#include "support/packet_watch.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "support/system_failure.h"

namespace gatehouse::test {

namespace {

sock_filter statement(unsigned code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}

// Where the destination stands: RFC 791 section 3.1, RFC 8200 section 3.
constexpr std::uint32_t v4_destination = 16;
constexpr std::uint32_t v6_destination = 24;

std::vector<sock_filter> filter_for(const Prefix& destinations) {
  const bool is_v4 = destinations.is_v4();
  const std::size_t first_word = is_v4 ? 3 : 0;
  const std::uint32_t offset = is_v4 ? v4_destination : v6_destination;
  std::vector<sock_filter> program;
  std::vector<std::size_t> jumps;  // to the refusal when the words differ
  for (std::size_t word = first_word; word < 4; ++word) {
    const std::size_t bits = std::clamp<std::size_t>(destinations.length, word * 32, word * 32 + 32) - word * 32;
    if (bits == 0) break;
    std::uint32_t wanted = 0;
    std::memcpy(&wanted, destinations.address.bytes.data() + word * 4, 4);
    program.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offset + static_cast<std::uint32_t>(word - first_word) * 4));
    program.push_back(statement(BPF_ALU | BPF_AND | BPF_K, ~std::uint32_t{0} << (32 - bits)));
    jumps.push_back(program.size());
    program.push_back(statement(BPF_JMP | BPF_JEQ | BPF_K, ntohl(wanted)));
  }
  program.push_back(statement(BPF_RET | BPF_K, 64));  // a few bytes are enough to be counted
  for (const std::size_t jump : jumps) program[jump].jf = static_cast<std::uint8_t>(program.size() - jump - 1);
  program.push_back(statement(BPF_RET | BPF_K, 0));
  return program;
}

}  // namespace

PacketWatch::PacketWatch(const Namespace& where, const std::string& interface, const Prefix& destinations) {
  where.run([&] {
    // Bound to its protocol only after the filter is there: nothing else gets into the queue.
    socket_.reset(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) fail("socket AF_PACKET");
    std::vector<sock_filter> filter = filter_for(destinations);
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0)
      fail("SO_ATTACH_FILTER");
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(destinations.is_v4() ? ETH_P_IP : ETH_P_IPV6);
    address.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    if (address.sll_ifindex == 0) fail("the interface " + interface);
    if (bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      fail("bind to " + interface);
  });
}

std::uint64_t PacketWatch::packets() {
  // The socket counts for itself, also what its queue had no room for; reading the counter sets it back.
  tpacket_stats statistics{};
  socklen_t length = sizeof statistics;
  if (getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length) != 0) fail("PACKET_STATISTICS");
  packets_ += statistics.tp_packets;
  return packets_;
}

}  // namespace gatehouse::test
