// steer, run by the kernel on lookups made up here: which connections get which socket, which are dropped, and what is
// counted and reported.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <string>

#include "base/time.h"
#include "unit/kernel_programs.h"

namespace gatehouse::kernel::test {
namespace {

constexpr std::uint16_t rdp = 3389;

std::uint64_t in_one_hour() {
  return boot_time_ns() + 3'600'000'000'000ULL;
}

std::uint64_t cookie_of(const Fd& socket) {
  std::uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  EXPECT_EQ(::getsockopt(socket.get(), SOL_SOCKET, SO_COOKIE, &cookie, &size), 0);
  return cookie;
}

struct Who {
  const char* client;
  const char* proxy;
  const char* other;
};

class Steer : public testing::TestWithParam<Who> {
 protected:
  void add_service(std::uint32_t slot = 0) {
    const auto service = service_of(who.proxy, rdp, 7, slot);
    require(kernel.maps.services.put(service_key_of(service), service_value_of(service)));
  }
  void add_listeners(std::uint32_t slot = 0) {
    listening.emplace(where);
    require(kernel.maps.listeners.put(slot, static_cast<std::uint64_t>(listening->v4.get())));
    require(kernel.maps.listeners.put(slot + 1, static_cast<std::uint64_t>(listening->v6.get())));
  }
  std::uint64_t own_cookie() const { return cookie_of(address(who.client).is_v4() ? listening->v4 : listening->v6); }
  LookupOutcome connect(std::uint16_t port = rdp, policy::Transport transport = policy::Transport::tcp) const {
    return kernel.steer(who.client, who.proxy, port, transport);
  }

  const Who who = GetParam();
  const Namespace where;
  LoadedPrograms kernel;
  std::optional<Listening> listening;
};

TEST_P(Steer, GivesAServicesConnectionToTheListenerOfItsFamily) {
  add_service();
  add_listeners();
  const auto outcome = connect();
  EXPECT_EQ(outcome.fate, Fate::passed);
  EXPECT_EQ(outcome.cookie, own_cookie());
  EXPECT_EQ(kernel.counter(COUNTER_STEERED), 1U);
}

TEST_P(Steer, UsesTheSlotOfTheService) {
  add_service(6);
  add_listeners(6);
  EXPECT_EQ(connect().cookie, own_cookie());
}

TEST_P(Steer, LeavesWhatIsNoServiceAlone) {
  add_service();
  add_listeners();
  const auto other_port = connect(rdp + 1);
  EXPECT_EQ(other_port.fate, Fate::passed);
  EXPECT_EQ(other_port.cookie, 0U);
  const auto other_address = kernel.steer(who.client, who.other, rdp);
  EXPECT_EQ(other_address.fate, Fate::passed);
  EXPECT_EQ(other_address.cookie, 0U);
  const auto other_protocol = connect(rdp, policy::Transport::udp);
  EXPECT_EQ(other_protocol.fate, Fate::passed);
  EXPECT_EQ(other_protocol.cookie, 0U);
  EXPECT_EQ(kernel.counter(COUNTER_STEERED), 0U);
}

TEST_P(Steer, DropsWhatAVerdictDenies) {
  add_service();
  add_listeners();
  kernel.deny(who.client, who.proxy, rdp, in_one_hour());
  EXPECT_EQ(connect().fate, Fate::dropped);
  EXPECT_EQ(connect().fate, Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_VERDICT_DROPPED), 2U);
  EXPECT_EQ(kernel.counter(COUNTER_STEERED), 0U);
  const auto entries = require(kernel.maps.denied_flows.entries());
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].second.hits, 2U);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, DENY_EVENT_VERDICT);
  EXPECT_EQ(events[0].cause_id, 4711U);
  EXPECT_EQ(address_of(events[0].source), address(who.client));
  EXPECT_EQ(address_of(events[0].destination), address(who.proxy));
  EXPECT_EQ(events[0].port, rdp);
  EXPECT_EQ(events[0].l4proto, IPPROTO_TCP);
}

