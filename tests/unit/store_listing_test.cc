// Searches: by whom, from where, to what, why and when, in pages that never look at more than so many rows.
#include "store/listing.h"

#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using namespace std::chrono_literals;

const WallTime start = at(1'700'000'000'000);

class Searches : public StoreTest {
 protected:
  // Sessions, visits and audit rows as another program would write them: many, quickly.
  void fill(int count) {
    open();
    auto database = connect();
    SQLite::Transaction transaction(database);
    SQLite::Statement session(
        database,
        "INSERT INTO sessions(id, user_name, server_name, service_name, grant_name, protocol, client, client_port, "
        "proxy, proxy_port, backend, backend_port, policy_version, visit_id, started, ended, end_reason) "
        "VALUES(?, ?, ?, ?, '', 'rdp', ?, 1, ?, 1, ?, 1, 1, ?, ?, ?, ?)");
    SQLite::Statement visit(database,
                            "INSERT INTO visits(id, user_name, source, started, first_session, ended, end_reason) "
                            "VALUES(?, ?, ?, ?, ?, ?, ?)");
    SQLite::Statement audited(database,
                              "INSERT INTO audit(id, time, action, author, user_name, service_name, source, reason, "
                              "session_id, detail) VALUES(?, ?, ?, '', ?, ?, ?, ?, ?, '')");
    for (int i = 1; i <= count; ++i) {
      const auto id = static_cast<std::uint64_t>(i);
      const std::string user = i % 3 == 0 ? "ann" : "bob";
      const std::string server = i % 4 == 0 ? "win2" : "win1";
      const std::string service = server + (i % 8 == 0 ? "-ssh" : "-rdp");
      const auto source = address("192.0.2." + std::to_string(i % 100));
      const auto backend = address(i % 4 == 0 ? "2001:db8::2" : "2001:db8::1");
      const auto time = start + i * 1s;
      const auto reason = i % 5 == 0 ? policy::EndReason::killed : policy::EndReason::normal;
      Binder(session)
          .number(id)
          .text(user)
          .text(server)
          .text(service)
          .address(source)
          .address(backend)
          .address(backend)
          .number(id)
          .time(time)
          .time(i % 10 == 1 ? std::optional<WallTime>() : time + 1s)
          .number(static_cast<std::uint64_t>(reason));
      execute(session);
      Binder(visit).number(id).text(user).address(source).time(time).number(id).time(time + 1s).number(
          static_cast<std::uint64_t>(reason));
      execute(visit);
      const std::string action = i % 2 == 0 ? "session_allowed" : "session_denied";
      Binder(audited)
          .number(id)
          .time(time)
          .text(action)
          .text(user)
          .text(service)
          .address(source)
          .number(static_cast<std::uint64_t>(i % 2 == 0 ? policy::Reason::allowed : policy::Reason::policy_expired))
          .number(i % 2 == 0 ? id : 0);
      execute(audited);
    }
    transaction.commit();
  }
  std::vector<std::uint64_t> sessions(Store& store, const SessionQuery& query) {
    return ids_of(all_of(query, [&](const auto& each) { return store.sessions(each); }));
  }
  std::vector<std::uint64_t> visits(Store& store, const VisitQuery& query) {
    return ids_of(all_of(query, [&](const auto& each) { return store.visits(each); }));
  }
  std::vector<std::uint64_t> audited(Store& store, const AuditQuery& query) {
    return ids_of(all_of(query, [&](const auto& each) { return store.audit(each); }));
  }
  // Newest first, those of 1..count for which it holds.
  template <typename Holds>
  static std::vector<std::uint64_t> ids_where(int count, Holds&& holds) {
    std::vector<std::uint64_t> ids;
    for (int i = count; i > 0; --i) {
      if (holds(i)) ids.push_back(static_cast<std::uint64_t>(i));
    }
    return ids;
  }

 private:
  template <typename Row>
  static std::vector<std::uint64_t> ids_of(const std::vector<Row>& rows) {
    std::vector<std::uint64_t> ids;
    for (const auto& row : rows) ids.push_back(row.id);
    return ids;
  }
};

