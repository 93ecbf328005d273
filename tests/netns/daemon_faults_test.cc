// What goes wrong around a running daemon: floods of reports, a kernel that refuses a change, drift, a configuration or
// a machine that it could not start with again. It answers, says so, and comes back to what is wanted.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/packet.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Faults : public ::testing::Test {
 protected:
  void begin(const Gateway::Settings& settings = {}) {
    for (const auto& [key, value] : settings) gateway_.set(key, value);
    gateway_.start();
    gateway_.apply(PolicyText{}.text());
  }
  Connected attempt() {
    return connect_tcp(network_.client, {proxy_ip(Family::v4, 10), 7000}, 3s,
                       Endpoint{addresses(Family::v4).client, 0});
  }
  static bool answers(const Connected& connection) {
    return connection && send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 2s).data == "ping";
  }
  [[nodiscard]] bool has_alarm(const std::string& name) const {
    const auto status = gateway_.json({"status"});
    for (const auto& alarm : status.at("alarms")) {
      if (alarm.at("name") == name) return true;
    }
    return false;
  }
  // Runs guard on one frame, as if it had come in.
  void receive(const std::string& source) const {
    const Fd guard(::bpf_obj_get((gateway_.pins() / "prog_guard").c_str()));
    ASSERT_TRUE(guard);
    const auto frame = PacketBuilder().v4(source, "203.0.113.10").tcp(7000).frame();
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.data_in = frame.data();
    options.data_size_in = static_cast<std::uint32_t>(frame.size());
    ASSERT_EQ(::bpf_prog_test_run_opts(guard.get(), &options), 0);
  }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {addresses(Family::v4).backend, 7000}};
};

TEST_F(Faults, AFloodOfReportsIsCountedAndWrittenInFewRows) {
  constexpr unsigned sources = 600;
  begin();
  const TemporaryDirectory directory;
  const auto list = directory.path() / "bans";
  {
    std::ofstream lines(list);
    for (unsigned i = 0; i < sources; ++i) lines << "100.64." << i / 256 << '.' << i % 256 << '\n';
  }
  ASSERT_EQ(gateway_.cli({"ban", "add", "--file", list.string(), "--reason", "flood", "--permanent"}).exit_code, 0);
  for (unsigned i = 0; i < sources; ++i) {
    receive("100.64." + std::to_string(i / 256) + "." + std::to_string(i % 256));
  }
  EXPECT_EQ(gateway_.counter(COUNTER_EVENTS_SENT), sources);
  const auto single = "select count(*) as n from audit where action = 'kernel_denied' and source is not null";
  const auto withheld =
      "select coalesce(sum(cast(detail as integer)), 0) as n from audit where action = 'kernel_denied' and source is "
      "null";
  const auto count = [&](const char* query) { return gateway_.rows(query).at(0).at("n").get<unsigned>(); };
  EXPECT_TRUE(eventually([&] { return count(single) + count(withheld) == sources; }))
      << count(single) << " single rows, " << count(withheld) << " counted: a report was lost";
  EXPECT_GT(count(withheld), 0U) << "every report has a row of its own";
}

TEST_F(Faults, AChangeThatTheKernelRefusedIsTriedAgain) {
  begin({{"reconcile_every", "1h"}});
  // Filled from outside, so that there is no room for a further service.
  const Fd map(::bpf_obj_get((gateway_.pins() / "services").c_str()));
  ASSERT_TRUE(map);
  for (std::uint32_t i = 0; i < GATEHOUSE_MAX_SERVICES + 1U; ++i) {
    service_key key{};
    key.address.bytes[0] = 0x20;
    std::memcpy(key.address.bytes + 8, &i, sizeof i);
    const service_value value{};
    if (::bpf_map_update_elem(map.get(), &key, &value, BPF_ANY) != 0) break;
  }
  const TcpServer second(network_.backend, {addresses(Family::v4).backend, 7001});
  PolicyText more;
  more.services.push_back({.name = "second", .port = 7001});
  const auto refused = gateway_.try_apply(more.text());
  if (refused.exit_code == 0) GTEST_FAIL() << "the map had room after all: this test shows nothing";
  EXPECT_NE(refused.errors.find("the kernel did not take it"), std::string::npos) << refused.errors;
  gateway_.set("reconcile_every", "1s");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);

  EXPECT_TRUE(eventually([&] {
    auto connection =
        connect_tcp(network_.client, {proxy_ip(Family::v4, 10), 7001}, 1s, Endpoint{addresses(Family::v4).client, 0});
    return answers(connection);
  })) << gateway_.log();
  EXPECT_TRUE(eventually([&] { return !has_alarm("steering"); })) << gateway_.log();
}

