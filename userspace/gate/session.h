// One allowed connection, from accept to close, as its event loop knows it. Owned by the loop; nothing here crosses
// threads but LiveSession.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "gate/forwarder.h"
#include "gate/peak_rate.h"
#include "gate/presence.h"
#include "gate/reconnect_book.h"
#include "policy/engine.h"

namespace gatehouse::gate {

// A copy of what is worth knowing, for operators.
struct LiveSession {
  std::uint64_t id = 0;
  std::string user;
  std::string service;
  std::string grant;
  Endpoint client;
  Endpoint proxy;
  std::uint64_t visit = 0;
  std::optional<WallTime> holds_until;
  std::optional<Duration> announced;  // the last warning: the end comes in so long
  std::uint64_t bytes_from_client = 0;
  std::uint64_t bytes_to_client = 0;
};

struct RdpActivation;

struct Session {
  std::uint64_t id = 0;
  std::string user;
  std::string server;
  std::string service;
  std::string grant;
  std::string protocol;
  Endpoint client;
  Endpoint proxy;
  Endpoint backend;
  policy::Transport transport = policy::Transport::tcp;
  std::uint64_t visit = 0;
  std::optional<WallTime> holds_until;
  std::optional<WallTime> judge_at;  // holds_until, or sooner where the terms change before
  std::optional<Duration> announced;
  std::optional<WallTime> announced_end;  // the end that was told
  std::optional<std::string> named_user;  // by the decision hook
  std::vector<std::string> logins;        // the forms of the one at the server, once it is known (gate/rdp_login.h)
  std::optional<WallTime> hook_until;     // no longer than this, whatever the policy says
  Duration default_idle_timeout{0};       // of the options with which it began
  std::unique_ptr<Forwarder> forwarder;
  PeakRate peak_rate;

  // The rows of its opening: waiting, on the disk, or given up.
  enum class Rows { waiting, written, given_up } rows = Rows::waiting;
  // Of an RDP session: the connection is there before the session is (gate/rdp_admission.cc).
  enum class Opens { at_once, later, never } opens = Opens::at_once;  // never: the client is only told why not
  bool is_open = true;                                                // the session's row is written, or on its way
  Presence::Place place = Presence::Place::taken;
  ReconnectBook::Place connection{};
  std::shared_ptr<RdpActivation> activation;
  std::optional<relay::Timer> rows_signal;
  std::string hindrance;  // why it cannot begin, as was found before
  bool is_visit = true;   // of a person; RustDesk's programs make a connection for each question
  bool watched = false;   // the watcher wants to hear of the end

  [[nodiscard]] policy::Question question(WallTime time) const {
    policy::Question question{client.address, proxy.address, proxy.port, transport, time, std::nullopt};
    question.live = true;
    question.user = named_user;
    return question;
  }
  [[nodiscard]] LiveSession live() const {
    return {id,
            user,
            service,
            grant,
            client,
            proxy,
            visit,
            holds_until,
            announced,
            connection.bytes_from_client + forwarder->bytes_from_client(),
            connection.bytes_to_client + forwarder->bytes_to_client()};
  }
};

}  // namespace gatehouse::gate
