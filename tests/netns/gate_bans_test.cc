// Bans: dropped by XDP for new and for established traffic, live sessions ended, gone again when they are removed.
#include <gtest/gtest.h>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Bans : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    gateway_.start();
    gateway_.apply(PolicyText{.family = GetParam()}.text());
  }
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  Connected attempt(std::chrono::milliseconds limit = 3s) {
    return connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, limit, Endpoint{where().client, 0});
  }
  static bool answers(const Connected& connection) {
    return connection && send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 2s).data == "ping";
  }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
};

TEST_P(Bans, AnAddressIsCutOffAtOnceAndLetInAgainAfterwards) {
  auto connection = attempt();
  ASSERT_TRUE(answers(connection)) << connection.text();
  const auto banned = gateway_.json({"ban", "add", where().client.text(), "--reason", "test", "--permanent"});
  EXPECT_EQ(banned.at("sessions_ended"), 1);
  EXPECT_EQ(gateway_.map_size("banned_hosts"), 1U);
  EXPECT_TRUE(backend_.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }));
  EXPECT_TRUE(
      eventually([&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "banned"; }));

  const auto dropped = gateway_.counter(COUNTER_BANNED_HOST_DROPPED);
  EXPECT_FALSE(attempt(1s));
  EXPECT_GT(gateway_.counter(COUNTER_BANNED_HOST_DROPPED), dropped);
  EXPECT_EQ(gateway_.json({"status"}).at("gate").at("accepted"), 1);

  ASSERT_EQ(gateway_.cli({"ban", "remove", where().client.text()}).exit_code, 0);
  EXPECT_EQ(gateway_.map_size("banned_hosts"), 0U);
  auto again = attempt();
  EXPECT_TRUE(answers(again)) << again.text();
}

TEST_P(Bans, ANetworkIsCutOffForEstablishedTrafficToo) {
  // A connection that the daemon has nothing to do with: only the program at the interface can cut it.
  TcpServer own(network_.gateway, {where().gateway_to_clients, 7100});
  auto established = connect_tcp(network_.client, {where().gateway_to_clients, 7100}, 3s, Endpoint{where().client, 0});
  ASSERT_TRUE(answers(established)) << established.text();
  auto session = attempt();
  ASSERT_TRUE(answers(session)) << session.text();

  ASSERT_EQ(gateway_.cli({"ban", "add", where().clients.text(), "--reason", "test", "--for", "1h"}).exit_code, 0);
  EXPECT_EQ(gateway_.map_size("banned_nets"), 1U);
  const auto dropped = gateway_.counter(COUNTER_BANNED_NET_DROPPED);
  EXPECT_FALSE(answers(established));
  EXPECT_GT(gateway_.counter(COUNTER_BANNED_NET_DROPPED), dropped);
  EXPECT_FALSE(attempt(1s));
  EXPECT_TRUE(backend_.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }));

  ASSERT_EQ(gateway_.cli({"ban", "remove", where().clients.text()}).exit_code, 0);
  EXPECT_EQ(read_exact(established.fd, 4, 10s).data, "ping") << "what was sent meanwhile arrives once the ban is gone";
}

TEST_P(Bans, ABanEndsByItself) {
  ASSERT_EQ(gateway_.cli({"ban", "add", where().client.text(), "--reason", "test", "--for", "1s"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return answers(attempt(1s)); }, 10s));
}

TEST_P(Bans, FailsafeIsNeverDropped) {
  gateway_.set("failsafe", "{ sources: [\"" + where().client.text() + "\"] }");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  ASSERT_EQ(gateway_.cli({"ban", "add", where().clients.text(), "--reason", "oops", "--permanent"}).exit_code, 0);
  const auto dropped = gateway_.counter(COUNTER_BANNED_NET_DROPPED);
  TcpServer administration(network_.gateway, {where().gateway_to_clients, 22}, {.greeting = "in"});
  auto connection = connect_tcp(network_.client, {where().gateway_to_clients, 22}, 3s, Endpoint{where().client, 0});
  ASSERT_TRUE(connection) << connection.text();
  EXPECT_EQ(read_exact(connection.fd, 2).data, "in");
  EXPECT_FALSE(connect_tcp(network_.client, {where().gateway_to_clients, 22}, 1s, Endpoint{where().second_client, 0}));
  EXPECT_GT(gateway_.counter(COUNTER_BANNED_NET_DROPPED), dropped);
}

TEST_P(Bans, ObservingDropsNothingInTheKernel) {
  gateway_.set("mode", "observe");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  ASSERT_EQ(gateway_.cli({"ban", "add", where().client.text(), "--reason", "test", "--permanent"}).exit_code, 0);
  auto connection = attempt();
  EXPECT_GT(gateway_.counter(COUNTER_OBSERVED), 0U);
  EXPECT_EQ(gateway_.counter(COUNTER_BANNED_HOST_DROPPED), 0U);
  // The daemon denies all the same.
  if (connection) {
    EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
  }
  EXPECT_EQ(backend_.accepted(), 0U);
}

TEST_P(Bans, SurviveARestartAndTheDeathOfTheDaemon) {
  ASSERT_EQ(gateway_.cli({"ban", "add", where().client.text(), "--reason", "test", "--permanent"}).exit_code, 0);
  gateway_.kill_hard();
  const auto dropped = gateway_.counter(COUNTER_BANNED_HOST_DROPPED);
  EXPECT_FALSE(attempt(1s));
  EXPECT_GT(gateway_.counter(COUNTER_BANNED_HOST_DROPPED), dropped);
  gateway_.start();
  EXPECT_FALSE(attempt(1s));
  EXPECT_EQ(gateway_.json({"ban", "list"}).at("bans").size(), 1U);
  gateway_.restart();
  EXPECT_FALSE(attempt(1s));
}

INSTANTIATE_TEST_SUITE_P(Families, Bans, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

}  // namespace
}  // namespace gatehouse::test
