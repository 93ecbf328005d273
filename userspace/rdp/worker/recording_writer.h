// The files of one recording, only ever appended to, and the chain that vouches for each piece of them.
//
// Threads: any; calls wait for each other. Errors: the disk's; the recording is then over.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "rdp/recording_files.h"

namespace gatehouse::rdp {

class RecordingWriter {
 public:
  // `directory` is empty.
  static Result<std::unique_ptr<RecordingWriter>> open(Fd directory);

  Result<void> append(const std::string& file, std::span<const std::uint8_t> piece);
  Result<void> append(const std::string& file, std::string_view text);

 private:
  struct File {
    Fd descriptor;
    std::uint64_t size = 0;
  };
  explicit RecordingWriter(Fd directory) : directory_(std::move(directory)) {}
  Result<File*> file_of(const std::string& name);

  Fd directory_;
  std::mutex mutex_;
  std::map<std::string, File> files_;
  ChainHash hash_{};
};

}  // namespace gatehouse::rdp
