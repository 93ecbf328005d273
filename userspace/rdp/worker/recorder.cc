#include "rdp/worker/recorder.h"

#include <cstring>
#include <utility>

#include "base/time.h"

namespace gatehouse::rdp {

Recorder::Recorder(std::unique_ptr<RecordingWriter> writer, std::uint64_t session,
                   std::function<void(const Error&)> failed)
    : writer_(std::move(writer)), failed_(std::move(failed)), thread_([this] { run(); }) {
  note("start", {{"version", 1}, {"session", session}, {"time", format_time(now())}});
}

Recorder::~Recorder() {
  finish();
}

void Recorder::finish() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::int64_t Recorder::now_ms() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began_).count();
}

void Recorder::note(const std::string& event, nlohmann::json data) {
  data["t"] = now_ms();
  data["event"] = event;
  // A fault of the disk is seen with the next picture.
  static_cast<void>(writer_->append(
      events_file, std::string_view(data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n")));
}

void Recorder::picture_changed(const Picture& picture) {
  const auto time = Clock::now();
  if (time - last_copy_ < between_pictures) {
    owes_ = true;  // it is asked for again in a moment, changed or not
    return;
  }
  owes_ = false;
  last_copy_ = time;
  Copy copy{.pixels = {}, .width = picture.width, .height = picture.height, .time = now_ms()};
  {
    const std::lock_guard lock(mutex_);
    copy.pixels = std::move(waiting_ ? waiting_->pixels : spare_);  // the memory of one that was left out
    waiting_.reset();
  }
  const std::size_t line = std::size_t{4} * picture.width;
  copy.pixels.resize(line * picture.height);
  for (std::uint32_t y = 0; y < picture.height; ++y) {
    std::memcpy(copy.pixels.data() + y * line, picture.pixels + y * picture.stride, line);
  }
  {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(std::move(copy));
  }
  changed_.notify_all();
}

void Recorder::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto woken = [this] { return stopping_ || waiting_.has_value(); };
    if (fragment_since_) {
      changed_.wait_until(lock, *fragment_since_ + longest_fragment, woken);
    } else {
      changed_.wait(lock, woken);
    }
    auto copy = std::exchange(waiting_, std::nullopt);
    const bool last = stopping_ && !copy;
    lock.unlock();
    Result<void> done;
    if (copy) done = encode(*copy);
    if (done && fragment_since_ && (last || Clock::now() - *fragment_since_ >= longest_fragment))
      done = write_fragment();
    if (done && last) done = close_part();
    if (!done) failed_(done.error());
    lock.lock();
    if (copy) spare_ = std::move(copy->pixels);
    if (last || !done) return;
  }
}

Result<void> Recorder::encode(const Copy& copy) {
  if (!encoder_ || copy.width != width_ || copy.height != height_) {
    if (auto closed = close_part(); !closed) return closed;
    auto opened = VideoEncoder::open(copy.width, copy.height);
    if (!opened) return std::unexpected(opened.error());
    encoder_ = std::move(*opened);
    width_ = copy.width;
    height_ = copy.height;
    note("picture", {{"file", video_file(part_)}, {"width", width_ & ~1U}, {"height", height_ & ~1U}});
    last_key_ = copy.time;
    last_time_ = copy.time - 1;
  }
  const auto time = std::max(copy.time, last_time_ + 1);
  const bool key = time == last_key_ || time - last_key_ >= std::chrono::milliseconds(between_key_frames).count();
  if (key) last_key_ = time;
  last_time_ = time;
  if (auto added = encoder_->add(copy.picture(), time, key); !added) return added;
  if (!fragment_since_) fragment_since_ = Clock::now();
  return {};
}

Result<void> Recorder::write_fragment() {
  fragment_since_.reset();
  auto fragment = encoder_->take_fragment();
  if (!fragment) return std::unexpected(fragment.error());
  return writer_->append(video_file(part_), *fragment);
}

Result<void> Recorder::close_part() {
  if (!encoder_) return {};
  auto rest = encoder_->finish();
  if (!rest) return std::unexpected(rest.error());
  encoder_.reset();
  fragment_since_.reset();
  return writer_->append(video_file(part_++), *rest);
}

}  // namespace gatehouse::rdp
