#include "rdp/worker/recorder.h"

#include <algorithm>
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
  finish_pictures();
  if (has_failed_) return;
  if (auto finished = writer_->finish(); !finished) fail(finished.error());
}

void Recorder::finish_pictures() {
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

void Recorder::note(const std::string& event, nlohmann::json data, std::optional<std::int64_t> time) {
  data["t"] = time.value_or(now_ms());
  data["event"] = event;
  const auto line = data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (auto noted = writer_->append(events_file, std::string_view(line)); !noted) fail(noted.error());
}

void Recorder::keep(const std::string& file, std::span<const std::uint8_t> piece, bool last) {
  if (has_failed_) return;
  if (auto kept = writer_->append(file, piece); !kept) fail(kept.error());
  if (last) writer_->close(file);
}

void Recorder::too_many_files() {
  fail({"the recording has no names for more copies of files", "with files: hash none are kept"});
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

void Recorder::pointer_changed() {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(pointer_moved_, true)) return;
  }
  changed_.notify_all();
}

bool Recorder::pointer_is_due() const {
  return pointer_moved_ && last_ && Clock::now() >= last_encoded_ + between_pictures;
}

void Recorder::wait_for_work(std::unique_lock<std::mutex>& lock) {
  while (!stopping_ && !waiting_ && !pointer_is_due()) {
    std::optional<Clock::time_point> until;
    if (fragment_since_) until = *fragment_since_ + longest_fragment;
    if (pointer_moved_ && last_) {
      const auto due = last_encoded_ + between_pictures;
      until = until ? std::min(*until, due) : due;
    }
    if (!until) {
      changed_.wait(lock);
    } else if (changed_.wait_until(lock, *until) == std::cv_status::timeout) {
      return;
    }
  }
}

void Recorder::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wait_for_work(lock);
    const bool came = waiting_.has_value();
    if (came) {
      if (last_) spare_ = std::move(last_->pixels);
      last_ = std::exchange(waiting_, std::nullopt);
    }
    const bool draw = came || (!stopping_ && pointer_is_due());
    if (draw) pointer_moved_ = false;
    const bool last = stopping_ && !came;
    lock.unlock();
    Result<void> done;
    if (draw) {
      if (!came) last_->time = now_ms();
      done = encode(*last_);
    }
    if (done && fragment_since_ && (last || Clock::now() - *fragment_since_ >= longest_fragment))
      done = write_fragment();
    if (done && last) done = close_part();
    if (!done) fail(done.error());
    lock.lock();
    if (last || !done) return;
  }
}

Result<void> Recorder::encode(Copy& copy) {
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
  if (key && fragment_since_) {  // so that a player can begin at it
    if (auto written = write_fragment(); !written) return written;
  }
  if (key) last_key_ = time;
  last_time_ = time;
  const Canvas canvas{copy.pixels.data(), copy.width, copy.height};
  const auto beneath = pointer_.draw(canvas);
  if (auto added = encoder_->add(copy.picture(), time, key); !added) return added;
  PointerPicture::restore(canvas, beneath);
  last_encoded_ = Clock::now();
  if (!fragment_since_) {
    fragment_since_ = Clock::now();
    fragment_.from = time;
    fragment_.key = key;
  }
  return {};
}

Result<void> Recorder::write_fragment() {
  const auto times = take_fragment_times();
  auto fragment = encoder_->take_fragment();
  if (!fragment) return std::unexpected(fragment.error());
  return writer_->append_picture(video_file(part_), *fragment, times);
}

Result<void> Recorder::close_part() {
  if (!encoder_) return {};
  const auto times = take_fragment_times();
  auto rest = encoder_->finish();
  if (!rest) return std::unexpected(rest.error());
  encoder_.reset();
  return writer_->append_picture(video_file(part_++), *rest, times);
}

std::optional<Fragment> Recorder::take_fragment_times() {
  if (!std::exchange(fragment_since_, std::nullopt)) return std::nullopt;
  fragment_.to = last_time_;
  return fragment_;
}

void Recorder::fail(const Error& error) {
  if (!has_failed_.exchange(true)) failed_(error);
}

}  // namespace gatehouse::rdp
