// Text in a recording: in who it is about (identity.json) and in what happened (events.jsonl): names, text of the
// clipboard, files, titles, and keys as they were typed one after the other, where they are recorded. Letters of ASCII
// are the same small and large.
//
// Threads: any. Reads at most so many bytes of the events.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rdp/recording_identity.h"

namespace gatehouse::rdp {

struct RecordingMatch {
  std::optional<std::int64_t> time = {};  // milliseconds since the recording began; absent: in its identity
  std::string event = {};                 // "clipboard", "file", ...; "identity"
  std::string text = {};                  // around what was found
};
struct RecordingMatches {
  std::vector<RecordingMatch> list = {};
  bool complete = true;  // nothing more is in it, and all of it was read
  std::uint64_t bytes = 0;
};

struct SearchLimits {
  std::size_t matches = 20;
  std::uint64_t bytes = 64U << 20U;
};

RecordingMatches search_recording(const std::filesystem::path& place, const std::optional<RecordingIdentity>& identity,
                                  std::string_view text, const SearchLimits& limits = {});

}  // namespace gatehouse::rdp
