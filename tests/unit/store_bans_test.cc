// Bans: what is live, and the history of what was.
#include <algorithm>
#include <ctime>

#include "unit/store_fixture.h"

namespace gatehouse::store::testing {
namespace {

using namespace std::chrono_literals;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

BanRow ban(const std::string& network, std::optional<WallTime> expires = std::nullopt) {
  return {.ban = {.id = 0, .network = prefix(network), .expires = expires},
          .reason = "scanning '; DROP TABLE bans",
          .author = "uid 0 (root)",
          .created = at(1'700'000'000'000)};
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

TEST_F(StoredBans, ComeBackWithEveryFieldNewestFirst) {
  const auto expires = now() + 1h;
  const std::vector rows{ban("192.0.2.7", expires), ban("2001:db8::/32"), ban("198.51.100.0/24")};
  {
    const auto ids = open()->add_bans(rows, "uid 0 (root)");
    ASSERT_TRUE(ids) << ids.error().text();
    EXPECT_EQ(*ids, (std::vector<std::uint64_t>{1, 2, 3}));
  }
  const auto store = open();
  const auto listed = store->bans(now(), 100);
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 3U);
  const auto& oldest = listed->back();
  EXPECT_EQ(oldest.ban, (policy::Ban{1, prefix("192.0.2.7"), expires}));
  EXPECT_EQ(oldest.reason, rows[0].reason);
  EXPECT_EQ(oldest.author, "uid 0 (root)");
  EXPECT_EQ(oldest.created, at(1'700'000'000'000));
  EXPECT_EQ(listed->front().ban.id, 3U);
  EXPECT_EQ(listed->front().ban.expires, std::nullopt);
  EXPECT_EQ(store->bans(now(), 1)->size(), 1U);
  EXPECT_EQ(store->bans(now(), 1)->front().ban.id, 3U);
}

TEST_F(StoredBans, AreLiveUntilTheVeryMomentOfTheirEnd) {
  const auto store = open();
  const auto expires = now() + 1h;
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7", expires)}, "a"));
  EXPECT_EQ(store->load_bans(expires - 1ms)->size(), 1U);
  EXPECT_EQ(store->load_bans(expires)->size(), 0U);
  EXPECT_EQ(store->bans(expires, 10)->size(), 0U);
}

TEST_F(StoredBans, AreReplacedByANewerOneOfTheSameNetwork) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.0/24", now() + 1h), ban("192.0.2.0")}, "a"));
  const auto ids = store->add_bans(std::vector{ban("192.0.2.0/24")}, "b");
  EXPECT_EQ(*ids, std::vector<std::uint64_t>{3});
  const auto live = store->load_bans(now()).value();
  ASSERT_EQ(live.size(), 2U) << "a network and its first address are two things";
  EXPECT_EQ(live[1], (policy::Ban{3, prefix("192.0.2.0/24"), std::nullopt}));
}

TEST_F(StoredBans, SayWhichWereRemovedAndPassOverTheRest) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7"), ban("2001:db8::/32")}, "a"));
  const auto removed =
      store->remove_bans(std::vector{prefix("2001:db8::/32"), prefix("10.0.0.0/8"), prefix("2001:db8::/32")}, "b");
  ASSERT_TRUE(removed) << removed.error().text();
  EXPECT_EQ(*removed, std::vector{prefix("2001:db8::/32")});
  EXPECT_EQ(store->load_bans(now())->size(), 1U);
  EXPECT_TRUE(store->remove_bans(std::vector{prefix("10.0.0.0/8")}, "b")->empty());
}

TEST_F(StoredBans, KeepTheirHistoryWithAuthors) {
  const auto store = open();
  const auto soon = now() + 300ms;
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7"), ban("192.0.2.8", soon)}, "ann"));
  ASSERT_TRUE(store->remove_bans(std::vector{prefix("192.0.2.7")}, "bea"));
  ASSERT_TRUE(eventually([&] { return now() > soon; }));
  EXPECT_TRUE(store->remove_bans(std::vector{prefix("192.0.2.8")}, "cec")->empty()) << "it has expired";
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "dan"));
  EXPECT_EQ(history(),
            (std::vector<std::string>{"added 1 ann", "added 2 ann", "removed 1 bea", "expired 2 ", "added 3 dan"}));
}

TEST_F(StoredBans, NeverGetAnIdTwice) {
  {
    const auto store = open();
    ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "a"));
    ASSERT_TRUE(store->remove_bans(std::vector{prefix("192.0.2.7")}, "a"));
  }
  EXPECT_EQ(*open()->add_bans(std::vector{ban("192.0.2.9")}, "a"), std::vector<std::uint64_t>{2});
}

TEST_F(StoredBans, AreAudited) {
  const auto store = open();
  ASSERT_TRUE(store->add_bans(std::vector{ban("192.0.2.7")}, "ann"));
  std::vector<BanRow> many;
  for (int i = 0; i < 12; ++i) many.push_back(ban("10.0.0." + std::to_string(i)));
  ASSERT_TRUE(store->add_bans(many, "ann"));
  ASSERT_TRUE(store->remove_bans(std::vector{prefix("192.0.2.7")}, "bea"));
  const auto rows = store->audit({}).value();
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[2].action, "ban_added");
  EXPECT_EQ(rows[2].author, "ann");
  EXPECT_EQ(rows[2].source, address("192.0.2.7"));
  EXPECT_NE(rows[2].detail.find("scanning"), std::string::npos);
  EXPECT_NE(rows[1].detail.find("10.0.0.9 and 2 more"), std::string::npos) << rows[1].detail;
  EXPECT_EQ(rows[0].action, "ban_removed");
  EXPECT_EQ(rows[0].author, "bea");
}

TEST_F(StoredBans, TakeAHundredThousandWithinSeconds) {
  const auto store = open();
  std::vector<BanRow> rows;
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    auto row = ban("10.0.0.1");
    row.ban.network = Prefix::host(Address::from_v4(0x0a000000U + i * 7919U % 0x00ffffffU));
    rows.push_back(row);
  }
  const auto before = std::clock();  // of the processor: the machine may have other things to do
  const auto ids = store->add_bans(rows, "import");
  ASSERT_TRUE(ids) << ids.error().text();
  EXPECT_LT(std::clock() - before, (sanitized ? 60 : 5) * CLOCKS_PER_SEC);
  ASSERT_EQ(ids->size(), rows.size());
  EXPECT_TRUE(std::is_sorted(ids->begin(), ids->end()));
  EXPECT_EQ(store->load_bans(now())->size(), rows.size());
  EXPECT_EQ(number("SELECT count(*) FROM ban_history"), 100'000);
}

}  // namespace
}  // namespace gatehouse::store::testing