TEST_F(Faults, DriftIsMendedShownOnceAndThenGone) {
  begin({{"reconcile_every", "500ms"}});
  const auto removed = run_command({"nft", "delete", "table", "inet", "gatehouse"}, {.where = &network_.gateway});
  ASSERT_EQ(removed.exit_code, 0) << removed.errors;
  const auto rules = [&] { return gateway_.json({"status"}).at("drift").at("rules").get<int>(); };
  EXPECT_TRUE(gateway_.wait_for_log("had drifted and was mended")) << gateway_.log();
  EXPECT_TRUE(eventually([&] { return rules() == 0; }));
  EXPECT_TRUE(answers(attempt()));
}

TEST_F(Faults, AReloadThatIsRefusedChangesNothing) {
  begin();
  std::string sources;
  for (int i = 0; i < 257; ++i) {
    sources += (i == 0 ? "" : ", ") + ("192.0.2." + std::to_string(i % 200)) + "";
  }
  gateway_.set("mode", "observe");
  gateway_.set("failsafe", "{ sources: [" + sources + "] }");
  const auto refused = gateway_.cli({"reload"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("failsafe: has 257 sources and ports"), std::string::npos) << refused.errors;
  EXPECT_EQ(gateway_.json({"status"}).at("enforcement"), "enforce");
  EXPECT_TRUE(gateway_.rows("select id from audit where action = 'configuration_reloaded'").empty());
}

TEST_F(Faults, ARestartThatCouldNotComeUpIsRefusedAndTheDaemonGoesOn) {
  begin();
  auto connection = attempt();
  ASSERT_TRUE(answers(connection));
  gateway_.set("interfaces", "[absent0]");
  const auto refused = gateway_.cli({"restart"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find("the interface absent0 does not exist"), std::string::npos) << refused.errors;
  EXPECT_TRUE(answers(connection)) << "the session was ended by a restart that did not happen";
}

TEST_F(Faults, ASignalToStopRightBehindARestartStops) {
  begin();
  const auto pid = gateway_.daemon().id();
  Process command({(program_directory() / "gatehouse").string(), "--socket", gateway_.socket().string(), "restart"});
  ASSERT_TRUE(gateway_.wait_for_log("to be executed anew"));
  ::kill(pid, SIGTERM);
  const auto ended = gateway_.daemon().wait(20s);
  ASSERT_TRUE(ended) << "the daemon goes on: " << gateway_.log();
  EXPECT_TRUE(ended->success()) << ended->code << ' ' << ended->signal;
  EXPECT_EQ(gateway_.map_size("services"), 0U) << "stopped, but the services are still steered to nobody";
}

TEST_F(Faults, RowsWithoutADecisionHaveNoReason) {
  begin();
  const auto started = gateway_.json({"audit", "--action", "daemon_started"}).at("rows").at(0);
  EXPECT_TRUE(started.at("reason").is_null()) << started.dump();
  ASSERT_TRUE(answers(attempt()));
  const auto allowed = gateway_.json({"audit", "--action", "session_allowed"}).at("rows").at(0);
  EXPECT_EQ(allowed.at("reason"), "allowed");
}

}  // namespace
}  // namespace gatehouse::test
