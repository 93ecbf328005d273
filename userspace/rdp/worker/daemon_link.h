// The worker's end of the channel to its daemon: questions that wait for their answer, notices that do not, and the
// daemon's own words. When the daemon is gone, so is the worker, at once: nothing of a session outlives who judges it.
//
// Threads: ask() and tell() from any but the link's own, which run() starts and which reads. All of the listener is
// called on it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/fd.h"
#include "base/result.h"
#include "rdp/control_channel.h"
#include "rdp/control_message.h"

namespace gatehouse::rdp {

struct Answer {
  Reply reply;
  Fd descriptor;  // of a logon's
};

class DaemonLink {
 public:
  explicit DaemonLink(Fd channel) : channel_(std::move(channel)) {}
  ~DaemonLink();
  DaemonLink(const DaemonLink&) = delete;
  DaemonLink& operator=(const DaemonLink&) = delete;

  struct Order {
    Start start;
    Fd client;
    Fd directory;  // of the recording, if there is one
  };
  // Waits for as long as it takes: a worker is made before there is a session for it. Error: there will be none.
  Result<Order> wait_for_start();

  struct Listener {
    std::function<void(const End&)> on_end;
    std::function<void(const Warn&)> on_warn;
    std::function<void()> on_silence;  // the time given by expect() is over
    std::function<bool()> works;       // false: the daemon gets no answer, and takes the worker for stuck
  };
  void run(Listener listener);
  void stop();  // nobody is called any more; tell() still works

  // Waits for the reply, at most a minute (the daemon dials in between). nullopt: there is none.
  std::optional<Answer> ask(Message query);
  void tell(const Message& notice);

  // Something has to come within the time, or on_silence is called, once; every call begins anew. nullopt: nothing is
  // waited for.
  void expect(std::optional<std::chrono::milliseconds> time);

 private:
  void read();
  bool take(Packet packet);
  void die_with_the_daemon() const;

  Fd channel_;
  Fd wake_;  // eventfd: for the reader
  Listener listener_;
  std::thread reader_;
  std::mutex mutex_;
  std::condition_variable answered_;
  std::map<std::uint64_t, std::optional<Answer>> questions_;
  std::uint64_t next_number_ = 1;
  std::optional<std::chrono::steady_clock::time_point> deadline_;
  bool stopping_ = false;
};

}  // namespace gatehouse::rdp
