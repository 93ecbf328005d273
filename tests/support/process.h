// Programs that tests start: a Process that runs beside the test, and run_command() for one that is waited for.
// Both start in a network namespace of choice, in a process group of their own, and are killed when the thread that
// started them ends (PR_SET_PDEATHSIG), so that a crashed test leaves no program behind. Programs are looked up in PATH
// and the sbin directories.
//
// Threads: one Process is used from one thread at a time, and from the thread that started it or one that outlives
// nothing of it. Errors: std::runtime_error if a program cannot be started; what a program does afterwards is a value.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.h"

namespace gatehouse::test {

class Namespace;

struct StartOptions {
  const Namespace* where = nullptr;                  // nullptr: the test's own
  std::map<std::string, std::string> environment{};  // added to the test's own
  std::string directory{};                           // empty: the test's own
  std::string input{};                               // all that its standard input holds
};

// How a program ended.
struct Exit {
  int code = -1;   // of exit(); -1 when a signal ended it
  int signal = 0;  // 0 when it exited
  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
};

class Process {
 public:
  explicit Process(std::vector<std::string> arguments, StartOptions options = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // SIGKILL for it and what it started in its process group

  [[nodiscard]] pid_t id() const { return id_; }
  [[nodiscard]] bool running();
  void signal(int number) const;  // to the program alone; no effect once it has ended
  void kill();                    // SIGKILL to its process group, and waits for the program

  // nullopt: still running when the time was over.
  std::optional<Exit> wait(std::chrono::milliseconds timeout);

  [[nodiscard]] std::string output() const;  // standard output until now
  [[nodiscard]] std::string errors() const;  // standard error until now
  // True once a line of either stream matches (ECMAScript, searched); false at the timeout or when it ended without
  // one.
  [[nodiscard]] bool wait_for_output(const std::string& pattern, std::chrono::milliseconds timeout);
  // Waits until both streams are closed: everything that was written before the end is in output() and errors().
  void wait_for_end_of_output(std::chrono::milliseconds timeout);

 private:
  struct Stream {
    Fd end;
    std::string text;
  };
  void start(const std::vector<std::string>& arguments, const StartOptions& options);
  void read_output();

  pid_t id_ = -1;
  Fd handle_;  // pidfd
  std::optional<Exit> exit_;
  Fd stop_;  // eventfd: the reader's end, for a grandchild may hold the pipes open
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Stream streams_[2];
  int open_streams_ = 2;
  std::thread reader_;
};

struct CommandResult {
  int exit_code = -1;  // 128 + signal when a signal ended it, as in a shell
  std::string output;
  std::string errors;
};

// Runs to its end; killed and a std::runtime_error when that takes longer than `timeout`.
CommandResult run_command(std::vector<std::string> arguments, StartOptions options = {},
                          std::chrono::milliseconds timeout = std::chrono::seconds(30));

}  // namespace gatehouse::test
