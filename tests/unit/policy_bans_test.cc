#include "policy/bans.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace gatehouse::policy {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

const WallTime noon = parse_time("2026-11-23T12:00:00Z").value();

Address address_of(const std::string& text) {
  return Address::parse(text).value();
}
Prefix network(const std::string& text) {
  return Prefix::parse(text).value();
}
Ban ban(std::uint64_t id, const std::string& text, std::optional<WallTime> expires = std::nullopt) {
  return {id, network(text), expires};
}
BanTable table(const std::vector<Ban>& bans) {
  return BanTable(bans);
}
std::uint64_t found(const BanTable& bans, const std::string& text, WallTime time = noon) {
  const auto at = bans.find(address_of(text), time);
  return at ? at->id : 0;
}
std::vector<Ban> sorted(std::vector<Ban> bans) {
  std::sort(bans.begin(), bans.end(), [](const Ban& a, const Ban& b) { return a.network < b.network; });
  return bans;
}

TEST(BanTable, CoversNothingWhenItIsEmpty) {
  EXPECT_FALSE(BanTable().find(address_of("192.0.2.1"), noon));
  EXPECT_EQ(BanTable().size(), 0U);
  EXPECT_TRUE(BanTable().list().empty());
  EXPECT_EQ(BanTable().covered_until(address_of("192.0.2.1"), noon), noon);
}

TEST(BanTable, CoversABannedHostAndNotItsNeighbours) {
  const auto bans = table({ban(1, "192.0.2.7"), ban(2, "2001:db8::7")});
  EXPECT_EQ(found(bans, "192.0.2.7"), 1U);
  EXPECT_EQ(found(bans, "::ffff:192.0.2.7"), 1U);
  EXPECT_EQ(found(bans, "2001:db8::7"), 2U);
  EXPECT_EQ(found(bans, "192.0.2.6"), 0U);
  EXPECT_EQ(found(bans, "2001:db8::8"), 0U);
}

TEST(BanTable, CoversEveryAddressOfABannedNetwork) {
  const auto bans = table({ban(1, "192.0.2.0/25"), ban(2, "2001:db8::/33")});
  EXPECT_EQ(found(bans, "192.0.2.0"), 1U);
  EXPECT_EQ(found(bans, "192.0.2.127"), 1U);
  EXPECT_EQ(found(bans, "192.0.2.128"), 0U);
  EXPECT_EQ(found(bans, "2001:db8:7fff:ffff::1"), 2U);
  EXPECT_EQ(found(bans, "2001:db8:8000::1"), 0U);
}

TEST(BanTable, NamesTheHostsOwnBanBeforeThatOfItsNetwork) {
  const auto bans = table({ban(1, "192.0.0.0/8"), ban(2, "192.0.2.0/24"), ban(3, "192.0.2.7"), ban(4, "0.0.0.0/0")});
  EXPECT_EQ(found(bans, "192.0.2.7"), 3U);
  EXPECT_EQ(found(bans, "192.0.2.8"), 2U);
  EXPECT_EQ(found(bans, "192.1.0.1"), 1U);
  EXPECT_EQ(found(bans, "203.0.113.1"), 4U);
  EXPECT_EQ(found(bans, "2001:db8::1"), 0U);
}

TEST(BanTable, CoversBothFamiliesWithAnIpv6NetworkThatHoldsTheMappedRange) {
  const auto bans = table({ban(1, "::/0"), ban(2, "::/80")});
  EXPECT_EQ(found(bans, "192.0.2.1"), 2U);
  EXPECT_EQ(found(bans, "2001:db8::1"), 1U);
  EXPECT_EQ(found(table({ban(3, "2000::/3")}), "192.0.2.1"), 0U);
}

TEST(BanTable, EndsABanAtItsExpiryNotAMillisecondLater) {
  const auto bans = table({ban(1, "192.0.2.7", noon)});
  EXPECT_EQ(found(bans, "192.0.2.7", noon - milliseconds(1)), 1U);
  EXPECT_EQ(found(bans, "192.0.2.7", noon), 0U);
  EXPECT_EQ(found(bans, "192.0.2.7", noon + hours(1)), 0U);
}

TEST(BanTable, PassesOverAnExpiredBanToTheNextNetwork) {
  const auto bans =
      table({ban(1, "192.0.2.7", noon - hours(1)), ban(2, "192.0.2.0/24", noon - hours(1)), ban(3, "192.0.0.0/16")});
  EXPECT_EQ(found(bans, "192.0.2.7"), 3U);
  EXPECT_EQ(found(bans, "192.0.2.7", noon - hours(2)), 1U);
}

