// What runs out: descriptors, the verdict map, the disk. New sessions are refused, live ones go on, and it recovers.
#include <gtest/gtest.h>

#include <SQLiteCpp/SQLiteCpp.h>
#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Limits : public ::testing::Test {
 protected:
  Connected attempt(Gateway& gateway, std::chrono::milliseconds limit = 3s) {
    (void)gateway;
    return connect_tcp(network_.client, {proxy_ip(Family::v4, 10), 7000}, limit,
                       Endpoint{addresses(Family::v4).client, 0});
  }
  static bool answers(const Connected& connection) {
    return connection && send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 2s).data == "ping";
  }
  Network network_;
  TcpServer backend_{network_.backend, {addresses(Family::v4).backend, 7000}};
};

TEST_F(Limits, WithoutDescriptorsNewSessionsAreRefusedAndLiveOnesGoOn) {
  Gateway gateway(network_, {{"max_sessions", "1000"}}, {.wrapper = {"prlimit", "--nofile=120"}});
  gateway.start();
  gateway.apply(PolicyText{}.text());
  std::vector<Connected> live;
  bool refused = false;
  for (int i = 0; i < 120 && !refused; ++i) {
    auto connection = attempt(gateway);
    if (answers(connection)) {
      live.push_back(std::move(connection));
    } else {
      refused = true;
    }
  }
  EXPECT_TRUE(refused) << "the descriptors never ran out: this test shows nothing";
  ASSERT_GT(live.size(), 10U);
  for (const auto& connection : live) ASSERT_TRUE(answers(connection)) << "a live session was harmed";
  EXPECT_TRUE(gateway.running());
  live.clear();
  EXPECT_TRUE(eventually([&] { return answers(attempt(gateway)); }, 10s)) << gateway.log();
}

TEST_F(Limits, BeyondTheLimitOfSessionsNewOnesAreRefused) {
  Gateway gateway(network_, {{"max_sessions", "2"}, {"loops", "1"}});
  gateway.start();
  gateway.apply(PolicyText{}.text());
  auto one = attempt(gateway);
  auto two = attempt(gateway);
  ASSERT_TRUE(answers(one));
  ASSERT_TRUE(answers(two));
  auto three = attempt(gateway);
  EXPECT_FALSE(answers(three));
  nlohmann::json rows;
  ASSERT_TRUE(eventually([&] {
    rows = gateway.json({"audit", "--action", "session_denied"}).at("rows");
    return !rows.empty();
  }));
  EXPECT_EQ(rows.at(0).at("reason"), "out_of_resources");
  EXPECT_EQ(gateway.map_size("denied_flows"), 0U) << "a passing shortage became a verdict";
  one.fd.reset();
  EXPECT_TRUE(eventually([&] { return answers(attempt(gateway)); }));
}

TEST_F(Limits, TheLimitOfSessionsIsOneForAllLoops) {
  Gateway gateway(network_, {{"max_sessions", "3"}, {"loops", "2"}});
  gateway.start();
  gateway.apply(PolicyText{}.text());
  std::vector<Connected> live;
  for (int i = 0; i < 3; ++i) {
    live.push_back(attempt(gateway));
    ASSERT_TRUE(answers(live.back())) << "refused below the limit, at " << i;
  }
  EXPECT_FALSE(answers(attempt(gateway)));
  EXPECT_TRUE(gateway.wait_for_log("alarm sessions: max_sessions \\(3\\) are open")) << gateway.log();
  live.clear();
  EXPECT_TRUE(gateway.wait_for_log("alarm sessions is over")) << gateway.log();
}

TEST_F(Limits, AFullVerdictMapIsAnAlarmAndTheDaemonGoesOnDenying) {
  Gateway gateway(network_);
  gateway.start();
  gateway.apply(PolicyText{}.text());
  // Filled from outside, as by very many denied clients: entries that live for ever, so that no sweep frees one.
  const Fd map(::bpf_obj_get((gateway.pins() / "denied_flows").c_str()));
  ASSERT_TRUE(map);
  std::size_t filled = 0;
  for (std::uint32_t i = 0; i < GATEHOUSE_MAX_DENIED_FLOWS + 10U; ++i) {
    flow_key key{};
    key.source.bytes[0] = 0x20;
    std::memcpy(key.source.bytes + 8, &i, sizeof i);
    verdict_value value{};
    value.expires_ns = ~0ULL;
    value.reason = 1;
    if (::bpf_map_update_elem(map.get(), &key, &value, BPF_ANY) != 0) break;
    ++filled;
  }
  ASSERT_EQ(filled, std::size_t{GATEHOUSE_MAX_DENIED_FLOWS});
  for (int i = 0; i < 2; ++i) {
    auto connection = connect_tcp(network_.client, {proxy_ip(Family::v4, 10), 7000}, 3s,
                                  Endpoint{addresses(Family::v4).second_client, 0});
    if (connection) {
      EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
    }
  }
  EXPECT_EQ(backend_.accepted(), 0U);
  EXPECT_TRUE(gateway.wait_for_log("alarm verdicts")) << gateway.log();
  // Nobody is denied meanwhile; the map is full all the same, over several sweeps.
  EXPECT_FALSE(gateway.wait_for_log("alarm verdicts is over", 2500ms)) << "over while the map is still full";
  EXPECT_TRUE(answers(attempt(gateway))) << "allowed sessions suffer from a full verdict map";
  EXPECT_EQ(gateway.json({"status"}).at("gate").at("verdict_failures"), 2);
  for (std::uint32_t i = 0; i < 100; ++i) {
    flow_key key{};
    key.source.bytes[0] = 0x20;
    std::memcpy(key.source.bytes + 8, &i, sizeof i);
    ASSERT_EQ(::bpf_map_delete_elem(map.get(), &key), 0);
  }
  EXPECT_TRUE(gateway.wait_for_log("alarm verdicts is over")) << gateway.log();
}

