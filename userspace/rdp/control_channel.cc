#include "rdp/control_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace gatehouse::rdp {
namespace {

constexpr int patience_ms = 5000;
constexpr int buffer_bytes = 1 << 20;

}  // namespace

Result<std::pair<Fd, Fd>> make_channel() {
  std::array<int, 2> ends{-1, -1};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return system_failure("no channel for a worker of an RDP session", errno);
  }
  std::pair<Fd, Fd> made{Fd(ends[0]), Fd(ends[1])};
  for (const int end : ends) ::setsockopt(end, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
  return made;
}

Result<void> send_packet(const Fd& channel, std::string_view text, const std::vector<int>& descriptors) {
  if (text.size() > longest_message || descriptors.size() > most_descriptors) {
    return failure("a message between daemon and worker is too long");
  }
  iovec part{};
  std::string bytes(text);  // iovec has no const
  part.iov_base = bytes.data();
  part.iov_len = bytes.size();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = control.data();
    message.msg_controllen = CMSG_SPACE(sizeof(int) * descriptors.size());
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * descriptors.size());
    std::memcpy(CMSG_DATA(header), descriptors.data(), sizeof(int) * descriptors.size());
  }
  while (true) {
    const auto sent = ::sendmsg(channel.get(), &message, MSG_NOSIGNAL);
    if (sent >= 0) break;
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      pollfd wait{channel.get(), POLLOUT, 0};
      if (::poll(&wait, 1, patience_ms) > 0) continue;
      errno = ETIMEDOUT;
    }
    const int error = errno;
    explicit_bzero(bytes.data(), bytes.size());
    return system_failure("a message between daemon and worker was not sent", error);
  }
  explicit_bzero(bytes.data(), bytes.size());  // it may have had a password
  return {};
}

Result<std::optional<Packet>> receive_packet(const Fd& channel) {
  std::string bytes(longest_message, '\0');
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * most_descriptors)> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  ssize_t received = 0;
  bool reset = false;
  do {
    // A side that went with something unread is told first, and once; what it said before it went comes after that.
    reset = received < 0 && errno == ECONNRESET;
    received = ::recvmsg(channel.get(), &message, MSG_CMSG_CLOEXEC);
  } while (received < 0 && (errno == EINTR || (errno == ECONNRESET && !reset)));
  if (received < 0 && errno == EAGAIN) return std::nullopt;
  if (received < 0) return system_failure("no message between daemon and worker", errno);
  Packet packet;
  for (const cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, const_cast<cmsghdr*>(header))) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(header) + i * sizeof(int), sizeof descriptor);
      packet.descriptors.emplace_back(descriptor);
    }
  }
  if (received == 0) return failure("the other side of the channel is gone");
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return failure("a message between daemon and worker is too long");
  }
  bytes.resize(static_cast<std::size_t>(received));
  packet.text = std::move(bytes);
  return packet;
}

}  // namespace gatehouse::rdp