TEST(BanTable, KnowsUntilWhenSomeBanCovers) {
  const auto bans = table({ban(1, "192.0.2.7", noon + hours(1)), ban(2, "192.0.2.0/24", noon + hours(3)),
                           ban(3, "192.0.0.0/16", noon + hours(2)), ban(4, "198.51.100.0/24"),
                           ban(5, "198.51.100.1", noon + hours(1))});
  EXPECT_EQ(bans.covered_until(address_of("192.0.2.7"), noon), noon + hours(3));
  EXPECT_EQ(bans.covered_until(address_of("192.0.3.7"), noon), noon + hours(2));
  EXPECT_EQ(bans.covered_until(address_of("198.51.100.1"), noon), std::nullopt) << "permanent";
  EXPECT_EQ(bans.covered_until(address_of("203.0.113.1"), noon), noon);
}

TEST(BanTable, ReportsEachBanAsItWasGiven) {
  const std::vector<Ban> given{ban(1, "192.0.2.7"), ban(2, "192.0.2.0/24", noon), ban(3, "::/0"),
                               ban(4, "2001:db8::/48", noon)};
  EXPECT_EQ(sorted(table(given).list()), sorted(given));
  EXPECT_EQ(table(given).find(address_of("192.0.2.9"), noon - hours(1)), given[1]);
}

TEST(BanTable, KeepsTheLaterOfTwoBansOfOneNetwork) {
  const auto bans = table({ban(1, "192.0.2.0/24"), ban(2, "192.0.2.0/24", noon + hours(1))});
  EXPECT_EQ(bans.size(), 1U);
  EXPECT_EQ(found(bans, "192.0.2.1"), 2U);
  EXPECT_EQ(found(bans, "192.0.2.1", noon + hours(1)), 0U);
}

TEST(BanTable, LeavesTheOldTableAsItWasWhenANewOneIsMade) {
  const auto before = table({ban(1, "192.0.2.7"), ban(2, "192.0.2.8")});
  const std::vector<Ban> added{ban(3, "192.0.2.9"), ban(4, "192.0.2.7")};
  const std::vector<Prefix> removed{network("192.0.2.8")};
  const auto after = before.with(added, removed);
  EXPECT_EQ(found(before, "192.0.2.7"), 1U);
  EXPECT_EQ(found(before, "192.0.2.8"), 2U);
  EXPECT_EQ(found(before, "192.0.2.9"), 0U);
  EXPECT_EQ(before.size(), 2U);
  EXPECT_EQ(found(*after, "192.0.2.7"), 4U);
  EXPECT_EQ(found(*after, "192.0.2.8"), 0U);
  EXPECT_EQ(found(*after, "192.0.2.9"), 3U);
  EXPECT_EQ(after->size(), 2U);
}

TEST(BanTable, BansWhatIsBothAddedAndRemoved) {
  const std::vector<Ban> added{ban(2, "192.0.2.7")};
  const std::vector<Prefix> removed{network("192.0.2.7"), network("192.0.2.99")};
  const auto after = table({ban(1, "192.0.2.7")}).with(added, removed);
  EXPECT_EQ(found(*after, "192.0.2.7"), 2U);
  EXPECT_EQ(after->size(), 1U);
}

TEST(BanTable, ForgetsAPrefixLengthWithItsLastBan) {
  const std::vector<Prefix> removed{network("192.0.2.0/24"), network("::/0"), network("192.0.2.7")};
  const auto after = table({ban(1, "192.0.2.0/24"), ban(2, "::/0"), ban(3, "192.0.2.7")}).with({}, removed);
  EXPECT_EQ(after->size(), 0U);
  EXPECT_TRUE(after->list().empty());
  EXPECT_EQ(found(*after, "192.0.2.7"), 0U);
}

// The obvious table: one list, searched from end to end.
class SlowBans {
 public:
  void add(const Ban& ban) { bans_[ban.network] = ban; }
  void remove(const Prefix& prefix) { bans_.erase(prefix); }
  [[nodiscard]] std::optional<Ban> find(const Address& source, WallTime time) const {
    std::optional<Ban> best;
    for (const auto& [prefix, candidate] : bans_) {
      const bool live = !candidate.expires || *candidate.expires > time;
      if (live && prefix.contains(source) && (!best || prefix.length > best->network.length)) best = candidate;
    }
    return best;
  }
  [[nodiscard]] std::optional<WallTime> covered_until(const Address& source, WallTime time) const {
    WallTime until = time;
    for (const auto& [prefix, candidate] : bans_) {
      if (!prefix.contains(source)) continue;
      if (!candidate.expires) return std::nullopt;
      until = std::max(until, *candidate.expires);
    }
    return until;
  }
  [[nodiscard]] std::vector<Ban> list() const {
    std::vector<Ban> bans;
    for (const auto& [prefix, candidate] : bans_) bans.push_back(candidate);
    return bans;
  }

