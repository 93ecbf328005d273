#include "rdp/recording_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace gatehouse::rdp {

Result<Fd> open_recorded(const std::filesystem::path& directory, const std::string& name) {
  const auto file = directory / name;
  Fd descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!descriptor) return system_failure(file.string() + " cannot be read", errno);
  struct stat state{};
  if (::fstat(descriptor.get(), &state) != 0 || !S_ISREG(state.st_mode)) {
    return failure(file.string() + " is no file", "nothing but files belongs into a recording: look who put it there");
  }
  return descriptor;
}

bool LineReader::next(std::string& line) {
  line.clear();
  whole_ = false;
  while (true) {
    if (at_ == end_) {
      ssize_t got = -1;
      do {
        got = ::read(file_.get(), buffer_.data(), buffer_.size());
      } while (got < 0 && errno == EINTR);
      if (got <= 0) return !line.empty();
      at_ = 0;
      end_ = static_cast<std::size_t>(got);
    }
    const auto room = std::min(end_ - at_, longest_ - line.size());
    const auto* const begin = buffer_.data() + at_;
    const auto* const feed = std::find(begin, begin + room, '\n');
    line.append(begin, feed);
    const auto taken = static_cast<std::size_t>(feed - begin);
    whole_ = taken < room;
    at_ += taken + (whole_ ? 1 : 0);
    bytes_ += taken + (whole_ ? 1 : 0);
    if (whole_ || line.size() == longest_) return true;
  }
}

}  // namespace gatehouse::rdp
