// A gateway's judgement in tests: messages go through the codec as they do on the wire, and what came of them is told
// in words.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "rustdesk/address_mangle.h"
#include "rustdesk/inspector.h"
#include "unit/rustdesk_bytes.h"
#include "unit/rustdesk_devices.h"

namespace gatehouse::rustdesk {

using Action = Judgement::Action;

// How a message comes.
struct Way {
  Carrier carrier = Carrier::udp;
  std::uint64_t connection = 0;
  PortRole role = PortRole::rendezvous;
};
inline constexpr Way udp{};

class Inspected : public testing::Test {
 protected:
  static constexpr std::string_view alice = "111111111";    // at home
  static constexpr std::string_view bob = "222222222";      // at the office
  static constexpr std::string_view carol = "333333333";    // at the office
  static constexpr std::string_view mallory = "666666666";  // at the office
  static constexpr std::string_view home = "192.0.2.1";
  static constexpr std::string_view office = "198.51.100.7";

  Inspected() {
    inspector.set_bans(bans_of({}));
    set({});
  }

  void set(ServiceOptions options) { inspector.set_options(1, std::move(options)); }
  void ban(const std::vector<NamedBan>& names) { inspector.set_bans(bans_of(names)); }

  // ---- what is said; over UDP unless a connection is given
  static Way tcp(std::uint64_t connection) { return {Carrier::tcp, connection, PortRole::rendezvous}; }
  static Way websocket(std::uint64_t connection) { return {Carrier::websocket, connection, PortRole::rendezvous}; }
  static Way relay(std::uint64_t connection) { return {Carrier::tcp, connection, PortRole::relay}; }

  Judgement says(std::string_view endpoint, const Body& body, Way way = udp) {
    return judge(endpoint, body, way, Direction::to_server);
  }
  Judgement hears(std::string_view endpoint, const Body& body, Way way = udp) {
    return judge(endpoint, body, way, Direction::to_client);
  }
  Judgement judge(std::string_view endpoint, const Body& body, Way way, Direction direction) {
    wire = encode({.body = body, .unknown = {}});
    const auto message = parse(wire);
    EXPECT_TRUE(message.has_value());
    return inspector.judge({1, from(endpoint), way.carrier, way.role, direction, way.connection, now}, *message);
  }
  // What is in its bytes; its views live until the next one.
  template <typename T>
  T sent(const Judgement& judgement) {
    answer = judgement.bytes;
    const auto message = parse(answer);
    if (!message || !std::holds_alternative<T>(message->body)) {
      ADD_FAILURE() << "it is another message";
      return {};
    }
    return std::get<T>(message->body);
  }

  // ---- devices as stock ones behave, with uuid "uuid-ID" and key "key-ID"
  Judgement registers(std::string_view endpoint, std::string_view id) {
    auto judgement = says(endpoint, heartbeat(id));
    if (judgement.action != Action::pass) return judgement;
    hears(endpoint, RegisterPeerResponse{.request_pk = true, .unknown = {}});
    const auto uuid = "uuid-" + std::string(id);
    const auto key = "key-" + std::string(id);
    judgement = says(endpoint, registration(id, uuid, key));
    if (judgement.action == Action::pass) hears(endpoint, RegisterPkResponse{});
    return judgement;
  }
  Judgement beats(std::string_view endpoint, std::string_view id) {
    auto judgement = says(endpoint, heartbeat(id));
    if (judgement.action == Action::pass) hears(endpoint, RegisterPeerResponse{});
    return judgement;
  }
  static RegisterPeer heartbeat(std::string_view id) {
    RegisterPeer made;
    made.id = id;
    return made;
  }
  static RegisterPk registration(std::string_view id, std::string_view uuid, std::string_view key) {
    RegisterPk made;
    made.id = id;
    made.uuid = bytes(uuid);
    made.pk = bytes(key);
    return made;
  }
  static PunchHoleRequest punch(std::string_view target, std::string_view token = {}) {
    PunchHoleRequest made;
    made.id = target;
    made.token = token;
    made.nat_type = NatType::asymmetric;
    return made;
  }
  static RequestRelay request_relay(std::string_view target, std::string_view uuid) {
    RequestRelay made;
    made.id = target;
    made.uuid = uuid;
    return made;
  }
  Bytes mangled(std::string_view endpoint) { return mangled(from(endpoint)); }
  Bytes mangled(const Endpoint& endpoint) {
    address = mangle(endpoint, 77U);
    return address.view();
  }

  static std::string code(const Judgement& judgement) {
    return judgement.finding
               ? std::string(name(judgement.finding->check)) + ": " + std::string(name(judgement.finding->code)) +
                     (judgement.finding->denied ? "" : " (allowed)")
               : "";
  }
  void expect_refused_punch(const Judgement& judgement, std::string_view code_of_it) {
    EXPECT_EQ(judgement.action, Action::answer_and_close);
    EXPECT_EQ(sent<PunchHoleResponse>(judgement).other_failure, inspector.options(1).refusal_text);
    EXPECT_EQ(code(judgement), "punch_initiator: " + std::string(code_of_it));
  }

  Inspector inspector;
  WallTime now = at(0);
  void wait(double seconds) { now += Duration(static_cast<std::int64_t>(seconds * 1000)); }

 private:
  Buffer wire;
  Buffer answer;
  MangledAddress address;
};

}  // namespace gatehouse::rustdesk