TEST_P(Steer, DropsOnlyTheFlowThatTheVerdictNames) {
  add_service();
  add_listeners();
  kernel.deny(who.other, who.proxy, rdp, in_one_hour());
  kernel.deny(who.client, who.other, rdp, in_one_hour());
  kernel.deny(who.client, who.proxy, rdp + 1, in_one_hour());
  kernel.deny(who.client, who.proxy, rdp, in_one_hour(), policy::Transport::udp);
  EXPECT_EQ(connect().cookie, own_cookie());
}

TEST_P(Steer, ForgetsAVerdictThatIsOver) {
  add_service();
  add_listeners();
  kernel.deny(who.client, who.proxy, rdp, 1);
  EXPECT_EQ(connect().cookie, own_cookie());
  EXPECT_EQ(kernel.counter(COUNTER_VERDICT_DROPPED), 0U);
}

TEST_P(Steer, IgnoresBansWhichAreGuards) {
  add_service();
  add_listeners();
  kernel.ban(who.client);
  EXPECT_EQ(connect().cookie, own_cookie());
}

TEST_P(Steer, SteersAndCountsWhatItObserves) {
  add_service();
  add_listeners();
  kernel.set_mode(MODE_OBSERVE);
  kernel.deny(who.client, who.proxy, rdp, in_one_hour());
  EXPECT_EQ(connect().cookie, own_cookie());
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 1U);
  EXPECT_EQ(kernel.counter(COUNTER_VERDICT_DROPPED), 0U);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].observed, 1);
}

TEST_P(Steer, SteersWithoutAskingForVerdictsWhenItIsOff) {
  add_service();
  add_listeners();
  kernel.set_mode(MODE_OFF);
  kernel.deny(who.client, who.proxy, rdp, in_one_hour());
  EXPECT_EQ(connect().cookie, own_cookie());
  EXPECT_EQ(kernel.counter(COUNTER_OBSERVED), 0U);
}

TEST_P(Steer, DropsAServiceWithoutAListenerInEveryMode) {
  add_service();
  for (const auto mode : {MODE_OFF, MODE_OBSERVE, MODE_ENFORCE}) {
    kernel.set_mode(mode);
    EXPECT_EQ(connect().fate, Fate::dropped) << mode;
  }
  EXPECT_EQ(kernel.counter(COUNTER_STEER_NO_LISTENER), 3U);
  const auto events = kernel.events();
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].kind, DENY_EVENT_NO_LISTENER);
  EXPECT_EQ(events[0].reason, static_cast<__u32>(policy::Reason::internal_error));
}

TEST_P(Steer, DropsAServiceWhoseListenerWasClosed) {
  add_service();
  add_listeners();
  EXPECT_EQ(connect().fate, Fate::passed);
  listening.reset();
  EXPECT_EQ(connect().fate, Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_STEER_NO_LISTENER), 1U);
}

TEST_P(Steer, DropsAServiceWhoseListenerIsOfAnotherKind) {
  // A datagram service in a slot of stream sockets: the kernel refuses the assignment.
  auto service = service_of(who.proxy, rdp, 7);
  service.transport = policy::Transport::udp;
  require(kernel.maps.services.put(service_key_of(service), service_value_of(service)));
  add_listeners();
  EXPECT_EQ(connect(rdp, policy::Transport::udp).fate, Fate::dropped);
  EXPECT_EQ(kernel.counter(COUNTER_STEER_NO_LISTENER), 1U);
}

INSTANTIATE_TEST_SUITE_P(BothFamilies, Steer,
                         testing::Values(Who{"192.0.2.7", "198.51.100.20", "198.51.100.21"},
                                         Who{"2001:db8:1::7", "2001:db8:64::20", "2001:db8:64::21"}),
                         [](const auto& each) { return each.index == 0 ? "IPv4" : "IPv6"; });

}  // namespace
}  // namespace gatehouse::kernel::test
