// Relay tickets: which relay sessions hbbs arranged, for whom. A relay at hbbr is known by a uuid that a client chose;
// the gateway sees it first at hbbs, in RequestRelay of the initiator or in RelayResponse of the target, and mints a
// ticket with what it decided there. Both sides are checked against it when they come to hbbr (first frame), each may
// come once, and it lives on with their session, so that a later ban finds the connections to cut.
//
// Bounded: tickets in all, and those of an initiator's address that nobody has come with. One thread; times are
// arguments.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "rustdesk/initiator.h"
#include "rustdesk/service_options.h"

namespace gatehouse::rustdesk {

struct TicketLimits {
  std::size_t tickets = 200'000;
  std::size_t unused_of_address = 512;
  Duration unused = std::chrono::seconds(60);  // a client tries for 18 s, three times, each with a uuid of its own
};

// Of a relay. The initiator's first frame names the target, the target's does not.
enum class RelaySide : std::uint8_t { initiator, target };

struct Ticket {
  std::string uuid;
  ServiceId service = 0;
  std::string target;     // empty: not known (only without `minted`)
  Address initiator;      // where it asked hbbs from
  Resolution resolution;  // as it was decided there
  bool has_token = false;
  std::optional<Address> answerer;  // where the target answered hbbs from
  bool minted = true;               // false: a relay that was let in without
  WallTime since{};
  struct Side {
    std::uint64_t connection = 0;  // 0: has not come
    bool left = false;
  };
  std::array<Side, 2> sides;  // by RelaySide

  [[nodiscard]] bool used() const { return sides[0].connection != 0 || sides[1].connection != 0; }
};

class RelayTickets {
 public:
  enum class Mint : std::uint8_t {
    minted,
    renewed,  // the same again, and nobody has come yet: a resend
    in_use,   // the uuid belongs to somebody else, or its session is under way
    full,
  };

  explicit RelayTickets(TicketLimits limits = {}) : limits_(limits) {}

  Mint mint(Ticket ticket, WallTime now);
  // nullptr: none, or it was not used in time.
  [[nodiscard]] Ticket* find(std::string_view uuid, WallTime now);
  // false: that side, or that connection, has come before.
  bool join(Ticket& ticket, RelaySide side, std::uint64_t connection);
  // The ticket is gone when all who came have left.
  void closed(std::uint64_t connection);

  // Calls visit(ticket) for each that somebody has come with.
  template <typename Visit>
  void each_used(Visit&& visit) const {
    for (const auto& [uuid, ticket] : tickets_) {
      if (ticket.used()) visit(ticket);
    }
  }
  [[nodiscard]] std::size_t size() const { return tickets_.size(); }

 private:
  // Ordered: clients choose the uuids, and there is no hash to make collide.
  using Tickets = std::map<std::string, Ticket, std::less<>>;

  void expire(WallTime now);
  void count_unused(const Address& address, int difference);

  TicketLimits limits_;
  Tickets tickets_;
  std::unordered_map<std::uint64_t, Tickets::iterator> by_connection_;
  std::unordered_map<Address, std::size_t> unused_;
  // Each ticket once while it is unused, by when it was minted.
  std::deque<std::pair<WallTime, std::string>> ages_;
};

}  // namespace gatehouse::rustdesk
