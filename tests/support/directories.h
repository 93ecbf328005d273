// Directories and mounts of a test, all below /run/gatehouse-test. They go away with their objects; what a crashed test
// left behind is removed by the next process that makes one. Errors: std::runtime_error.
#pragma once

#include <filesystem>
#include <string>

namespace gatehouse::test {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Writes (or replaces) a file in it and returns its path.
  [[nodiscard]] std::filesystem::path write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path path_;
};

// A file system of its own on a temporary directory.
class MountedDirectory {
 public:
  // For pins: nobody else's are in it, and they go away with it.
  static MountedDirectory bpffs();
  // For the test of a full disk.
  static MountedDirectory tmpfs(std::size_t bytes);

  MountedDirectory(MountedDirectory&&) noexcept = default;
  MountedDirectory& operator=(MountedDirectory&&) noexcept = default;
  MountedDirectory(const MountedDirectory&) = delete;
  MountedDirectory& operator=(const MountedDirectory&) = delete;
  ~MountedDirectory() = default;  // the directory unmounts

  [[nodiscard]] const std::filesystem::path& path() const { return directory_.path(); }

 private:
  MountedDirectory(const std::string& type, const std::string& options);

  TemporaryDirectory directory_;
};

}  // namespace gatehouse::test
