// What a service of kind rustdesk may be told besides: how initiators are judged that are not known for sure, who may
// only be reached, how devices are let in. Each option has one key, the same in policy files and in the store, and its
// values are words. Pure.
//
// Such a service stands for the ports of one server: of hbbs the signal port P (TCP and UDP; 21116), P-1 (TCP: NAT
// test, who is online) and P+2 (TCP: WebSocket), of hbbr the relay port R (TCP; P+1 unless said) and R+2 (TCP:
// WebSocket). The server has the same numbers, for clients work the others out from P. Facts: docs of rustdesk-server,
// "ports".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gatehouse::policy {

// What becomes of a session that a device wants to start, by how well it is known which device it is.
// force_relay: passed, but so that both ends meet at the relay, where it can be cut. require_token: only with the token
// of a login.
enum class InitiatorRule : std::uint8_t { allow, deny, force_relay, require_token };
// Relays without a ticket, which every session gets that was agreed upon through this gateway.
enum class RelayTickets : std::uint8_t { strict, off };
// Devices that nobody has approved.
enum class Enrolment : std::uint8_t { open, approve };
// Clients that wait for an encrypted channel to hbbs: terminate: the gateway gives it, by the server's key; pass: they
// are passed on as they are, unread; deny: what cannot be read ends.
enum class SecureTcp : std::uint8_t { deny, pass, terminate };

struct RustDeskOptions {
  std::uint16_t relay_port = 0;                             // 0: the one behind the signal port
  InitiatorRule initiator_known = InitiatorRule::allow;     // one device, and nothing is against it
  InitiatorRule initiator_ambiguous = InitiatorRule::deny;  // several at this address, one of which is banned
  InitiatorRule initiator_unknown = InitiatorRule::allow;   // none was ever seen at this address
  RelayTickets relay_tickets = RelayTickets::strict;
  Enrolment enrolment = Enrolment::open;
  std::vector<std::string> incoming_only{};  // ids that may be reached but start nothing; sorted
  std::vector<std::string> operators{};      // the only ids that may start a session; empty: all; sorted
  std::vector<std::string> watched{};        // ids whose sessions, in both directions, meet at the relay; sorted
  std::string refusal_text{};                // shown to who is refused; empty: the gateway's own
  SecureTcp secure_tcp = SecureTcp::deny;
  std::string server_key{};  // of terminate: the path of hbbs's id_ed25519
  friend bool operator==(const RustDeskOptions&, const RustDeskOptions&) = default;
};

struct RustDeskKey {
  std::string_view key;
  bool is_list = false;
};
inline constexpr std::array rustdesk_keys{
    RustDeskKey{"relay_port"},          RustDeskKey{"initiator_known"}, RustDeskKey{"initiator_ambiguous"},
    RustDeskKey{"initiator_unknown"},   RustDeskKey{"relay_tickets"},   RustDeskKey{"enrolment"},
    RustDeskKey{"incoming_only", true}, RustDeskKey{"operators", true}, RustDeskKey{"watched", true},
    RustDeskKey{"refusal_text"},        RustDeskKey{"secure_tcp"},      RustDeskKey{"server_key"}};

// Empty where nothing is set that is not the default.
std::vector<std::string> values_of(const RustDeskOptions& options, std::string_view key);
// Sets one, or adds to a list, which stays sorted. Error: not a value of this key.
Result<void> put_value(RustDeskOptions& options, std::string_view key, std::string_view value);

std::string_view name(InitiatorRule value);
std::string_view name(RelayTickets value);
std::string_view name(Enrolment value);
std::string_view name(SecureTcp value);

// The id of a device as clients show it: printable ASCII without blanks, 1 to 64 characters.
bool is_device_id(std::string_view text);

}  // namespace gatehouse::policy
