// How a service of kind rustdesk judges. The words are those of the policy document.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace gatehouse::rustdesk {

using ServiceId = std::uint32_t;

// What who initiates a session may do, by how well it is known who that is (initiator.h).
enum class InitiatorPolicy : std::uint8_t {
  allow,
  deny,
  force_relay,    // allowed, but over the relay, where it can be cut
  require_token,  // allowed with the token of a login at an API server. Only that there is one is seen: a stock client
                  // sends it only when logged in, a changed one can invent it
};

using Ids = std::set<std::string, std::less<>>;

struct ServiceOptions {
  InitiatorPolicy initiator_known = InitiatorPolicy::allow;     // allow or deny; who is banned is denied in any case
  InitiatorPolicy initiator_ambiguous = InitiatorPolicy::deny;  // when one of those that it may be is refused
  InitiatorPolicy initiator_unknown = InitiatorPolicy::allow;
  bool strict_tickets = true;      // a relay only with a ticket
  bool approve_enrolment = false;  // devices are pending until an operator approves them
  Ids incoming_only;               // never initiate
  // When there are any, nobody else initiates: who is unknown only by require_token and with a token, an ambiguous one
  // by the policy for those.
  Ids operators;
  Ids watched;  // their sessions, in both directions, go over the relay
  // What is shown to who is refused. Stock clients do not try again by themselves when it has "not allowed" in it.
  std::string refusal_text = "The connection is not allowed by the administrator";
  bool open_without_bans = false;  // as long as no bans could be read since the start: let everybody, or nobody
};

}  // namespace gatehouse::rustdesk
