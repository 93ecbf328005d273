// What a judgement says for the audit and the metrics. The words never change once released.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "rustdesk/initiator.h"
#include "rustdesk/relay_tickets.h"

namespace gatehouse::rustdesk {

// Where it was judged: the six checks, and what stands behind them.
enum class Check : std::uint8_t {
  registration,     // RegisterPeer, RegisterPk
  load,             // what a target says and is asked: PunchHoleSent, LocalAddr, RelayResponse, OnlineResponse
  punch_initiator,  // PunchHoleRequest
  punch_target,
  relay_initiator,  // RequestRelay, at hbbs and at hbbr
  relay_target,
  ticket,   // at hbbr, and where tickets are minted
  push,     // from hbbs to a target: PunchHole, FetchLocalAddr, RequestRelay
  message,  // whether it may be said there at all
};
inline constexpr std::size_t check_count = 9;

// One a line, so that changes stand apart. A new one is added at the end.
// clang-format off
enum class Code : std::uint8_t {
  allowed,
  source_banned,             // the address or network
  id_banned,                 // the device's id; the check says in which part
  uuid_banned,
  pk_banned,
  machine_banned,            // another id of the same machine
  device_pending,            // not approved yet
  initiator_banned,
  initiator_incoming_only,
  initiator_no_operator,
  initiator_pending,
  initiator_known,           // denied by the policy for known ones
  initiator_ambiguous,       // by that for ambiguous ones
  initiator_unknown,         // by that for unknown ones
  initiator_without_token,   // the policy requires one
  relay_forced,              // allowed, over the relay
  direct_refused,            // a direct connection where a relay was forced
  target_banned,
  target_pending,
  ticket_missing,
  ticket_used,               // that side has come before
  ticket_mismatch,           // of another target, or from an address that is not that of its side
  ticket_in_use,             // a uuid that is somebody else's or under way
  ticket_limit,
  answer_unasked,            // a target answers whom nobody let ask
  wrong_direction,
  wrong_port,
  unreadable_id,             // empty or too long
  unknown_beside,            // a known message with an unknown one beside it
  peers_hidden,              // bits of OnlineResponse cleared
  bans_unavailable,          // the bans have not been read yet
  too_many_peers,            // in one OnlineRequest
};
// clang-format on
inline constexpr std::size_t code_count = 32;

std::string_view name(Check check);
std::string_view name(Code code);
std::optional<Code> code_of(std::string_view text);

struct Finding {
  Check check = Check::message;
  Code code = Code::allowed;
  bool denied = false;
  Endpoint source;  // who said it; of an answer of hbbs, whom it goes to
  Outcome outcome = Outcome::unknown;
  Evidence evidence = Evidence::none;
  std::vector<std::string> initiators;  // known: the one; ambiguous or unknown: who it may be
  bool more_initiators = false;
  std::string target;  // of registrations: the device
  std::string uuid;    // of the relay; of a registration the machine's, in base64
  std::optional<std::uint64_t> ban;
};

struct Counters {
  std::array<std::array<std::uint64_t, code_count>, check_count> judged{};
  std::uint64_t& of(Check check, Code code) {
    return judged.at(static_cast<std::size_t>(check)).at(static_cast<std::size_t>(code));
  }
  [[nodiscard]] std::uint64_t of(Check check, Code code) const {
    return judged.at(static_cast<std::size_t>(check)).at(static_cast<std::size_t>(code));
  }
};

}  // namespace gatehouse::rustdesk
