// The terminal as `gatehouse watch` uses it: the alternate screen, no echo, no cursor. Everything is put back by the
// destructor and when the process is stopped (SIGTSTP); SIGINT, SIGTERM, SIGHUP and SIGQUIT become an answer of wait()
// instead of a death half-way.
#pragma once

#include <signal.h>
#include <termios.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "cli/watch_frame.h"

namespace gatehouse::cli {

class Terminal {
 public:
  enum class Event { timeout, resized, quit };

  explicit Terminal(int descriptor);  // borrowed; a terminal
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] FrameSize size() const;
  void draw(const std::vector<std::string>& lines);
  // Until `q`, a signal, or the time is up.
  Event wait(std::chrono::milliseconds time);

 private:
  void enter();
  void leave();
  void write(const std::string& text) const;

  int descriptor_;
  termios before_{};
  sigset_t mask_before_{};
  Fd signals_;
};

// What was read once, drawn as large as is wanted.
using Frame = std::function<std::vector<std::string>(const FrameSize&)>;
// Draws what `read` gives, anew after each `interval` and where the terminal's size changes, until somebody quits.
void draw_until_quit(int descriptor, std::chrono::milliseconds interval, const std::function<Frame()>& read);

}  // namespace gatehouse::cli