TEST_F(Searches, OfSessionsFindWhatEachFilterSaysAndAllTogether) {
  fill(400);
  const auto store = open();
  const auto where = [](auto&& holds) { return ids_where(400, holds); };
  EXPECT_EQ(sessions(*store, {}), where([](int) { return true; }));
  EXPECT_EQ(sessions(*store, {.user = "ann"}), where([](int i) { return i % 3 == 0; }));
  EXPECT_EQ(sessions(*store, {.source = prefix("192.0.2.7")}), where([](int i) { return i % 100 == 7; }));
  EXPECT_EQ(sessions(*store, {.source = prefix("192.0.2.8/29")}),
            where([](int i) { return i % 100 >= 8 && i % 100 < 16; }));
  EXPECT_EQ(sessions(*store, {.backend = prefix("2001:db8::2/127")}), where([](int i) { return i % 4 == 0; }));
  EXPECT_EQ(sessions(*store, {.server = "win2"}), where([](int i) { return i % 4 == 0; }));
  EXPECT_EQ(sessions(*store, {.service = "win2-ssh"}), where([](int i) { return i % 8 == 0; }));
  EXPECT_EQ(sessions(*store, {.since = start + 300s}), where([](int i) { return i >= 300; }));
  EXPECT_EQ(sessions(*store, {.until = start + 300s}), where([](int i) { return i < 300; }));
  EXPECT_EQ(sessions(*store, {.user = "' OR 1=1 --"}), where([](int) { return false; }));
  EXPECT_EQ(sessions(*store, {.user = "bob",
                              .source = prefix("192.0.2.0/24"),
                              .backend = prefix("2001:db8::2"),
                              .server = "win2",
                              .service = "win2-rdp",
                              .since = start + 100s,
                              .until = start + 200s}),
            where([](int i) { return i % 3 != 0 && i % 4 == 0 && i % 8 != 0 && i >= 100 && i < 200; }));
}

TEST_F(Searches, OfSessionsFindOpenOnesAndThoseThatEndedInAWay) {
  open();
  fill(100);
  auto database = connect();
  database.exec("CREATE TABLE kept AS SELECT id FROM sessions WHERE ended IS NULL");
  const auto store = open();  // which ends those that a dead daemon left open
  EXPECT_EQ(sessions(*store, {.reason = policy::EndReason::killed}),
            ids_where(100, [](int i) { return i % 5 == 0 && i % 10 != 1; }));
  EXPECT_EQ(sessions(*store, {.reason = policy::EndReason::service_restart}),
            ids_where(100, [](int i) { return i % 10 == 1; }));
  EXPECT_TRUE(sessions(*store, {.only_open = true}).empty());
  database.exec("UPDATE sessions SET ended = NULL WHERE id IN (SELECT id FROM kept)");
  EXPECT_EQ(sessions(*store, {.only_open = true}), ids_where(100, [](int i) { return i % 10 == 1; }));
  EXPECT_EQ(sessions(*store, {.only_open = true, .user = "ann"}),
            ids_where(100, [](int i) { return i % 10 == 1 && i % 3 == 0; }));
}

TEST_F(Searches, OfVisitsGoByTheirSessionsToo) {
  fill(1200);
  const auto store = open();
  const auto where = [](auto&& holds) { return ids_where(1200, holds); };
  EXPECT_EQ(visits(*store, {.server = "win2"}), where([](int i) { return i % 4 == 0; }));
  EXPECT_EQ(visits(*store, {.service = "win2-ssh"}), where([](int i) { return i % 8 == 0; }));
  EXPECT_EQ(visits(*store, {.user = "ann", .source = prefix("192.0.2.9"), .server = "win1"}),
            where([](int i) { return i % 3 == 0 && i % 100 == 9 && i % 4 != 0; }));
  EXPECT_EQ(visits(*store, {.reason = policy::EndReason::killed, .since = start + 1000s, .until = start + 1100s}),
            where([](int i) { return i % 5 == 0 && i >= 1000 && i < 1100; }));
}

