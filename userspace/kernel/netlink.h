// One netlink socket, over libmnl: a request with its answer, a dump, a batch. Shared by the nftables side
// (NETLINK_NETFILTER) and the routing side (NETLINK_ROUTE).
//
// Ownership: the socket closes on destruction. Threads: one at a time. Errors: the kernel's errno with the sequence
// number of the message it refused and, where the kernel says more (extended acknowledgements), its own words. Facts:
// https://docs.kernel.org/userspace-api/netlink/intro.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

struct mnl_socket;
struct nlattr;
struct nlmsghdr;

namespace gatehouse::kernel {

struct NetlinkFailure {
  int error_number = 0;
  std::uint32_t sequence = 0;  // of the refused message
  std::string detail;          // the kernel's words; often empty

  // "Invalid argument", or "Invalid argument (Unknown attribute)".
  [[nodiscard]] std::string text() const;
};

// Calls `take` for each attribute behind the first `offset` bytes of the payload (the message's own header).
void each_attribute(const nlmsghdr& message, std::size_t offset, const std::function<void(const nlattr&)>& take);

class NetlinkSocket {
 public:
  using Take = std::function<void(const nlmsghdr&)>;

  static Result<NetlinkSocket> open(int bus);

  // Sends one message (flags, payload by the caller; sequence and NLM_F_REQUEST are filled in) and waits for its end.
  // Answers go to `take`. A dump that the kernel marks as torn by a change is repeated; `take` sees only a whole one.
  std::expected<void, NetlinkFailure> request(nlmsghdr& message, const Take& take = {});

  // Sends many messages at once, numbered by the caller, and gives back every refusal in the order of their sequence
  // numbers. `acknowledged` is the sequence number whose acknowledgement proves that the kernel has dealt with all of
  // it.
  std::expected<std::vector<NetlinkFailure>, NetlinkFailure> batch(std::span<const std::uint8_t> messages,
                                                                   std::uint32_t acknowledged);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit NetlinkSocket(mnl_socket* socket);

  // One reading of the answers to `sequence`; EINTR for a torn dump.
  std::expected<void, NetlinkFailure> collect(std::uint32_t sequence, std::vector<std::vector<std::uint8_t>>& answers);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t sequence_ = 0;
};

}  // namespace gatehouse::kernel
