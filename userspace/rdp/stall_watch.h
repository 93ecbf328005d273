// Whether a peer still takes what is sent to it: it does not where bytes are waiting for it and it has acknowledged
// none for a while. A peer that is gone by a timeout of the kernel is told from one that has closed.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace gatehouse::rdp {

class StallWatch {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds patience{3};

  // Asked a few times a second: bytes that it has taken so far, and those on their way or before it.
  void look(Time now, std::uint64_t taken, std::uint64_t waiting) {
    if (taken != taken_ || !since_) {
      taken_ = taken;
      since_ = now;
      stalled_ = false;
    } else if (!stalled_ && waiting == 0) {
      since_ = now;
    } else if (now - *since_ > patience) {
      stalled_ = true;  // until it takes something
    }
  }
  [[nodiscard]] bool stalled() const { return stalled_; }

 private:
  std::optional<Time> since_;
  std::uint64_t taken_ = 0;
  bool stalled_ = false;
};

}  // namespace gatehouse::rdp
