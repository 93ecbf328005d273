// The listening sockets of the gate: one pair (127.0.0.1 and ::1, the same port) for each event loop, in one
// SO_REUSEPORT group a family, whatever the number of services. They are transparent, bound to loopback so that nobody
// can reach them directly, and are found only through steering. They can be inherited from a former process (same
// sockets, nothing in the backlog is lost).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "kernel/dataplane.h"

namespace gatehouse::gate {

class Listeners {
 public:
  // `pairs` new ones on a free port.
  static Result<Listeners> create(std::size_t pairs);
  // From a former process; descriptors that are not listening TCP sockets on loopback are an error. More pairs are
  // added on the same port when there are fewer than `pairs`; when there are more, all are kept, for connections may
  // wait in each.
  static Result<Listeners> inherit(std::vector<Fd> descriptors, std::size_t pairs);

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Borrowed descriptors, IPv4 and IPv6 in turn.
  [[nodiscard]] std::vector<int> descriptors() const;
  // Those that the event loop `loop` of `loops` accepts from.
  [[nodiscard]] std::vector<int> of_loop(std::size_t loop, std::size_t loops) const;
  [[nodiscard]] kernel::ListenerPair for_steering() const;

 private:
  Result<void> add_pair();

  std::uint16_t port_ = 0;
  std::vector<Fd> v4_;
  std::vector<Fd> v6_;
};

}  // namespace gatehouse::gate
