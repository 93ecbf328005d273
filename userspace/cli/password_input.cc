#include "cli/password_input.h"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

namespace gatehouse::cli {
namespace {

// Put back whatever happens; a signal that ends the process in between leaves the echo to the shell, as elsewhere.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    if (::tcgetattr(terminal_, &before_) != 0) return;
    auto silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent.c_lflag |= ECHONL;
    set_ = ::tcsetattr(terminal_, TCSAFLUSH, &silent) == 0;
  }
  ~Silence() {
    if (set_) ::tcsetattr(terminal_, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  [[nodiscard]] bool holds() const { return set_; }

 private:
  int terminal_;
  termios before_{};
  bool set_ = false;
};

Result<std::string> read_line(std::istream& in) {
  std::string line;
  if (!std::getline(in, line)) return failure("there is no password", "give it as a line of the standard input");
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return failure("the password is empty", "give it as a line of the standard input");
  return line;
}

}  // namespace

Result<std::string> read_password(const Console& console, const std::string& what) {
  const bool typed = &console.in == &std::cin && ::isatty(STDIN_FILENO) == 1;
  if (!typed) return read_line(console.in);
  const Silence silence(STDIN_FILENO);
  if (!silence.holds()) return system_failure("the terminal would show the password", errno);
  console.err << what << ": " << std::flush;
  auto password = read_line(console.in);
  if (!password) return password;
  console.err << "Once more: " << std::flush;
  const auto again = read_line(console.in);
  if (!again || *again != *password) return failure("the two are not the same", "try again");
  return password;
}

}  // namespace gatehouse::cli
