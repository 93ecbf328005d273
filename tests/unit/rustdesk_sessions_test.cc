// How sessions begin, as the gateway judges it: initiators, targets, forced relays, what hbbs and targets say.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/rustdesk_inspected.h"

namespace gatehouse::rustdesk {
namespace {

using testing::ElementsAre;

class Sessions : public Inspected {
 protected:
  // Alice is at home; Bob, Carol and Mallory, who is banned, are behind the NAT of the office.
  Sessions() {
    registers("192.0.2.1:5000", alice);
    registers("198.51.100.7:5001", bob);
    registers("198.51.100.7:5002", carol);
    registers("198.51.100.7:5003", mallory);
    ban({{std::string(mallory), {}}});
    wait(31);
    heartbeats();
  }
  void heartbeats() {
    beats("192.0.2.1:5000", alice);
    beats("198.51.100.7:5001", bob);
    beats("198.51.100.7:5002", carol);
    beats("198.51.100.7:5003", mallory);
  }
  void ambiguous(InitiatorPolicy policy) {
    ServiceOptions options;
    options.initiator_ambiguous = policy;
    set(options);
  }
  void unknown(InitiatorPolicy policy) {
    ServiceOptions options;
    options.initiator_unknown = policy;
    set(options);
  }
};

TEST_F(Sessions, BeginWhereNobodyIsRefused) {
  const auto judgement = says("192.0.2.1:40000", punch(bob), tcp(1));
  EXPECT_EQ(judgement.action, Action::pass);
  EXPECT_EQ(code(judgement), "punch_initiator: allowed (allowed)");
  EXPECT_THAT(judgement.finding->initiators, ElementsAre(alice));
  EXPECT_EQ(judgement.finding->target, bob);
}

TEST_F(Sessions, OfABannedInitiatorAreRefusedOnEveryTransport) {
  ban({{std::string(alice), {}}});
  expect_refused_punch(says("192.0.2.1:40000", punch(bob), tcp(1)), "initiator_banned");
  EXPECT_EQ(says("192.0.2.1:40000", punch(bob), websocket(2)).action, Action::answer_and_close);
  EXPECT_EQ(says("192.0.2.1:40000", punch(bob), udp).action, Action::answer) << "hbbs up to 1.1.15 takes it";
  const auto relayed = says("192.0.2.1:40001", request_relay(bob, "u"), tcp(3));
  EXPECT_EQ(relayed.action, Action::answer_and_close);
  EXPECT_EQ(sent<RelayResponse>(relayed).refuse_reason, inspector.options(1).refusal_text);
  EXPECT_EQ(code(relayed), "relay_initiator: initiator_banned");
}

TEST_F(Sessions, ToABannedTargetFindItOffline) {
  const auto punched = says("192.0.2.1:40000", punch(mallory), tcp(1));
  EXPECT_EQ(punched.action, Action::answer_and_close);
  EXPECT_EQ(to_hex(punched.bytes), "5a021802");
  EXPECT_EQ(code(punched), "punch_target: target_banned");
  const auto relayed = says("192.0.2.1:40000", request_relay(mallory, "u"), tcp(2));
  EXPECT_EQ(sent<RelayResponse>(relayed).refuse_reason, "The remote device is offline");
  EXPECT_EQ(code(relayed), "relay_target: target_banned");
}

TEST_F(Sessions, Trap2BehindOneAddressWithABannedDeviceAreDeniedByThatPolicy) {
  ambiguous(InitiatorPolicy::deny);
  const auto judgement = says("198.51.100.7:40000", punch(alice), tcp(1));
  expect_refused_punch(judgement, "initiator_ambiguous");
  EXPECT_EQ(judgement.finding->initiators.front(), mallory);
  EXPECT_EQ(judgement.finding->ban, 1U);
  EXPECT_EQ(code(says("198.51.100.7:40001", request_relay(alice, "u"), tcp(2))),
            "relay_initiator: initiator_ambiguous");
}

TEST_F(Sessions, Trap2BehindOneAddressWithABannedDeviceAreAllowedByThatPolicyAndTold) {
  ambiguous(InitiatorPolicy::allow);
  const auto judgement = says("198.51.100.7:40000", punch(alice), tcp(1));
  EXPECT_EQ(judgement.action, Action::pass);
  EXPECT_EQ(code(judgement), "punch_initiator: initiator_ambiguous (allowed)");
}

TEST_F(Sessions, Trap2BehindOneAddressWithABannedDeviceNeedATokenByThatPolicy) {
  ambiguous(InitiatorPolicy::require_token);
  expect_refused_punch(says("198.51.100.7:40000", punch(alice), tcp(1)), "initiator_without_token");
  EXPECT_EQ(says("198.51.100.7:40000", punch(alice, "secret"), tcp(2)).action, Action::pass);
}

TEST_F(Sessions, Trap2BehindOneAddressWithABannedDeviceAreRelayedByThatPolicy) {
  ambiguous(InitiatorPolicy::force_relay);
  const auto judgement = says("198.51.100.7:40000", punch(alice), tcp(1));
  ASSERT_EQ(judgement.action, Action::replace);
  EXPECT_EQ(code(judgement), "punch_initiator: relay_forced (allowed)");
  EXPECT_EQ(sent<PunchHoleRequest>(judgement).nat_type, NatType::symmetric);
  // What hbbs makes of it, in both of its ways.
  PunchHole hole;
  hole.socket_addr = mangled("198.51.100.7:40000");
  hole.nat_type = NatType::asymmetric;
  hole.relay_server = "relay.example";
  const auto pushed = hears("192.0.2.1:5000", hole);
  ASSERT_EQ(pushed.action, Action::replace);
  EXPECT_EQ(sent<PunchHole>(pushed).nat_type, NatType::symmetric);
  EXPECT_TRUE(sent<PunchHole>(pushed).force_relay);
  FetchLocalAddr fetch;
  fetch.socket_addr = mangled("198.51.100.7:40000");
  fetch.relay_server = "relay.example";
  const auto fetched = hears("192.0.2.1:5000", fetch);
  ASSERT_EQ(fetched.action, Action::replace);
  EXPECT_EQ(sent<PunchHole>(fetched).nat_type, NatType::symmetric);
  EXPECT_EQ(sent<PunchHole>(fetched).relay_server, "relay.example");
  EXPECT_EQ(unmangle(sent<PunchHole>(fetched).socket_addr), from("198.51.100.7:40000"));
  // A target that connects directly nevertheless.
  PunchHoleSent direct;
  direct.socket_addr = mangled("198.51.100.7:40000");
  direct.id = alice;
  EXPECT_EQ(code(says("192.0.2.1:41000", direct, tcp(2))), "load: direct_refused");
  PunchHoleResponse response;
  response.socket_addr = mangled("192.0.2.1:41000");
  EXPECT_EQ(hears("198.51.100.7:40000", response, tcp(1)).action, Action::answer_and_close);
}

TEST_F(Sessions, Trap2TellNeighboursApartWhereTheyShowWhoTheyAre) {
  ambiguous(InitiatorPolicy::deny);
  OnlineRequest request;
  request.id = bob;
  says("198.51.100.7:40000", request, tcp(1));
  EXPECT_EQ(says("198.51.100.7:40001", punch(alice), tcp(2)).action, Action::pass);
  ambiguous(InitiatorPolicy::allow);
  wait(31);
  heartbeats();
  request.id = mallory;
  says("198.51.100.7:40002", request, tcp(3));
  expect_refused_punch(says("198.51.100.7:40003", punch(alice), tcp(4)), "initiator_banned");
}

TEST_F(Sessions, BehindOneAddressWithoutAnyBannedDeviceAreAllowedWhateverThePolicy) {
  ban({});
  ambiguous(InitiatorPolicy::deny);
  EXPECT_EQ(says("198.51.100.7:40000", punch(alice), tcp(1)).action, Action::pass);
}

TEST_F(Sessions, Trap3OfUnknownInitiatorsGoByTheirPolicy) {
  unknown(InitiatorPolicy::allow);
  EXPECT_EQ(code(says("203.0.113.5:40000", punch(alice), tcp(1))), "punch_initiator: initiator_unknown (allowed)");
  unknown(InitiatorPolicy::deny);
  expect_refused_punch(says("203.0.113.5:40000", punch(alice), tcp(1)), "initiator_unknown");
  unknown(InitiatorPolicy::require_token);
  expect_refused_punch(says("203.0.113.5:40000", punch(alice), tcp(1)), "initiator_without_token");
  EXPECT_EQ(says("203.0.113.5:40000", punch(alice, "secret"), tcp(1)).action, Action::pass);
  unknown(InitiatorPolicy::force_relay);
  EXPECT_EQ(says("203.0.113.5:40000", punch(bob), tcp(1)).action, Action::replace);
}

TEST_F(Sessions, Trap4OfABannedDeviceAreKnownByItsDroppedHeartbeatsUntilTheUnban) {
  ban({{std::string(alice), {}}});
  for (int i = 0; i < 100; ++i) {
    wait(3);
    EXPECT_EQ(beats("192.0.2.1:5000", alice).action, Action::drop);
  }
  expect_refused_punch(says("192.0.2.1:40000", punch(bob), tcp(1)), "initiator_banned");
  ban({});
  EXPECT_EQ(says("192.0.2.1:40000", punch(bob), tcp(2)).action, Action::pass);
}

TEST_F(Sessions, Trap6AreToldOnceForResendsAndParallelConnections) {
  std::size_t told = 0;
  for (const auto connection : {1U, 2U}) {
    for (int resend = 0; resend < 3; ++resend) {
      told += says("192.0.2.1:4000" + std::to_string(connection), punch(bob), tcp(connection)).finding.has_value();
      wait(3);
    }
  }
  EXPECT_EQ(told, 1U);
  ban({{std::string(alice), {}}});
  told = 0;
  for (int resend = 0; resend < 6; ++resend) {
    told += says("192.0.2.1:40010", punch(bob), tcp(3)).finding.has_value();
    wait(3);
  }
  EXPECT_EQ(told, 1U);
  EXPECT_TRUE(says("192.0.2.1:40010", punch(carol), tcp(3)).finding) << "to another target";
  wait(30);
  EXPECT_TRUE(says("192.0.2.1:40010", punch(bob), tcp(3)).finding) << "a new attempt";
}

TEST_F(Sessions, OfIncomingOnlyDevicesAreRefusedAndToThemAllowed) {
  ServiceOptions options;
  options.incoming_only.insert(std::string(alice));
  set(options);
  expect_refused_punch(says("192.0.2.1:40000", punch(bob), tcp(1)), "initiator_incoming_only");
  ban({});
  EXPECT_EQ(says("198.51.100.7:40000", punch(alice), tcp(2)).action, Action::pass);
}

TEST_F(Sessions, AreOperatorsAloneWhereThereAreAny) {
  ServiceOptions options;
  options.operators.insert(std::string(alice));
  options.refusal_text = "Ask the helpdesk. Not allowed";
  set(options);
  EXPECT_EQ(says("192.0.2.1:40000", punch(bob), tcp(1)).action, Action::pass);
  expect_refused_punch(says("203.0.113.5:40000", punch(alice), tcp(2)), "initiator_no_operator");
  // Whichever of the two there it is, it may not.
  expect_refused_punch(says("198.51.100.7:40000", punch(alice), tcp(3)), "initiator_banned");
}

TEST_F(Sessions, OfABannedDeviceStayRefusedWhenItForgesTheHeartbeatsOfAnotherBannedOne) {
  ServiceOptions options;
  options.initiator_ambiguous = InitiatorPolicy::allow;
  set(options);
  ban({{std::string(bob), {}}, {std::string(carol), {}}, {std::string(mallory), {}}});
  expect_refused_punch(says("198.51.100.7:40000", punch(alice), tcp(1)), "initiator_banned");
}

TEST_F(Sessions, OfAndToPendingDevicesAreRefused) {
  ServiceOptions options;
  options.approve_enrolment = true;
  set(options);
  expect_refused_punch(says("192.0.2.1:40000", punch(bob), tcp(1)), "initiator_pending");
  ASSERT_TRUE(inspector.approve(alice, true, now));
  EXPECT_EQ(code(says("192.0.2.1:40000", punch(bob), tcp(1))), "punch_target: target_pending");
  ASSERT_TRUE(inspector.approve(bob, true, now));
  EXPECT_EQ(says("192.0.2.1:40000", punch(bob), tcp(1)).action, Action::pass);
}

TEST_F(Sessions, OfWatchedDevicesGoOverTheRelayInBothDirections) {
  ServiceOptions options;
  options.watched.insert(std::string(alice));
  set(options);
  EXPECT_EQ(says("192.0.2.1:40000", punch(bob), tcp(1)).action, Action::replace);
  EXPECT_EQ(says("203.0.113.5:40000", punch(alice), tcp(1)).action, Action::replace);
  EXPECT_EQ(says("203.0.113.5:40000", punch(bob), tcp(1)).action, Action::pass);
}

TEST_F(Sessions, AreNotPushedToABannedTargetNorForARefusedInitiator) {
  PunchHole hole;
  hole.socket_addr = mangled("192.0.2.1:40000");
  const auto to_banned = hears("198.51.100.7:5003", hole);
  EXPECT_EQ(to_banned.action, Action::drop);
  EXPECT_EQ(code(to_banned), "push: target_banned");
  EXPECT_EQ(hears("198.51.100.7:5001", hole).action, Action::pass);
  ban({{std::string(alice), {}}});
  EXPECT_EQ(code(hears("198.51.100.7:5001", hole)), "push: initiator_banned");
  auto relayed = request_relay(bob, "u");
  relayed.socket_addr = mangled("192.0.2.1:40000");
  EXPECT_EQ(hears("198.51.100.7:5001", relayed).action, Action::drop);
  FetchLocalAddr fetch;
  fetch.socket_addr = mangled("192.0.2.1:40000");
  EXPECT_EQ(hears("198.51.100.7:5001", fetch).action, Action::drop);
}

TEST_F(Sessions, ArePushedAsTheirRequestWasJudged) {
  ambiguous(InitiatorPolicy::require_token);
  ASSERT_EQ(says("198.51.100.7:40000", punch(alice, "secret"), tcp(1)).action, Action::pass);
  PunchHole hole;
  hole.socket_addr = mangled("198.51.100.7:40000");
  EXPECT_EQ(hears("192.0.2.1:5000", hole).action, Action::pass);
  hole.socket_addr = mangled("198.51.100.7:40001");
  EXPECT_EQ(code(hears("192.0.2.1:5000", hole)), "push: initiator_without_token") << "nobody asked from there";
}

TEST_F(Sessions, AreNotAnsweredByABannedTarget) {
  PunchHoleSent sent_by;
  sent_by.socket_addr = mangled("192.0.2.1:40000");
  sent_by.id = mallory;
  EXPECT_EQ(says("198.51.100.7:41000", sent_by, tcp(1)).action, Action::close);
  EXPECT_EQ(says("198.51.100.7:41000", sent_by).action, Action::drop);
  LocalAddr local;
  local.socket_addr = mangled("192.0.2.1:40000");
  local.id = mallory;
  EXPECT_EQ(says("198.51.100.7:41000", local, tcp(2)).action, Action::close);
  local.id = bob;
  EXPECT_EQ(says("198.51.100.7:41000", local, tcp(3)).action, Action::pass);
  RelayResponse response;
  response.socket_addr = mangled("192.0.2.1:40000");
  response.id = mallory;
  response.uuid = "u";
  wait(30);
  EXPECT_EQ(code(says("198.51.100.7:41000", response, tcp(4))), "load: target_banned");
}

TEST_F(Sessions, SayNothingThatOnlyServersSay) {
  for (const Body& body :
       {Body(PunchHole{}), Body(FetchLocalAddr{}), Body(RegisterPeerResponse{}), Body(RegisterPkResponse{}),
        Body(PunchHoleResponse{}), Body(ConfigUpdate{}), Body(OnlineResponse{}), Body(TestNatResponse{})}) {
    EXPECT_EQ(says("192.0.2.1:40000", body, tcp(1)).action, Action::close) << name_of(body);
    EXPECT_EQ(hears("192.0.2.1:40000", Body(TestNatResponse{}), tcp(1)).action, Action::pass);
  }
  EXPECT_EQ(says("192.0.2.1:40000", TestNatRequest{}, tcp(1)).action, Action::pass);
}

TEST_F(Sessions, Trap7HideNothingInAFieldThatANewerServerMayRead) {
  Message message{.body = punch(bob), .unknown = hex("f2 01 02 0a 00")};
  const Context context{1, from("192.0.2.1:40000"), Carrier::tcp, PortRole::rendezvous, Direction::to_server, 1, now};
  const auto judgement = inspector.judge(context, message);
  EXPECT_EQ(judgement.action, Action::close);
  EXPECT_EQ(code(judgement), "message: unknown_beside");
}

TEST_F(Sessions, Trap15AreOfOneInitiatorHoweverItsAddressIsWritten) {
  ban({{std::string(alice), {}}});
  expect_refused_punch(says("[::ffff:192.0.2.1]:40000", punch(bob), tcp(1)), "initiator_banned");
}

}  // namespace
}  // namespace gatehouse::rustdesk
