// Forwards one TCP connection both ways with splice(2), without copying a byte through user space. Half-close is passed
// on, a slow reader holds back its writer, a reset on one side becomes a reset on the other. An idle connection holds
// two descriptors and no pipe: pipes are borrowed from the loop's PipePool while bytes are under way.
//
// Threads: everything of one relay happens on the event loop of its sockets. Times are checked by the owner's tick, not
// by timers of its own: call `expire()` now and then (a few times a second).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "policy/vocabulary.h"
#include "relay/loop.h"
#include "relay/pipe_pool.h"

namespace gatehouse::relay {

using SteadyTime = std::chrono::steady_clock::time_point;

struct RelayOptions {
  Endpoint client{};  // as accepted
  Endpoint proxy{};   // the original destination
  Endpoint backend{};
  policy::SourceMode source =
      policy::SourceMode::gateway;  // client: the backend sees client.address (IP_TRANSPARENT, its port where free)
  policy::ProxyProtocol proxy_protocol = policy::ProxyProtocol::off;
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{0};       // 0: none
  std::chrono::seconds keep_alive{60};             // 0: off; idle time before the first probe, both sides
  std::chrono::milliseconds user_timeout{30'000};  // TCP_USER_TIMEOUT, both sides; 0: the kernel's own
};

struct RelayOutcome {
  policy::EndReason reason = policy::EndReason::normal;
  std::string detail{};  // "192.0.2.1:3389: Connection refused"
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
};

class TcpRelay {
 public:
  // `client` is connected and non-blocking. `pipes` belongs to the same event loop and outlives the relay.
  TcpRelay(Socket client, PipePool& pipes, RelayOptions options);
  ~TcpRelay();  // both sockets closed; with a reset unless both directions had ended
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  // Connects to the backend. No byte is passed before forward() is called. Error: the outcome to record (refused,
  // unreachable, timeout, or what abort() said).
  Task<std::optional<RelayOutcome>> dial();
  // Bytes that the backend gets before what the client sends: taken from the client already, by who looked at them.
  void set_prologue(std::vector<std::uint8_t> bytes);
  // Sends the PROXY header if asked for and the prologue, then forwards until both directions have ended. The relay
  // must stay alive until this returns.
  Task<RelayOutcome> forward();

  // Ends it at once with this reason: reset both ways. Safe at any moment, also before dial() and twice (the first
  // reason counts). False: it had ended, or was about to, already.
  bool abort(policy::EndReason reason, std::string detail = {});
  // Aborts when connecting took too long or nothing has moved for the idle timeout.
  void expire(SteadyTime now);
  // Instead of that of the options; 0: none. Counts from the last byte.
  void set_idle_timeout(std::chrono::milliseconds timeout);

  [[nodiscard]] std::uint64_t bytes_from_client() const;
  [[nodiscard]] std::uint64_t bytes_to_client() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::relay
