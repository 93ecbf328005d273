// Wall-clock moments as CLOCK_BOOTTIME nanoseconds, for many entries at once: both clocks are read once, so that equal
// moments give equal numbers.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/time.h"

namespace gatehouse::kernel {

class BootClock {
 public:
  BootClock() : wall_(now()), boot_ns_(boot_time_ns()) {}

  [[nodiscard]] WallTime wall() const { return wall_; }
  [[nodiscard]] std::uint64_t boot_ns() const { return boot_ns_; }

  // At least 1 (a moment before the boot), at most a century ahead; never 0, which means "never" in an expiry.
  [[nodiscard]] std::uint64_t at(WallTime time) const {
    constexpr std::int64_t century_ms = 100LL * 365 * 86'400'000;
    const std::int64_t ahead_ms = std::clamp<std::int64_t>((time - wall_).count(), -century_ms, century_ms);
    const std::int64_t ns = static_cast<std::int64_t>(boot_ns_) + ahead_ms * 1'000'000;
    return static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 1));
  }
  [[nodiscard]] std::uint64_t expiry(const std::optional<WallTime>& time) const { return time ? at(*time) : 0; }

 private:
  WallTime wall_;
  std::uint64_t boot_ns_;
};

}  // namespace gatehouse::kernel
