// The requests about RustDesk devices, from their bytes to what the daemon is asked, and the way of one device.
#include <gtest/gtest.h>

#include "admin/requests.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;

Result<DevicesRequest> devices_of(const std::string& target) {
  return read_devices(*query_of(target));
}
std::string fault_of_approval(const std::string& body) {
  const auto read = read_approve(body);
  return read ? "" : read.error().what;
}
std::string fault_of_import(const std::string& body) {
  const auto read = read_import_bans(body);
  return read ? "" : read.error().what;
}

TEST(DeviceRequests, AListTakesEveryFilter) {
  const auto read = devices_of("/?id=123456789&online=1&banned=0&pending=1&after=12%2f3&limit=7");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->id, "123456789");
  EXPECT_EQ(read->online, true);
  EXPECT_EQ(read->banned, false);
  EXPECT_EQ(read->pending, true);
  EXPECT_EQ(read->after, "12/3");
  EXPECT_EQ(read->limit, 7U);
  const auto bare = devices_of("/");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->id, std::nullopt);
  EXPECT_EQ(bare->online, std::nullopt);
  EXPECT_EQ(bare->banned, std::nullopt);
  EXPECT_EQ(bare->pending, std::nullopt);
  EXPECT_EQ(bare->after, "");
  EXPECT_EQ(bare->limit, 100U);
}

TEST(DeviceRequests, APageGoesOnAfterWhateverIdAClientChose) {
  EXPECT_EQ(devices_of("/?after=a%0a%1b")->after, "a\n\x1b");
  EXPECT_EQ(devices_of("/?after=" + std::string(128, 'x'))->after, std::string(128, 'x'));
}

TEST(DeviceRequests, FaultsOfAListNameTheParameter) {
  EXPECT_EQ(devices_of("/?online=yes").error().what, "query parameter online: 'yes' is not a number that fits");
  EXPECT_EQ(devices_of("/?after=").error().what, "query parameter after: is no id of a device");
  EXPECT_EQ(devices_of("/?id=" + std::string(129, 'x')).error().what, "query parameter id: is no id of a device");
  for (const char* target : {"/?banned=2", "/?pending=", "/?limit=0", "/?before=1", "/?user=bob"})
    EXPECT_FALSE(devices_of(target)) << target;
}

TEST(DeviceRequests, ApprovalIsOfIdsAndMayBeWithdrawn) {
  const auto read = read_approve(R"({"ids": ["123456789", "office/7"]})");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->ids, (std::vector<std::string>{"123456789", "office/7"}));
  EXPECT_TRUE(read->approved);
  EXPECT_FALSE(read_approve(R"({"ids": ["1"], "approved": false})")->approved);
  EXPECT_EQ(fault_of_approval("{}"), "ids: is missing");
  EXPECT_EQ(fault_of_approval(R"({"ids": []})"), "ids: is empty");
  EXPECT_EQ(fault_of_approval(R"({"ids": ["1", 2]})"), "ids[1]: is not text");
  EXPECT_EQ(fault_of_approval(R"({"ids": [""]})"), "ids[0]: is no id of a device");
  EXPECT_EQ(fault_of_approval(R"({"ids": ["a\u001b"]})"), "ids[0]: has a control character");
  EXPECT_EQ(fault_of_approval(R"({"ids": [")" + std::string(129, 'x') + R"("]})"), "ids[0]: is no id of a device");
  EXPECT_EQ(fault_of_approval(R"({"ids": ["1"], "approved": "yes"})"), "approved: is neither true nor false");
  EXPECT_EQ(fault_of_approval(R"({"ids": ["1"], "all": true})"), "the body has the unknown key 'all'");
}

TEST(DeviceRequests, AnImportNamesAFileByItsWholePath) {
  const auto read = read_import_bans(R"({"path": "/var/lib/hbbs/db_v2.sqlite3", "dry_run": true})");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->path, "/var/lib/hbbs/db_v2.sqlite3");
  EXPECT_TRUE(read->dry_run);
  EXPECT_FALSE(read_import_bans(R"({"path": "/db"})")->dry_run);
  EXPECT_EQ(fault_of_import("{}"), "path: is missing");
  EXPECT_EQ(fault_of_import(R"({"path": ""})"), "path: is empty");
  EXPECT_EQ(fault_of_import(R"({"path": "db_v2.sqlite3"})"), "path: 'db_v2.sqlite3' is not absolute");
  EXPECT_EQ(fault_of_import(R"({"path": "/a\u0000b"})"), "path: has a control character");
  EXPECT_EQ(fault_of_import(R"({"path": "/db", "dry_run": 1})"), "dry_run: is neither true nor false");
}

class DeviceRoute : public testing::Test {
 protected:
  Answer ask(std::string_view target) { return answer({"GET", target, {}, {}}, operations_); }
  test::FakeOperations operations_;
};

TEST_F(DeviceRoute, OneDeviceIsAskedForByItsIdInThePath) {
  operations_.outcomes["devices"] = json{{"devices", {{{"id", "12/3 ä"}, {"online", true}}}}, {"more", false}};
  const auto found = ask("/v1/devices/12%2F3%20%c3%a4");
  EXPECT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(found.body, (json{{"id", "12/3 ä"}, {"online", true}}));
  EXPECT_EQ(operations_.devices_asked.id, "12/3 ä");
  EXPECT_EQ(ask("/v1/devices/approve").status, 200) << "a device may be called like that";
  EXPECT_EQ(operations_.devices_asked.id, "approve");
}

TEST_F(DeviceRoute, ADeviceThatIsNotKnownIsA404) {
  operations_.outcomes["devices"] = json{{"devices", json::array()}, {"more", false}, {"total", 7}};
  const auto missing = ask("/v1/devices/1");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body.at("error").at("what"), "no device '1' is known");
  operations_.outcomes["devices"] = std::unexpected(test::fault(503, "not now", "try again"));
  EXPECT_EQ(ask("/v1/devices/1").status, 503);
}

TEST_F(DeviceRoute, APathThatIsNoIdNeverReachesTheOperation) {
  EXPECT_EQ(ask("/v1/devices/").status, 404);
  EXPECT_EQ(ask("/v1/devices/1/2").status, 404);
  EXPECT_EQ(ask("/v1/devices/%4").status, 400);
  EXPECT_EQ(ask("/v1/devices/" + std::string(129, 'x')).status, 400);
  EXPECT_TRUE(operations_.calls().empty());
}

}  // namespace
}  // namespace gatehouse::admin
