// Reading sessions and audit rows: every field, every filter, and following.
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using namespace std::chrono_literals;

using StoredSessions = StoreTest;
using StoredAudit = StoreTest;

TEST_F(StoredSessions, ComeBackWithEveryFieldBeforeAndAfterTheirEnd) {
  const auto store = open();
  Answers answers;
  const auto id = store->next_session_id();
  auto sent = session(id);
  sent.user = std::string("b\0b'; --\xff", 9);
  ASSERT_TRUE(store->submit_session_opened(sent, audit("session_allowed"), answers.expect(id)));
  ASSERT_TRUE(answers.wait_for(1));
  auto rows = store->sessions({}).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, id);
  EXPECT_EQ(rows[0].user, sent.user);
  EXPECT_EQ(rows[0].server, sent.server);
  EXPECT_EQ(rows[0].service, sent.service);
  EXPECT_EQ(rows[0].grant, sent.grant);
  EXPECT_EQ(rows[0].protocol, sent.protocol);
  EXPECT_EQ(rows[0].client, sent.client);
  EXPECT_EQ(rows[0].proxy, sent.proxy);
  EXPECT_EQ(rows[0].backend, sent.backend);
  EXPECT_EQ(rows[0].policy_version, sent.policy_version);
  EXPECT_EQ(rows[0].started, sent.started);
  EXPECT_EQ(rows[0].ended, std::nullopt);
  EXPECT_EQ(rows[0].end_reason, policy::EndReason::none);

  const auto end = session_end(id);
  store->submit_session_ended(end);
  store->submit_session_ended(session_end(id, at(9)));  // a second end changes nothing
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  rows = store->sessions({}).value().rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].ended, end.ended);
  EXPECT_EQ(rows[0].bytes_from_client, end.bytes_from_client);
  EXPECT_EQ(rows[0].bytes_to_client, end.bytes_to_client);
  EXPECT_EQ(rows[0].end_reason, end.reason);
  EXPECT_EQ(rows[0].end_detail, end.detail);
}

TEST_F(StoredSessions, EndEvenWhenTheEndComesBeforeTheOpeningIsWritten) {
  const auto store = open();
  Answers answers;
  ASSERT_TRUE(store->submit_session_opened(session(1), audit("session_allowed"), answers.expect(1)));
  store->submit_session_ended(session_end(1));
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  EXPECT_TRUE(store->sessions({.only_open = true})->rows.empty());
  EXPECT_EQ(store->sessions({})->rows.size(), 1U);
}

TEST_F(StoredSessions, AreListedNewestFirstOpenOnlyAndLimited) {
  const auto store = open();
  Answers answers;
  for (std::uint64_t id = 1; id <= 10; ++id) {
    ASSERT_TRUE(store->submit_session_opened(session(id), audit("session_allowed"), answers.expect(id)));
    if (id % 2 == 0) store->submit_session_ended(session_end(id));
  }
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped")));
  const auto ids = [&](const SessionQuery& query) {
    std::vector<std::uint64_t> list;
    const auto rows = store->sessions(query).value().rows;
    for (const auto& row : rows) list.push_back(row.id);
    return list;
  };
  EXPECT_EQ(ids({.limit = 3}), (std::vector<std::uint64_t>{10, 9, 8}));
  EXPECT_EQ(ids({.only_open = true}), (std::vector<std::uint64_t>{9, 7, 5, 3, 1}));
  EXPECT_EQ(ids({.only_open = true, .limit = 2}), (std::vector<std::uint64_t>{9, 7}));
  EXPECT_EQ(ids({.limit = SIZE_MAX}).size(), 10U);
}

TEST_F(StoredAudit, ComesBackWithEveryField) {
  const auto store = open();
  auto sent = audit("session_denied", at(1'700'000'000'777));
  sent.author = "uid 1000 (ann)";
  sent.reason = policy::Reason::policy_expired;
  sent.session_id = 42;
  sent.detail = std::string("any\0bytes\xff'\"", 12);
  AuditRow bare;
  bare.time = at(1);
  bare.action = "daemon_started";
  sent.id = store->next_audit_id();
  ASSERT_TRUE(store->submit_audit(sent));
  ASSERT_TRUE(store->write_audit(bare));
  const auto rows = store->audit({}).value().rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1].id, sent.id);
  EXPECT_EQ(rows[1].time, sent.time);
  EXPECT_EQ(rows[1].action, sent.action);
  EXPECT_EQ(rows[1].author, sent.author);
  EXPECT_EQ(rows[1].user, sent.user);
  EXPECT_EQ(rows[1].service, sent.service);
  EXPECT_EQ(rows[1].source, sent.source);
  EXPECT_EQ(rows[1].destination, sent.destination);
  EXPECT_EQ(rows[1].reason, sent.reason);
  EXPECT_EQ(rows[1].session_id, sent.session_id);
  EXPECT_EQ(rows[1].detail, sent.detail);
  EXPECT_EQ(rows[0].reason, std::nullopt);
  EXPECT_EQ(rows[0].id, sent.id + 1) << "given by the store";
  EXPECT_EQ(rows[0].source, std::nullopt);
  EXPECT_EQ(rows[0].destination, std::nullopt);
}

