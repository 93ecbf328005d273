// Since when a thread has been at work without coming back to wait for something: how a stuck leg is told from an idle
// one.
//
// Threads: working() and waiting() on the one that is watched; stands_still() on any.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace gatehouse::rdp {

class Pulse {
 public:
  using Clock = std::chrono::steady_clock;

  void working(Clock::time_point now = Clock::now()) { since_ = now.time_since_epoch().count(); }
  void waiting() { since_ = idle; }
  [[nodiscard]] bool stands_still(Clock::duration longest, Clock::time_point now = Clock::now()) const {
    const auto since = since_.load();
    return since != idle && now.time_since_epoch() - Clock::duration(since) > longest;
  }

 private:
  static constexpr Clock::rep idle = 0;
  std::atomic<Clock::rep> since_{idle};
};

}  // namespace gatehouse::rdp
