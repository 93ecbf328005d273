// The daemon's end of what it and the worker of an RDP session tell each other.
//
// Threads: the session's loop. Ownership: the worker goes back to its pool in the end, which sees it off.
#pragma once

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "gate/forwarder.h"
#include "rdp/control_message.h"
#include "rdp/heartbeat.h"
#include "rdp/worker_pool.h"

namespace gatehouse::gate {

class RdpWorkerLink {
 public:
  RdpWorkerLink(rdp::WorkerPool& pool, const LoopExecutor& executor) : pool_(pool), executor_(executor) {}
  ~RdpWorkerLink() { retire(); }
  RdpWorkerLink(const RdpWorkerLink&) = delete;
  RdpWorkerLink& operator=(const RdpWorkerLink&) = delete;

  // Where the worker is put.
  [[nodiscard]] std::optional<rdp::WorkerProcess>& worker() { return worker_; }
  // The worker's first message; from then on there is a link.
  Result<void> begin(const rdp::Start& start, const std::vector<int>& descriptors);
  [[nodiscard]] bool begun() const { return channel_.has_value(); }

  struct Fault {
    std::string what;
    bool is_the_workers = true;
  };
  Task<std::expected<rdp::Message, Fault>> next();
  // Nothing, where there is no worker. Error: it did not go through, and the worker is killed.
  Result<void> tell(const rdp::Message& message, const std::vector<int>& descriptors = {});
  // Asked a few times a second: it answers nothing any more.
  bool is_stuck(relay::SteadyTime now);
  void answered() { heartbeat_.answered(); }
  void kill();
  void retire();

 private:
  Result<void> send(const rdp::Message& message, const std::vector<int>& descriptors);

  rdp::WorkerPool& pool_;
  LoopExecutor executor_;
  std::optional<rdp::WorkerProcess> worker_;
  std::optional<boost::asio::posix::basic_stream_descriptor<LoopExecutor>> channel_;
  rdp::Heartbeat heartbeat_;
};

}  // namespace gatehouse::gate
