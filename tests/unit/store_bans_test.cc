// Bans: what is live, and the history of what was.
#include <map>

#include "store/schema.h"
#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using namespace std::chrono_literals;

BanRow ban(const std::string& network, std::optional<WallTime> expires = std::nullopt) {
  return {.id = 0,
          .target = policy::parse_ban_target(network).value(),
          .expires = expires,
          .reason = "scanning '; DROP TABLE bans",
          .author = "uid 0 (root)",
          .created = at(1'700'000'000'000)};
}

std::vector<policy::BanTarget> targets(const std::vector<std::string>& texts) {
  std::vector<policy::BanTarget> list;
  for (const auto& text : texts) list.push_back(policy::parse_ban_target(text).value());
  return list;
}

std::vector<std::string> texts(const std::vector<BanRow>& rows) {
  std::vector<std::string> list;
  for (const auto& row : rows) list.push_back(policy::text_of(row.target));
  return list;
}

class StoredBans : public StoreTest {
 protected:
  std::vector<std::string> history() {
    auto database = connect();
    SQLite::Statement select(database, "SELECT event, ban_id, author FROM ban_history ORDER BY id");
    std::vector<std::string> lines;
    while (select.executeStep()) {
      lines.push_back(select.getColumn(0).getString() + " " + select.getColumn(1).getString() + " " +
                      select.getColumn(2).getString());
    }
    return lines;
  }
};

TEST_F(StoredBans, ADamagedOneIsAnErrorWhenItExpiresAndTheWriterGoesOn) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7", now() + 1ms)}, "uid 0 (root)"));
  connect().exec("UPDATE bans SET address = x'00'");
  const auto expired = store->expire_bans(now() + 1h, 10);
  ASSERT_FALSE(expired);
  EXPECT_NE(expired.error().what.find("an address has not 16 bytes"), std::string::npos) << expired.error().text();
  EXPECT_FALSE(store->health().alarm) << "other rows can be written";
  EXPECT_TRUE(store->write_audit(audit("daemon_stopped")));
}

TEST_F(StoredBans, ComeBackWithEveryFieldNewestFirst) {
  const auto expires = now() + 1h;
  const std::vector rows{ban("192.0.2.7", expires), ban("2001:db8::/32"), ban("198.51.100.0/24")};
  {
    const auto ids = open()->add_bans(rows, "uid 0 (root)");
    ASSERT_TRUE(ids) << ids.error().text();
    EXPECT_EQ(*ids, (std::vector<std::uint64_t>{1, 2, 3}));
  }
  const auto store = open();
  const auto listed = store->bans(now(), {.limit = 100});
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 3U);
  const auto& oldest = listed->back();
  EXPECT_EQ(oldest.id, 1U);
  EXPECT_EQ(oldest.target, policy::BanTarget(prefix("192.0.2.7")));
  EXPECT_EQ(oldest.expires, expires);
  EXPECT_EQ(oldest.reason, rows[0].reason);
  EXPECT_EQ(oldest.author, "uid 0 (root)");
  EXPECT_EQ(oldest.created, at(1'700'000'000'000));
  EXPECT_EQ(listed->front().id, 3U);
  EXPECT_EQ(listed->front().expires, std::nullopt);
  EXPECT_EQ(store->bans(now(), {.limit = 1})->size(), 1U);
  EXPECT_EQ(store->bans(now(), {.limit = 1})->front().id, 3U);
}

TEST_F(StoredBans, AreLiveUntilTheVeryMomentOfTheirEnd) {
  const auto store = open();
  const auto expires = now() + 1h;
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7", expires)}, "a"));
  EXPECT_EQ(store->load_bans(expires - 1ms)->networks.size(), 1U);
  EXPECT_EQ(store->load_bans(expires)->networks.size(), 0U);
  EXPECT_EQ(store->bans(expires, {.limit = 10})->size(), 0U);
}

