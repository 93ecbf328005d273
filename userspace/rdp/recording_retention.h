// How long recordings are kept. The oldest that have ended, or broken off, go first; one that somebody writes to never
// does. A recording goes as a whole: it gets another name, and then its files are removed, so that a death in between
// leaves none that looks damaged (and the next pass removes the rest).
//
// Threads: one at a time a directory. Looks at every recording: not for a thread that others wait for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace gatehouse::rdp {

struct RetentionOfRecordings {
  std::optional<Duration> age = {};        // since the last byte was written
  std::optional<std::uint64_t> size = {};  // bytes of all of them, those that go on included

  [[nodiscard]] bool any() const { return age || size; }
  friend bool operator==(const RetentionOfRecordings&, const RetentionOfRecordings&) = default;
};

struct DueRecording {
  std::uint64_t session = 0;
  std::uint64_t bytes = 0;
};

// Oldest first.
Result<std::vector<DueRecording>> due_recordings(const std::filesystem::path& recordings,
                                                 const RetentionOfRecordings& rules, WallTime now);

// Those that were removed; what is in use again, or gone, is passed over. `stop` is asked before each.
Result<std::vector<DueRecording>> remove_recordings(const std::filesystem::path& recordings,
                                                    const std::vector<DueRecording>& due,
                                                    const std::function<bool()>& stop);

// What a death in the middle of beginning or removing one left.
Result<void> remove_leftovers(const std::filesystem::path& recordings);

// "17-19, 25": ranges, at most so many characters, and then how many more.
std::string text_of_sessions(const std::vector<DueRecording>& recordings, std::size_t longest);

}  // namespace gatehouse::rdp
