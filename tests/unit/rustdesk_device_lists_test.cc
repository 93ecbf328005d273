// Devices as operators see them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rustdesk/device_lists.h"
#include "unit/rustdesk_devices.h"

namespace gatehouse::rustdesk {
namespace {

using testing::ElementsAre;

std::vector<std::string> ids_of(const DevicePage& page) {
  std::vector<std::string> ids;
  ids.reserve(page.devices.size());
  for (const auto& device : page.devices) ids.push_back(device.id);
  return ids;
}

TEST(DeviceLists, TellOfADeviceWhatIsKnown) {
  DeviceTable table;
  registers(table, "192.0.2.1:5000", "111111111", "uuid-a", "key-a", at(0));
  registers(table, "192.0.2.2:5000", "222222222", "uuid-a", "key-b", at(1));
  beats(table, "192.0.2.1:5000", "111111111", at(15));
  table.set_bans(bans_of({{"222222222", {}}}));
  const auto view = view_of(table, "222222222", true, at(16)).value();
  EXPECT_FALSE(view.online);
  EXPECT_TRUE(view.pending);
  EXPECT_EQ(view.ban->by, DeviceBan::By::id);
  EXPECT_EQ(view.last, from("192.0.2.2:5000"));
  EXPECT_EQ(view.uuid, base64(bytes("uuid-a")));
  EXPECT_THAT(view.same_machine, ElementsAre("111111111"));
  EXPECT_EQ(view_of(table, "111111111", false, at(16))->ban->through, "222222222");
  EXPECT_FALSE(view_of(table, "333333333", false, at(16)));
}

TEST(DeviceLists, AreFilteredAndReadInPiecesInTheOrderOfTheIds) {
  DeviceTable table;
  for (int i = 9; i >= 0; --i) {
    const auto id = std::to_string(100 + i);
    registers(table, "192.0.2." + std::to_string(1 + i % 2) + ":5000", id, "uuid" + id, "key" + id, at(0));
  }
  table.set_bans(bans_of({{"103", {}}}));
  beats(table, "192.0.2.1:5000", "104", at(60));
  const auto listed = [&](const DeviceFilter& filter, bool approval) {
    return ids_of(list_devices(table, filter, {}, 10, approval, at(61)));
  };
  DeviceFilter online;
  online.online = true;
  EXPECT_THAT(listed(online, false), ElementsAre("104"));
  DeviceFilter banned;
  banned.banned = true;
  EXPECT_THAT(listed(banned, false), ElementsAre("103"));
  DeviceFilter pending;
  pending.pending = true;
  EXPECT_THAT(listed(pending, false), ElementsAre());
  EXPECT_THAT(listed(pending, true), testing::SizeIs(10));
  std::vector<std::string> seen;
  std::optional<std::string> after = "";
  while (after) {
    const auto page = list_devices(table, {}, *after, 3, false, at(61));
    for (auto& id : ids_of(page)) seen.push_back(std::move(id));
    after = page.next;
  }
  EXPECT_THAT(seen, ElementsAre("100", "101", "102", "103", "104", "105", "106", "107", "108", "109"));
}

}  // namespace
}  // namespace gatehouse::rustdesk