TEST_F(StoredBans, AreReplacedByANewerOneOfTheSameNetwork) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.0/24", now() + 1h), ban("192.0.2.0")}, "a"));
  const auto ids = store->add_bans(std::vector{ban("192.0.2.0/24")}, "b");
  EXPECT_EQ(*ids, std::vector<std::uint64_t>{3});
  const auto live = store->load_bans(now())->networks;
  ASSERT_EQ(live.size(), 2U) << "a network and its first address are two things";
  EXPECT_EQ(live[1], (policy::Ban{3, prefix("192.0.2.0/24"), std::nullopt}));
}

TEST_F(StoredBans, SayWhichWereRemovedAndPassOverTheRest) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7"), ban("2001:db8::/32")}, "a"));
  const auto removed = store->remove_bans(targets({"2001:db8::/32", "10.0.0.0/8", "2001:db8::/32"}), "b");
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_EQ(*removed, targets({"2001:db8::/32"}));
  EXPECT_EQ(store->load_bans(now())->networks.size(), 1U);
  EXPECT_TRUE(store->remove_bans(targets({"10.0.0.0/8"}), "b")->empty());
}

TEST_F(StoredBans, KeepTheirHistoryWithAuthors) {
  const auto store = open();
  const auto soon = now() + 300ms;
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7"), ban("192.0.2.8", soon)}, "ann"));
  ASSERT_TRUE(store->remove_bans(targets({"192.0.2.7"}), "bea"));
  ASSERT_TRUE(eventually([&] { return now() > soon; }));
  EXPECT_TRUE(store->remove_bans(targets({"192.0.2.8"}), "cec")->empty()) << "it has expired";
  const auto expired = store->expire_bans(now(), 10);
  ASSERT_TRUE(expired) << expired.error().text();
  EXPECT_EQ(expired->targets, targets({"192.0.2.8"}));
  EXPECT_EQ(expired->next, std::nullopt);
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "dan"));
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "eva"));
  EXPECT_EQ(history(), (std::vector<std::string>{"added 1 ann", "added 2 ann", "removed 1 bea", "expired 2 ",
                                                 "added 3 dan", "replaced 3 eva", "added 4 eva"}));
}

TEST_F(StoredBans, OfNamesLieBesideThoseOfNetworksWithIdsOfOneSequence) {
  const auto expires = now() + 1h;
  {
    const auto store = open();
    const auto ids = store->add_bans(
        std::vector{ban("user:bob"), ban("192.0.2.7"), ban("server:bob", expires), ban("device:123456789")}, "ann");
    ASSERT_TRUE(ids) << ids.error().text();
    EXPECT_EQ(*ids, (std::vector<std::uint64_t>{1, 2, 3, 4}));
  }
  const auto store = open();
  const auto live = store->load_bans(now());
  ASSERT_TRUE(live) << live.error().text();
  EXPECT_EQ(live->networks, (std::vector<policy::Ban>{{2, prefix("192.0.2.7"), std::nullopt}}));
  EXPECT_EQ(live->names, (std::vector<policy::NameBan>{{1, policy::Subject::user, "bob", std::nullopt},
                                                       {3, policy::Subject::server, "bob", expires},
                                                       {4, policy::Subject::device, "123456789", std::nullopt}}));
  EXPECT_EQ(store->load_bans(expires)->names.size(), 2U);

  EXPECT_EQ(*store->add_bans(std::vector{ban("user:bob", expires)}, "bea"), std::vector<std::uint64_t>{5});
  EXPECT_EQ(*store->remove_bans(targets({"server:bob", "user:eve", "device:123456789"}), "cec"),
            targets({"server:bob", "device:123456789"}));
  EXPECT_EQ(texts(*store->bans(now(), {})), (std::vector<std::string>{"user:bob", "192.0.2.7"}));
}

