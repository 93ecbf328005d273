// Restarts and deaths under load: no connection attempt is lost by a restart, nothing is let through by a death, no row
// stays open.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

// Connects, over and over, from one thread; each connection that is made must be answered by the backend or be ended by
// the restart.
class Load {
 public:
  Load(const Network& network, Family family)
      : thread_([this, &network, family] {
          while (!stop_) {
            auto connection =
                connect_tcp(network.client, {proxy_ip(family, 10), 7000}, 3s, Endpoint{addresses(family).client, 0});
            ++attempts_;
            if (!connection) {
              ++failed_;
              error_ = connection.error;
              continue;
            }
            if (send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 5s).data == "ping") ++answered_;
          }
        }) {}
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load() { stop(); }
  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  std::atomic<std::uint64_t> attempts_ = 0;
  std::atomic<std::uint64_t> failed_ = 0;  // the handshake itself
  std::atomic<std::uint64_t> answered_ = 0;
  std::atomic<int> error_ = 0;

 private:
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

class Restart : public ::testing::TestWithParam<Family> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  void SetUp() override {
    gateway_.set("deny_ttl",
                 "10m");  // a verdict is looked at after several restarts, which an emulator takes its time for
    gateway_.start();
    gateway_.apply(PolicyText{.family = GetParam()}.text());
  }
  Connected attempt(std::chrono::milliseconds limit = 3s) {
    return connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, limit, Endpoint{where().client, 0});
  }
  [[nodiscard]] std::size_t open_rows() const {
    return gateway_.rows("select id from sessions where ended is null").size();
  }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
};

TEST_P(Restart, UnderLoadLosesNoConnectionAttemptAndNoVerdict) {
  auto denied = connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, 3s, Endpoint{where().second_client, 0});
  ASSERT_TRUE(eventually([&] { return gateway_.map_size("denied_flows") == 1; }));
  auto live = attempt();
  ASSERT_TRUE(live) << live.text();
  ASSERT_EQ(send_all(live.fd, "x"), 0);
  EXPECT_EQ(read_exact(live.fd, 1).data, "x");

  Load load(network_, GetParam());
  for (int round = 1; round <= 3; ++round) {
    const auto before = load.answered_.load();
    ASSERT_TRUE(eventually([&] { return load.answered_ > before + 20; }, 15s)) << gateway_.log();
    ASSERT_EQ(gateway_.cli({"restart"}).exit_code, 0);
    ASSERT_TRUE(eventually(
        [&] {
          return gateway_.rows("select id from audit where action = 'daemon_started'").size() ==
                 static_cast<std::size_t>(round) + 1;
        },
        15s))
        << gateway_.log();
    EXPECT_EQ(gateway_.map_size("denied_flows"), 1U) << "the verdict was lost";
  }
  const auto before = load.answered_.load();
  EXPECT_TRUE(eventually([&] { return load.answered_ > before + 20; }, 15s)) << gateway_.log();
  load.stop();
  EXPECT_EQ(load.failed_, 0U) << "of " << load.attempts_ << " attempts, errno " << load.error_;
  EXPECT_EQ(read_to_end(live.fd).ending, Ending::reset);
  EXPECT_EQ(gateway_.rows("select id from sessions where id = 1 and end_reason = 10").size(), 1U)
      << "the live session's row does not say service_restart";
  EXPECT_TRUE(eventually([&] { return open_rows() == 0; }));
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Restart, WhileTheKernelIsAboutToBeComparedItComesUpAgain) {
  gateway_.set("reconcile_every", "5ms");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  for (int round = 1; round <= 5; ++round) {
    const auto restarted = gateway_.cli({"restart"});
    ASSERT_EQ(restarted.exit_code, 0) << restarted.errors << gateway_.log();
  }
  EXPECT_TRUE(attempt());
}

TEST_P(Restart, KilledUnderLoadItLetsNothingThroughAndLeavesNoRowOpen) {
  ASSERT_EQ(gateway_.cli({"ban", "add", where().second_client.text(), "--reason", "test", "--permanent"}).exit_code, 0);
  auto live = attempt();
  ASSERT_TRUE(live) << live.text();
  ASSERT_EQ(send_all(live.fd, "x"), 0);
  EXPECT_EQ(read_exact(live.fd, 1).data, "x");
  {
    Load load(network_, GetParam());
    ASSERT_TRUE(eventually([&] { return load.answered_ > 20; }, 15s));
    gateway_.kill_hard();
    EXPECT_FALSE(attempt(1s));
    const auto dropped = gateway_.counter(COUNTER_BANNED_HOST_DROPPED);
    EXPECT_FALSE(
        connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, 1s, Endpoint{where().second_client, 0}));
    EXPECT_GT(gateway_.counter(COUNTER_BANNED_HOST_DROPPED), dropped) << "bans are no longer enforced";
  }
  EXPECT_GE(open_rows(), 1U);
  gateway_.start();
  EXPECT_EQ(open_rows(), 0U);
  EXPECT_EQ(gateway_.rows("select id from sessions where id = 1 and end_reason = 10").size(), 1U)
      << "not closed as service_restart";
  EXPECT_EQ(
      gateway_
          .rows(
              "select id from sessions where id not in (select session_id from audit where action = 'session_allowed')")
          .size(),
      0U)
      << "a session without its audit row";
  const auto verified = gateway_.cli({"audit", "verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  auto again = attempt();
  ASSERT_TRUE(again) << again.text();
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Restart, ASecondDaemonOfTheSameInstanceIsRefused) {
  Gateway second(network_);
  second.set("bpffs", gateway_.pins().parent_path().parent_path().string());
  EXPECT_FALSE(second.try_start().success());
  EXPECT_NE(second.log().find(std::to_string(gateway_.daemon().id())), std::string::npos) << second.log();
  EXPECT_TRUE(attempt());
}

INSTANTIATE_TEST_SUITE_P(Families, Restart, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

}  // namespace
}  // namespace gatehouse::test
