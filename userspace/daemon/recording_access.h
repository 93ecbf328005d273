// Reads recordings (rdp/recording_files.h says how they lie on the disk) for who watches them. Their directories belong
// to the workers that wrote them, whom nobody trusts: only files of the known names, and regular ones, are opened,
// through no link and nowhere outside.
//
// Threads: any. What a recording's own text says is taken for what it is worth: numbers of it are bounded, and what
// cannot be understood is left out. Units: milliseconds since the recording began, bytes.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace gatehouse::daemon {

// What rdp/recording_files.h names: pictures, events, copies of files, and what vouches for them or says where what is.
bool is_recording_file(std::string_view name);

// Not a descriptor: there is no such recording.
Result<std::optional<Fd>> open_recording_directory(const std::filesystem::path& recordings, std::uint64_t id);

struct RecordedFile {
  Fd file;
  std::uint64_t size = 0;
};
// `name` is one of those above. Nothing: there is no such file.
Result<std::optional<RecordedFile>> open_recorded_file(const Fd& directory, const std::string& name);

struct RecordingOutline {
  struct File {
    std::string name;
    std::uint64_t size = 0;
  };
  std::vector<File> files;  // by name
  std::int64_t last_event = 0;
  std::optional<WallTime> began;
  std::optional<std::uint64_t> events;  // nullopt: more than is counted at once
};
Result<RecordingOutline> outline_recording(const Fd& directory);

}  // namespace gatehouse::daemon
