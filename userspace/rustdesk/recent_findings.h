// Which findings were told lately: clients resend their requests, on two connections at once and again when they are
// refused, and a banned device sends heartbeats all day. Of a fixed size: what is displaced is told once more.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "rustdesk/findings.h"

namespace gatehouse::rustdesk {

class RecentFindings {
 public:
  RecentFindings();

  // Not told yet: of registrations in the last hour, of anything else in the last 30 s (a client tries for 18 s).
  bool is_new(const Finding& finding, WallTime now);

 private:
  struct Told {
    std::uint64_t digest = 0;
    WallTime at{};
  };
  std::array<unsigned char, 16> key_{};
  std::vector<Told> told_;
};

}  // namespace gatehouse::rustdesk
