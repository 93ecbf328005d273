// Who asked hbbs for a session lately, and what was decided: hbbs's messages to the target and the target's answers
// name the initiator only by the endpoint that it asked from (socket_addr). So what follows from a request is judged as
// the request was. Bounded: the oldest makes room.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include "rustdesk/initiator.h"
#include "rustdesk/service_options.h"

namespace gatehouse::rustdesk {

struct SessionRequest {
  std::string target;
  std::string uuid;  // of the relay; empty: a punch
  Resolution resolution;
  bool has_token = false;
  bool force_relay = false;
  WallTime at{};
};

class SessionRequests {
 public:
  void put(const Endpoint& initiator, SessionRequest request);
  // nullptr: none in the last minute. An initiator on WebSocket has no port in hbbs's messages.
  [[nodiscard]] const SessionRequest* find(const Endpoint& initiator, WallTime now) const;
  [[nodiscard]] std::size_t size() const { return requests_.size(); }

 private:
  std::unordered_map<Endpoint, SessionRequest> requests_;
  std::deque<std::pair<WallTime, Endpoint>> ages_;  // each put once
};

}  // namespace gatehouse::rustdesk
