// The fields of each message: their numbers in hbb_common's rendezvous.proto, and where they are in our structs.
// Reading and writing go by this table alone.
#pragma once

#include <limits>
#include <tuple>

#include "rustdesk/messages.h"

namespace gatehouse::rustdesk {

template <typename M, typename T>
struct FieldOf {
  std::uint32_t number;
  T M::* member;
  std::size_t longest = std::numeric_limits<std::size_t>::max();  // bytes
  std::uint32_t other = 0;                                        // the other member of the oneof that it belongs to
};

template <typename M, typename T>
constexpr auto field(std::uint32_t number, T M::* member) {
  return FieldOf<M, T>{.number = number, .member = member};
}
// An id, a uuid or a device's key.
template <typename M, typename T>
constexpr auto name(std::uint32_t number, T M::* member) {
  return FieldOf<M, T>{.number = number, .member = member, .longest = longest_name};
}
template <typename M, typename T>
constexpr auto one_of(FieldOf<M, T> field, std::uint32_t other) {
  field.other = other;
  return field;
}

// `member`: its number in the union.
template <typename M>
struct Description;

template <>
struct Description<RegisterPeer> {
  using M = RegisterPeer;
  static constexpr std::uint32_t member = 6;
  static constexpr std::string_view proto_name = "RegisterPeer";
  static constexpr auto fields = std::tuple{name(1, &M::id), field(2, &M::serial)};
};
template <>
struct Description<RegisterPeerResponse> {
  using M = RegisterPeerResponse;
  static constexpr std::uint32_t member = 7;
  static constexpr std::string_view proto_name = "RegisterPeerResponse";
  static constexpr auto fields = std::tuple{field(2, &M::request_pk)};
};
template <>
struct Description<PunchHoleRequest> {
  using M = PunchHoleRequest;
  static constexpr std::uint32_t member = 8;
  static constexpr std::string_view proto_name = "PunchHoleRequest";
  static constexpr auto fields = std::tuple{
      name(1, &M::id),         field(2, &M::nat_type),        field(3, &M::licence_key), field(4, &M::conn_type),
      field(5, &M::token),     field(6, &M::version),         field(7, &M::udp_port),    field(8, &M::force_relay),
      field(9, &M::upnp_port), field(10, &M::socket_addr_v6), field(11, &M::switch_code)};
};
template <>
struct Description<PunchHole> {
  using M = PunchHole;
  static constexpr std::uint32_t member = 9;
  static constexpr std::string_view proto_name = "PunchHole";
  static constexpr auto fields =
      std::tuple{field(1, &M::socket_addr),    field(2, &M::relay_server),        field(3, &M::nat_type),
                 field(4, &M::udp_port),       field(5, &M::force_relay),         field(6, &M::upnp_port),
                 field(7, &M::socket_addr_v6), field(8, &M::control_permissions), field(9, &M::controlled_context)};
};
template <>
struct Description<PunchHoleSent> {
  using M = PunchHoleSent;
  static constexpr std::uint32_t member = 10;
  static constexpr std::string_view proto_name = "PunchHoleSent";
  static constexpr auto fields = std::tuple{
      field(1, &M::socket_addr), name(2, &M::id),         field(3, &M::relay_server),  field(4, &M::nat_type),
      field(5, &M::version),     field(6, &M::upnp_port), field(7, &M::socket_addr_v6)};
};
template <>
struct Description<PunchHoleResponse> {
  using M = PunchHoleResponse;
  static constexpr std::uint32_t member = 11;
  static constexpr std::string_view proto_name = "PunchHoleResponse";
  static constexpr auto fields = std::tuple{field(1, &M::socket_addr),
                                            field(2, &M::pk),
                                            field(3, &M::failure),
                                            field(4, &M::relay_server),
                                            one_of(field(5, &M::nat_type), 6),
                                            one_of(field(6, &M::is_local), 5),
                                            field(7, &M::other_failure),
                                            field(8, &M::feedback),
                                            field(9, &M::is_udp),
                                            field(10, &M::upnp_port),
                                            field(11, &M::socket_addr_v6)};
};
template <>
struct Description<FetchLocalAddr> {
  using M = FetchLocalAddr;
  static constexpr std::uint32_t member = 12;
  static constexpr std::string_view proto_name = "FetchLocalAddr";
  static constexpr auto fields =
      std::tuple{field(1, &M::socket_addr), field(2, &M::relay_server), field(3, &M::socket_addr_v6),
                 field(4, &M::control_permissions), field(5, &M::controlled_context)};
};
template <>
struct Description<LocalAddr> {
  using M = LocalAddr;
  static constexpr std::uint32_t member = 13;
  static constexpr std::string_view proto_name = "LocalAddr";
  static constexpr auto fields =
      std::tuple{field(1, &M::socket_addr), field(2, &M::local_addr), field(3, &M::relay_server),
                 name(4, &M::id),           field(5, &M::version),    field(6, &M::socket_addr_v6)};
};
template <>
struct Description<ConfigUpdate> {
  using M = ConfigUpdate;
  static constexpr std::uint32_t member = 14;
  static constexpr std::string_view proto_name = "ConfigUpdate";
  static constexpr auto fields = std::tuple{field(1, &M::serial), field(2, &M::rendezvous_servers)};
};
template <>
struct Description<RegisterPk> {
  using M = RegisterPk;
  static constexpr std::uint32_t member = 15;
  static constexpr std::string_view proto_name = "RegisterPk";
  static constexpr auto fields = std::tuple{name(1, &M::id), name(2, &M::uuid), name(3, &M::pk), name(4, &M::old_id),
                                            field(5, &M::no_register_device)};
};
template <>
struct Description<RegisterPkResponse> {
  using M = RegisterPkResponse;
  static constexpr std::uint32_t member = 16;
  static constexpr std::string_view proto_name = "RegisterPkResponse";
  static constexpr auto fields = std::tuple{field(1, &M::result), field(2, &M::keep_alive)};
};
template <>
struct Description<RequestRelay> {
  using M = RequestRelay;
  static constexpr std::uint32_t member = 18;
  static constexpr std::string_view proto_name = "RequestRelay";
  static constexpr auto fields = std::tuple{name(1, &M::id),
                                            name(2, &M::uuid),
                                            field(3, &M::socket_addr),
                                            field(4, &M::relay_server),
                                            field(5, &M::secure),
                                            field(6, &M::licence_key),
                                            field(7, &M::conn_type),
                                            field(8, &M::token),
                                            field(9, &M::control_permissions),
                                            field(10, &M::controlled_context),
                                            field(11, &M::switch_code)};
};
template <>
struct Description<RelayResponse> {
  using M = RelayResponse;
  static constexpr std::uint32_t member = 19;
  static constexpr std::string_view proto_name = "RelayResponse";
  static constexpr auto fields =
      std::tuple{field(1, &M::socket_addr),  name(2, &M::uuid),           field(3, &M::relay_server),
                 one_of(name(4, &M::id), 5), one_of(field(5, &M::pk), 4), field(6, &M::refuse_reason),
                 field(7, &M::version),      field(9, &M::feedback),      field(10, &M::socket_addr_v6),
                 field(11, &M::upnp_port)};
};
template <>
struct Description<TestNatRequest> {
  using M = TestNatRequest;
  static constexpr std::uint32_t member = 20;
  static constexpr std::string_view proto_name = "TestNatRequest";
  static constexpr auto fields = std::tuple{field(1, &M::serial)};
};
template <>
struct Description<TestNatResponse> {
  using M = TestNatResponse;
  static constexpr std::uint32_t member = 21;
  static constexpr std::string_view proto_name = "TestNatResponse";
  static constexpr auto fields = std::tuple{field(1, &M::port), field(2, &M::cu)};
};
template <>
struct Description<OnlineRequest> {
  using M = OnlineRequest;
  static constexpr std::uint32_t member = 23;
  static constexpr std::string_view proto_name = "OnlineRequest";
  static constexpr auto fields = std::tuple{name(1, &M::id), name(2, &M::peers)};
};
template <>
struct Description<OnlineResponse> {
  using M = OnlineResponse;
  static constexpr std::uint32_t member = 24;
  static constexpr std::string_view proto_name = "OnlineResponse";
  static constexpr auto fields = std::tuple{field(1, &M::states)};
};
template <>
struct Description<KeyExchange> {
  using M = KeyExchange;
  static constexpr std::uint32_t member = 25;
  static constexpr std::string_view proto_name = "KeyExchange";
  static constexpr auto fields = std::tuple{field(1, &M::keys)};
};

}  // namespace gatehouse::rustdesk
