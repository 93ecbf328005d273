#include "kernel/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <system_error>

namespace gatehouse::kernel {
namespace {

// The kernel fills at most 32 KiB into one answer of a dump.
constexpr std::size_t receive_bytes = 65536;
// Room for a refusal of every message of the largest batch.
constexpr int receive_queue_bytes = 4 << 20;
constexpr int torn_dump_attempts = 16;
constexpr timeval answer_timeout{.tv_sec = 10, .tv_usec = 0};

NetlinkFailure failure_of(int error_number, std::uint32_t sequence = 0) {
  return {.error_number = error_number, .sequence = sequence, .detail = {}};
}

void set_option(int descriptor, int level, int name, int value) {
  // Every option set here only makes answers better or room larger; the send itself reports when it was not enough.
  static_cast<void>(::setsockopt(descriptor, level, name, &value, sizeof value));
}

// The error inside an NLMSG_ERROR message; nothing for an acknowledgement.
std::optional<NetlinkFailure> refusal(const nlmsghdr& message) {
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(&message));
  if (mnl_nlmsg_get_payload_len(&message) < sizeof *error) return failure_of(EBADMSG, message.nlmsg_seq);
  if (error->error == 0) return std::nullopt;
  NetlinkFailure result = failure_of(error->error < 0 ? -error->error : error->error, message.nlmsg_seq);
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) == 0) return result;
  std::size_t offset = sizeof *error;
  if ((message.nlmsg_flags & NLM_F_CAPPED) == 0) offset += error->msg.nlmsg_len - sizeof(nlmsghdr);
  if (offset >= mnl_nlmsg_get_payload_len(&message)) return result;
  each_attribute(message, offset, [&](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == NLMSGERR_ATTR_MSG) result.detail = mnl_attr_get_str(&attribute);
  });
  return result;
}

}  // namespace

void each_attribute(const nlmsghdr& message, std::size_t offset, const std::function<void(const nlattr&)>& take) {
  const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(&message, offset));
  const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(&message));
  while (mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)))) {
    take(*attribute);
    attribute = mnl_attr_next(attribute);
  }
}

std::string NetlinkFailure::text() const {
  std::string result = std::generic_category().message(error_number);
  if (!detail.empty()) result += " (" + detail + ")";
  return result;
}

void NetlinkSocket::Close::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

NetlinkSocket::NetlinkSocket(mnl_socket* socket) : socket_(socket), buffer_(receive_bytes) {}

Result<NetlinkSocket> NetlinkSocket::open(int bus) {
  mnl_socket* socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
  if (socket == nullptr) {
    return system_failure(
        bus == NETLINK_NETFILTER ? "no netlink socket to nftables" : "no netlink socket to the routing tables", errno,
        bus == NETLINK_NETFILTER ? "load the kernel module nfnetlink" : "");
  }
  NetlinkSocket result(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
    return system_failure("a netlink socket cannot be bound", errno);
  const int descriptor = mnl_socket_get_fd(socket);
  set_option(descriptor, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  set_option(descriptor, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  set_option(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, receive_queue_bytes);
  // The kernel answers before the send returns; a limit all the same, so that nothing can hang the control thread.
  static_cast<void>(::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof answer_timeout));
  return result;
}

std::expected<void, NetlinkFailure> NetlinkSocket::request(nlmsghdr& message, const Take& take) {
  message.nlmsg_flags |= NLM_F_REQUEST;
  if ((message.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP) message.nlmsg_flags |= NLM_F_ACK;
  for (int attempt = 1;; ++attempt) {
    message.nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_.get(), &message, message.nlmsg_len) < 0) {
      return std::unexpected(failure_of(errno, message.nlmsg_seq));
    }
    std::vector<std::vector<std::uint8_t>> answers;
    auto collected = collect(message.nlmsg_seq, answers);
    if (!collected) {
      if (collected.error().error_number == EINTR && attempt < torn_dump_attempts) continue;
      return collected;
    }
    if (!take) return {};
    for (const auto& answer : answers) {
      auto remaining = static_cast<int>(answer.size());
      const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
      for (; mnl_nlmsg_ok(header, remaining); header = mnl_nlmsg_next(header, &remaining)) {
        if (header->nlmsg_type >= NLMSG_MIN_TYPE && header->nlmsg_seq == message.nlmsg_seq) take(*header);
      }
    }
    return {};
  }
}

std::expected<void, NetlinkFailure> NetlinkSocket::collect(std::uint32_t sequence,
                                                           std::vector<std::vector<std::uint8_t>>& answers) {
  bool torn = false;
  while (true) {
    const ssize_t received = mnl_socket_recvfrom(socket_.get(), buffer_.data(), buffer_.size());
    if (received < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(failure_of(errno, sequence));
    }
    auto remaining = static_cast<int>(received);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    bool kept = false;
    for (; mnl_nlmsg_ok(header, remaining); header = mnl_nlmsg_next(header, &remaining)) {
      if (header->nlmsg_seq != sequence) continue;  // the rest of an earlier exchange that ended in an error
      torn = torn || (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
      if (header->nlmsg_type == NLMSG_ERROR) {
        if (auto refused = refusal(*header)) return std::unexpected(*refused);
        return {};
      }
      if (header->nlmsg_type == NLMSG_DONE) {
        int status = 0;
        if (mnl_nlmsg_get_payload_len(header) >= sizeof status) {
          std::memcpy(&status, mnl_nlmsg_get_payload(header), sizeof status);
        }
        if (status < 0) return std::unexpected(failure_of(-status, sequence));
        if (torn) return std::unexpected(failure_of(EINTR, sequence));
        return {};
      }
      if (!kept) answers.emplace_back(buffer_.data(), buffer_.data() + received);
      kept = true;
    }
  }
}

std::expected<std::vector<NetlinkFailure>, NetlinkFailure> NetlinkSocket::batch(std::span<const std::uint8_t> messages,
                                                                                std::uint32_t acknowledged) {
  const int descriptor = mnl_socket_get_fd(socket_.get());
  // nftables takes a transaction only as one datagram, and a datagram must fit into the send buffer.
  set_option(descriptor, SOL_SOCKET, SO_SNDBUFFORCE,
             static_cast<int>(std::min<std::size_t>(messages.size() + 65536, INT_MAX / 2)));
  if (mnl_socket_sendto(socket_.get(), messages.data(), messages.size()) < 0) return std::unexpected(failure_of(errno));

  std::vector<NetlinkFailure> refusals;
  bool answered = false;
  while (true) {
    // Netlink to the kernel is synchronous: all the answers are in the queue by now, and an empty queue is the end of
    // them.
    const ssize_t received = ::recv(descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) break;
      return std::unexpected(failure_of(errno));
    }
    auto remaining = static_cast<int>(received);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(header, remaining); header = mnl_nlmsg_next(header, &remaining)) {
      if (header->nlmsg_type != NLMSG_ERROR) continue;
      if (auto refused = refusal(*header)) {
        refusals.push_back(std::move(*refused));
      } else {
        answered = answered || header->nlmsg_seq == acknowledged;
      }
    }
  }
  if (refusals.empty() && !answered) return std::unexpected(failure_of(ENODATA));
  std::ranges::sort(refusals, {}, &NetlinkFailure::sequence);
  return refusals;
}

}  // namespace gatehouse::kernel
