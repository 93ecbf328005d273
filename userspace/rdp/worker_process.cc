#include "rdp/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>
#include <vector>

#include "rdp/control_channel.h"

namespace gatehouse::rdp {
namespace {

constexpr int channel_in_worker = 3;

// Standard input and output to nothing; the error stream is the daemon's own.
struct SpawnActions {
  posix_spawn_file_actions_t actions{};
  explicit SpawnActions(int channel) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, channel, channel_in_worker);
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions); }
};

// The daemon blocks and handles signals of its own.
struct SpawnAttributes {
  posix_spawnattr_t attributes{};
  SpawnAttributes() {
    sigset_t none{};
    sigset_t all{};
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes); }
};

}  // namespace

Result<WorkerProcess> WorkerProcess::start(const WorkerOptions& options) {
  auto channel = make_channel();
  if (!channel) return std::unexpected(channel.error());
  const SpawnActions actions(channel->second.get());
  const SpawnAttributes attributes;
  std::vector<std::string> words{options.program.string()};
  if (options.uid) words.insert(words.end(), {"--uid", std::to_string(*options.uid)});
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  // Nothing of the daemon's environment; a home that is not there, for libraries that would write into it; the zone's
  // file by name, or the C library looks for it anew with each of the 4,000 times that FreeRDP asks for per session.
  std::string home = "HOME=/nonexistent";
  std::string zone = "TZ=:/etc/localtime";
  std::array<char*, 3> environment{home.data(), zone.data(), nullptr};
  pid_t id = -1;
  const int error = ::posix_spawn(&id, options.program.c_str(), &actions.actions, &attributes.attributes,
                                  arguments.data(), environment.data());
  if (error != 0) {
    return system_failure("no worker of RDP sessions: " + options.program.string() + " cannot be started", error,
                          "install it, or name it with `worker` of `rdp` in the configuration");
  }
  Fd process(static_cast<int>(::syscall(SYS_pidfd_open, id, 0)));
  return WorkerProcess(id, std::move(process), std::move(channel->first));
}

WorkerProcess::WorkerProcess(WorkerProcess&& other) noexcept
    : id_(std::exchange(other.id_, -1)),
      process_(std::move(other.process_)),
      channel_(std::move(other.channel_)),
      ending_(std::move(other.ending_)) {}

WorkerProcess::~WorkerProcess() {
  if (id_ < 0) return;
  kill();
  wait();
}

void WorkerProcess::kill() const {
  if (id_ > 0 && ending_.empty()) ::kill(id_, SIGKILL);
}

// A pidfd becomes readable with the end of its process (pidfd_open(2)).
bool WorkerProcess::is_alive() const {
  pollfd wait{process_.get(), POLLIN, 0};
  return id_ > 0 && ending_.empty() && ::poll(&wait, 1, 0) == 0;
}

std::string WorkerProcess::wait() {
  if (!ending_.empty()) return ending_;
  int status = 0;
  pid_t waited = -1;
  do {
    waited = ::waitpid(id_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  if (waited < 0) {
    ending_ = "lost";
  } else if (WIFSIGNALED(status)) {
    ending_ = "signal " + std::to_string(WTERMSIG(status));
  } else {
    ending_ = "exit " + std::to_string(WEXITSTATUS(status));
  }
  return ending_;
}

}  // namespace gatehouse::rdp
