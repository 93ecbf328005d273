#include "daemon/recording_access.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>

#include "rdp/recording_files.h"

namespace gatehouse::daemon {
namespace {

constexpr std::string_view events_name = "events.jsonl";
constexpr std::array<std::string_view, 2> other_names{"chain.jsonl", "identity.json"};
constexpr std::size_t most_files = 4096;       // of one recording
constexpr std::size_t most_kept_files = 1000;  // that are listed; all can be fetched
constexpr std::uint64_t counted_at_once = 1U << 20U;
constexpr std::size_t longest_line = 64U << 10U;

// Of a path below `directory`, which no link leads elsewhere. A pipe in its place would not hold up who opens it.
int open_below(int directory, const char* path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, directory, path, &how, sizeof how));
}

struct CloseList {
  void operator()(DIR* list) const { ::closedir(list); }
};

std::string read_at(const Fd& file, std::uint64_t offset, std::size_t length) {
  std::string text(length, '\0');
  std::size_t got = 0;
  while (got < length) {
    const auto read = ::pread(file.get(), text.data() + got, length - got, static_cast<off_t>(offset + got));
    if (read < 0 && errno == EINTR) continue;
    if (read <= 0) break;
    got += static_cast<std::size_t>(read);
  }
  text.resize(got);
  return text;
}

nlohmann::json event_of(std::string_view line) {
  auto event = nlohmann::json::parse(line, nullptr, false);
  return event.is_object() ? event : nlohmann::json::object();
}

void read_events(const RecordedFile& file, RecordingOutline& outline) {
  const auto first = read_at(file.file, 0, std::min<std::uint64_t>(file.size, longest_line));
  const auto start = event_of(std::string_view(first).substr(0, first.find('\n')));
  if (const auto time = start.find("time"); time != start.end() && time->is_string()) {
    if (const auto began = parse_time(time->get<std::string>())) outline.began = *began;
  }
  const auto tail_size = std::min<std::uint64_t>(file.size, longest_line);
  const auto tail = read_at(file.file, file.size - tail_size, tail_size);
  // The last whole line: what stands behind its end is being written.
  if (const auto end = tail.rfind('\n'); end != std::string::npos && end > 0) {
    const auto before = tail.rfind('\n', end - 1);
    const auto begin = before == std::string::npos ? 0 : before + 1;
    const auto last = event_of(std::string_view(tail).substr(begin, end - begin));
    if (const auto time = last.find("t"); time != last.end() && time->is_number_unsigned()) {
      outline.last_event = std::max<std::int64_t>(0, time->get<std::int64_t>());
    }
  }
  if (file.size > counted_at_once) return;
  const auto all = read_at(file.file, 0, file.size);
  outline.events = static_cast<std::uint64_t>(std::ranges::count(all, '\n'));
}

}  // namespace

bool is_recording_file(std::string_view name) {
  return rdp::is_recorded_file(name) || std::ranges::find(other_names, name) != other_names.end();
}

Result<std::optional<Fd>> open_recording_directory(const std::filesystem::path& recordings, std::uint64_t id) {
  const Fd root(::open(recordings.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return system_failure("the recordings below " + recordings.string() + " cannot be read", errno);
  Fd directory(open_below(root.get(), std::to_string(id).c_str(), O_DIRECTORY));
  if (directory) return std::optional(std::move(directory));
  if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) return std::nullopt;
  return system_failure("the recording " + std::to_string(id) + " cannot be read", errno,
                        "look at the rights of its directory");
}

Result<std::optional<RecordedFile>> open_recorded_file(const Fd& directory, const std::string& name) {
  RecordedFile opened{.file = Fd(open_below(directory.get(), name.c_str(), 0)), .size = 0};
  if (!opened.file) {
    if (errno == ENOENT || errno == ELOOP || errno == ENXIO) return std::nullopt;
    return system_failure("the recording's " + name + " cannot be read", errno, "look at its rights");
  }
  struct stat status{};
  if (::fstat(opened.file.get(), &status) != 0) {
    return system_failure("the recording's " + name + " cannot be read", errno);
  }
  if (!S_ISREG(status.st_mode)) return std::nullopt;
  opened.size = static_cast<std::uint64_t>(status.st_size);
  return opened;
}

Result<RecordingOutline> outline_recording(const Fd& directory) {
  const int copy = open_below(directory.get(), ".", O_DIRECTORY);
  const std::unique_ptr<DIR, CloseList> list(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!list) return system_failure("the recording's files cannot be listed", errno);
  RecordingOutline outline;
  std::size_t kept = 0;
  while (outline.files.size() < most_files) {
    const auto* entry = ::readdir(list.get());
    if (entry == nullptr) break;
    const std::string name(static_cast<const char*>(entry->d_name));
    if (!is_recording_file(name) || (rdp::is_kept_file(name) && kept++ >= most_kept_files)) continue;
    const auto opened = open_recorded_file(directory, name);
    if (!opened) return std::unexpected(opened.error());
    if (!*opened) continue;
    outline.files.push_back({name, (*opened)->size});
    if (name == events_name) read_events(**opened, outline);
  }
  std::ranges::sort(outline.files, {}, &RecordingOutline::File::name);
  return outline;
}

}  // namespace gatehouse::daemon
