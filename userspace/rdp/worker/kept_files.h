// Copies of the files that go over a session's channels, in its recording: each byte once and in order, in pieces that
// the recording's chain vouches for. A thread of its own writes; who brings more than it can write waits, for nothing
// of a file is left out.
//
// Threads: begin() and the copies on any, each copy on one at a time; close() on the last. Ownership: outlives its
// copies; the recorder outlives close(). Errors: the recorder's, which tells them; then nothing is kept any more.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "rdp/file_copies.h"

namespace gatehouse::rdp {

class Recorder;

class KeptFiles final : public FileCopies {
 public:
  static constexpr std::size_t piece_bytes = std::size_t{16} << 10U;
  static constexpr std::size_t most_waiting = std::size_t{2} << 20U;  // bytes; written within the end of a session

  explicit KeptFiles(Recorder& recorder);
  ~KeptFiles() override;  // close()
  KeptFiles(const KeptFiles&) = delete;
  KeptFiles& operator=(const KeptFiles&) = delete;

  std::unique_ptr<FileCopy> begin() override;
  void close();  // all that came is written; nothing comes any more

 private:
  class Copy;
  struct Piece {
    std::string file;
    std::vector<std::uint8_t> bytes;
    bool last = false;
  };

  std::string next_name();  // empty: the recording has failed
  void write(Piece piece);
  void run();

  Recorder& recorder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Piece> pieces_;
  std::size_t waiting_ = 0;  // bytes
  unsigned number_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::rdp
