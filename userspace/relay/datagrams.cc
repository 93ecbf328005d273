#include "relay/datagrams.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "relay/socket_options.h"

namespace gatehouse::relay {
namespace {

constexpr int ipv6_original_destination = 74;  // IPV6_RECVORIGDSTADDR, likewise
constexpr int receive_buffer = 4 << 20;

constexpr std::uint8_t hops = 64;
constexpr std::size_t batch = 32;

Result<void> set(int descriptor, int level, int option, int value, const char* name) {
  if (::setsockopt(descriptor, level, option, &value, sizeof value) == 0) return {};
  return system_failure(std::string("socket for datagrams, ") + name, errno,
                        "the daemon needs CAP_NET_ADMIN and CAP_NET_RAW");
}

Result<Fd> steered_socket(bool v4, std::uint16_t port) {
  Fd descriptor(::socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!descriptor) return system_failure("socket for datagrams", errno);
  const int level = v4 ? IPPROTO_IP : IPPROTO_IPV6;
  auto done = v4 ? Result<void>() : set(descriptor.get(), level, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
  if (done) done = set(descriptor.get(), level, v4 ? IP_TRANSPARENT : ipv6_transparent, 1, "IP_TRANSPARENT");
  if (done) {
    done = set(descriptor.get(), level, v4 ? IP_RECVORIGDSTADDR : ipv6_original_destination, 1, "IP_RECVORIGDSTADDR");
  }
  // Bursts of many devices: those of a restart of their server.
  if (done) done = set(descriptor.get(), SOL_SOCKET, SO_RCVBUFFORCE, receive_buffer, "SO_RCVBUFFORCE");
  if (!done) return std::unexpected(done.error());
  const Endpoint endpoint{loopback(v4), port};
  sockaddr_storage storage{};
  const socklen_t length = endpoint.to_sockaddr(storage);
  if (::bind(descriptor.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return system_failure("binding the socket for datagrams to " + endpoint.text(), errno);
  }
  return descriptor;
}

Result<Fd> raw_socket(bool v4) {
  Fd descriptor(::socket(v4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW));
  if (!descriptor) return system_failure("raw socket", errno, "the daemon needs CAP_NET_RAW");
  return descriptor;
}

// One's complement sums (RFC 1071), not yet folded.
std::uint64_t sum_of(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
    sum += static_cast<std::uint64_t>(bytes[i]) << 8U | bytes[i + 1];
  if (bytes.size() % 2 != 0) sum += static_cast<std::uint64_t>(bytes.back()) << 8U;
  return sum;
}

std::uint16_t folded(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  const auto checksum = static_cast<std::uint16_t>(~sum);
  return checksum == 0 ? std::uint16_t{0xffff} : checksum;  // 0 would say that there is none
}

std::span<const std::uint8_t> wire_bytes(const Address& address) {
  return std::span(address.bytes).subspan(address.is_v4() ? 12 : 0);
}

udphdr udp_header(const Endpoint& from, const Endpoint& to, std::span<const std::uint8_t> bytes) {
  udphdr header{};
  const auto length = static_cast<std::uint16_t>(sizeof header + bytes.size());
  header.source = htons(from.port);
  header.dest = htons(to.port);
  header.len = htons(length);
  const std::uint64_t pseudo_header =
      sum_of(wire_bytes(from.address)) + sum_of(wire_bytes(to.address)) + IPPROTO_UDP + length;
  const std::uint64_t own = std::uint64_t{from.port} + to.port + length;
  header.check = htons(folded(pseudo_header + own + sum_of(bytes)));
  return header;
}

iphdr v4_header(const Endpoint& from, const Endpoint& to) {
  iphdr header{};
  header.version = 4;
  header.ihl = sizeof header / 4;
  header.ttl = hops;
  header.protocol = IPPROTO_UDP;
  header.saddr = htonl(from.address.v4());
  header.daddr = htonl(to.address.v4());
  return header;
}

ip6_hdr v6_header(const Endpoint& from, const Endpoint& to, std::size_t size) {
  ip6_hdr header{};
  header.ip6_flow = htonl(6U << 28U);
  header.ip6_plen = htons(static_cast<std::uint16_t>(sizeof(udphdr) + size));
  header.ip6_nxt = IPPROTO_UDP;
  header.ip6_hlim = hops;
  std::ranges::copy(from.address.bytes, header.ip6_src.s6_addr);
  std::ranges::copy(to.address.bytes, header.ip6_dst.s6_addr);
  return header;
}

std::optional<Endpoint> original_destination(msghdr& message) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    const bool v4 = control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_ORIGDSTADDR;
    const bool v6 = control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == ipv6_original_destination;
    if (!v4 && !v6) continue;
    sockaddr_storage storage{};
    std::memcpy(&storage, CMSG_DATA(control), v4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
    return Endpoint::from_sockaddr(storage);
  }
  return std::nullopt;
}

}  // namespace

Result<Datagrams> Datagrams::open(std::uint16_t port) {
  Datagrams datagrams;
  const auto take = [](Fd& into, Result<Fd> made) -> Result<void> {
    if (!made) return std::unexpected(made.error());
    into = std::move(*made);
    return {};
  };
  auto taken = take(datagrams.v4_, steered_socket(true, port));
  if (taken) taken = take(datagrams.v6_, steered_socket(false, port));
  if (taken) taken = take(datagrams.raw_v4_, raw_socket(true));
  if (taken) taken = take(datagrams.raw_v6_, raw_socket(false));
  if (!taken) return std::unexpected(taken.error());
  return datagrams;
}

std::size_t Datagrams::receive(int descriptor, const Take& take, std::size_t most) {
  struct Slot {
    std::array<std::uint8_t, longest> bytes;
    sockaddr_storage from;
    alignas(cmsghdr) std::array<char, 128> control;
    iovec piece;
  };
  static thread_local std::array<Slot, batch> slots;
  std::array<mmsghdr, batch> messages{};
  std::size_t all = 0;
  while (all < most) {
    for (std::size_t i = 0; i < batch; ++i) {
      slots[i].piece = {slots[i].bytes.data(), slots[i].bytes.size()};
      messages[i].msg_hdr = {.msg_name = &slots[i].from,
                             .msg_namelen = sizeof slots[i].from,
                             .msg_iov = &slots[i].piece,
                             .msg_iovlen = 1,
                             .msg_control = slots[i].control.data(),
                             .msg_controllen = slots[i].control.size(),
                             .msg_flags = 0};
    }
    const int count = ::recvmmsg(descriptor, messages.data(), batch, MSG_DONTWAIT, nullptr);
    if (count <= 0) break;
    for (int i = 0; i < count; ++i) {
      auto& message = messages[static_cast<std::size_t>(i)];
      const auto& slot = slots[static_cast<std::size_t>(i)];
      const auto to = original_destination(message.msg_hdr);
      if (!to || (message.msg_hdr.msg_flags & MSG_TRUNC) != 0) continue;
      take(Endpoint::from_sockaddr(slot.from), *to, std::span(slot.bytes).first(message.msg_len));
    }
    all += static_cast<std::size_t>(count);
    if (count < static_cast<int>(batch)) break;
  }
  return all;
}

Result<void> Datagrams::send(const Endpoint& from, const Endpoint& to, std::span<const std::uint8_t> bytes) {
  const bool v4 = to.address.is_v4();
  if (from.address.is_v4() != v4) return failure("a datagram from " + from.text() + " to " + to.text());
  auto udp = udp_header(from, to, bytes);
  auto v4_start = v4 ? v4_header(from, to) : iphdr{};
  auto v6_start = v4 ? ip6_hdr{} : v6_header(from, to, bytes.size());
  // sendmsg(2) takes what it only reads without const.
  std::array<iovec, 3> pieces{{{v4 ? static_cast<void*>(&v4_start) : &v6_start, v4 ? sizeof v4_start : sizeof v6_start},
                               {&udp, sizeof udp},
                               {const_cast<std::uint8_t*>(bytes.data()), bytes.size()}}};
  sockaddr_storage storage{};
  // The port of a raw IPv6 socket is its protocol, which IPPROTO_RAW has said already.
  const socklen_t length = Endpoint{to.address, 0}.to_sockaddr(storage);
  const msghdr message{.msg_name = &storage,
                       .msg_namelen = length,
                       .msg_iov = pieces.data(),
                       .msg_iovlen = pieces.size(),
                       .msg_control = nullptr,
                       .msg_controllen = 0,
                       .msg_flags = 0};
  if (::sendmsg(v4 ? raw_v4_.get() : raw_v6_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    return system_failure("a datagram from " + from.text() + " to " + to.text(), errno);
  }
  return {};
}

}  // namespace gatehouse::relay