TEST_F(Limits, AFullDiskOpensNoSessionRaisesAnAlarmAndRecovers) {
  const auto disk = MountedDirectory::tmpfs(4U << 20U);
  Gateway gateway(network_, {}, {.state_dir = disk.path()});
  gateway.start();
  gateway.apply(PolicyText{}.text());
  auto live = attempt(gateway);
  ASSERT_TRUE(answers(live)) << gateway.log();
  const auto filler = disk.path() / "filler";
  {
    std::ofstream stream(filler, std::ios::binary);
    const std::string block(4096, 'x');
    while (stream.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  // What the database has left of its own pages is used up first.
  EXPECT_TRUE(eventually([&] { return !answers(attempt(gateway, 1s)); }, 60s))
      << "sessions open although the disk is full";
  EXPECT_TRUE(eventually([&] {
    const auto alarms = gateway.json({"status"}).at("alarms");
    return std::any_of(alarms.begin(), alarms.end(), [](const auto& alarm) { return alarm.at("name") == "store"; });
  }));
  const auto reached = backend_.accepted();
  EXPECT_FALSE(answers(attempt(gateway, 1s)));
  EXPECT_EQ(backend_.accepted(), reached) << "with the alarm raised the backend is still dialled";
  EXPECT_TRUE(answers(live)) << "the live session was harmed";
  std::filesystem::remove(filler);
  EXPECT_TRUE(eventually([&] { return answers(attempt(gateway, 1s)); }, 15s)) << gateway.log();
  EXPECT_TRUE(eventually([&] { return gateway.json({"status"}).at("alarms").empty(); }));
  const auto refused = gateway.json({"status"}).at("gate").at("refused");
  EXPECT_TRUE(eventually([&] {
    return gateway.rows("select id from audit where action = 'session_denied' and reason = 22").size() == refused;
  })) << "not every refused session has its row: "
      << refused;
}

// A store that nobody can write to for a while, as another program's long transaction does it.
class HeldStore {
 public:
  explicit HeldStore(const Gateway& gateway)
      : database_((gateway.state_dir() / "gatehouse.db").string(), SQLite::OPEN_READWRITE, 5000) {
    database_.exec("BEGIN IMMEDIATE");
  }
  void release() { database_.exec("ROLLBACK"); }

 private:
  SQLite::Database database_;
};

PolicyText where_nobody_listens() {
  PolicyText policy;
  policy.services.front().backend_port = 7999;
  return policy;
}

TEST_F(Limits, ASessionThatEndedBeforeItsRowsWereGivenUpIsAuditedAsRefused) {
  Gateway gateway(network_);
  gateway.start();
  gateway.apply(where_nobody_listens().text());
  HeldStore held(gateway);
  static_cast<void>(attempt(gateway));
  EXPECT_TRUE(gateway.wait_for_log("alarm store", 15s)) << "it was written all the same: this test shows nothing";
  held.release();
  EXPECT_TRUE(eventually(
      [&] { return gateway.rows("select id from audit where action = 'session_denied' and reason = 22").size() == 1; },
      15s))
      << "the session has left no trace";
  EXPECT_EQ(gateway.json({"status"}).at("gate").at("refused"), 1);
}

TEST_F(Limits, AStopWhileRowsOfEndedSessionsWaitIsInOrder) {
  Gateway gateway(network_);
  gateway.start();
  gateway.apply(where_nobody_listens().text());
  {
    HeldStore held(gateway);
    for (int i = 0; i < 20; ++i) static_cast<void>(attempt(gateway));
    EXPECT_EQ(gateway.stop().code, 0) << gateway.log();
  }
  gateway.start();
  EXPECT_TRUE(gateway.rows("select id from sessions where ended is null").empty());
}

}  // namespace
}  // namespace gatehouse::test
