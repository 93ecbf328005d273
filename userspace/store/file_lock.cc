#include "store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string>

namespace gatehouse::store {

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
  const std::string name = file.string() + ".lock";
  Fd descriptor(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!descriptor) {
    return system_failure("the store's lock " + name + " cannot be opened", errno,
                          "make the directory and let the daemon's user write there");
  }
  if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_failure("the store's lock " + name + " cannot be taken", errno);
    std::array<char, 32> holder{};
    const auto length = ::pread(descriptor.get(), holder.data(), holder.size() - 1, 0);
    const std::string process = length > 0 ? " (process " + std::string(holder.data()) + ")" : "";
    return failure("the store " + file.string() + " is in use by another daemon" + process,
                   "stop that one first, or give this one its own state directory");
  }
  // Only for the message above: that it may fail (a full disk) does not matter.
  const std::string process = std::to_string(::getpid());
  if (::ftruncate(descriptor.get(), 0) == 0) {
    [[maybe_unused]] const auto written = ::pwrite(descriptor.get(), process.data(), process.size(), 0);
  }
  return FileLock(std::move(descriptor));
}

}  // namespace gatehouse::store
