#include "policy/prefix_map.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "policy/address_mask.h"
#include "policy/flat_index.h"

namespace gatehouse::policy {
namespace {

struct Number {
  std::uint32_t value = 0;
  explicit operator bool() const { return value != 0; }
};
using Map = PrefixMap<Number>;

Address address(const std::string& text) {
  return Address::parse(text).value();
}
Map::Entry entry(const std::string& text, std::uint32_t value) {
  return {Prefix::parse(text).value(), {value}};
}
std::uint32_t found(const Map& map, const std::string& text) {
  const auto at = map.find(address(text));
  return at ? at->value.value : 0;
}

TEST(PrefixMap, FindsNothingWhenItIsEmpty) {
  EXPECT_FALSE(Map().find(address("192.0.2.1")));
  EXPECT_FALSE(Map(std::vector<Map::Entry>()).find(address("::")));
}

TEST(PrefixMap, PrefersTheLongestPrefix) {
  const Map map({entry("192.0.2.0/24", 1), entry("192.0.2.128/25", 2), entry("192.0.2.200", 3), entry("0.0.0.0/0", 4)});
  EXPECT_EQ(found(map, "192.0.2.1"), 1U);
  EXPECT_EQ(found(map, "192.0.2.129"), 2U);
  EXPECT_EQ(found(map, "192.0.2.200"), 3U);
  EXPECT_EQ(found(map, "198.51.100.1"), 4U);
  EXPECT_EQ(found(map, "2001:db8::1"), 0U);
  EXPECT_EQ(map.size(), 4U);
}

TEST(PrefixMap, SaysWhichPrefixMatched) {
  const Map map({entry("2001:db8::/32", 1), entry("2001:db8:1::/48", 2)});
  EXPECT_EQ(map.find(address("2001:db8:1::7"))->prefix.text(), "2001:db8:1::/48");
  EXPECT_EQ(map.find(address("2001:db8:2::7"))->prefix.text(), "2001:db8::/32");
}

TEST(PrefixMap, LetsAShortIpv6PrefixCoverTheMappedRange) {
  const Map map({entry("::/0", 1), entry("192.0.2.0/24", 2)});
  EXPECT_EQ(found(map, "192.0.2.1"), 2U);
  EXPECT_EQ(found(map, "198.51.100.1"), 1U);
  EXPECT_EQ(found(map, "2001:db8::1"), 1U);
}

TEST(PrefixMap, KeepsTheLaterOfTwoEqualPrefixes) {
  const Map map({entry("192.0.2.0/24", 1), entry("192.0.2.0/24", 2)});
  EXPECT_EQ(found(map, "192.0.2.1"), 2U);
  EXPECT_EQ(map.size(), 1U);
}

TEST(PrefixMap, AgreesWithASearchOfTheWholeList) {
  std::mt19937 random(20261123);  // NOLINT(bugprone-random-generator-seed): the same numbers in every run
  const auto random_address = [&] {
    // Few different bits, so that prefixes nest and addresses hit.
    Address result = random() % 2 == 0 ? address("2001:db8::") : address("10.0.0.0");
    for (const std::size_t byte : {5U, 7U, 13U, 15U}) {
      if (random() % 2 == 0) result.bytes.at(byte) = static_cast<std::uint8_t>((random() % 4) << (random() % 7));
    }
    return result;
  };
  std::vector<Map::Entry> entries;
  for (std::uint32_t i = 1; i <= 400; ++i) {
    const auto length = static_cast<std::uint8_t>(random() % 129);
    entries.push_back({Prefix::covering(random_address(), length), {i}});
  }
  const Map map(entries);
  for (int i = 0; i < 5000; ++i) {
    const auto question = random_address();
    std::optional<Map::Entry> expected;
    for (const auto& candidate : entries) {
      if (!candidate.prefix.contains(question)) continue;
      if (!expected || candidate.prefix.length >= expected->prefix.length) expected = candidate;
    }
    const auto actual = map.find(question);
    ASSERT_EQ(actual.has_value(), expected.has_value()) << question.text();
    if (!expected) continue;
    ASSERT_EQ(actual->prefix, expected->prefix) << question.text();
    ASSERT_EQ(actual->value.value, expected->value.value) << question.text();
  }
}

TEST(FlatIndex, GrowsBeyondWhatWasExpectedAndKeepsEverything) {
  FlatIndex<Address, Number> index(1);
  for (std::uint32_t i = 1; i <= 10'000; ++i) index.insert(Address::from_v4(i * 7), {i});
  for (std::uint32_t i = 1; i <= 10'000; ++i) {
    const auto* value = index.find(Address::from_v4(i * 7));
    ASSERT_NE(value, nullptr);
    ASSERT_EQ(value->value, i);
    ASSERT_EQ(index.find(Address::from_v4(i * 7 + 1)), nullptr);
  }
  EXPECT_EQ(index.size(), 10'000U);
}

TEST(AddressMask, ClearsTheSameBitsAsPrefixCovering) {
  const auto all = address("fedc:ba98:7654:3210:fedc:ba98:7654:3210");
  for (unsigned length = 0; length <= 128; ++length) {
    const auto bits = static_cast<std::uint8_t>(length);
    EXPECT_EQ(masked(all, bits), Prefix::covering(all, bits).address) << length;
  }
}

}  // namespace
}  // namespace gatehouse::policy
