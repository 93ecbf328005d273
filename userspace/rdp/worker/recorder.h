// The recording of a session: the picture as it passes, at most some times a second and only when it changes, and what
// happens, each on the same clock. A thread of its own encodes and writes: the relay only copies a picture, and if this
// is slow, pictures in between are left out. The pointer is drawn into what is encoded; that it moved alone is a
// change.
//
// Threads: picture_changed() and owes() on the leg to the backend; note(), keep(), now_ms() and pointer() any. Errors:
// the first one ends the recording and is told once (`failed`, on the thread that met it).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "rdp/pointer_picture.h"
#include "rdp/worker/frame_sink.h"
#include "rdp/worker/recording_writer.h"
#include "rdp/worker/video_encoder.h"

namespace gatehouse::rdp {

class Recorder final : public FrameSink {
 public:
  static constexpr std::chrono::milliseconds between_pictures{125};
  static constexpr std::chrono::milliseconds longest_fragment{2000};
  static constexpr std::chrono::seconds between_key_frames{10};

  Recorder(std::unique_ptr<RecordingWriter> writer, std::uint64_t session, std::function<void(const Error&)> failed);
  ~Recorder() override;  // finish()
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  void picture_changed(const Picture& picture) override;
  [[nodiscard]] bool owes() const override { return owes_; }
  [[nodiscard]] PointerPicture& pointer() override { return pointer_; }
  // `time`: of its clock; nullopt: now.
  void note(const std::string& event, nlohmann::json data, std::optional<std::int64_t> time = std::nullopt);
  // Of a file that is kept, the next piece; nothing more comes after the last one.
  void keep(const std::string& file, std::span<const std::uint8_t> piece, bool last);
  // More files come than one recording has names for: as if the disk were full.
  void too_many_files();
  [[nodiscard]] bool has_failed() const { return has_failed_; }
  [[nodiscard]] std::int64_t now_ms() const;
  // Writes the pictures that there are, and joins; note() still works, so that the last word is the end's.
  void finish_pictures();

 private:
  using Clock = std::chrono::steady_clock;
  struct Copy {
    std::vector<std::uint8_t> pixels;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::int64_t time = 0;
    [[nodiscard]] Picture picture() const { return {pixels.data(), width, height, std::size_t{4} * width}; }
  };

  void pointer_changed();
  [[nodiscard]] bool pointer_is_due() const;
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void run();
  Result<void> encode(Copy& copy);
  Result<void> write_fragment();
  Result<void> close_part();
  std::optional<Fragment> take_fragment_times();
  void fail(const Error& error);

  const Clock::time_point began_ = Clock::now();
  const std::unique_ptr<RecordingWriter> writer_;
  const std::function<void(const Error&)> failed_;
  std::atomic<bool> has_failed_ = false;
  // Of the leg's thread.
  Clock::time_point last_copy_{};
  bool owes_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Copy> waiting_;
  std::vector<std::uint8_t> spare_;
  bool pointer_moved_ = false;
  bool stopping_ = false;

  PointerPicture pointer_{[this] { pointer_changed(); }};

  // Of the recorder's thread.
  std::optional<Copy> last_;  // as it came, without the pointer
  Clock::time_point last_encoded_{};
  std::unique_ptr<VideoEncoder> encoder_;
  unsigned part_ = 0;
  std::uint32_t width_ = 0;
  std::uint32_t height_ = 0;
  std::int64_t last_time_ = -1;
  std::int64_t last_key_ = 0;
  std::optional<Clock::time_point> fragment_since_;
  Fragment fragment_;  // its times, while there is one
  std::thread thread_;
};

}  // namespace gatehouse::rdp
