// Who has opened which recording: so that opening it is one row of the audit, and not one for each piece that a player
// fetches. A browser's login counts once; who asks otherwise, by a token or at the socket, once in eight hours.
//
// Threads: one. Time comes from the caller.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

namespace gatehouse::daemon {

class RecordingViews {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::hours lasts{8};
  static constexpr std::size_t most = 4096;  // then the oldest is forgotten, and a row the more is written

  // Whether this is to be told. It is remembered by add(), when it has been.
  [[nodiscard]] bool is_new(const std::string& who, std::uint64_t recording, Time now) const {
    const auto found = seen_.find({who, recording});
    return found == seen_.end() || now - found->second >= lasts;
  }
  void add(const std::string& who, std::uint64_t recording, Time now);

 private:
  std::map<std::pair<std::string, std::uint64_t>, Time> seen_;
};

}  // namespace gatehouse::daemon
