// The messages of RustDesk's rendezvous and relay servers: RendezvousMessage of hbb_common's rendezvous.proto (proto3).
// One datagram, one frame (frames.h) or one binary WebSocket message holds one of them.
//
// Ownership: texts and bytes of a parsed message are views of the bytes that were parsed and live as long as those; who
// changes a message keeps what the new views show. Only lists and unknown fields are copies, so that parsing what
// clients usually send allocates nothing. A list has at most an entry for every two bytes.
//
// Strict, since hbbs (rust-protobuf: the last of several wins) and others (libprotobuf: they are merged) read doubtful
// bytes differently: one union member, no field twice, shortest varints, valid UTF-8, no groups. A field with another
// wire type than ours is refused, for hbbs would not see it. Nesting is that of these structs: contents that are not
// looked into stay bytes. Fields that we do not know are kept byte for byte, in their order, after those that we do.
//
// A message that passes unchanged passes as the bytes that came; encode() is for what is changed or made here. It
// writes fields in the order of their numbers and leaves out defaults.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "rustdesk/bytes.h"
#include "rustdesk/decode_error.h"

namespace gatehouse::rustdesk {

// Bytes of an id, of a uuid (both the device's and the relay's) and of a device's public key, whatever names it: ids
// have 6 to 16, keys 32. What is longer is refused, so that no key of a table is without bound.
inline constexpr std::size_t longest_name = 256;
inline constexpr std::size_t longest_message = 65536;

// Open enums: other numbers are kept as they are.
enum class NatType : std::int32_t { unknown = 0, asymmetric = 1, symmetric = 2 };
enum class ConnType : std::int32_t {
  default_conn = 0,
  file_transfer = 1,
  port_forward = 2,
  rdp = 3,
  view_camera = 4,
  terminal = 5,
};
enum class RegisterPkResult : std::int32_t {
  ok = 0,
  uuid_mismatch = 2,
  id_exists = 3,
  too_frequent = 4,
  invalid_id_format = 5,
  not_support = 6,
  server_error = 7,
  not_deployed = 8,
};
// Counts only in an answer without socket_addr.
enum class PunchHoleFailure : std::int32_t { id_not_exist = 0, offline = 2, license_mismatch = 3, license_overuse = 4 };

// client -> hbbs, UDP: the heartbeat. Its id is a claim.
struct RegisterPeer {
  std::string_view id;
  std::int32_t serial = 0;
  Buffer unknown;
};
struct RegisterPeerResponse {
  bool request_pk = false;
  Buffer unknown;
};
struct RegisterPk {
  std::string_view id;
  Bytes uuid;
  Bytes pk;
  std::string_view old_id;
  bool no_register_device = false;
  Buffer unknown;
};
struct RegisterPkResponse {
  RegisterPkResult result = RegisterPkResult::ok;
  std::int32_t keep_alive = 0;  // seconds; 0: unset
  Buffer unknown;
};
// initiator -> hbbs; `id` is the target's.
struct PunchHoleRequest {
  std::string_view id;
  NatType nat_type = NatType::unknown;
  std::string_view licence_key;
  ConnType conn_type = ConnType::default_conn;
  std::string_view token;
  std::string_view version;
  std::int32_t udp_port = 0;
  bool force_relay = false;
  std::int32_t upnp_port = 0;
  Bytes socket_addr_v6;
  std::string_view switch_code;
  Buffer unknown;
};
// hbbs -> target; `socket_addr` is the initiator's.
struct PunchHole {
  Bytes socket_addr;
  std::string_view relay_server;
  NatType nat_type = NatType::unknown;
  std::int32_t udp_port = 0;
  bool force_relay = false;
  std::int32_t upnp_port = 0;
  Bytes socket_addr_v6;
  std::optional<Bytes> control_permissions;  // not looked into
  std::optional<Bytes> controlled_context;   // not looked into
  Buffer unknown;
};
// target -> hbbs; `id` is the sender's.
struct PunchHoleSent {
  Bytes socket_addr;
  std::string_view id;
  std::string_view relay_server;
  NatType nat_type = NatType::unknown;
  std::string_view version;
  std::int32_t upnp_port = 0;
  Bytes socket_addr_v6;
  Buffer unknown;
};
// hbbs -> initiator. Of nat_type and is_local at most one is there (a oneof).
struct PunchHoleResponse {
  Bytes socket_addr;
  Bytes pk;  // signed id and key
  PunchHoleFailure failure = PunchHoleFailure::id_not_exist;
  std::string_view relay_server;
  std::optional<NatType> nat_type;
  std::optional<bool> is_local;
  std::string_view other_failure;
  std::int32_t feedback = 0;
  bool is_udp = false;
  std::int32_t upnp_port = 0;
  Bytes socket_addr_v6;
  Buffer unknown;
};
// hbbs -> target
struct FetchLocalAddr {
  Bytes socket_addr;
  std::string_view relay_server;
  Bytes socket_addr_v6;
  std::optional<Bytes> control_permissions;  // not looked into
  std::optional<Bytes> controlled_context;   // not looked into
  Buffer unknown;
};
// target -> hbbs; `id` is the sender's.
struct LocalAddr {
  Bytes socket_addr;
  Bytes local_addr;
  std::string_view relay_server;
  std::string_view id;
  std::string_view version;
  Bytes socket_addr_v6;
  Buffer unknown;
};
struct ConfigUpdate {
  std::int32_t serial = 0;
  std::vector<std::string_view> rendezvous_servers;
  Buffer unknown;
};
// initiator -> hbbs -> target, and both sides -> hbbr: `id` is the target's, and empty from the target to hbbr.
struct RequestRelay {
  std::string_view id;
  std::string_view uuid;  // of the relay
  Bytes socket_addr;
  std::string_view relay_server;
  bool secure = false;
  std::string_view licence_key;
  ConnType conn_type = ConnType::default_conn;
  std::string_view token;
  std::optional<Bytes> control_permissions;  // not looked into
  std::optional<Bytes> controlled_context;   // not looked into
  std::string_view switch_code;
  Buffer unknown;
};
// target -> hbbs -> initiator. Of id and pk at most one is there (a oneof): the target's id to hbbs, its signed key
// from hbbs.
struct RelayResponse {
  Bytes socket_addr;
  std::string_view uuid;
  std::string_view relay_server;
  std::optional<std::string_view> id;
  std::optional<Bytes> pk;
  std::string_view refuse_reason;
  std::string_view version;
  std::int32_t feedback = 0;
  Bytes socket_addr_v6;
  std::int32_t upnp_port = 0;
  Buffer unknown;
};
struct TestNatRequest {
  std::int32_t serial = 0;
  Buffer unknown;
};
struct TestNatResponse {
  std::int32_t port = 0;
  std::optional<Bytes> cu;  // a ConfigUpdate, not looked into
  Buffer unknown;
};
// GUI -> hbbs; `id` is the asker's own.
struct OnlineRequest {
  std::string_view id;
  std::vector<std::string_view> peers;
  Buffer unknown;
};
struct OnlineResponse {
  Bytes states;  // online_states.h
  Buffer unknown;
};
struct KeyExchange {
  std::vector<Bytes> keys;
  Buffer unknown;
};
// A member of the union that is passed or dropped as a whole: SoftwareUpdate, PeerDiscovery, HealthCheck,
// HttpProxyRequest, HttpProxyResponse.
enum class OpaqueKind : std::uint8_t {
  software_update = 17,
  peer_discovery = 22,
  health_check = 26,
  http_proxy_request = 27,
  http_proxy_response = 28,
};
struct Opaque {
  OpaqueKind kind = OpaqueKind::software_update;
  Bytes content;
};
// No member that we know, but fields that we do not: perhaps one of a newer protocol. All of it is in Message::unknown.
struct UnknownMember {
  std::uint32_t number = 0;  // of the first field
};

using Body =
    std::variant<RegisterPeer, RegisterPeerResponse, PunchHoleRequest, PunchHole, PunchHoleSent, PunchHoleResponse,
                 FetchLocalAddr, LocalAddr, ConfigUpdate, RegisterPk, RegisterPkResponse, RequestRelay, RelayResponse,
                 TestNatRequest, TestNatResponse, OnlineRequest, OnlineResponse, KeyExchange, Opaque, UnknownMember>;

struct Message {
  Body body;
  // Fields beside the union. A newer peer may take one of them for its member, in place of `body`.
  Buffer unknown;
};

// `longest`: bytes; longer messages are refused unread.
std::expected<Message, DecodeError> parse(Bytes bytes, std::size_t longest = longest_message);

Buffer encode(const Message& message);

// The name of its message in rendezvous.proto ("PunchHoleRequest"); "unknown" for UnknownMember.
std::string_view name_of(const Body& body);

}  // namespace gatehouse::rustdesk
