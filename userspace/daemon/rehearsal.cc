#include "daemon/rehearsal.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>

#include "base/fd.h"

namespace gatehouse::daemon {
namespace {

constexpr std::chrono::seconds patience{10};
constexpr std::size_t most_output = 4096;

class SpawnActions {
 public:
  explicit SpawnActions(int output) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
  }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

// What the child prints, until it ends. False: it did not end in time.
bool read_all(int descriptor, std::string& output) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd readable{descriptor, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left)) < 0 && errno != EINTR) return false;
    if (readable.revents == 0) continue;
    std::array<char, 512> bytes{};
    const auto count = ::read(descriptor, bytes.data(), bytes.size());
    if (count == 0) return true;
    if (count < 0 && errno != EINTR) return false;
    if (count > 0 && output.size() < most_output) output.append(bytes.data(), static_cast<std::size_t>(count));
  }
}

}  // namespace

Result<void> rehearse_start(const std::filesystem::path& binary, const std::filesystem::path& configuration_file) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("a pipe cannot be made", errno);
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  std::string program = binary.string();
  std::string config_option = "--config=" + configuration_file.string();
  std::string check_option = "--check-config";
  const std::array<char*, 4> arguments{program.data(), config_option.data(), check_option.data(), nullptr};
  pid_t child = 0;
  {
    const SpawnActions actions(writing.get());
    const int error = ::posix_spawn(&child, program.c_str(), actions.get(), nullptr, arguments.data(), environ);
    if (error != 0) return system_failure("the binary " + program + " cannot be executed", error, "put it back");
  }
  writing.reset();
  std::string output;
  const bool ended = read_all(reading.get(), output);
  if (!ended) ::kill(child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return failure("the binary " + program + " did not end when asked to check the configuration");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  while (!output.empty() && output.back() == '\n') output.pop_back();
  return failure("the daemon would not start again: " + (output.empty() ? program + " failed" : output),
                 "mend that and try again");
}

}  // namespace gatehouse::daemon