TEST_F(Searches, OfTheAuditFindWhatEachFilterSays) {
  fill(400);
  const auto store = open();
  const auto where = [](auto&& holds) { return ids_where(400, holds); };
  const AuditQuery ours{.until = start + 401s};  // and not what the store writes by itself
  const auto with = [&](auto&& change) {
    auto query = ours;
    change(query);
    return audited(*store, query);
  };
  EXPECT_EQ(with([](auto& q) { q.user = "ann"; }), where([](int i) { return i % 3 == 0; }));
  EXPECT_EQ(with([](auto& q) { q.source = prefix("192.0.2.7"); }), where([](int i) { return i % 100 == 7; }));
  EXPECT_EQ(with([](auto& q) { q.source = prefix("192.0.2.8/29"); }),
            where([](int i) { return i % 100 >= 8 && i % 100 < 16; }));
  EXPECT_EQ(with([](auto& q) { q.reason = policy::Reason::policy_expired; }), where([](int i) { return i % 2 == 1; }));
  EXPECT_EQ(with([](auto& q) { q.reason = policy::Reason::allowed; }), where([](int i) { return i % 2 == 0; }));
  EXPECT_EQ(with([](auto& q) { q.service = "win2-ssh"; }), where([](int i) { return i % 8 == 0; }));
  EXPECT_EQ(with([](auto& q) { q.server = "win2"; }), where([](int i) { return i % 4 == 0; }))
      << "by the session, for the policy in force has no such server";
  EXPECT_EQ(with([](auto& q) { q.since = start + 350s; }), where([](int i) { return i >= 350; }));
  EXPECT_EQ(with([](auto& q) {
              q.action = "session_denied";
              q.user = "bob";
              q.source = prefix("192.0.2.0/26");
              q.since = start + 100s;
            }),
            where([](int i) { return i % 2 == 1 && i % 3 != 0 && i % 100 < 64 && i >= 100; }));
}

TEST_F(Searches, OfTheAuditByServerKnowItsServicesInThePolicy) {
  const auto store = open();
  policy::Document document;
  document.servers["win1"] = {};
  document.services["rdp-of-win1"].server = "win1";
  ASSERT_TRUE(store->save_policy(document, 0, audit("policy_applied")));
  auto denied = audit("session_denied");
  denied.service = "rdp-of-win1";
  ASSERT_TRUE(store->write_audit(denied));
  EXPECT_EQ(audited(*store, {.server = "win1"}), (std::vector<std::uint64_t>{2}));
  EXPECT_TRUE(audited(*store, {.server = "win2"}).empty());
}

TEST_F(Searches, LookAtNoMoreThanSoManyRowsAndSayWhereToGoOn) {
  const auto many = static_cast<int>(most_looked_at) * 2 + 100;
  fill(many);
  const auto store = open();
  const AuditQuery rare{.until = start + 3s, .action = "session_denied"};  // nothing narrows this but time
  EXPECT_EQ(audited(*store, rare), (std::vector<std::uint64_t>{1}));

  SessionQuery query{.service = "no-such", .limit = 10};
  auto page = store->sessions(query).value();
  EXPECT_TRUE(page.rows.empty());
  EXPECT_FALSE(page.complete);
  EXPECT_EQ(page.next, static_cast<std::uint64_t>(many) - most_looked_at + 1);
  int pages = 1;
  while (!page.complete) {
    query.before_id = page.next;
    page = store->sessions(query).value();
    ASSERT_LT(++pages, 10);
  }
  EXPECT_EQ(pages, 3);

  EXPECT_EQ(store->sessions({.limit = SIZE_MAX}).value().rows.size(), most_looked_at);
  EXPECT_EQ(sessions(*store, {.user = "ann"}), ids_where(many, [](int i) { return i % 3 == 0; }));
  EXPECT_TRUE(store->sessions({.user = "nobody"}).value().complete) << "an index knows at once that there is none";
  EXPECT_TRUE(store->audit({.source = prefix("198.51.100.1")}).value().complete);
}

