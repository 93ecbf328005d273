// Which connection carries which RDP session: a session may outlive its connection, and a client that was cut off goes
// on with it by the cookie that it was given (automatic reconnection, MS-RDPBCGR 1.3.1.5, 2.2.4.2, 2.2.4.3, 5.5). The
// cookie links connections and proves nothing else: each new connection is judged as every other.
//
// A client may be back before the gateway has noticed that its former connection is dead: that one is cut, and the new
// one waits until it has ended. Ended sessions are kept for as long as there is room: no time limits this.
//
// Threads: any; callbacks are called on the thread of whoever caused them, without the lock, and post to their loop.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "rdp/control_message.h"

namespace gatehouse::gate {

class ReconnectBook {
 public:
  static constexpr std::size_t most_ended = 4096;

  struct Owner {
    std::string user;
    std::string service;
  };
  // One connection of a session.
  struct Place {
    std::uint64_t session = 0;
    unsigned connection = 1;              // its number in the session
    rdp::ReconnectCookie cookie;          // for the next one
    std::uint64_t bytes_from_client = 0;  // of the former ones
    std::uint64_t bytes_to_client = 0;
  };

  // A session begins with this connection. `cut` ends the connection, when another one takes its place.
  Place begin(std::uint64_t session, Owner owner, std::function<void()> cut);
  // What a client shows: the session that it may go on with, if it is that client's, and the cookie of the backend for
  // it. Nothing changes.
  struct Claim {
    std::uint64_t session = 0;
    std::optional<rdp::ReconnectCookie> backend;
  };
  [[nodiscard]] std::optional<Claim> claim(const rdp::ReconnectProof& proof, const Owner& owner) const;
  // The connection becomes the session's, once the former one has ended. nullopt: it cannot be (another was faster, or
  // the session was ended on purpose meanwhile).
  using Ready = std::function<void(const std::optional<Place>&)>;
  void take_over(std::uint64_t session, std::function<void()> cut, const Ready& ready);
  void keep_backend_cookie(std::uint64_t session, const rdp::ReconnectCookie& cookie);
  // This connection of the session has ended, with these bytes. `resumable`: the session may be gone on with.
  // false: another connection goes on with it now, so it has not ended.
  bool leave(std::uint64_t session, unsigned connection, std::uint64_t bytes_from_client, std::uint64_t bytes_to_client,
             bool resumable);

 private:
  struct Entry {
    Owner owner;
    Place place;
    std::optional<rdp::ReconnectCookie> backend;
    bool live = true;
    std::function<void()> cut;
    // Who waits for the end of the connection.
    std::function<void()> next_cut;
    Ready next;
  };
  void hand_over(Entry& entry, std::function<void()> cut);
  void forget_some();

  mutable std::mutex mutex_;
  std::map<std::uint64_t, Entry> sessions_;
  std::deque<std::uint64_t> ended_;  // oldest first; some may have gone on
};

}  // namespace gatehouse::gate
