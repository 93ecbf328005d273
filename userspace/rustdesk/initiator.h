// Who initiates a session: no message of RustDesk says it. PunchHoleRequest and RequestRelay name the target; of the
// initiator there are the source address, perhaps a token, and what is known of devices at that address. One resolver
// for all places that ask, and one answer for a request and all that follows from it.
//
// The port is never evidence: stock clients register by UDP from one process and initiate by TCP from another.
//
// Evidence, strongest first, and what it is worth:
//  connection      RegisterPk came over the same TCP connection before, with an id that is refused; or with any id,
//  where
//                  nothing else is known. It is a claim: it incriminates who makes it, and exonerates nobody.
//  token           this token was last seen with an initiator that was known (sole_device), less than twelve hours ago.
//                  A token belongs to one login of one device, so it tells apart neighbours behind a NAT; who copies a
//                  token is taken for its owner, and one that was first seen while the neighbour alone was there is
//                  taken for the neighbour's.
//  sole_device     exactly one device is at the address: confirmed by hbbs in the last 45 s, or banned (its heartbeats
//                  are dropped, so that hbbs cannot confirm it) and heard in that time. Somebody whose service does not
//                  run, behind the same NAT, is taken for it.
//  online_request  of several devices exactly one sent OnlineRequest from there in the last 30 s: the GUI sends it
//                  every few seconds while a list of peers is open. Circumstantial: a neighbour who initiates without
//                  such a list (command line, empty list) in that time is taken for the one who has it open, and a
//                  changed client can name its neighbour: the id in it is a claim, which counts for nothing while hbbs
//                  knows that id elsewhere. Also of a device that is there alone with nothing but that (its service
//                  does not run).
//  several_devices none of the above tells them apart: ambiguous.
//  seen_before     a refused device was seen there in the last hour and is not heard elsewhere: who stops the service
//                  to initiate without an id. Never more than ambiguous.
//  claim           only heartbeats that hbbs did not confirm. Anybody can send them: unknown, with their ids for the
//                  audit.
//
// Where it cannot tell: devices behind one NAT of which none, or a refused one and another, show which of them it is. A
// refused device that brings neither heartbeats nor OnlineRequest from an address (service stopped for more than an
// hour, VPN, mobile network, IPv6 for TCP and IPv4 for UDP) is unknown there, or taken for whoever else is there alone.
// Who forges heartbeats of a banned id behind a NAT makes its neighbours ambiguous.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "rustdesk/device_table.h"

namespace gatehouse::rustdesk {

enum class Outcome : std::uint8_t { unknown, ambiguous, known };
enum class Evidence : std::uint8_t {
  none,
  claim,
  seen_before,
  several_devices,
  online_request,
  sole_device,
  token,
  connection,
};
std::string_view name(Outcome outcome);
std::string_view name(Evidence evidence);

struct Resolution {
  Outcome outcome = Outcome::unknown;
  Evidence evidence = Evidence::none;
  // known: the one. Ambiguous: those that it may be, refused ones first, at most `most_ids`. Unknown: claims.
  std::vector<std::string> ids;
  bool more = false;     // there are more of them
  bool refused = false;  // ambiguous: one of all of them is refused, or there are too many to look at each
  // known: where the table has it.
  Slot device = no_slot;
  std::uint32_t life = 0;
  static constexpr std::size_t most_ids = 4;
};

// Who may not initiate, whatever the reason is.
class Refused {
 public:
  virtual ~Refused() = default;
  [[nodiscard]] virtual bool refused(Slot device) const = 0;
  // Also devices without a mark may be refused (DeviceTable): it takes a look at each of them.
  [[nodiscard]] virtual bool looks_at_all() const = 0;
};

class InitiatorResolver {
 public:
  // The table must outlive this.
  explicit InitiatorResolver(const DeviceTable& table);

  struct Question {
    Address source;
    std::string_view token;        // empty: none
    std::uint64_t connection = 0;  // 0: none
  };
  // Learns whose the token is, where it may.
  Resolution resolve(const Question& question, const Refused& refused, WallTime now);

  void registered(std::uint64_t connection, std::string_view id);
  void closed(std::uint64_t connection) { registered_.erase(connection); }

 private:
  struct Token {
    std::array<unsigned char, 16> digest{};
    std::string id;
    WallTime at{};
  };
  struct Members;

  [[nodiscard]] Resolution known(Slot device, Evidence evidence) const;
  [[nodiscard]] Resolution resolve_place(const Place& place, const Refused& refused, WallTime now) const;
  [[nodiscard]] bool has_other(const Place& place, const Refused& refused, WallTime now) const;
  void look_at_marked(const Place& place, const Refused& refused, WallTime now, Members& members) const;
  void look_at_others(const Place& place, const Refused& refused, WallTime now, Members& members) const;
  [[nodiscard]] Slot sole_asker(const Place& place, WallTime now) const;
  Token& token_of(std::string_view text, std::array<unsigned char, 16>& digest);

  const DeviceTable& table_;
  std::array<unsigned char, 32> token_key_{};  // tokens are secrets: only keyed digests of them are held
  std::vector<Token> tokens_;                  // of a fixed size; a newer one takes the place of an older one
  std::unordered_map<std::uint64_t, std::string> registered_;
};

}  // namespace gatehouse::rustdesk
