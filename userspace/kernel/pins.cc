#include "kernel/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <system_error>

namespace gatehouse::kernel {
namespace {

namespace fs = std::filesystem;

constexpr unsigned root_mode = 0755;  // instances may belong to different groups
constexpr unsigned directory_mode = 0750;
constexpr unsigned object_mode = 0640;

Result<void> check_bpffs(const fs::path& path) {
  struct statfs about{};
  if (::statfs(path.c_str(), &about) != 0) {
    return system_failure(path.string() + " cannot be looked at", errno,
                          "make the directory and `mount -t bpf bpf " + path.string() + "`");
  }
  if (static_cast<unsigned long>(about.f_type) != BPF_FS_MAGIC) {
    return failure(path.string() + " is not a bpffs", "mount -t bpf bpf " + path.string());
  }
  return {};
}

// The process that holds a lock on the file, out of the kernel's list; empty if it is not found.
std::string holder_of(const struct stat& file) {
  char wanted[64];
  std::snprintf(wanted, sizeof wanted, "%02x:%02x:%lu", major(file.st_dev), minor(file.st_dev),
                static_cast<unsigned long>(file.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number;
    std::string type;
    std::string kind;
    std::string access;
    std::string pid;
    std::string place;
    words >> number >> type >> kind >> access >> pid >> place;
    if (type == "FLOCK" && place == wanted) return pid;
  }
  return {};
}

}  // namespace

std::string guard_link_name(const std::string& interface) {
  std::string name = pin::guard_link_start + interface;
  std::replace(name.begin(), name.end(), '.', ':');
  return name;
}

Result<Pins> Pins::open(const fs::path& bpffs, const std::string& instance, std::optional<unsigned> group) {
  if (auto fit = check_bpffs(bpffs); !fit) return std::unexpected(fit.error());
  Pins pins;
  pins.root_ = bpffs / "gatehouse";
  pins.directory_ = pins.root_ / instance;
  // Instance names have no underscore: these two are nobody's instance.
  pins.staging_ = pins.root_ / (instance + "_new");
  pins.lock_path_ = pins.root_ / (instance + "_lock");
  pins.group_ = group;
  if (::mkdir(pins.root_.c_str(), root_mode) != 0 && errno != EEXIST) {
    return system_failure(pins.root_.string() + " cannot be made", errno, "run as root, or own " + bpffs.string());
  }
  // Whatever the umask is. Somebody else's directory is left as it is.
  static_cast<void>(::chmod(pins.root_.c_str(), root_mode));
  if (auto locked = pins.take_lock(pins.lock_path_, instance); !locked) return std::unexpected(locked.error());
  if (auto removed = pins.remove_directory(pins.staging_); !removed) return std::unexpected(removed.error());
  return pins;
}

Pins Pins::look_at(const fs::path& bpffs, const std::string& instance) {
  Pins pins;
  pins.root_ = bpffs / "gatehouse";
  pins.directory_ = pins.root_ / instance;
  return pins;
}

Result<void> Pins::take_lock(const fs::path& path, const std::string& instance) {
  constexpr int attempts = 16;
  for (int i = 0; i < attempts; ++i) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
      return system_failure(path.string() + " cannot be made", errno);
    Fd lock(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock) {
      if (errno == ENOENT) continue;
      return system_failure(path.string() + " cannot be opened", errno);
    }
    struct stat held{};
    struct stat named{};
    if (::fstat(lock.get(), &held) != 0) return system_failure(path.string() + " cannot be looked at", errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return system_failure(path.string() + " cannot be locked", errno);
      const auto pid = holder_of(held);
      return failure(
          "the instance " + instance + " is in use by " + (pid.empty() ? "another process" : "process " + pid),
          "stop that daemon, or give this one another `instance`");
    }
    // The former holder may have removed the directory between our opening and locking it: then this lock is of
    // nothing.
    if (::stat(path.c_str(), &named) == 0 && named.st_ino == held.st_ino && named.st_dev == held.st_dev) {
      lock_ = std::move(lock);
      return {};
    }
  }
  return failure(path.string() + " comes and goes while it is being locked",
                 "stop the other daemon of the instance " + instance);
}

bool Pins::exist() const {
  std::error_code error;
  return fs::is_directory(directory_, error);
}

bool Pins::may_be_changed() const {
  return ::access(directory_.c_str(), R_OK | W_OK | X_OK) == 0;
}

Result<void> Pins::set_access(const fs::path& path, unsigned mode) const {
  if (group_ && ::chown(path.c_str(), static_cast<uid_t>(-1), *group_) != 0) {
    return system_failure(path.string() + " cannot be given to group " + std::to_string(*group_), errno,
                          "run with CAP_CHOWN, or leave the group of the pins out");
  }
  if (::chmod(path.c_str(), mode) != 0)
    return system_failure(path.string() + ": its access rights cannot be set", errno);
  return {};
}

Result<void> Pins::make_directory(const fs::path& path, unsigned mode) const {
  if (::mkdir(path.c_str(), mode) != 0) return system_failure(path.string() + " cannot be made", errno);
  return set_access(path, mode);
}

Result<void> Pins::remove_directory(const fs::path& path) const {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return failure(path.string() + " cannot be removed: " + error.message());
  return {};
}

Result<void> Pins::begin() {
  if (auto made = make_directory(staging_, directory_mode); !made) return made;
  staged_ = true;
  return {};
}

Result<void> Pins::commit() {
  if (::rename(staging_.c_str(), directory_.c_str()) != 0) {
    return system_failure(staging_.string() + " cannot be renamed to " + directory_.string(), errno);
  }
  staged_ = false;
  return {};
}

void Pins::abandon() {
  if (!staged_) return;
  staged_ = false;
  // Should this fail, the next open() does it.
  static_cast<void>(remove_directory(staging_));
}

Result<void> Pins::pin(int descriptor, const std::string& name) {
  const auto path = path_of(name);
  if (::bpf_obj_pin(descriptor, path.c_str()) != 0) return system_failure(path.string() + " cannot be pinned", errno);
  if (auto set = set_access(path, object_mode); !set) {
    ::unlink(path.c_str());
    return set;
  }
  return {};
}

Result<void> Pins::replace(int descriptor, const std::string& name) {
  const std::string temporary = name + "_new";
  if (auto removed = unpin(temporary); !removed) return removed;
  if (auto pinned = pin(descriptor, temporary); !pinned) return pinned;
  if (::rename(path_of(temporary).c_str(), path_of(name).c_str()) != 0) {
    const int error_number = errno;
    static_cast<void>(unpin(temporary));
    return system_failure(path_of(name).string() + " cannot be replaced", error_number);
  }
  return {};
}

Result<std::optional<Fd>> Pins::get(const std::string& name) const {
  const auto path = path_of(name);
  Fd descriptor(::bpf_obj_get(path.c_str()));
  if (descriptor) return std::optional(std::move(descriptor));
  if (errno == ENOENT) return std::nullopt;
  return system_failure(path.string() + " cannot be opened", errno);
}

Result<void> Pins::unpin(const std::string& name) {
  const auto path = path_of(name);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return system_failure(path.string() + " cannot be removed", errno);
  return {};
}

bool Pins::has(const std::string& name) const {
  return ::access(path_of(name).c_str(), F_OK) == 0;
}

std::vector<std::string> Pins::names() const {
  std::vector<std::string> all;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(staged_ ? staging_ : directory_, error))
    all.push_back(entry.path().filename());
  return all;
}

Result<void> Pins::remove_all() {
  abandon();
  if (auto removed = remove_directory(directory_); !removed) return removed;
  // The lock itself is held until the end of this object.
  if (::rmdir(lock_path_.c_str()) != 0 && errno != ENOENT)
    return system_failure(lock_path_.string() + " cannot be removed", errno);
  // Stays while there is another instance.
  static_cast<void>(::rmdir(root_.c_str()));
  return {};
}

}  // namespace gatehouse::kernel