TEST_F(StoredAudit, IsFilteredByEachFieldAndByAllTogether) {
  const auto store = open();
  for (int i = 0; i < 32; ++i) {
    auto row = audit((i & 1) != 0 ? "session_allowed" : "session_denied", at((i & 2) != 0 ? 2000 : 1000));
    row.user = (i & 4) != 0 ? "ann" : "bob";
    row.source = address((i & 8) != 0 ? "192.0.2.1" : "2001:db8::1");
    row.reason = (i & 16) != 0 ? policy::Reason::banned_source : policy::Reason::user_inactive;
    ASSERT_TRUE(store->submit_audit(row));
  }
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped", at(1))));
  EXPECT_EQ(store->audit({.action = "session_allowed"})->rows.size(), 16U);
  EXPECT_EQ(store->audit({.since = at(2000)})->rows.size(), 16U);
  EXPECT_EQ(store->audit({.since = at(2001)})->rows.size(), 0U);
  EXPECT_EQ(store->audit({.user = "ann"})->rows.size(), 16U);
  EXPECT_EQ(store->audit({.source = prefix("192.0.2.1")})->rows.size(), 16U);
  EXPECT_EQ(store->audit({.reason = policy::Reason::banned_source})->rows.size(), 16U);
  EXPECT_EQ(store->audit({.user = "' OR 1=1 --"})->rows.size(), 0U);
  const auto one = store->audit({.since = at(1500),
                                 .action = "session_denied",
                                 .user = "ann",
                                 .source = prefix("2001:db8::1"),
                                 .reason = policy::Reason::banned_source});
  ASSERT_EQ(one->rows.size(), 1U);
  EXPECT_EQ(one->rows.front().id, 1U + 2 + 4 + 16);
  const auto newest = store->audit({.limit = 2}).value().rows;
  EXPECT_EQ(newest[0].id, 33U);
  EXPECT_EQ(newest[1].id, 32U);
}

TEST_F(StoredAudit, IsFollowedOldestFirst) {
  const auto store = open();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(store->write_audit(audit("session_denied")));
  const auto rows = store->audit({.after_id = 4, .limit = 3}).value().rows;
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].id, 5U);
  EXPECT_EQ(rows[2].id, 7U);
  EXPECT_TRUE(store->audit({.after_id = 10})->rows.empty());
}

TEST_F(StoredAudit, WaitsForARowOnItsWaySoThatAFollowerMissesNone) {
  const auto store = open();
  ASSERT_TRUE(store->write_audit(audit("daemon_started")));
  auto late = audit("session_denied", now());
  late.id = store->next_audit_id();  // handed out, not written yet
  ASSERT_TRUE(store->write_audit(audit("session_allowed", now())));
  EXPECT_TRUE(store->audit({.after_id = 1})->rows.empty()) << "row 2 may still come";
  ASSERT_TRUE(store->write_audit(late));
  const auto rows = store->audit({.after_id = 1}).value().rows;
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, 2U);

  // An id that is never written holds a follower up for a second, not for ever.
  std::ignore = store->next_audit_id();
  ASSERT_TRUE(store->write_audit(audit("daemon_stopped", now())));
  EXPECT_TRUE(eventually([&] { return store->audit({.after_id = 3})->rows.size() == 1; }, 5s));
}

TEST_F(StoredAudit, GoesOnWithLargerIdsAfterARestart) {
  ASSERT_TRUE(open()->write_audit(audit("daemon_started")));
  const auto store = open();
  EXPECT_EQ(store->next_audit_id(), 2U);
  EXPECT_EQ(store->next_session_id(), 1U);
}

}  // namespace
}  // namespace gatehouse::store::testing
