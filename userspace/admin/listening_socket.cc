#include "admin/listening_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gatehouse::admin {
namespace {

constexpr int backlog = 128;
constexpr mode_t final_mode = 0660;

struct UnixAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_un);

  explicit UnixAddress(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof address.sun_path - 1);
    std::memcpy(&storage, &address, sizeof address);
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Fd new_socket() {
  return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

Result<void> clear_the_way(const std::filesystem::path& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return {};
    return system_failure("cannot look at " + path.string(), errno, "check the socket's directory");
  }
  if (!S_ISSOCK(found.st_mode)) {
    return failure(path.string() + " is there and is no socket", "move it away, or configure another path");
  }
  const Fd probe = new_socket();
  if (!probe) return system_failure("cannot make a Unix socket", errno);
  if (::connect(probe.get(), UnixAddress(path).get(), sizeof(sockaddr_un)) == 0 || errno == EAGAIN) {
    return failure("another daemon answers at " + path.string(), "stop it first, or configure another path");
  }
  if (errno != ECONNREFUSED)
    return system_failure("cannot tell who owns " + path.string(), errno, "check its owner and mode");
  if (::unlink(path.c_str()) != 0) {
    return system_failure("cannot remove the dead socket " + path.string(), errno, "check the right to its directory");
  }
  return {};
}

}  // namespace

Result<ListeningSocket> ListeningSocket::open(const std::filesystem::path& path, std::optional<unsigned> group) {
  if (path.native().empty() || path.native().size() >= sizeof(sockaddr_un::sun_path)) {
    return failure("the socket path '" + path.string() + "' is empty or too long",
                   "a Unix socket's path has at most " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " bytes");
  }
  if (auto clear = clear_the_way(path); !clear) return std::unexpected(clear.error());
  Fd descriptor = new_socket();
  if (!descriptor) return system_failure("cannot make a Unix socket", errno);
  // The file of a Unix socket begins with the mode of its descriptor, less the umask. So it is born closed to everybody
  // else without a change of the umask, which would reach the other threads. Then the group, then the mode.
  if (::fchmod(descriptor.get(), 0600) != 0) return system_failure("cannot narrow a new socket", errno);
  if (::bind(descriptor.get(), UnixAddress(path).get(), sizeof(sockaddr_un)) != 0) {
    return system_failure("cannot make the socket " + path.string(), errno,
                          "check that its directory exists and is writable");
  }
  struct stat made{};
  if (::lstat(path.c_str(), &made) != 0 || !S_ISSOCK(made.st_mode)) {
    return failure("the socket " + path.string() + " vanished while it was made",
                   "check who else writes to its directory");
  }
  ListeningSocket socket(std::move(descriptor), path, made.st_dev, made.st_ino);
  if ((made.st_mode & 0077U) != 0) {
    return failure("the socket " + path.string() + " was born open to others",
                   "put it on a file system with Unix modes");
  }
  if (group && ::lchown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) {
    return system_failure("cannot give " + path.string() + " to group " + std::to_string(*group), errno,
                          "run the daemon as a member of that group");
  }
  if (::chmod(path.c_str(), final_mode) != 0) return system_failure("cannot set the mode of " + path.string(), errno);
  if (::listen(socket.descriptor_.get(), backlog) != 0)
    return system_failure("cannot listen on " + path.string(), errno);
  return socket;
}

ListeningSocket::~ListeningSocket() {
  if (!descriptor_) return;  // moved from
  struct stat found{};
  if (::lstat(path_.c_str(), &found) == 0 && found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace gatehouse::admin
