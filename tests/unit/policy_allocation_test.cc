// Replaces the global operator new of this test binary to count what decide() allocates.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "unit/policy_fixture.h"

namespace {

std::atomic<std::size_t> allocations{0};

void* counted(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  // NOLINTNEXTLINE(cppcoreguidelines-no-malloc): this is what stands below operator new
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) {
  return counted(size);
}
void* operator new[](std::size_t size) {
  return counted(size);
}
// std::stable_sort asks for its buffer in this way.
void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size == 0 ? 1 : size);  // NOLINT(cppcoreguidelines-no-malloc)
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete[](void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
void operator delete[](void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}

namespace gatehouse::policy {
namespace {

TEST(Engine, AllocatesNothingWithoutATrace) {
  const auto snap = snapshot(R"(
pools: {main: 10.200.0.0/16}
users: {alice: {sources: 192.0.2.7}, everyone: {sources: 192.0.2.0/24}}
servers: {win1: {address: 198.51.100.1, description: "a name that does not fit into a small string"}}
services: {win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}}
grants: {a-grant-with-a-name-that-does-not-fit-into-a-small-string: {user: alice, server: win1, end: 2027-01-01}}
)",
                             {{1, Prefix::parse("192.0.2.66").value(), moment("2027-01-01")},
                              {2, Prefix::parse("203.0.113.0/24").value(), std::nullopt}});
  const std::vector<Question> questions{
      question("192.0.2.7", "10.200.0.1", 3389),     question("192.0.2.9", "10.200.0.1", 3389),
      question("192.0.2.66", "10.200.0.1", 3389),    question("203.0.113.5", "10.200.0.1", 3389),
      question("198.51.100.77", "10.200.0.1", 3389), question("192.0.2.7", "10.200.0.1", 1)};
  const std::size_t before = allocations.load();
  unsigned allowed = 0;
  for (const auto& asked : questions) allowed += decide(snap, asked).allowed ? 1 : 0;
  const std::size_t after = allocations.load();
  EXPECT_EQ(after - before, 0U);
  EXPECT_EQ(allowed, 1U);
  EXPECT_GT(before, 0U) << "the counter counts";
}

TEST(Engine, AllocatesNothingForGroupsSchedulesMaintenanceDenialsAndBansOfNames) {
  auto snap = snapshot(R"(
pools: {main: 10.200.0.0/16}
users: {a-user-with-a-name-that-does-not-fit-into-a-small-string: {sources: 192.0.2.7}, other: {sources: 192.0.2.8}}
user_groups:
  staff: {users: a-user-with-a-name-that-does-not-fit-into-a-small-string}
  all: {groups: staff}
servers: {win1: {address: 198.51.100.1}}
server_groups: {windows: {servers: win1}, every: {groups: windows}}
services: {win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}}
schedules:
  office: {zone: Europe/Warsaw, rules: [{weekdays: [mon-fri], time: "08:00-18:00"}, {time: "18:00-20:00"}]}
  night: {zone: America/New_York, rules: [{time: "22:00-06:00"}]}
maintenance:
  gate: {gate: true, start: 2026-12-01, end: 2026-12-02, grace: 1h, exempt_users: other}
  win1: {server_group: every, start: 2026-12-03, end: 2026-12-04}
grants:
  a: {user_group: all, server_group: every, schedules: [office, night], sources: [192.0.2.0/24], session_limit: 2}
  b: {user_group: staff, service: win1-rdp, logins: [a-login-that-does-not-fit-into-a-small-string], idle_timeout: 5m}
denials:
  d: {user_group: all, server_group: every, schedules: night, logins: root}
)",
                       {});
  snap.bans = snap.bans->with_names(NameBans(std::vector<NameBan>{{1, Subject::user, "other", std::nullopt}}));
  std::vector<Question> questions;
  for (const char* time :
       {"2026-11-23T12:00:00Z", "2026-11-23T04:00:00Z", "2026-12-01T12:00:00Z", "2026-12-03T12:00:00Z"}) {
    for (const char* source : {"192.0.2.7", "192.0.2.8"}) {
      questions.push_back(question(source, "10.200.0.1", 3389, time));
      questions.back().open_sessions = 1;
      questions.push_back(questions.back());
      questions.back().login = "root";
    }
  }
  const std::size_t before = allocations.load();
  unsigned allowed = 0;
  for (const auto& asked : questions) allowed += decide(snap, asked).allowed ? 1 : 0;
  EXPECT_EQ(allocations.load() - before, 0U);
  EXPECT_GT(allowed, 0U);
}

}  // namespace
}  // namespace gatehouse::policy