TEST_F(StoredBans, AreFoundByKindTargetAndId) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("user:bob"), ban("192.0.2.7"), ban("192.0.2.0/24"), ban("192.0.0.0/16"),
                                          ban("198.51.100.7"), ban("server:bob"), ban("2001:db8::/32")},
                              "ann"));
  using Texts = std::vector<std::string>;
  const auto found = [&](const BanQuery& query) { return texts(store->bans(now(), query).value()); };
  const auto target = [](const char* text) { return policy::parse_ban_target(text).value(); };
  EXPECT_EQ(found({.kind = policy::BanKind::user}), Texts{"user:bob"});
  EXPECT_EQ(found({.kind = policy::BanKind::network, .limit = 2}), (Texts{"2001:db8::/32", "198.51.100.7"}));
  EXPECT_EQ(found({.target = target("server:bob")}), Texts{"server:bob"});
  EXPECT_EQ(found({.target = target("192.0.2.0/25")}), (Texts{"192.0.0.0/16", "192.0.2.0/24", "192.0.2.7"}));
  EXPECT_EQ(found({.target = target("192.0.2.9")}), (Texts{"192.0.0.0/16", "192.0.2.0/24"}));
  EXPECT_EQ(found({.target = target("2001:db8::1")}), Texts{"2001:db8::/32"});
  EXPECT_EQ(found({.target = target("203.0.113.1")}), Texts{});
  EXPECT_EQ(texts(store->bans_with_ids(std::vector<std::uint64_t>{6, 99, 2}, now()).value()),
            (Texts{"server:bob", "192.0.2.7"}));
}

TEST_F(StoredBans, TellTheirHistoryNewestFirst) {
  const auto store = open();
  const auto expires = now() + 1h;
  ASSERT_TRUE(store->add_bans(std::vector{ban("user:bob", expires), ban("192.0.2.0/24")}, "ann"));
  ASSERT_TRUE(store->remove_bans(targets({"user:bob"}), "bea"));
  const auto all = store->ban_history({}).value().rows;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].event, "removed");
  EXPECT_EQ(all[0].ban_id, 1U);
  EXPECT_EQ(all[0].target, targets({"user:bob"}).front());
  EXPECT_EQ(all[0].author, "bea");
  EXPECT_EQ(all[0].expires, expires);
  EXPECT_EQ(all[0].reason, ban("user:bob").reason);
  EXPECT_EQ(store->ban_history({.limit = 1})->rows.size(), 1U);
  EXPECT_EQ(store->ban_history({.target = targets({"user:bob"}).front()})->rows.size(), 2U);
  EXPECT_EQ(store->ban_history({.target = targets({"192.0.2.7"}).front()})->rows.size(), 1U);
  EXPECT_EQ(store->ban_history({.kind = policy::BanKind::device})->rows.size(), 0U);
}

TEST_F(StoredBans, EndInTheOrderOfTheirEndsAndSoManyAtATime) {
  const auto store = open();
  const auto start = now();
  ASSERT_TRUE(store->add_bans(std::vector{ban("user:bob", start + 2h), ban("192.0.2.7", start + 1h),
                                          ban("192.0.2.8", start + 3h), ban("192.0.2.9")},
                              "ann"));
  EXPECT_EQ(store->expire_bans(start, 10)->next, start + 1h);
  const auto first = store->expire_bans(start + 2h, 1).value();
  EXPECT_EQ(first.targets, targets({"192.0.2.7"}));
  EXPECT_EQ(first.next, start + 2h) << "it has ended as well: its turn is next";
  const auto second = store->expire_bans(start + 2h, 10).value();
  EXPECT_EQ(second.targets, targets({"user:bob"}));
  EXPECT_EQ(second.next, start + 3h);
  EXPECT_EQ(store->ban_history({.kind = policy::BanKind::user})->rows.front().time, start + 2h);
}

TEST_F(StoredBans, OneThatHadEndedWhenItIsReplacedIsExpiredInTheHistory) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("user:bob", now() - 1h)}, "ann"));
  ASSERT_TRUE(store->add_bans(std::vector{ban("user:bob")}, "bea"));
  EXPECT_EQ(history(), (std::vector<std::string>{"added 1 ann", "expired 1 ", "added 2 bea"}));
}

