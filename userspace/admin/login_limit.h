// How often somebody may show a wrong token: a few times in a row, then once in a while. Sources are counted each by
// itself, IPv6 by its /64 (RFC 6177: what one customer has). One that is over the limit is refused whatever it shows.
//
// Threads: one. Time comes from the caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>

#include "base/address.h"

namespace gatehouse::admin {

class LoginLimit {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr double in_a_row = 5;
  static constexpr std::chrono::seconds one_more_each{12};
  static constexpr std::size_t most_sources = 4096;  // then the one that failed longest ago is forgotten

  // How long it has to wait; 0: it may try now.
  [[nodiscard]] std::chrono::seconds wait_of(const Address& source, Time now) const;
  void failed(const Address& source, Time now);

  // What counts as one source: an address, or the /64 of one.
  static Address network_of(const Address& source);

 private:
  struct Count {
    double failures = 0;  // less what time has forgiven, at `last`
    Time last;
  };
  static double left(const Count& count, Time now);
  std::map<Address, Count> counts_;
};

}  // namespace gatehouse::admin
