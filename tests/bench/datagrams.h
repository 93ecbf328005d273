// Datagrams by the batch, as recvmmsg(2) and sendmmsg(2) take them: of a socket that has IP_PKTINFO (ip(7)) with the
// own address of each, so that one socket stands for a port at many addresses. Holds nothing but its buffers; one
// thread. Throws std::runtime_error.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>

namespace gatehouse::bench {

[[noreturn]] inline void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

class Datagrams {
 public:
  static constexpr std::size_t batch = 32;

  std::size_t receive(int descriptor, int flags) {
    for (std::size_t i = 0; i < batch; ++i) {
      auto& slot = slots_[i];
      slot.piece = {slot.bytes.data(), slot.bytes.size()};
      headers_[i].msg_hdr = {.msg_name = &slot.other,
                             .msg_namelen = sizeof slot.other,
                             .msg_iov = &slot.piece,
                             .msg_iovlen = 1,
                             .msg_control = slot.control.data(),
                             .msg_controllen = slot.control.size(),
                             .msg_flags = 0};
    }
    const int count = ::recvmmsg(descriptor, headers_.data(), batch, flags, nullptr);
    // ECONNREFUSED and the like are told of earlier datagrams.
    return count < 0 ? 0 : static_cast<std::size_t>(count);
  }
  [[nodiscard]] std::span<const std::uint8_t> bytes(std::size_t i) const {
    return std::span(slots_[i].bytes).first(headers_[i].msg_len);
  }
  [[nodiscard]] const sockaddr_storage& other(std::size_t i) const { return slots_[i].other; }
  // Which of the own addresses it came to.
  [[nodiscard]] std::uint32_t own(std::size_t i) {
    for (cmsghdr* control = CMSG_FIRSTHDR(&headers_[i].msg_hdr); control != nullptr;
         control = CMSG_NXTHDR(&headers_[i].msg_hdr, control)) {
      if (control->cmsg_level != IPPROTO_IP || control->cmsg_type != IP_PKTINFO) continue;
      in_pktinfo information{};
      std::memcpy(&information, CMSG_DATA(control), sizeof information);
      return ntohl(information.ipi_addr.s_addr);
    }
    return 0;
  }

  // For send(), from that own address (0: the socket's); at most `batch`.
  void add(std::uint32_t own, const sockaddr_storage& other, std::span<const std::uint8_t> bytes) {
    auto& slot = slots_[filled_];
    slot.other = other;
    std::ranges::copy(bytes, slot.bytes.begin());
    slot.piece = {slot.bytes.data(), bytes.size()};
    auto& header = headers_[filled_++].msg_hdr;
    header = {
        .msg_name = &slot.other,
        .msg_namelen = static_cast<socklen_t>(other.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)),
        .msg_iov = &slot.piece,
        .msg_iovlen = 1,
        .msg_control = nullptr,
        .msg_controllen = 0,
        .msg_flags = 0};
    if (own == 0) return;
    header.msg_control = slot.control.data();
    header.msg_controllen = slot.control.size();
    auto* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = IPPROTO_IP;
    control->cmsg_type = IP_PKTINFO;
    control->cmsg_len = CMSG_LEN(sizeof(in_pktinfo));
    in_pktinfo information{};
    information.ipi_spec_dst.s_addr = htonl(own);
    std::memcpy(CMSG_DATA(control), &information, sizeof information);
  }
  void send(int descriptor) {
    for (std::size_t done = 0; done < filled_;) {
      const int count = ::sendmmsg(descriptor, &headers_[done], static_cast<unsigned>(filled_ - done), 0);
      if (count < 0 && errno != ECONNREFUSED && errno != EINTR) fail("sending a datagram");
      done += count < 0 ? 0 : static_cast<std::size_t>(count);
    }
    filled_ = 0;
  }

 private:
  static constexpr std::size_t longest = 512;
  struct Slot {
    std::array<std::uint8_t, longest> bytes;
    sockaddr_storage other;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(in_pktinfo))> control;
    iovec piece;
  };

  std::array<Slot, batch> slots_{};
  std::array<mmsghdr, batch> headers_{};
  std::size_t filled_ = 0;
};

}  // namespace gatehouse::bench
