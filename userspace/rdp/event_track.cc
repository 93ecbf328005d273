#include "rdp/event_track.h"

#include <algorithm>
#include <array>
#include <utility>

#include "rdp/utf16.h"

namespace gatehouse::rdp {
namespace {

constexpr std::array<const char*, 5> button_words{"left", "right", "middle", "back", "forward"};

// No more of it than that, and no half of a character.
std::string bounded(std::string text, std::size_t longest) {
  if (text.size() <= longest) return text;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  return text;
}

std::string name_of(std::string text) {
  return bounded(std::move(text), EventTrack::longest_name);
}

const char* word_of(Direction direction) {
  return direction == Direction::to_server ? "to_server" : "to_client";
}

nlohmann::json data_of(const LogonQuery& logon) {
  return {{"user", name_of(logon.user)},
          {"domain", name_of(logon.domain)},
          {"client", name_of(logon.client_name)},
          {"build", logon.client_build},
          {"width", logon.width},
          {"height", logon.height},
          {"security", logon.security == Security::nla ? "nla" : "tls"}};
}

nlohmann::json data_of(const ClipboardNotice& clipboard) {
  nlohmann::json data{
      {"direction", word_of(clipboard.direction)}, {"kind", name_of(clipboard.kind)}, {"bytes", clipboard.bytes}};
  if (clipboard.sha256) data["sha256"] = *clipboard.sha256;
  if (clipboard.text) data["text"] = bounded(*clipboard.text, EventTrack::longest_text);
  return data;
}

nlohmann::json data_of(const FileNotice& file) {
  nlohmann::json data{{"channel", file.channel},    {"direction", word_of(file.direction)},
                      {"name", name_of(file.name)}, {"bytes", file.bytes},
                      {"whole", file.whole},        {"sha256", file.sha256}};
  if (!file.copy.empty()) data["copy"] = file.copy;
  return data;
}

}  // namespace

EventTrack::EventTrack(Detail keys, Clock clock, Write write)
    : keys_(keys), clock_(std::move(clock)), write_(std::move(write)), thread_([this] { run(); }) {}

EventTrack::~EventTrack() {
  close();
}

void EventTrack::close() {
  {
    const std::lock_guard lock(mutex_);
    if (closing_) return;  // whose clock it is may be gone
    end_burst();
    tell_left_out(clock_());
    closing_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void EventTrack::notice(const Message& notice) {
  if (const auto* logon = std::get_if<LogonQuery>(&notice)) {
    add("logon", data_of(*logon), Weight::never_left_out);
  } else if (const auto* active = std::get_if<Active>(&notice)) {
    bool again = false;
    {
      const std::lock_guard lock(mutex_);
      again = size_.has_value();
      if (!again) size_ = {active->width, active->height};
    }
    if (again) return resized(active->width, active->height);
    add("active", {{"width", active->width}, {"height", active->height}}, Weight::never_left_out);
  } else if (const auto* channel = std::get_if<ChannelNotice>(&notice)) {
    add("channel", {{"name", name_of(channel->name)}, {"opened", channel->opened}});
  } else if (const auto* clipboard = std::get_if<ClipboardNotice>(&notice)) {
    add("clipboard", data_of(*clipboard));
  } else if (const auto* file = std::get_if<FileNotice>(&notice)) {
    add("file", data_of(*file));
  } else if (const auto* refusal = std::get_if<RefusalNotice>(&notice)) {
    add("refused", {{"channel", refusal->channel}, {"what", refusal->what}});
  } else if (const auto* redirection = std::get_if<Redirection>(&notice)) {
    add("redirection", {{"target", name_of(redirection->target)}}, Weight::never_left_out);
  } else if (const auto* ended = std::get_if<Ended>(&notice)) {
    add("end", {{"reason", ended->reason}, {"detail", name_of(ended->detail)}}, Weight::never_left_out);
  }
}

void EventTrack::keyboard(std::uint32_t layout) {
  add("keyboard", {{"layout", layout}});
}

void EventTrack::resized(std::uint32_t width, std::uint32_t height) {
  {
    const std::lock_guard lock(mutex_);
    if (size_ == std::pair{width, height}) return;
    size_ = {width, height};
  }
  add("resized", {{"width", width}, {"height", height}});
}

void EventTrack::warned(std::uint32_t seconds, bool shown) {
  add("warning", {{"seconds", seconds}, {"shown", shown}}, Weight::never_left_out);
}

void EventTrack::click(PointerButton button, std::uint16_t x, std::uint16_t y) {
  add("click", {{"button", button_words.at(static_cast<std::size_t>(button))}, {"x", x}, {"y", y}});
}

void EventTrack::key(const Key& key) {
  if (keys_ == Detail::off || (keys_ == Detail::outline && !key.down)) return;
  const auto time = clock_();
  bool begun = false;
  {
    const std::lock_guard lock(mutex_);
    if (burst_ && burst_->count >= most_keys) end_burst();
    if (!burst_) {
      burst_.emplace();
      burst_->began = time;
      burst_->since = std::chrono::steady_clock::now();
      begun = true;
    }
    burst_->ended = time;
    ++burst_->count;
    if (keys_ == Detail::full) {
      nlohmann::json each{{"t", time}, {"down", key.down}, {key.unicode ? "unicode" : "code", key.code}};
      if (key.extended) each["extended"] = true;
      burst_->keys.push_back(std::move(each));
      if (key.unicode && key.down) {
        burst_->text.push_back(static_cast<std::uint8_t>(key.code));
        burst_->text.push_back(static_cast<std::uint8_t>(key.code >> 8U));
      }
    }
  }
  if (begun) changed_.notify_all();
}

void EventTrack::end_burst() {
  if (!burst_) return;
  auto burst = std::move(*burst_);
  burst_.reset();
  nlohmann::json data{{"until", burst.ended}};
  if (keys_ == Detail::full) {
    data["keys"] = std::move(burst.keys);
    if (!burst.text.empty()) data["text"] = utf8_of_utf16(burst.text);
  } else {
    data["count"] = burst.count;
  }
  push({.time = burst.began, .event = "keys", .data = std::move(data)}, Weight::ordinary);
}

void EventTrack::add(const std::string& event, nlohmann::json data, Weight weight) {
  const auto time = clock_();
  {
    const std::lock_guard lock(mutex_);
    end_burst();  // lines stay in the order of what they tell
    push({.time = time, .event = event, .data = std::move(data)}, weight);
  }
  changed_.notify_all();
}

void EventTrack::tell_left_out(std::int64_t time) {
  if (left_out_ == 0) return;
  lines_.push_back({.time = time, .event = "left_out", .data = {{"count", std::exchange(left_out_, 0)}}});
}

void EventTrack::push(Line line, Weight weight) {
  if (closing_) return;
  const auto second = line.time / 1000;
  if (second > second_) {
    second_ = second;
    in_second_ = 0;
  }
  if (weight == Weight::ordinary && (in_second_ >= most_lines || lines_.size() >= most_waiting)) {
    ++left_out_;
    return;
  }
  ++in_second_;
  tell_left_out(line.time);
  lines_.push_back(std::move(line));
}

void EventTrack::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_work = [this] { return closing_ || !lines_.empty(); };
    if (burst_) {
      const auto until = burst_->since + longest_burst;
      changed_.wait_until(lock, until, has_work);
      if (burst_ && std::chrono::steady_clock::now() >= burst_->since + longest_burst) end_burst();
    } else {
      changed_.wait(lock, [&] { return has_work() || burst_.has_value(); });
    }
    while (!lines_.empty()) {
      auto line = std::move(lines_.front());
      lines_.pop_front();
      lock.unlock();
      write_(line.time, line.event, std::move(line.data));
      lock.lock();
    }
    if (closing_) return;
  }
}

}  // namespace gatehouse::rdp
