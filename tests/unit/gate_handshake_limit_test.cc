// How many may be there that have not shown who they are.
#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "gate/handshake_limit.h"

namespace gatehouse::gate {
namespace {

Address address(const char* text) {
  return *Address::parse(text);
}

TEST(HandshakeLimit, IsOfEachSourceAndOfAll) {
  HandshakeLimit limit;
  std::deque<HandshakeLimit::Place> places;
  for (std::size_t i = 0; i < HandshakeLimit::most_of_a_source; ++i) {
    auto place = limit.enter(address("192.0.2.1"));
    ASSERT_TRUE(place);
    places.push_back(std::move(*place));
  }
  EXPECT_FALSE(limit.enter(address("192.0.2.1")));
  std::uint8_t other = 2;
  while (places.size() < HandshakeLimit::most) {
    auto place = limit.enter(address(("192.0.2." + std::to_string(other++)).c_str()));
    ASSERT_TRUE(place);
    places.push_back(std::move(*place));
  }
  EXPECT_FALSE(limit.enter(address("203.0.113.1")));
  places.pop_front();
  EXPECT_TRUE(limit.enter(address("192.0.2.1"))) << "a place was given back";
}

TEST(HandshakeLimit, TakesAnIpv6CustomerForOneSource) {
  HandshakeLimit limit;
  std::deque<HandshakeLimit::Place> places;
  for (std::size_t i = 0; i < HandshakeLimit::most_of_a_source; ++i) {
    auto place = limit.enter(address(("2001:db8:1:1::" + std::to_string(i + 1)).c_str()));
    ASSERT_TRUE(place);
    places.push_back(std::move(*place));
  }
  EXPECT_FALSE(limit.enter(address("2001:db8:1:1::ffff")));
  EXPECT_TRUE(limit.enter(address("2001:db8:1:2::1")));
}

TEST(HandshakeLimit, IsAsWideAsItIsMade) {
  HandshakeLimit limit(3, 2);
  const auto first = limit.enter(address("192.0.2.1"));
  const auto second = limit.enter(address("192.0.2.1"));
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(limit.enter(address("192.0.2.1")));
  const auto third = limit.enter(address("192.0.2.2"));
  EXPECT_TRUE(third);
  EXPECT_FALSE(limit.enter(address("192.0.2.3")));
}

}  // namespace
}  // namespace gatehouse::gate
