// Some workers that are ready before anybody comes, for a worker takes some ten milliseconds to come up; and the end of
// those that are done, for who waits for a process must not be an event loop.
//
// Threads: any; one of its own starts and ends all processes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "rdp/worker_process.h"

namespace gatehouse::rdp {

class WorkerPool {
 public:
  static constexpr std::size_t ready_workers = 2;
  // Where one is left the next one is not started in the midst of the session's coming up that took the other.
  static constexpr std::chrono::milliseconds breath{300};

  explicit WorkerPool(WorkerOptions options);
  ~WorkerPool();  // ends all that it has
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // One that lives. nullopt: none is ready; ask again in a moment. Error: why none can be.
  Result<std::optional<WorkerProcess>> take();
  void retire(WorkerProcess worker);  // killed, if it has not ended

 private:
  void run();

  const WorkerOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<WorkerProcess> ready_;
  std::vector<WorkerProcess> retired_;
  std::optional<Error> fault_;
  std::chrono::steady_clock::time_point taken_{};  // the last one
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace gatehouse::rdp
