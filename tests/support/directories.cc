#include "support/directories.h"

#include <sys/mount.h>

#include <cerrno>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "support/leftovers.h"

namespace gatehouse::test {

namespace {

const std::filesystem::path root = "/run/gatehouse-test";

// Where something is mounted below it, the innermost last.
std::vector<std::string> mounts_below(const std::filesystem::path& directory) {
  std::vector<std::string> found;
  std::ifstream mounts("/proc/self/mounts");
  std::string source;
  std::string target;
  std::string rest;
  while (mounts >> source >> target && std::getline(mounts, rest)) {
    if (target.starts_with(directory.string() + "/")) found.push_back(target);
  }
  return found;
}

void remove_tree(const std::filesystem::path& directory) {
  // Lazily: a program that is just being killed may still have a file open in it. A file system of a program that was
  // killed (a client's clipboard) answers nobody any more.
  const auto below = mounts_below(directory);
  for (auto each = below.rbegin(); each != below.rend(); ++each) umount2(each->c_str(), MNT_DETACH);
  while (umount2(directory.c_str(), MNT_DETACH) == 0) {
  }
  std::error_code ignored;
  std::filesystem::remove_all(directory, ignored);
}

void remove_left_overs() {
  std::error_code error;
  std::filesystem::create_directories(root, error);
  if (error) throw std::runtime_error("the directory " + root.string() + " cannot be made: " + error.message());
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (is_left_over(entry.path().filename().string())) remove_tree(entry.path());
  }
}

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  static std::once_flag swept;
  std::call_once(swept, remove_left_overs);
  path_ = root / unique_name();
  std::filesystem::create_directories(path_);
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
  if (!path_.empty()) remove_tree(path_);
}

std::filesystem::path TemporaryDirectory::write(const std::string& name, const std::string& text) const {
  std::filesystem::path file = path_ / name;
  std::ofstream stream(file, std::ios::binary | std::ios::trunc);
  stream << text << std::flush;
  if (!stream) throw std::runtime_error("the file " + file.string() + " cannot be written");
  return file;
}

MountedDirectory::MountedDirectory(const std::string& type, const std::string& options) {
  if (mount(type.c_str(), directory_.path().c_str(), type.c_str(), MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "mounting " + type + " (tests of the kernel's part need root)");
  }
}

MountedDirectory MountedDirectory::bpffs() {
  return {"bpf", "mode=0755"};
}
MountedDirectory MountedDirectory::tmpfs(std::size_t bytes) {
  return {"tmpfs", "size=" + std::to_string(bytes)};
}

}  // namespace gatehouse::test
