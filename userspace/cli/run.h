// The command `gatehouse`, from its arguments to its exit code. main() only hands the process's own streams over, so
// that a test can run the command inside itself.
#pragma once

#include <chrono>
#include <functional>
#include <istream>
#include <ostream>
#include <string>

namespace gatehouse::cli {

enum ExitCode : int {
  exit_ok = 0,
  exit_failed = 1,       // the operation failed
  exit_usage = 2,        // the command was not understood
  exit_denied = 3,       // `check` says no
  exit_unreachable = 4,  // no daemon at the socket, or no right to it
};

struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  int terminal = -1;  // descriptor of the terminal that `watch` draws on; -1: there is none
  std::string version;
  // Waits; false: do not go on (a test ends `audit --follow` with it).
  std::function<bool(std::chrono::milliseconds)> pause;
};

int run(int argc, const char* const* argv, const Console& console);

}  // namespace gatehouse::cli
