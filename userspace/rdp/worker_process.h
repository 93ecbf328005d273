// A worker as a process: gatehouse-rdp with one end of a channel as its descriptor 3, and nothing else of the daemon's.
// It dies with the thread that started it (PR_SET_PDEATHSIG), so that one must live as long as the daemon does.
//
// Ownership: the process. Who lets go of it kills it and waits for its end, which takes some milliseconds.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::rdp {

struct WorkerOptions {
  std::filesystem::path program;
  std::optional<unsigned> uid;  // that it becomes; nullopt: as the daemon, without its capabilities
};

class WorkerProcess {
 public:
  static Result<WorkerProcess> start(const WorkerOptions& options);
  WorkerProcess(WorkerProcess&& other) noexcept;
  WorkerProcess& operator=(WorkerProcess&& other) = delete;
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();

  [[nodiscard]] const Fd& channel() const { return channel_; }
  [[nodiscard]] pid_t id() const { return id_; }
  void kill() const;  // SIGKILL
  [[nodiscard]] bool is_alive() const;
  // How it ended, waiting for it: "exit 0", "signal 9".
  std::string wait();

 private:
  WorkerProcess(pid_t id, Fd process, Fd channel)
      : id_(id), process_(std::move(process)), channel_(std::move(channel)) {}

  pid_t id_;
  Fd process_;  // pidfd
  Fd channel_;
  std::string ending_;  // empty: not waited for
};

}  // namespace gatehouse::rdp
