// The most bytes, both ways together, that passed in a second: out of totals that are looked at a few times a second.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace gatehouse::gate {

class PeakRate {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit PeakRate(Time start = std::chrono::steady_clock::now()) : since_(start) {}

  void look(std::uint64_t total, Time now) {
    const std::chrono::duration<double> passed = now - since_;
    if (passed.count() < 1) return;
    peak_ = std::max(peak_, static_cast<std::uint64_t>(static_cast<double>(total - seen_) / passed.count()));
    since_ = now;
    seen_ = total;
  }
  // Bytes a second, at the end: what came since the last whole second came in less than one.
  [[nodiscard]] std::uint64_t value(std::uint64_t total) const { return std::max(peak_, total - seen_); }

 private:
  Time since_;
  std::uint64_t seen_ = 0;
  std::uint64_t peak_ = 0;
};

}  // namespace gatehouse::gate
