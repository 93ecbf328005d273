#include "rdp/recordings.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "rdp/recording_files.h"
#include "rdp/recording_reader.h"
#include "rdp/recording_verify.h"

namespace gatehouse::rdp {
namespace {

Fd open_directory(const std::filesystem::path& place) {
  return Fd(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

// The last line of the chain tells its end (recording_files.h); whether rightly is for verification.
bool has_end(const std::filesystem::path& place) {
  const auto chain = open_recorded(place, chain_file);
  if (!chain) return false;
  std::array<char, 512> tail{};
  const auto size = ::lseek(chain->get(), 0, SEEK_END);
  const auto from = std::max<off_t>(0, size - static_cast<off_t>(tail.size()));
  const auto got = ::pread(chain->get(), tail.data(), tail.size(), from);
  if (got <= 0) return false;
  std::string_view text(tail.data(), static_cast<std::size_t>(got));
  if (!text.ends_with('\n')) return false;
  text.remove_suffix(1);
  if (const auto feed = text.rfind('\n'); feed != std::string_view::npos) text.remove_prefix(feed + 1);
  return text.starts_with(R"({"end":true,)");
}

void measure(const std::filesystem::path& place, RecordingEntry& entry) {
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(place, error)) {
    struct stat state{};
    if (::lstat(file.path().c_str(), &state) != 0 || !S_ISREG(state.st_mode)) continue;
    entry.bytes += static_cast<std::uint64_t>(state.st_size);
    const WallTime written{std::chrono::milliseconds(state.st_mtim.tv_sec * 1000 + state.st_mtim.tv_nsec / 1'000'000)};
    if (!entry.last_written || *entry.last_written < written) entry.last_written = written;
  }
}

}  // namespace

std::string_view name(RecordingState state) {
  switch (state) {
    case RecordingState::open:
      return "open";
    case RecordingState::ended:
      return "ended";
    case RecordingState::broken_off:
      return "broken_off";
  }
  return "unknown";
}

Result<std::vector<std::uint64_t>> recorded_sessions(const std::filesystem::path& recordings, std::uint64_t before) {
  std::vector<std::uint64_t> sessions;
  std::error_code error;
  for (const auto& place : std::filesystem::directory_iterator(recordings, error)) {
    const auto name = place.path().filename().string();
    std::uint64_t session = 0;
    const auto [end, fault] = std::from_chars(name.data(), name.data() + name.size(), session);
    if (fault != std::errc{} || end != name.data() + name.size() || name.front() == '0') continue;
    if (before == 0 || session < before) sessions.push_back(session);
  }
  if (error) {
    return failure("the recordings in " + recordings.string() + " cannot be listed: " + error.message(),
                   "see whether its disk is there");
  }
  std::ranges::sort(sessions, std::greater<>());
  return sessions;
}

std::filesystem::path recording_of(const std::filesystem::path& recordings, std::uint64_t session) {
  return recordings / std::to_string(session);
}

std::optional<RecordingEntry> look_at_recording(const std::filesystem::path& recordings, std::uint64_t session) {
  const auto place = recording_of(recordings, session);
  const auto directory = open_directory(place);
  if (!directory) return std::nullopt;
  RecordingEntry entry{.session = session};
  // Who writes has it locked for itself alone; who looks shares it for a moment.
  if (::flock(directory.get(), LOCK_SH | LOCK_NB) == 0) {
    entry.state = has_end(place) ? RecordingState::ended : RecordingState::broken_off;
  }
  auto identity = identity_of(place);
  if (!identity) {
    entry.fault = identity.error().what;
  } else if (identity->session != session) {
    entry.fault = "it is the recording of session " + std::to_string(identity->session);
  } else {
    entry.identity = std::move(*identity);
  }
  measure(place, entry);
  return entry;
}

std::optional<Fd> lock_recording(const std::filesystem::path& place) {
  auto directory = open_directory(place);
  if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return std::nullopt;
  return directory;
}

}  // namespace gatehouse::rdp
