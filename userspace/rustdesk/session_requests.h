// Who asked hbbs for a session lately, and what was decided: hbbs's messages to the target and the target's answers
// name the initiator only by the endpoint that it asked from (socket_addr). So what follows from a request is judged as
// the request was. Bounded: the oldest makes room.
#pragma once

#include <string>

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
  SessionRequests();

  // The latest one of an endpoint counts.
  void put(const Endpoint& initiator, SessionRequest request);
  // nullptr: none in the last minute. An initiator on WebSocket has no port in hbbs's messages.
  [[nodiscard]] const SessionRequest* find(const Endpoint& initiator, WallTime now) const;
  [[nodiscard]] std::size_t size() const { return records_.size(); }

 private:
  struct Record {
    Endpoint initiator;
    SessionRequest request;
    Links by_age;
  };

  [[nodiscard]] std::uint64_t hash(const Endpoint& endpoint) const;
  [[nodiscard]] Slot slot_of(const Endpoint& endpoint) const;

  std::uint64_t seed_ = 0;
  Slab<Record> records_;
  SlotIndex index_;
  List ages_;  // oldest first
};

}  // namespace gatehouse::rustdesk
