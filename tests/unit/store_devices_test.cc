// The devices of RustDesk services, as the store keeps them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "store/store.h"
#include "support/directories.h"

namespace gatehouse::store {
namespace {

DeviceRow row_of(const std::string& id) {
  return {.id = id,
          .uuid = std::string("\x00\xff uuid", 7),
          .public_key = std::string(32, '\x01'),
          .addresses = {Endpoint::parse("192.0.2.7:40000").value(), Endpoint::parse("[2001:db8::7]:1").value()},
          .first_seen = WallTime(Duration(1000)),
          .last_seen = WallTime(Duration(2000)),
          .identity_since = WallTime(Duration(1500)),
          .confirmed = true,
          .identity_confirmed = false,
          .approved = true};
}

TEST(StoredDevices, ComeBackAsTheyWentInAlsoAfterARestart) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "gatehouse.db";
  auto second = row_of("222222222");
  second.addresses.clear();
  second.uuid.clear();
  {
    auto store = Store::open({file, 100, nullptr});
    ASSERT_TRUE(store) << store.error().text();
    ASSERT_TRUE((*store)->keep_devices(std::vector{row_of("111111111"), second}));
    second.confirmed = false;
    ASSERT_TRUE((*store)->keep_devices(std::vector{second}));
  }
  auto store = Store::open({file, 100, nullptr});
  ASSERT_TRUE(store) << store.error().text();
  const auto rows = (*store)->devices();
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_THAT(*rows, ::testing::UnorderedElementsAre(row_of("111111111"), second));
}

}  // namespace
}  // namespace gatehouse::store
