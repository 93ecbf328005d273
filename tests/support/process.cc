#include "support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ranges>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "support/namespace.h"
#include "support/system_failure.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX wants it declared by the program

namespace gatehouse::test {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody changes the environment
  std::string directories =
      (path != nullptr ? std::string(path) + ":" : std::string()) + "/usr/sbin:/sbin:/usr/bin:/bin";
  for (std::size_t begin = 0; begin <= directories.size();) {
    const std::size_t end = std::min(directories.find(':', begin), directories.size());
    const std::string candidate = directories.substr(begin, end - begin) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    begin = end + 1;
  }
  throw std::runtime_error("the program '" + name + "' is not installed: run scripts/setup.sh");
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (!added.contains(std::string(text.substr(0, text.find('='))))) result.emplace_back(text);
  }
  for (const auto& [name, value] : added) {
    result.push_back(name);
    result.back() += "=" + value;
  }
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// A file in memory: no writer thread, and no limit as a pipe has.
Fd file_holding(const std::string& text) {
  Fd file(memfd_create("input", MFD_CLOEXEC));
  if (!file) fail("memfd_create");
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) fail("write");
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::pair<Fd, Fd> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
  return {Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

Process::Process(std::vector<std::string> arguments, StartOptions options) {
  stop_.reset(eventfd(0, EFD_CLOEXEC));
  if (!stop_) fail("eventfd");
  start(arguments, options);
  reader_ = std::thread([this] { read_output(); });
}

Process::~Process() {
  kill();
  waitpid(id_, nullptr, 0);
  const std::uint64_t one = 1;
  if (write(stop_.get(), &one, sizeof one) != sizeof one) std::abort();
  reader_.join();
}

void Process::start(const std::vector<std::string>& arguments, const StartOptions& options) {
  // Everything is laid out before fork(): between fork and exec only what is safe in a signal handler may be called.
  std::vector<std::string> words = arguments;
  const std::string program = find_program(words.at(0));
  std::vector<std::string> variables = environment_with(options.environment);
  const std::vector<char*> argument_pointers = pointers_to(words);
  const std::vector<char*> variable_pointers = pointers_to(variables);
  const Fd input = file_holding(options.input);
  auto [output_read, output_write] = make_pipe();
  auto [errors_read, errors_write] = make_pipe();
  auto [failure_read, failure_write] = make_pipe();  // closed by a successful exec
  const int network = options.where != nullptr ? options.where->descriptor() : -1;
  const pid_t parent = getpid();

  id_ = fork();
  if (id_ < 0) fail("fork");
  if (id_ == 0) {
    sigset_t none;
    sigemptyset(&none);
    const bool prepared =
        prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && setpgid(0, 0) == 0 &&
        sigprocmask(SIG_SETMASK, &none, nullptr) == 0 && (network < 0 || setns(network, CLONE_NEWNET) == 0) &&
        (options.directory.empty() || chdir(options.directory.c_str()) == 0) && dup2(input.get(), 0) == 0 &&
        dup2(output_write.get(), 1) == 1 && dup2(errors_write.get(), 2) == 2;
    if (prepared) execve(program.c_str(), argument_pointers.data(), variable_pointers.data());
    const int error = errno;
    if (write(failure_write.get(), &error, sizeof error) != sizeof error) _exit(126);
    _exit(127);
  }
  setpgid(id_, id_);  // also here: kill() may come before the child gets to it
  handle_.reset(static_cast<int>(syscall(SYS_pidfd_open, id_, 0)));
  if (!handle_) fail("pidfd_open");
  output_write.reset();
  errors_write.reset();
  failure_write.reset();
  int error = 0;
  if (read(failure_read.get(), &error, sizeof error) == sizeof error) {
    waitpid(id_, nullptr, 0);
    throw std::system_error(error, std::generic_category(), "starting " + program);
  }
  streams_[0].end = std::move(output_read);
  streams_[1].end = std::move(errors_read);
}

void Process::read_output() {
  std::array<char, 16384> buffer{};
  for (;;) {
    std::array<pollfd, 3> waiting{
        {{streams_[0].end.get(), POLLIN, 0}, {streams_[1].end.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    if (poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    for (std::size_t index = 0; index < 2; ++index) {
      if (waiting[index].revents == 0) continue;
      const ssize_t count = read(waiting[index].fd, buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      const std::scoped_lock lock(mutex_);
      if (count > 0) {
        streams_[index].text.append(buffer.data(), static_cast<std::size_t>(count));
      } else {
        streams_[index].end.reset();
        --open_streams_;
      }
      changed_.notify_all();
      if (open_streams_ == 0) return;
    }
    if (waiting[2].revents != 0 && waiting[0].revents == 0 && waiting[1].revents == 0) return;
  }
}

bool Process::running() {
  return !wait(milliseconds(0));
}

void Process::signal(int number) const {
  ::kill(id_, number);
}

void Process::kill() {
  ::kill(-id_, SIGKILL);
  while (!wait(milliseconds(1000))) ::kill(-id_, SIGKILL);
}

std::optional<Exit> Process::wait(milliseconds timeout) {
  if (exit_) return exit_;
  const auto deadline = steady_clock::now() + timeout;
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
    pollfd ended{handle_.get(), POLLIN, 0};
    const int ready = poll(&ended, 1, left > 0 ? static_cast<int>(left) : 0);
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready > 0) break;
    if (ready == 0 && left <= 0) return std::nullopt;
  }
  // Not reaped before the destructor: until then neither its id nor that of its group can belong to anybody else.
  siginfo_t information{};
  if (waitid(P_PID, static_cast<id_t>(id_), &information, WEXITED | WNOWAIT) != 0) fail("waitid");
  exit_ = information.si_code == CLD_EXITED ? Exit{information.si_status, 0} : Exit{-1, information.si_status};
  return exit_;
}

std::string Process::output() const {
  const std::scoped_lock lock(mutex_);
  return streams_[0].text;
}

std::string Process::errors() const {
  const std::scoped_lock lock(mutex_);
  return streams_[1].text;
}

bool Process::wait_for_output(const std::string& pattern, milliseconds timeout) {
  const std::regex expression(pattern);
  // Line by line: the library's search recurses, long texts overflow its stack.
  const auto found = [&] {
    for (const Stream& stream : streams_) {
      for (const auto line : std::views::split(stream.text, '\n')) {
        if (std::regex_search(line.begin(), line.end(), expression)) return true;
      }
    }
    return false;
  };
  const auto deadline = steady_clock::now() + timeout;
  std::unique_lock lock(mutex_);
  for (;;) {
    if (found()) return true;
    if (open_streams_ == 0) return false;
    if (changed_.wait_until(lock, deadline) == std::cv_status::timeout) return found();
  }
}

void Process::wait_for_end_of_output(milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, timeout, [&] { return open_streams_ == 0; });
}

CommandResult run_command(std::vector<std::string> arguments, StartOptions options, milliseconds timeout) {
  std::string line;
  for (const std::string& argument : arguments) line += (line.empty() ? "" : " ") + argument;
  Process process(std::move(arguments), std::move(options));
  const std::optional<Exit> exit = process.wait(timeout);
  if (!exit)
    throw std::runtime_error("'" + line + "' did not end in time; it said: " + process.output() + process.errors());
  process.wait_for_end_of_output(milliseconds(2000));
  return {exit->signal != 0 ? 128 + exit->signal : exit->code, process.output(), process.errors()};
}

}  // namespace gatehouse::test