 private:
  std::map<Prefix, Ban> bans_;
};

class RandomBans {
 public:
  explicit RandomBans(unsigned seed) : random_(seed) {}

  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>(random_() % limit); }
  // Out of few enough that bans nest, repeat and hit.
  Address address() {
    static const std::vector<Address> roots{Address::parse("10.0.0.0").value(), Address::parse("192.0.2.0").value(),
                                            Address::parse("2001:db8::").value(), Address::parse("fd00::").value(),
                                            Address{}};
    Address result = roots[below(5)];
    for (const std::size_t byte : {3U, 6U, 9U, 13U, 14U, 15U}) {
      const bool would_leave_ipv4 = result.is_v4() && byte < 12;
      if (below(2) == 0 && !would_leave_ipv4) result.bytes.at(byte) = static_cast<std::uint8_t>(1U << below(8));
    }
    return result;
  }
  Prefix network() {
    return Prefix::covering(address(), below(3) == 0 ? std::uint8_t{128} : static_cast<std::uint8_t>(below(129)));
  }
  Ban ban(std::uint64_t id) {
    Ban result{id, network(), std::nullopt};
    if (below(2) == 0) result.expires = noon + milliseconds(below(20)) - milliseconds(10);
    return result;
  }

 private:
  std::mt19937 random_;
};

void expect_same(const BanTable& actual, const SlowBans& expected, RandomBans& random, int questions) {
  for (int i = 0; i < questions; ++i) {
    const auto source = random.address();
    const auto time = noon + milliseconds(random.below(20)) - milliseconds(10);
    ASSERT_EQ(actual.find(source, time), expected.find(source, time)) << source.text();
    ASSERT_EQ(actual.covered_until(source, time), expected.covered_until(source, time)) << source.text();
  }
}

TEST(BanTable, AgreesWithASearchOfTheWholeListThroughThousandsOfChanges) {
  RandomBans random(20261123);
  SlowBans slow;
  std::shared_ptr<const BanTable> fast = std::make_shared<BanTable>();
  std::uint64_t id = 0;
  for (int round = 0; round < 2000; ++round) {
    std::vector<Ban> added;
    std::vector<Prefix> removed;
    for (std::uint32_t i = random.below(4); i > 0; --i) added.push_back(random.ban(++id));
    const auto known = slow.list();
    for (std::uint32_t i = random.below(4); i > 0; --i) {
      removed.push_back(known.empty() || random.below(4) == 0
                            ? random.network()
                            : known[random.below(static_cast<std::uint32_t>(known.size()))].network);
    }
    fast = fast->with(added, removed);
    for (const auto& network : removed) slow.remove(network);
    for (const auto& one : added) slow.add(one);
    ASSERT_EQ(fast->size(), slow.list().size());
    if (round % 20 == 0) {
      ASSERT_NO_FATAL_FAILURE(expect_same(*fast, slow, random, 100));
    }
    if (round % 200 == 0) {
      ASSERT_EQ(sorted(fast->list()), slow.list());
      ASSERT_NO_FATAL_FAILURE(expect_same(BanTable(fast->list()), slow, random, 100)) << "the rebuilt table";
    }
  }
}

TEST(BanTable, AgreesWithASearchOfTheWholeListWhenBuiltAtOnce) {
  RandomBans random(4711);
  SlowBans slow;
  std::vector<Ban> bans;
  for (std::uint64_t id = 1; id <= 3000; ++id) {
    bans.push_back(random.ban(id));
    slow.add(bans.back());
  }
  const BanTable fast(bans);
  EXPECT_EQ(sorted(fast.list()), slow.list());
  expect_same(fast, slow, random, 2000);
}

TEST(BanTable, HoldsALargeNumberOfHosts) {
  std::vector<Ban> bans;
  constexpr std::uint32_t count = 200'000;
  for (std::uint32_t i = 0; i < count; ++i)
    bans.push_back({i + 1, Prefix::host(Address::from_v4(0x0a000000U + i * 2)), std::nullopt});
  const BanTable fast(bans);
  ASSERT_EQ(fast.size(), count);
  for (std::uint32_t i = 0; i < count; i += 7) {
    ASSERT_EQ(fast.find(Address::from_v4(0x0a000000U + i * 2), noon)->id, i + 1);
    ASSERT_FALSE(fast.find(Address::from_v4(0x0a000001U + i * 2), noon));
  }
}

}  // namespace
}  // namespace gatehouse::policy