TEST_F(Searches, GoForwardFromAnIdAndBackFromOne) {
  fill(50);
  const auto store = open();
  auto page = store->sessions({.before_id = 11, .limit = 3}).value();
  ASSERT_EQ(page.rows.size(), 3U);
  EXPECT_EQ(page.rows[0].id, 10U);
  EXPECT_EQ(page.next, 8U);
  EXPECT_FALSE(page.complete);
  page = store->sessions({.before_id = 3, .limit = 3}).value();
  EXPECT_EQ(page.rows.size(), 2U);
  EXPECT_TRUE(page.complete);
  page = store->sessions({.after_id = 47, .limit = 2}).value();
  ASSERT_EQ(page.rows.size(), 2U);
  EXPECT_EQ(page.rows[0].id, 48U);
  EXPECT_EQ(page.next, 49U);
  EXPECT_FALSE(page.complete);
  page = store->sessions({.after_id = 49, .limit = 2}).value();
  EXPECT_EQ(page.rows.size(), 1U);
  EXPECT_TRUE(page.complete);
  const auto audit_page = store->audit({.after_id = 0, .limit = 2}).value();
  ASSERT_EQ(audit_page.rows.size(), 2U);
  EXPECT_EQ(audit_page.rows[0].id, 1U) << "from the very first, the oldest first";
  EXPECT_TRUE(store->visits({.before_id = 1}).value().rows.empty());
}

TEST_F(Searches, ByTimeMissNothingWhenTheClockWasSetBackByHours) {
  fill(300);
  {
    auto database = connect();
    // Rows 101 to 200 were written by a clock that was ten hours ahead.
    database.exec("UPDATE sessions SET started = started + 36000000 WHERE id BETWEEN 101 AND 200");
  }
  const auto store = open();
  EXPECT_EQ(sessions(*store, {.since = start + 10h}), ids_where(300, [](int i) { return i > 100 && i <= 200; }));
  EXPECT_EQ(sessions(*store, {.since = start + 50s, .until = start + 250s}),
            ids_where(300, [](int i) { return (i >= 50 && i <= 100) || (i > 200 && i < 250); }));
}

TEST_F(Searches, ByTimeDoNotLookAtWhatLiesFarBefore) {
  const auto many = static_cast<int>(most_looked_at) * 2;
  fill(many);
  {
    auto database = connect();
    database.exec("UPDATE sessions SET started = started + 500000000 WHERE id > " + std::to_string(many - 5));
    database.exec("UPDATE sessions SET started = started - 500000000 WHERE id <= 5");
  }
  const auto store = open();
  auto page = store->sessions({.since = start + 120h}).value();
  EXPECT_EQ(page.rows.size(), 5U);
  EXPECT_TRUE(page.complete) << "the rest need not be looked at";
  page = store->sessions({.until = start - 120h}).value();
  EXPECT_EQ(page.rows.size(), 5U);
  EXPECT_TRUE(page.complete);
}

TEST_F(Searches, OfTheHistoryOfBansComeInPagesAsWell) {
  open();
  {
    auto database = connect();
    SQLite::Transaction transaction(database);
    database.exec(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6000) INSERT INTO ban_history(id, "
        "ban_id, event, kind, name, reason, author, time) SELECT i, i, 'added', 1, 'user' || i, '', '', 0 FROM n");
    database.exec(
        "UPDATE ban_history SET kind = 0, name = NULL, address = x'00000000000000000000ffffc0000207', prefix_length = "
        "128 WHERE id = 3");
    transaction.commit();
  }
  const auto store = open();
  const BanHistoryQuery query{.target = policy::BanTarget(prefix("192.0.2.0/24"))};
  const auto page = store->ban_history(query).value();
  EXPECT_TRUE(page.rows.empty());
  EXPECT_FALSE(page.complete);
  const auto rest = store->ban_history({.target = query.target, .before_id = page.next}).value();
  ASSERT_EQ(rest.rows.size(), 1U);
  EXPECT_EQ(rest.rows[0].id, 3U);
  EXPECT_TRUE(rest.complete);
}

}  // namespace
}  // namespace gatehouse::store::testing
