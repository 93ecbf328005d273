// What happens in a recorded session, as lines beside its picture: who logged in, what was typed (as far as that is
// wanted), clicks, the clipboard, files, channels, refusals, sizes, warnings. Times are milliseconds of the recording's
// clock.
//
//   typed       keys of at most a second, and at most most_keys, are one line, which bears the time of the first one
//   limits      most_lines a second, and most_waiting that are not written yet; beyond them lines are left out, and one
//               line says how many. What begins and ends a session is never left out
//
// The user's password in Client Info is no event, and nothing that comes before the session is. What is typed into the
// session is: with Detail::full a password that is typed there is in the track.
//
// Threads: all calls from any; lines are written by a thread of its own, one after the other, so that a slow disk holds
// up nobody. close() joins it.
// Keyboard and pointer events: MS-RDPBCGR 2.2.8.1.1.3.1.1.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "rdp/control_message.h"

namespace gatehouse::rdp {

// One that went down or up.
struct Key {
  bool unicode = false;    // the code is a unit of UTF-16; otherwise a scan code of the keyboard
  std::uint16_t code = 0;  // without the prefix of extended keys
  bool extended = false;
  bool down = false;
};

enum class PointerButton : std::uint8_t { left, right, middle, back, forward };

// Keys that become one line.
struct KeyBurst {
  std::int64_t began = 0;
  std::int64_t ended = 0;
  std::chrono::steady_clock::time_point since;
  std::size_t count = 0;
  nlohmann::json keys = nlohmann::json::array();
  std::vector<std::uint8_t> text;  // UTF-16
};

class EventTrack {
 public:
  using Clock = std::function<std::int64_t()>;
  using Write = std::function<void(std::int64_t time, const std::string& event, nlohmann::json data)>;
  static constexpr std::chrono::seconds longest_burst{1};
  static constexpr std::size_t most_keys = 128;
  static constexpr std::size_t most_lines = 100;
  static constexpr std::size_t most_waiting = 2048;
  static constexpr std::size_t longest_text = ClipboardNotice::most_text;
  static constexpr std::size_t longest_name = 1024;  // of files, users, channels, ...

  EventTrack(Detail keys, Clock clock, Write write);
  ~EventTrack();
  EventTrack(const EventTrack&) = delete;
  EventTrack& operator=(const EventTrack&) = delete;

  void notice(const Message& notice);  // what the daemon is told as well; what is no event is passed over
  void keyboard(std::uint32_t layout);
  void key(const Key& key);
  void click(PointerButton button, std::uint16_t x, std::uint16_t y);
  void resized(std::uint32_t width, std::uint32_t height);
  void warned(std::uint32_t seconds, bool shown);
  void close();  // everything is written; nothing comes any more

 private:
  enum class Weight : std::uint8_t { ordinary, never_left_out };
  struct Line {
    std::int64_t time = 0;
    std::string event;
    nlohmann::json data;
  };

  void add(const std::string& event, nlohmann::json data, Weight weight = Weight::ordinary);
  // ---- with the mutex
  void push(Line line, Weight weight);
  void end_burst();
  void tell_left_out(std::int64_t time);
  void run();

  const Detail keys_;
  const Clock clock_;
  const Write write_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Line> lines_;
  std::optional<KeyBurst> burst_;
  std::int64_t second_ = 0;  // in which lines are counted
  std::size_t in_second_ = 0;
  std::uint64_t left_out_ = 0;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> size_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::rdp
