// The directory of all recordings: which there are, and how each stands. A name of digits is a recording; names with a
// dot in front are those that begin, or that are being removed, and nobody's.
//
// Threads: any. A few calls of the kernel for each recording that is looked at, however long it is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "rdp/recording_identity.h"

namespace gatehouse::rdp {

enum class RecordingState : std::uint8_t {
  open,        // somebody writes to it
  ended,       // orderly
  broken_off,  // nobody writes to it, and it has no end: its worker, the daemon or the machine died, or the disk was
               // full
};
std::string_view name(RecordingState state);

struct RecordingEntry {
  std::uint64_t session = 0;
  RecordingState state = RecordingState::open;
  std::optional<RecordingIdentity> identity = {};  // signed by a gateway, not yet judged by which
  std::string fault = {};                          // why there is no identity
  std::uint64_t bytes = 0;                         // of all its files
  std::optional<WallTime> last_written = {};
};

// The sessions that have one, newest first; only those before `before`, if it is not 0.
Result<std::vector<std::uint64_t>> recorded_sessions(const std::filesystem::path& recordings, std::uint64_t before = 0);

std::filesystem::path recording_of(const std::filesystem::path& recordings, std::uint64_t session);

// Nothing: it is gone.
std::optional<RecordingEntry> look_at_recording(const std::filesystem::path& recordings, std::uint64_t session);

// Its directory, locked: so nobody writes to it, and nobody else removes it. Nothing: it is in use, or gone.
std::optional<Fd> lock_recording(const std::filesystem::path& place);

}  // namespace gatehouse::rdp
