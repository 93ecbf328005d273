// One daemon a file: an advisory lock (flock) on "<file>.lock", held as long as the object lives. The descriptor is
// close-on-exec, so a daemon that executes its binary anew gives the lock back by that; a dead daemon gives it back by
// dying. The file itself stays.
#pragma once

#include <filesystem>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::store {

class FileLock {
 public:
  // Never waits. The process that holds it is named in the error.
  static Result<FileLock> take(const std::filesystem::path& file);

 private:
  explicit FileLock(Fd descriptor) : descriptor_(std::move(descriptor)) {}
  Fd descriptor_;
};

}  // namespace gatehouse::store
