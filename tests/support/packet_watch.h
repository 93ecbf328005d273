// Counts the packets to a network that pass an interface, in and out: how a test sees what must never have been
// forwarded. The kernel filters, so that bulk traffic beside them does not push anything out. Errors:
// std::runtime_error.
#pragma once

#include <cstdint>
#include <string>

#include "base/address.h"
#include "base/fd.h"
#include "support/namespace.h"

namespace gatehouse::test {

class PacketWatch {
 public:
  // `destinations`: packets of IPv4, or of IPv6, to one of these addresses.
  PacketWatch(const Namespace& where, const std::string& interface, const Prefix& destinations);

  // Since it was made.
  [[nodiscard]] std::uint64_t packets();

 private:
  Fd socket_;
  std::uint64_t packets_ = 0;
};

}  // namespace gatehouse::test
