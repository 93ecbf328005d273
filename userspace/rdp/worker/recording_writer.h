// The files of one recording, only ever appended to, and the signed chain that vouches for each piece of them
// (rdp/recording_files.h). With the first error it is over: what came half is not built upon.
//
// Threads: any; calls wait for each other. Errors: the disk's; each call after the first error gives that one again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "rdp/recording_files.h"

namespace gatehouse::rdp {

class RecordingWriter {
 public:
  // `directory` has nothing but identity.json, whose hash is `base`.
  static Result<std::unique_ptr<RecordingWriter>> open(Fd directory, SigningKey key, const ChainHash& base);

  // Where the piece begins in its file. A copy of a file is open only while a piece of it is written, for there may be
  // hundreds under way.
  Result<std::uint64_t> append(const std::string& file, std::span<const std::uint8_t> piece);
  Result<void> append(const std::string& file, std::string_view text);
  // A fragment of the picture, and its line in the index; without `fragment` it is none (the end of a file).
  Result<void> append_picture(const std::string& file, std::span<const std::uint8_t> piece,
                              const std::optional<Fragment>& fragment);
  // Nothing is appended to it any more.
  void close(const std::string& file);
  // The orderly end: nothing can be appended any more.
  Result<void> finish();

 private:
  struct File {
    Fd descriptor;
    bool made = false;
    std::uint64_t size = 0;
  };
  RecordingWriter(Fd directory, SigningKey key, const ChainHash& base)
      : directory_(std::move(directory)), key_(std::move(key)), hash_(base) {}
  Result<File*> file_of(const std::string& name);
  Result<std::uint64_t> append_now(const std::string& file, std::span<const std::uint8_t> piece);
  Result<void> vouch(const std::string& entry, std::span<const std::uint8_t> piece);

  Fd directory_;
  const SigningKey key_;
  std::mutex mutex_;
  std::map<std::string, File> files_;
  ChainHash hash_;
  std::uint64_t pieces_ = 0;
  std::optional<Error> fault_;
};

}  // namespace gatehouse::rdp
