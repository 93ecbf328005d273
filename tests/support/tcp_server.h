// A TCP backend in a namespace: one thread serves all its connections and remembers what each of them was.
// Threads: every call from any thread. The thread ends, and every connection closes, with the object.
// Errors: std::runtime_error from the constructor.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "support/namespace.h"
#include "support/pattern.h"
#include "support/sockets.h"

namespace gatehouse::test {

struct ServerBehaviour {
  std::string greeting{};        // sent first
  bool echo = true;              // else what comes is counted and dropped
  std::uint64_t send_bytes = 0;  // of Pattern(send_seed), after the greeting; then shuts its side down. Not with `echo`
  std::uint64_t send_seed = 0;
  std::optional<std::uint64_t> expect_seed{};  // what comes is compared with this pattern
  bool read = true;                            // false: takes nothing, so that the sender is held back
};

class TcpServer {
 public:
  // What the server knows of one connection, in the order of their coming.
  struct Seen {
    Endpoint peer;
    Endpoint local;
    std::uint64_t received = 0;
    std::uint64_t sent = 0;
    std::string first_bytes{};     // received, at most 4096
    bool intact = true;            // as the expected pattern
    bool peer_finished = false;    // its end of stream came
    Ending ending = Ending::open;  // closed: both ways shut; reset, failed: as it says
  };

  // Port 0: any; at() tells which. Address "::" serves both families.
  TcpServer(const Namespace& where, const Endpoint& at, ServerBehaviour behaviour = {});
  TcpServer(const TcpServer&) = delete;
  TcpServer& operator=(const TcpServer&) = delete;
  ~TcpServer();

  [[nodiscard]] const Endpoint& at() const { return at_; }
  [[nodiscard]] std::vector<Seen> seen() const;
  [[nodiscard]] std::size_t accepted() const;
  // Until `condition` holds for what was seen; false when patiently(limit) is over.
  [[nodiscard]] bool wait_until(const std::function<bool(const std::vector<Seen>&)>& condition,
                                std::chrono::milliseconds limit = 5s) const;

  void reset_all();  // RST to every connection that is open
  void close_all();  // an ordinary end, whatever was still to come

 private:
  struct Connection {
    Fd fd;
    std::size_t index = 0;  // in seen_
    std::string pending;    // to be sent
    std::size_t pending_begin = 0;
    std::uint64_t pattern_sent = 0;
    bool peer_finished = false;
    bool shut_down = false;
  };
  enum class Command { none, reset, close, stop };

  void serve();
  void accept_all();
  bool advance(Connection& connection);  // false: it has ended
  bool receive(Connection& connection);
  bool send_pending(Connection& connection);
  void end(Connection& connection, Ending ending);
  void watch(const Connection& connection);
  void order(Command command);

  ServerBehaviour behaviour_;
  Fd listener_;
  Endpoint at_;
  Fd events_;  // epoll
  Fd wake_;    // eventfd
  std::unique_ptr<Pattern> outgoing_;
  std::unique_ptr<Pattern> expected_;
  std::map<int, Connection> connections_;  // the serving thread's own
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  Command command_ = Command::none;
  std::thread thread_;
};

}  // namespace gatehouse::test
