// Registration as the gateway judges it: banned ids, uuids and keys, enrolment, who is online.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rustdesk/online_states.h"
#include "unit/rustdesk_inspected.h"

namespace gatehouse::rustdesk {
namespace {

using Registration = Inspected;

TEST_F(Registration, Trap1OfABannedIdDiesWithoutAnAnswerAndItsKeyIsNotSupported) {
  registers("192.0.2.1:5000", alice);
  ban({{std::string(alice), {}}});
  const auto heard = beats("192.0.2.1:5000", alice);
  EXPECT_EQ(heard.action, Action::drop);
  EXPECT_EQ(code(heard), "registration: id_banned");
  EXPECT_EQ(heard.finding->ban, 1U);
  EXPECT_EQ(heard.finding->uuid, base64(bytes("uuid-111111111")));
  for (const auto& way : {udp, tcp(1), websocket(2)}) {
    const auto judgement = says("192.0.2.1:5000", registration(alice, "uuid-111111111", "key-111111111"), way);
    EXPECT_EQ(judgement.action, Action::answer);
    EXPECT_EQ(sent<RegisterPkResponse>(judgement).result, RegisterPkResult::not_support);
  }
}

TEST_F(Registration, Trap1OfABannedUuidOrKeyUnderANewIdIsRefused) {
  ban({{uuid_name(bytes("uuid-a")), {}}, {pk_name(bytes("key-b")), {}}});
  const auto uuid = says("192.0.2.1:5000", registration("444444444", "uuid-a", "new"));
  EXPECT_EQ(sent<RegisterPkResponse>(uuid).result, RegisterPkResult::not_support);
  EXPECT_EQ(code(uuid), "registration: uuid_banned");
  const auto key = says("192.0.2.1:5000", registration("555555555", "new", "key-b"));
  EXPECT_EQ(sent<RegisterPkResponse>(key).result, RegisterPkResult::not_support);
  EXPECT_EQ(code(key), "registration: pk_banned");
  EXPECT_EQ(says("192.0.2.1:5000", heartbeat("444444444")).action, Action::drop) << "its heartbeats die as well";
  EXPECT_EQ(inspector.dropped_ids(now).size(), 2U);
}

TEST_F(Registration, Trap1OfTheMachineOfABannedIdUnderANewIdIsRefused) {
  registers("192.0.2.1:5000", alice);
  ban({{std::string(alice), {}}});
  const auto judgement = says("203.0.113.5:9", registration("444444444", "uuid-111111111", "new"));
  EXPECT_EQ(code(judgement), "registration: machine_banned");
  ASSERT_EQ(inspector.dropped_ids(now).size(), 1U);
  EXPECT_EQ(inspector.dropped_ids(now).front().ban.through, alice);
  auto renamed = registration("555555555", "other", "other");
  renamed.old_id = alice;
  EXPECT_EQ(code(says("203.0.113.5:9", renamed)), "registration: machine_banned");
}

TEST_F(Registration, Trap1PassesAnUuidMismatchOfHbbsItselfAndNeverMakesOne) {
  registers("192.0.2.1:5000", alice);
  says("192.0.2.1:5000", registration(alice, "stolen", "stolen"));
  const auto judgement = hears(
      "192.0.2.1:5000", RegisterPkResponse{.result = RegisterPkResult::uuid_mismatch, .keep_alive = 0, .unknown = {}});
  EXPECT_EQ(judgement.action, Action::pass);
  EXPECT_EQ(inspector.devices().entry(inspector.devices().find(alice)).uuid, "uuid-111111111");
}

TEST_F(Registration, Trap4WorksAgainAtTheNextHeartbeatAfterAnUnban) {
  registers("192.0.2.1:5000", alice);
  ban({{std::string(alice), {}}});
  EXPECT_EQ(beats("192.0.2.1:5000", alice).action, Action::drop);
  wait(3);
  ban({});
  EXPECT_EQ(beats("192.0.2.1:5000", alice).action, Action::pass);
}

TEST_F(Registration, Trap4OfATemporaryBanWorksAgainWhenItEnds) {
  registers("192.0.2.1:5000", alice);
  ban({{std::string(alice), now + std::chrono::seconds(60)}});
  wait(59.9);
  EXPECT_EQ(beats("192.0.2.1:5000", alice).action, Action::drop);
  wait(0.1);
  EXPECT_EQ(beats("192.0.2.1:5000", alice).action, Action::pass);
}

TEST_F(Registration, Trap5AfterARestartOfHbbsPassesAllKeysAndAsksForNoneItKnows) {
  for (int i = 0; i < 100; ++i) registers("198.51.100.7:" + std::to_string(5000 + i), std::to_string(100'000'000 + i));
  wait(15);
  for (int i = 0; i < 100; ++i) {
    const auto endpoint = "198.51.100.7:" + std::to_string(5000 + i);
    const auto id = std::to_string(100'000'000 + i);
    const auto heard = says(endpoint, heartbeat(id));
    EXPECT_EQ(heard.action, Action::pass);
    EXPECT_FALSE(heard.ask_identity);
    EXPECT_EQ(hears(endpoint, RegisterPeerResponse{.request_pk = true, .unknown = {}}).action, Action::pass);
    EXPECT_EQ(says(endpoint, registration(id, "uuid-" + id, "key-" + id)).action, Action::pass);
  }
}

TEST_F(Registration, Trap12OfTheSelfTestIsUntouchedWhateverIsRefused) {
  ServiceOptions strict;
  strict.approve_enrolment = true;
  set(strict);
  ban({{"(:test_hbbs:)", {}}});
  EXPECT_EQ(says("127.0.0.1:5000", heartbeat("(:test_hbbs:)")).action, Action::pass);
  EXPECT_EQ(inspector.devices().size(), 0U);
}

TEST_F(Registration, Trap14BeforeAnyBansWereReadIsClosedOrOpenAsConfigured) {
  Inspector fresh;
  const Message message{.body = heartbeat(alice), .unknown = {}};
  const Context context{1, from("192.0.2.1:5000"), Carrier::udp, PortRole::rendezvous, Direction::to_server, 0, now};
  EXPECT_EQ(fresh.judge(context, message).action, Action::drop);
  ServiceOptions open;
  open.open_without_bans = true;
  fresh.set_options(1, open);
  EXPECT_EQ(fresh.judge(context, message).action, Action::pass);
  fresh.set_bans(bans_of({{std::string(alice), {}}}));
  EXPECT_EQ(fresh.judge(context, message).action, Action::drop) << "and the last list that was read holds";
}

TEST_F(Registration, IsPendingUntilApprovedWhereEnrolmentIsByApproval) {
  registers("192.0.2.2:5000", bob);
  ServiceOptions strict;
  strict.approve_enrolment = true;
  set(strict);
  inspector.approve_confirmed();
  EXPECT_EQ(beats("192.0.2.2:5000", bob).action, Action::pass);
  const auto heard = beats("192.0.2.1:5000", alice);
  EXPECT_EQ(heard.action, Action::drop);
  EXPECT_TRUE(heard.ask_identity);
  EXPECT_EQ(code(heard), "registration: device_pending");
  const auto said = says("192.0.2.1:5000", registration(alice, "uuid-a", "key-a"));
  EXPECT_EQ(sent<RegisterPkResponse>(said).result, RegisterPkResult::not_deployed);
  EXPECT_TRUE(inspector.approve(alice, true, now));
  EXPECT_EQ(registers("192.0.2.1:5000", alice).action, Action::pass);
}

TEST_F(Registration, IsToldOnceAnHourForADevice) {
  ban({{std::string(alice), {}}});
  EXPECT_NE(code(beats("192.0.2.1:5000", alice)), "");
  for (int i = 0; i < 1100; ++i) {
    wait(3);
    EXPECT_EQ(code(beats("192.0.2.1:5000", alice)), "");
  }
  wait(400);
  EXPECT_NE(code(beats("192.0.2.1:5000", alice)), "");
  EXPECT_EQ(inspector.counters().of(Check::registration, Code::id_banned), 1102U);
}

TEST_F(Registration, OfABannedDeviceWhoseMachineIsNotKnownIsAskedForIt) {
  ban({{std::string(alice), {}}});
  EXPECT_TRUE(inspector.observe_heartbeat(from("192.0.2.1:5000"), alice, true, now));
  says("192.0.2.1:5000", registration(alice, "uuid-a", "key-a"));
  EXPECT_EQ(code(says("192.0.2.1:5000", registration("444444444", "uuid-a", "new"))), "registration: machine_banned");
  wait(15);
  EXPECT_FALSE(inspector.observe_heartbeat(from("192.0.2.1:5000"), alice, true, now));
}

TEST_F(Registration, OfAnInnocentIdThatABannedMachineClaimedComesBackWithItsOwnKey) {
  ban({{uuid_name(bytes("uuid-m")), {}}});
  says("203.0.113.5:9", registration(alice, "uuid-m", "key-m"));
  ASSERT_EQ(inspector.dropped_ids(now).size(), 1U);
  EXPECT_TRUE(inspector.observe_heartbeat(from("192.0.2.1:5000"), alice, true, now)) << "asked who it is";
  EXPECT_EQ(says("192.0.2.1:5000", registration(alice, "uuid-a", "key-a")).action, Action::pass);
  EXPECT_TRUE(inspector.dropped_ids(now).empty());
  EXPECT_EQ(beats("192.0.2.1:5000", alice).action, Action::pass);
}

TEST_F(Registration, Trap9HidesBannedPeersAndKeepsTheOrderOfTheOthers) {
  ban({{"peer2", {}}, {"peer9", {}}});
  OnlineRequest request;
  request.id = alice;
  std::vector<std::string> names;
  for (int i = 1; i <= 11; ++i) names.push_back("peer" + std::to_string(i));
  request.peers.assign(names.begin(), names.end());
  EXPECT_EQ(says("192.0.2.1:40000", request, tcp(1)).action, Action::pass);
  OnlineResponse response;
  const Buffer all{0xFF, 0xE0};
  response.states = all;
  const auto judgement = hears("192.0.2.1:40000", response, tcp(1));
  ASSERT_EQ(judgement.action, Action::replace);
  EXPECT_EQ(to_hex(sent<OnlineResponse>(judgement).states), "bf60");
  EXPECT_EQ(hears("192.0.2.1:40000", response, tcp(1)).action, Action::pass) << "of no request";
}

TEST_F(Registration, Trap9TakesNoEndlessList) {
  OnlineRequest request;
  request.id = alice;
  request.peers.assign(5000, "x");
  EXPECT_EQ(code(says("192.0.2.1:40000", request, tcp(1))), "load: too_many_peers");
}

TEST_F(Registration, Trap9LetsNobodyAskTwiceBeforeTheAnswer) {
  OnlineRequest request;
  request.id = alice;
  EXPECT_EQ(says("192.0.2.1:40000", request, tcp(1)).action, Action::pass);
  EXPECT_EQ(says("192.0.2.1:40000", request, tcp(1)).action, Action::close);
  inspector.closed(1);
  EXPECT_EQ(says("192.0.2.1:40000", request).action, Action::drop) << "and not over UDP";
}

TEST_F(Registration, OfAnIdThatNoBanCouldNameIsRefused) {
  EXPECT_EQ(says("192.0.2.1:5000", heartbeat("")).action, Action::drop);
  const std::string id(129, 'x');
  EXPECT_EQ(says("192.0.2.1:5000", heartbeat(id)).action, Action::drop);
  EXPECT_EQ(says("192.0.2.1:5000", registration(id, "u", "k")).action, Action::answer);
}

TEST_F(Registration, OfForgedIdsInAFloodLeavesOthersWhatTheyAre) {
  DeviceLimits limits;
  limits.devices = 1000;
  Inspector small(limits);
  small.set_bans(bans_of({{std::string(mallory), {}}}));
  const auto heard = [&](std::string_view endpoint, std::string_view id) {
    return small.observe_heartbeat(from(endpoint), id, false, now);
  };
  heard("192.0.2.1:5000", alice);
  small.observe_peer_response(from("192.0.2.1:5000"), false, now);
  heard("192.0.2.6:5000", mallory);
  for (int i = 0; i < 100'000; ++i) {
    heard("203.0.113.5:" + std::to_string(1 + i % 60'000), std::to_string(700'000'000 + i));
  }
  EXPECT_EQ(small.devices().size(), 1000U);
  EXPECT_TRUE(small.devices().device(small.devices().find(alice)).confirmed);
  EXPECT_NE(small.devices().find(mallory), no_slot);
  const Message message{.body = punch(bob), .unknown = {}};
  const Context context{1, from("192.0.2.6:40000"), Carrier::tcp, PortRole::rendezvous, Direction::to_server, 1, now};
  EXPECT_EQ(code(small.judge(context, message)), "punch_initiator: initiator_banned");
}

TEST_F(Registration, FromABannedAddressIsNotHeard) {
  const std::vector<policy::Ban> bans{{9, Prefix::parse("192.0.2.0/24").value(), std::nullopt}};
  inspector.set_bans(std::make_shared<policy::BanTable>(bans));
  EXPECT_EQ(code(says("192.0.2.1:5000", heartbeat(alice))), "message: source_banned");
  EXPECT_EQ(says("198.51.100.7:5000", heartbeat(alice)).action, Action::pass);
}

}  // namespace
}  // namespace gatehouse::rustdesk
