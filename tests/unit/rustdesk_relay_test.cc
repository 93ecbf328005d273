// Relays as the gateway judges them: at hbbs, where they are arranged, and at hbbr.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/rustdesk_inspected.h"

namespace gatehouse::rustdesk {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class Relay : public Inspected {
 protected:
  Relay() {
    registers("192.0.2.1:5000", alice);
    registers("198.51.100.7:5001", bob);
  }
  // Alice asks hbbs for a relay to Bob, who answers.
  void arrange(std::string_view uuid) {
    ASSERT_EQ(says("192.0.2.1:40000", request_relay(bob, uuid), tcp(1)).action, Action::pass);
    auto pushed = request_relay(bob, uuid);
    pushed.socket_addr = mangled("192.0.2.1:40000");
    ASSERT_EQ(hears("198.51.100.7:5001", pushed).action, Action::pass);
    RelayResponse response;
    response.socket_addr = mangled("192.0.2.1:40000");
    ASSERT_EQ(says("198.51.100.7:41000", response, tcp(2)).action, Action::pass);
  }
  // Bob begins it, when Alice's punch was passed on to him.
  RelayResponse begun_by_target(std::string_view uuid) {
    RelayResponse response;
    response.socket_addr = mangled("192.0.2.1:40000");
    response.id = bob;
    response.uuid = uuid;
    response.relay_server = "relay.example";
    return response;
  }
  Judgement initiator_comes(std::string_view uuid, std::uint64_t connection,
                            std::string_view endpoint = "192.0.2.1:42000", std::string_view target = bob) {
    return says(endpoint, request_relay(target, uuid), relay(connection));
  }
  Judgement target_comes(std::string_view uuid, std::uint64_t connection,
                         std::string_view endpoint = "198.51.100.7:43000") {
    return says(endpoint, request_relay({}, uuid), relay(connection));
  }
  std::vector<std::uint64_t> closing() {
    std::vector<std::uint64_t> connections;
    for (const auto& each : inspector.relays_to_close(now)) {
      connections.insert(connections.end(), each.connections.begin(), each.connections.end());
      last_code = name(each.finding.code);
    }
    return connections;
  }
  std::string last_code;
};

TEST_F(Relay, Trap10WithATicketOfRequestRelayIsLetInInAnyOrder) {
  arrange("u1");
  EXPECT_EQ(initiator_comes("u1", 11).action, Action::pass);
  EXPECT_EQ(target_comes("u1", 12).action, Action::pass);
  arrange("u2");
  EXPECT_EQ(target_comes("u2", 13).action, Action::pass);
  const auto judgement = initiator_comes("u2", 14);
  EXPECT_EQ(judgement.action, Action::pass);
  EXPECT_EQ(inspector.tickets().size(), 2U);
}

TEST_F(Relay, Trap10WithATicketOfRelayResponseIsLetIn) {
  ASSERT_EQ(says("192.0.2.1:40000", punch(bob), tcp(1)).action, Action::pass);
  EXPECT_EQ(says("198.51.100.7:41000", begun_by_target("u1"), tcp(2)).action, Action::pass);
  EXPECT_EQ(initiator_comes("u1", 11).action, Action::pass);
  EXPECT_EQ(target_comes("u1", 12).action, Action::pass);
}

TEST_F(Relay, Trap10OfAnUuidThatWasNeverMintedIsClosed) {
  EXPECT_EQ(code(initiator_comes("u1", 11)), "ticket: ticket_missing");
  EXPECT_EQ(target_comes("u1", 12).action, Action::close);
  EXPECT_EQ(initiator_comes("", 13).action, Action::close);
}

TEST_F(Relay, Trap10IsLetInOnceForEachSide) {
  arrange("u1");
  EXPECT_EQ(initiator_comes("u1", 11).action, Action::pass);
  EXPECT_EQ(code(initiator_comes("u1", 12)), "ticket: ticket_used");
  EXPECT_EQ(target_comes("u1", 13).action, Action::pass);
  EXPECT_EQ(code(target_comes("u1", 14)), "ticket: ticket_used");
  inspector.closed(11);
  inspector.closed(13);
  EXPECT_EQ(inspector.tickets().size(), 0U);
  EXPECT_EQ(initiator_comes("u1", 15).action, Action::close) << "its session is over";
}

TEST_F(Relay, Trap10KeepsItsUuidFromOthers) {
  arrange("u1");
  registers("203.0.113.5:5000", carol);
  const auto judgement = says("203.0.113.5:40000", request_relay(bob, "u1"), tcp(5));
  EXPECT_EQ(code(judgement), "ticket: ticket_in_use");
  EXPECT_EQ(judgement.action, Action::answer_and_close);
  EXPECT_EQ(initiator_comes("u1", 11).action, Action::pass);
  EXPECT_EQ(says("192.0.2.1:40000", request_relay(bob, "u1"), tcp(1)).action, Action::answer_and_close) << "under way";
}

TEST_F(Relay, Trap10WithOneSideOnWebSocketIsLetIn) {
  ASSERT_EQ(says("192.0.2.1:40000", request_relay(bob, "u1"), websocket(1)).action, Action::pass);
  auto pushed = request_relay(bob, "u1");
  const Endpoint without_port{Address::parse(home).value(), 0};  // hbbs knows it by X-Real-IP
  pushed.socket_addr = mangled(without_port);
  EXPECT_EQ(hears("198.51.100.7:5001", pushed).action, Action::pass);
  RelayResponse response;
  response.socket_addr = mangled(without_port);
  EXPECT_EQ(says("198.51.100.7:41000", response, tcp(2)).action, Action::pass);
  EXPECT_EQ(says("192.0.2.1:42000", request_relay(bob, "u1"), {Carrier::websocket, 11, PortRole::relay}).action,
            Action::pass);
  EXPECT_EQ(target_comes("u1", 12).action, Action::pass);
}

TEST_F(Relay, IsRefusedToWhoIsNotItsSide) {
  arrange("u1");
  EXPECT_EQ(code(initiator_comes("u1", 11, "203.0.113.5:42000")), "ticket: ticket_mismatch");
  EXPECT_EQ(initiator_comes("u1", 12, "192.0.2.1:42000", carol).action, Action::close);
  EXPECT_EQ(target_comes("u1", 13, "203.0.113.5:43000").action, Action::close);
  EXPECT_EQ(initiator_comes("u1", 14).action, Action::pass) << "they did not use it up";
  EXPECT_EQ(target_comes("u1", 15).action, Action::pass);
}

TEST_F(Relay, IsLetInOverTheOtherFamilyOfADeviceThatIsKnownThere) {
  beats("[2001:db8::1]:5000", alice);
  arrange("u1");
  EXPECT_EQ(initiator_comes("u1", 11, "[2001:db8::1]:42000").action, Action::pass);
}

TEST_F(Relay, Trap10IsClosedOnBothSidesByABanOfTheTarget) {
  arrange("u1");
  initiator_comes("u1", 11);
  target_comes("u1", 12);
  EXPECT_THAT(closing(), IsEmpty());
  ban({{std::string(bob), {}}});
  EXPECT_THAT(closing(), UnorderedElementsAre(11, 12));
  EXPECT_EQ(last_code, "target_banned");
  inspector.closed(11);
  EXPECT_THAT(closing(), ElementsAre(12));
}

TEST_F(Relay, Trap10IsClosedByABanOfTheInitiatorsMachine) {
  arrange("u1");
  initiator_comes("u1", 11);
  target_comes("u1", 12);
  ban({{uuid_name(bytes("uuid-111111111")), {}}});
  EXPECT_THAT(closing(), UnorderedElementsAre(11, 12));
  EXPECT_EQ(last_code, "initiator_banned");
}

TEST_F(Relay, IsClosedByABanOfItsAddressByANewPolicyAndByAKill) {
  arrange("u1");
  initiator_comes("u1", 11);
  target_comes("u1", 12);
  EXPECT_THAT(inspector.relays_of(alice), UnorderedElementsAre(11, 12));
  EXPECT_THAT(inspector.relays_of(bob), UnorderedElementsAre(11, 12));
  EXPECT_THAT(inspector.relays_of(carol), IsEmpty());
  ServiceOptions options;
  options.incoming_only.insert(std::string(alice));
  set(options);
  EXPECT_THAT(closing(), UnorderedElementsAre(11, 12));
  set({});
  EXPECT_THAT(closing(), IsEmpty());
  const std::vector<policy::Ban> bans{{9, Prefix::parse("192.0.2.0/24").value(), std::nullopt}};
  inspector.set_bans(std::make_shared<policy::BanTable>(bans));
  EXPECT_THAT(closing(), UnorderedElementsAre(11, 12));
  EXPECT_EQ(last_code, "source_banned");
}

TEST_F(Relay, OfAnAmbiguousInitiatorIsClosedWhenOneOfThoseThatItMayBeIsBanned) {
  registers("192.0.2.1:5002", carol);
  arrange("u1");
  initiator_comes("u1", 11);
  target_comes("u1", 12);
  EXPECT_THAT(closing(), IsEmpty());
  ban({{std::string(carol), {}}});
  EXPECT_THAT(closing(), UnorderedElementsAre(11, 12));
  ServiceOptions options;
  options.initiator_ambiguous = InitiatorPolicy::force_relay;
  set(options);
  EXPECT_THAT(closing(), IsEmpty()) << "it is on the relay";
}

TEST_F(Relay, IsRefusedWhenTheBanComesBetweenTicketAndRelay) {
  arrange("u1");
  ban({{std::string(alice), {}}});
  EXPECT_EQ(code(initiator_comes("u1", 11)), "relay_initiator: initiator_banned");
  EXPECT_EQ(target_comes("u1", 12).action, Action::close);
}

TEST_F(Relay, BegunByATargetThatNobodyAskedIsRefusedElsewhereThanWhereThatDeviceIs) {
  EXPECT_EQ(says("198.51.100.7:41000", begun_by_target("u1"), tcp(2)).action, Action::pass) << "it is Bob's address";
  EXPECT_EQ(code(says("203.0.113.5:41000", begun_by_target("u2"), tcp(3))), "load: answer_unasked");
  ASSERT_EQ(says("192.0.2.1:40000", punch(bob), tcp(1)).action, Action::pass);
  EXPECT_EQ(says("[2001:db8::7]:41000", begun_by_target("u3"), tcp(4)).action, Action::pass) << "Alice has asked it";
  EXPECT_EQ(target_comes("u3", 12, "[2001:db8::7]:43000").action, Action::pass);
}

TEST_F(Relay, Trap2OfABannedDeviceBehindAnAddressIsJudgedAlikeAtPunchRelayAndTicket) {
  registers("192.0.2.1:5009", mallory);
  ban({{std::string(mallory), {}}});
  for (const auto policy :
       {InitiatorPolicy::allow, InitiatorPolicy::deny, InitiatorPolicy::force_relay, InitiatorPolicy::require_token}) {
    ServiceOptions options;
    options.initiator_ambiguous = policy;
    options.strict_tickets = false;
    set(options);
    const auto allowed = [](const Judgement& judgement) {
      return judgement.action == Action::pass || judgement.action == Action::replace;
    };
    const bool punched = allowed(says("192.0.2.1:40000", punch(bob), tcp(1)));
    const auto uuid = "u" + std::to_string(static_cast<int>(policy));
    EXPECT_EQ(allowed(says("192.0.2.1:40001", request_relay(bob, uuid), tcp(2))), punched);
    EXPECT_EQ(allowed(initiator_comes(uuid, 20 + static_cast<std::uint64_t>(policy))), punched);
    EXPECT_EQ(punched, policy == InitiatorPolicy::allow || policy == InitiatorPolicy::force_relay);
  }
}

TEST_F(Relay, WithoutTicketsIsJudgedByWhatComesToHbbr) {
  ServiceOptions options;
  options.strict_tickets = false;
  set(options);
  EXPECT_EQ(initiator_comes("u1", 11).action, Action::pass);
  EXPECT_EQ(target_comes("u1", 12).action, Action::pass);
  EXPECT_EQ(target_comes("u1", 13).action, Action::close);
  EXPECT_EQ(target_comes("u2", 14).action, Action::pass);
  EXPECT_EQ(initiator_comes("u2", 15).action, Action::pass);
  ban({{std::string(alice), {}}});
  EXPECT_THAT(closing(), UnorderedElementsAre(11, 12, 14, 15));
  EXPECT_EQ(code(initiator_comes("u3", 16)), "relay_initiator: initiator_banned");
  EXPECT_EQ(code(initiator_comes("u4", 17, "203.0.113.5:1")), "ticket: allowed (allowed)");
  ban({{std::string(bob), {}}});
  EXPECT_EQ(code(target_comes("u5", 18)), "relay_target: target_banned");
  EXPECT_EQ(code(initiator_comes("u6", 19)), "relay_target: target_banned");
  set({});
  EXPECT_THAT(closing(), testing::SizeIs(5)) << "now they need tickets";
}

TEST_F(Relay, SaysNothingAtHbbrButWhatBeginsIt) {
  EXPECT_EQ(says("192.0.2.1:42000", punch(bob), relay(1)).action, Action::close);
  EXPECT_EQ(says("192.0.2.1:42000", heartbeat(alice), relay(2)).action, Action::close);
  EXPECT_EQ(says("192.0.2.1:42000", KeyExchange{}, relay(3)).action, Action::close);
}

}  // namespace
}  // namespace gatehouse::rustdesk