TEST_F(StoredBans, OfTheFirstLayoutComeAlongWithTheirHistoryAndTheirNumbers) {
  {
    auto database = open_database(file(), schema_steps().first(1));
    ASSERT_TRUE(database);
    database->exec(R"sql(
INSERT INTO bans(id, address, prefix_length, expires, reason, author, created) VALUES
  (9, x'00000000000000000000ffffc0000207', 128, NULL, 'scan', 'ann', 1700000000000);
DELETE FROM bans;
INSERT INTO bans(id, address, prefix_length, expires, reason, author, created) VALUES
  (3, x'00000000000000000000ffffc0000200', 120, 9999999999999, 'guessing', 'ann', 1700000000000);
INSERT INTO ban_history(ban_id, event, address, prefix_length, expires, reason, author, time) VALUES
  (3, 'added', x'00000000000000000000ffffc0000200', 120, 9999999999999, 'guessing', 'ann', 1700000000000);
)sql");
  }
  const auto store = open();
  const auto rows = store->bans(now(), {}).value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(policy::text_of(rows[0].target), "192.0.2.0/24");
  EXPECT_EQ(rows[0].reason, "guessing");
  EXPECT_EQ(store->ban_history({})->rows.size(), 1U);
  EXPECT_EQ(*store->add_bans(std::vector{ban("user:bob")}, "bea"), std::vector<std::uint64_t>{10})
      << "9 was given once";
}

TEST_F(StoredBans, NeverGetAnIdTwice) {
  {
    const auto store = open();
    ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "a"));
    ASSERT_TRUE(store->remove_bans(targets({"192.0.2.7"}), "a"));
  }
  EXPECT_EQ(*open()->add_bans(std::vector{ban("192.0.2.9")}, "a"), std::vector<std::uint64_t>{2});
}

TEST_F(StoredBans, AreAudited) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "ann"));
  std::vector<BanRow> many;
  for (int i = 0; i < 12; ++i) many.push_back(ban("10.0.0." + std::to_string(i)));
  ASSERT_TRUE(store->add_bans(many, "ann"));
  ASSERT_TRUE(store->remove_bans(targets({"192.0.2.7"}), "bea"));
  const auto rows = store->audit({}).value().rows;
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2].action, "ban_added");
  EXPECT_EQ(rows[2].author, "ann");
  EXPECT_EQ(rows[2].source, address("192.0.2.7"));
  EXPECT_NE(rows[2].detail.find("scanning"), std::string::npos);
  EXPECT_NE(rows[1].detail.find("10.0.0.9 and 2 more"), std::string::npos) << rows[1].detail;
  ASSERT_TRUE(store->add_bans(std::vector{ban("user:bob")}, "ann"));
  EXPECT_EQ(store->audit({.user = "bob"})->rows.front().detail.substr(0, 8), "user:bob");
  EXPECT_EQ(rows[0].action, "ban_removed");
  EXPECT_EQ(rows[0].author, "bea");
}

TEST_F(StoredBans, TakeAHundredThousandAsOne) {
  const auto store = open();
  std::vector<BanRow> rows;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    auto row = ban("10.0.0.1");
    row.target = Prefix::host(Address::from_v4(0x0a000000U + i * 7919U % 0x00ffffffU));
    rows.push_back(row);
  }
  const auto ids = store->add_bans(rows, "import");
  ASSERT_TRUE(ids) << ids.error().text();
  ASSERT_EQ(ids->size(), rows.size());
  std::map<std::uint64_t, policy::BanTarget> stored;
  for (const auto& each : store->load_bans(now())->networks) stored.emplace(each.id, each.network);
  ASSERT_EQ(stored.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(stored.at(ids->at(i)), rows[i].target) << "ban " << i;
  EXPECT_EQ(number("SELECT count(*) FROM ban_history"), 100'000);
}

TEST_F(StoredBans, OfALongListTheLaterOneOfTheSameNetworkCounts) {
  const auto store = open();
  std::vector<BanRow> rows;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    auto row = ban("10.0.0.1");
    row.target = Prefix::host(Address::from_v4(0x0a000000U + i * 7919U % 10'007U));
    row.reason = std::to_string(i);
    rows.push_back(row);
  }
  ASSERT_TRUE(store->add_bans(rows, "import"));
  EXPECT_EQ(number("SELECT count(*) FROM bans"), 10'007);
  EXPECT_EQ(number("SELECT min(CAST(reason AS INTEGER)) FROM bans"), 20'000 - 10'007);
  EXPECT_EQ(number("SELECT count(*) FROM ban_history WHERE event = 'replaced'"), 20'000 - 10'007);
}

}  // namespace
}  // namespace gatehouse::store::testing
