#include "rdp/recording_retention.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>

#include "rdp/recordings.h"

namespace gatehouse::rdp {
namespace {

constexpr std::chrono::minutes begins_at_most{1};

Result<void> remove_whole(const std::filesystem::path& place) {
  std::error_code error;
  std::filesystem::remove_all(place, error);
  if (error) {
    return failure("the recording " + place.string() + " cannot be removed: " + error.message(),
                   "see whether its disk can be written");
  }
  return {};
}

}  // namespace

Result<std::vector<DueRecording>> due_recordings(const std::filesystem::path& recordings,
                                                 const RetentionOfRecordings& rules, WallTime now) {
  const auto sessions = recorded_sessions(recordings);
  if (!sessions) return std::unexpected(sessions.error());
  std::uint64_t kept_bytes = 0;
  std::vector<DueRecording> due;
  std::vector<DueRecording> ended;  // and not due by their age
  for (auto at = sessions->rbegin(); at != sessions->rend(); ++at) {
    const auto entry = look_at_recording(recordings, *at);
    if (!entry) continue;
    const bool removable = entry->state != RecordingState::open;
    if (removable && rules.age && entry->last_written && now - *entry->last_written >= *rules.age) {
      due.push_back({*at, entry->bytes});
      continue;
    }
    kept_bytes += entry->bytes;
    if (removable) ended.push_back({*at, entry->bytes});
  }
  if (rules.size) {
    for (const auto& oldest : ended) {
      if (kept_bytes <= *rules.size) break;
      kept_bytes -= oldest.bytes;
      due.push_back(oldest);
    }
  }
  std::ranges::sort(due, {}, &DueRecording::session);
  return due;
}

Result<std::vector<DueRecording>> remove_recordings(const std::filesystem::path& recordings,
                                                    const std::vector<DueRecording>& due,
                                                    const std::function<bool()>& stop) {
  std::vector<DueRecording> removed;
  for (const auto& each : due) {
    if (stop()) break;
    const auto place = recording_of(recordings, each.session);
    const auto lock = lock_recording(place);
    if (!lock) continue;
    const auto aside = recordings / (".removed-" + std::to_string(each.session));
    if (auto gone = remove_whole(aside); !gone) return std::unexpected(gone.error());
    if (::rename(place.c_str(), aside.c_str()) != 0) {
      return system_failure("the recording " + place.string() + " cannot be removed", errno,
                            "see whether its disk can be written");
    }
    if (auto gone = remove_whole(aside); !gone) return std::unexpected(gone.error());
    removed.push_back(each);
  }
  return removed;
}

Result<void> remove_leftovers(const std::filesystem::path& recordings) {
  std::error_code error;
  for (const auto& place : std::filesystem::directory_iterator(recordings, error)) {
    const auto name = place.path().filename().string();
    const bool begins = name.starts_with(".begins-");
    if (!begins && !name.starts_with(".removed-")) continue;
    struct stat state{};
    if (::lstat(place.path().c_str(), &state) != 0) continue;
    // Between making it and locking it lies a moment.
    const auto age = std::chrono::system_clock::now() - std::chrono::system_clock::from_time_t(state.st_mtim.tv_sec);
    if (begins && (age < begins_at_most || !lock_recording(place.path()))) continue;
    if (auto gone = remove_whole(place.path()); !gone) return gone;
  }
  if (error) return failure("the recordings in " + recordings.string() + " cannot be listed: " + error.message());
  return {};
}

std::string text_of_sessions(const std::vector<DueRecording>& recordings, std::size_t longest) {
  std::string text;
  for (std::size_t i = 0; i < recordings.size();) {
    std::size_t last = i;
    while (last + 1 < recordings.size() && recordings[last + 1].session == recordings[last].session + 1) ++last;
    auto range = (text.empty() ? "" : ", ") + std::to_string(recordings[i].session);
    if (last > i) range += "-" + std::to_string(recordings[last].session);
    if (text.size() + range.size() > longest) {
      return text + " and " + std::to_string(recordings.size() - i) + " more";
    }
    text += range;
    i = last + 1;
  }
  return text;
}

}  // namespace gatehouse::rdp
