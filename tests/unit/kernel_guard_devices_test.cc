// guard, run by the kernel on heartbeats of RustDesk devices made up here: which of them end there.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/kernel_guard.h"

namespace gatehouse::kernel::test {
namespace {

constexpr std::uint16_t signal_port = 21116;

// RegisterPeer{id}: 32 LL 0a NN id...
std::string heartbeat(const std::string& id) {
  const auto byte = [](std::size_t value) { return std::string(1, static_cast<char>(value)); };
  return "\x32" + byte(id.size() + 2) + "\x0a" + byte(id.size()) + id;
}

class GuardOfDevices : public Guard {
 protected:
  GuardOfDevices() {
    for (const char* proxy : {v4_proxy, v6_proxy}) {
      auto service = service_of(proxy, signal_port, 7);
      service.transport = policy::Transport::udp;
      service.kind = policy::Kind::rustdesk;
      require(kernel.maps.services.put(service_key_of(service), service_value_of(service)));
    }
  }
  void ban(const std::string& id, std::uint64_t expires_ns = 0, std::uint64_t ban_id = 9) const {
    device_key key{};
    std::ranges::copy(id, key.id);
    ban_value value{};
    value.expires_ns = expires_ns;
    value.ban_id = ban_id;
    value.reason = static_cast<__u32>(policy::Reason::banned_device);
    require(kernel.maps.banned_devices.put(key, value));
  }
  Fate beat(const std::string& id) const { return kernel.guard(v4().udp(signal_port).payload(heartbeat(id))); }
};

TEST_F(GuardOfDevices, DropsTheHeartbeatOfABannedDeviceOfBothFamiliesAndNoOther) {
  ban("123456789");
  EXPECT_EQ(beat("123456789"), Fate::dropped);
  EXPECT_EQ(kernel.guard(v6().udp(signal_port).payload(heartbeat("123456789"))), Fate::dropped);
  EXPECT_EQ(beat("123456780"), Fate::passed);
  EXPECT_EQ(beat("1234567890"), Fate::passed);
  EXPECT_EQ(beat("12345678"), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_BANNED_DEVICE_DROPPED), 2U);
}

TEST_F(GuardOfDevices, KnowsIdsOfEveryLengthThatAKeyHas) {
  const std::string longest = "a123456789012345";
  for (std::size_t length = 1; length <= longest.size(); ++length) {
    const auto id = longest.substr(0, length);
    EXPECT_EQ(beat(id), Fate::passed) << id;
    ban(id);
    EXPECT_EQ(beat(id), Fate::dropped) << id;
  }
  EXPECT_EQ(beat(longest + "6"), Fate::passed) << "no id of a key: the daemon judges it";
}

TEST_F(GuardOfDevices, ReportsTheBanWithTheSourceOfTheHeartbeat) {
  ban("123456789", 0, 4711);
  ASSERT_EQ(beat("123456789"), Fate::dropped);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events.front().kind, DENY_EVENT_BANNED_DEVICE);
  EXPECT_EQ(events.front().cause_id, 4711U);
  EXPECT_EQ(address_of(events.front().source).text(), v4_client);
}

TEST_F(GuardOfDevices, HoldsABanUntilItsExpiryAndNoLonger) {
  ban("123456789", in_one_hour());
  EXPECT_EQ(beat("123456789"), Fate::dropped);
  ban("123456789", long_ago);
  EXPECT_EQ(beat("123456789"), Fate::passed);
}

TEST_F(GuardOfDevices, PassesWhatIsNoHeartbeatToTheDaemon) {
  ban("123456789");
  const auto message = heartbeat("123456789");
  EXPECT_EQ(kernel.guard(v4().udp(signal_port).payload(message.substr(0, 4))), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().udp(signal_port).payload(message.substr(0, message.size() - 1))), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().udp(signal_port).payload("\x3a" + message.substr(1))), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().udp(signal_port)), Fate::passed);
  EXPECT_EQ(kernel.guard(v4().udp(signal_port + 1).payload(message)), Fate::passed) << "no RustDesk service";
  EXPECT_EQ(kernel.guard(v4().tcp(signal_port).payload(message)), Fate::passed);
}

TEST_F(GuardOfDevices, OnlyObservesWhereItShallNotEnforce) {
  ban("123456789");
  kernel.set_mode(MODE_OBSERVE);
  EXPECT_EQ(beat("123456789"), Fate::passed);
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 1U);
}

}  // namespace
}  // namespace gatehouse::kernel::test
