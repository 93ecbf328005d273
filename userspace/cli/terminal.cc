#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace gatehouse::cli {
namespace {

constexpr std::string_view enter_screen = "\x1b[?1049h\x1b[?25l";  // alternate screen, cursor off
constexpr std::string_view leave_screen = "\x1b[?25h\x1b[?1049l";
constexpr std::string_view home = "\x1b[H";
constexpr std::string_view clear_to_line_end = "\x1b[K";
constexpr std::string_view clear_below = "\x1b[J";

}  // namespace

Terminal::Terminal(int descriptor) : descriptor_(descriptor) {
  sigset_t ours;
  ::sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP}) ::sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, &mask_before_);
  signals_.reset(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  ::tcgetattr(descriptor_, &before_);
  enter();
}

Terminal::~Terminal() {
  leave();
  ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
}

void Terminal::enter() {
  termios raw = before_;
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);  // signals by key stay
  raw.c_cc[VMIN] = 0;
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(descriptor_, TCSANOW, &raw);
  write(std::string(enter_screen));
}

void Terminal::leave() {
  write(std::string(leave_screen));
  ::tcsetattr(descriptor_, TCSADRAIN, &before_);
}

void Terminal::write(const std::string& text) const {
  std::size_t done = 0;
  while (done < text.size()) {
    const auto written = ::write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EAGAIN) {
      pollfd ready{descriptor_, POLLOUT, 0};
      ::poll(&ready, 1, 100);
    } else if (written < 0 && errno != EINTR) {
      return;  // the terminal is gone; wait() will see it
    } else if (written > 0) {
      done += static_cast<std::size_t>(written);
    }
  }
}

FrameSize Terminal::size() const {
  winsize found{};
  if (::ioctl(descriptor_, TIOCGWINSZ, &found) != 0 || found.ws_col == 0 || found.ws_row == 0) return {80, 24};
  return {found.ws_col, found.ws_row};
}

void Terminal::draw(const std::vector<std::string>& lines) {
  std::string screen(home);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (i > 0) screen += "\r\n";
    screen += lines[i];
    screen += clear_to_line_end;
  }
  screen += clear_below;
  write(screen);
}

Terminal::Event Terminal::wait(std::chrono::milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return Event::timeout;
    std::array<pollfd, 2> ready{{{descriptor_, POLLIN, 0}, {signals_.get(), POLLIN, 0}}};
    ::poll(ready.data(), ready.size(), static_cast<int>(left.count()));
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
      if (signal.ssi_signo == SIGWINCH) return Event::resized;
      if (signal.ssi_signo != SIGTSTP) return Event::quit;
      leave();
      ::raise(SIGSTOP);
      enter();
      return Event::resized;
    }
    if ((ready[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) return Event::quit;
    if ((ready[0].revents & POLLIN) != 0) {
      char key = 0;
      const auto got = ::read(descriptor_, &key, 1);
      if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN) || key == 'q' || key == 'Q') return Event::quit;
    }
  }
}

void draw_until_quit(int descriptor, std::chrono::milliseconds interval, const std::function<Frame()>& read) {
  Terminal terminal(descriptor);
  for (;;) {
    const auto frame = read();
    auto event = Terminal::Event::resized;
    while (event == Terminal::Event::resized) {
      terminal.draw(frame(terminal.size()));
      event = terminal.wait(interval);
    }
    if (event == Terminal::Event::quit) return;
  }
}

}  // namespace gatehouse::cli
