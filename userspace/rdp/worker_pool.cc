#include "rdp/worker_pool.h"

#include <chrono>
#include <utility>

namespace gatehouse::rdp {
namespace {

constexpr std::chrono::seconds pause_after_fault{1};

}  // namespace

WorkerPool::WorkerPool(WorkerOptions options) : options_(std::move(options)), thread_([this] { run(); }) {}

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<std::optional<WorkerProcess>> WorkerPool::take() {
  const std::lock_guard lock(mutex_);
  std::optional<WorkerProcess> worker;
  while (!ready_.empty() && !ready_.front().is_alive()) {
    retired_.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  if (!ready_.empty()) {
    worker.emplace(std::move(ready_.front()));
    ready_.pop_front();
    taken_ = std::chrono::steady_clock::now();
  } else if (fault_) {
    return std::unexpected(*fault_);
  }
  changed_.notify_all();
  return worker;
}

void WorkerPool::retire(WorkerProcess worker) {
  const std::lock_guard lock(mutex_);
  retired_.push_back(std::move(worker));
  changed_.notify_all();
}

void WorkerPool::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (!retired_.empty()) {
      auto retired = std::exchange(retired_, {});
      lock.unlock();
      retired.clear();
      lock.lock();
      continue;
    }
    if (ready_.size() < ready_workers) {
      const auto next = taken_ + breath;
      if (!ready_.empty() && std::chrono::steady_clock::now() < next) {
        changed_.wait_until(lock, next, [this] { return stopping_ || !retired_.empty() || ready_.empty(); });
        continue;
      }
      lock.unlock();
      auto started = WorkerProcess::start(options_);
      lock.lock();
      if (started) {
        ready_.push_back(std::move(*started));
        fault_.reset();
      } else {
        fault_ = started.error();
        changed_.wait_for(lock, pause_after_fault, [this] { return stopping_ || !retired_.empty(); });
      }
      continue;
    }
    changed_.wait(lock, [this] { return stopping_ || !retired_.empty() || ready_.size() < ready_workers; });
  }
  ready_.clear();
  retired_.clear();
}

}  // namespace gatehouse::rdp
