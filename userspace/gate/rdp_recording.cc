#include "gate/rdp_recording.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "rdp/recording_files.h"

namespace gatehouse::gate {
namespace {

constexpr mode_t directory_mode = S_IRWXU | S_IRGRP | S_IXGRP;
constexpr mode_t file_mode = S_IRUSR | S_IWUSR | S_IRGRP;

bool write_identity(const Fd& directory, const std::string& text) {
  const Fd file(
      ::openat(directory.get(), rdp::identity_file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file_mode));
  if (!file) return false;
  const auto written = ::write(file.get(), text.data(), text.size());
  if (written >= 0 && written != static_cast<ssize_t>(text.size())) errno = ENOSPC;
  return written == static_cast<ssize_t>(text.size());
}

}  // namespace

Result<NewRecording> begin_recording(const std::filesystem::path& recordings, rdp::RecordingIdentity identity,
                                     const rdp::SigningKey& gateway, std::optional<unsigned> owner) {
  const auto key = rdp::SigningKey::make();
  identity.key = key.public_key();
  const auto text = rdp::signed_identity(identity, gateway);
  const auto place = recordings / std::to_string(identity.session);
  // It gets its name when all is there and locked: whoever sees a number sees a whole recording.
  const auto aside = recordings / (".begins-" + std::to_string(identity.session));
  const auto failed = [&](const std::string& what) {
    auto error = system_failure("the recording's directory " + place.string() + " cannot be " + what, errno);
    static_cast<void>(::unlink((aside / rdp::identity_file).c_str()));
    static_cast<void>(::rmdir(aside.c_str()));
    return error;
  };
  static_cast<void>(::unlink((aside / rdp::identity_file).c_str()));  // of one that died here
  static_cast<void>(::rmdir(aside.c_str()));
  if (::mkdir(aside.c_str(), directory_mode) != 0) return failed("made");
  Fd directory(::open(aside.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!directory || ::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return failed("opened");
  if (!write_identity(directory, text)) return failed("written to");
  if (owner && ::fchown(directory.get(), *owner, static_cast<gid_t>(-1)) != 0) return failed("given to its worker");
  if (::renameat2(AT_FDCWD, aside.c_str(), AT_FDCWD, place.c_str(), RENAME_NOREPLACE) != 0) return failed("made");
  return NewRecording{.directory = std::move(directory),
                      .key = key.secret(),
                      .base = rdp::hexadecimal(rdp::hash_of(rdp::bytes_of(text)))};
}

}  // namespace gatehouse::gate
