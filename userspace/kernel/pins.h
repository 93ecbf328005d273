// Where an instance's maps, programs and links are pinned: <bpffs>/gatehouse/<instance>/<name>. They are made in a
// directory beside it and renamed, so that a crash leaves either all of them or none. A lock on a directory of the same
// bpffs (which has no regular files) keeps two daemons from one instance; the kernel's list of locks names its holder.
//
// Ownership: a Pins object holds the lock. The pins are files and outlive it. Threads: control thread.
// Facts: bpf(2) BPF_OBJ_PIN; names in a bpffs have no dots; flock(2), proc_locks(5).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::kernel {

// The names of the pins that are no maps; a map's pin has the map's name.
namespace pin {
inline constexpr const char* guard_program = "prog_guard";
inline constexpr const char* steer_program = "prog_steer";
inline constexpr const char* steer_link = "link_steer";
inline constexpr const char* guard_link_start = "link_guard_";
}  // namespace pin

class Pins {
 public:
  // Refuses a path that is no bpffs, and an instance that another process holds (naming it). What a crash left half
  // made is removed.
  static Result<Pins> open(const std::filesystem::path& bpffs, const std::string& instance,
                           std::optional<unsigned> group);

  // Without the lock, to look only; another process may change what is there at any moment.
  static Pins look_at(const std::filesystem::path& bpffs, const std::string& instance);

  // The instance's directory, whether it is there or not.
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] bool exist() const;
  [[nodiscard]] bool may_be_changed() const;  // by this process, as far as the file system says

  // Between begin() and commit() everything goes to the directory beside it.
  Result<void> begin();
  Result<void> commit();
  void abandon();

  Result<void> pin(int descriptor, const std::string& name);      // the name must be free
  Result<void> replace(int descriptor, const std::string& name);  // in one step, if the name is taken
  Result<std::optional<Fd>> get(const std::string& name) const;   // nullopt: no such pin
  Result<void> unpin(const std::string& name);  // absent is fine; a link without other holders detaches
  [[nodiscard]] bool has(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names() const;

  // All pins and the lock's directory. Nothing of the instance is left on the bpffs.
  Result<void> remove_all();

 private:
  Pins() = default;
  Result<void> take_lock(const std::filesystem::path& path, const std::string& instance);
  Result<void> make_directory(const std::filesystem::path& path, unsigned mode) const;
  Result<void> remove_directory(const std::filesystem::path& path) const;
  Result<void> set_access(const std::filesystem::path& path, unsigned mode) const;
  [[nodiscard]] std::filesystem::path path_of(const std::string& name) const {
    return (staged_ ? staging_ : directory_) / name;
  }

  std::filesystem::path root_;
  std::filesystem::path directory_;
  std::filesystem::path staging_;
  std::filesystem::path lock_path_;
  std::optional<unsigned> group_;
  Fd lock_;
  bool staged_ = false;
};

// The name of the pin of an interface's link. Interface names may have dots and bpffs names may not; no interface name
// has a colon.
std::string guard_link_name(const std::string& interface);

}  // namespace gatehouse::kernel
