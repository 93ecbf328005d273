// The fixture that starts the real daemon, and with it the shortest way through everything: steered, allowed, relayed,
// recorded.
#include <gtest/gtest.h>

#include <string>

#include "support/families.h"
#include "support/gateway.h"
#include "support/network.h"
#include "support/patience.h"
#include "support/sockets.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class DaemonFixture : public testing::TestWithParam<Family> {};
INSTANTIATE_TEST_SUITE_P(Families, DaemonFixture, each_family, family_name);

std::string policy_for(Family family, std::uint16_t backend_port) {
  const Addresses& who = addresses(family);
  return "pools: {test: [" + who.pool.text() + "]}\n" + "users: {alice: {sources: ['" + who.client.text() + "']}}\n" +
         "servers: {shell: {address: '" + who.backend.text() + "'}}\n" +
         "services: {shell-ssh: {server: shell, proxy_ip: '" + proxy_ip(family, 1).text() +
         "', port: 22, kind: relay, protocol: ssh, backend_port: " + std::to_string(backend_port) + "}}\n" +
         "grants: {alice-shell: {user: alice, server: shell, protocol: ssh}}\n";
}

TEST_P(DaemonFixture, RunsAppliesRelaysCountsAndStops) {
  Network network;
  const TcpServer backend(network.backend, {addresses(GetParam()).backend, 0});
  Gateway gateway(network);
  gateway.start();
  EXPECT_TRUE(gateway.running());
  EXPECT_TRUE(gateway.json({"status"}).is_object());
  EXPECT_NE(gateway.try_apply("users: [this is no map]").exit_code, 0);
  gateway.apply(policy_for(GetParam(), backend.at().port));
  EXPECT_EQ(gateway.map_size("services"), 1U);

  const std::uint64_t steered = gateway.counter(COUNTER_STEERED);
  const Connected client = connect_tcp(network.client, {proxy_ip(GetParam(), 1), 22});
  ASSERT_TRUE(client) << client.text() << "\n" << gateway.log();
  EXPECT_EQ(send_all(client.fd, "hello"), 0);
  const Received answer = read_exact(client.fd, 5);
  ASSERT_EQ(answer.data, "hello") << text_of(answer.ending) << "\n" << gateway.log();
  EXPECT_EQ(backend.accepted(), 1U);
  EXPECT_EQ(gateway.counter(COUNTER_STEERED), steered + 1);
  shut_down_writing(client.fd);
  EXPECT_EQ(read_to_end(client.fd).ending, Ending::closed);
  EXPECT_TRUE(eventually([&] { return gateway.rows("SELECT * FROM sessions").size() == 1; }));

  gateway.restart();
  EXPECT_EQ(gateway.map_size("services"), 1U);
  gateway.kill_hard();
  EXPECT_FALSE(gateway.running());
  EXPECT_GE(gateway.counter(COUNTER_STEERED), steered + 1);
  gateway.start();
  EXPECT_TRUE(gateway.stop().success()) << gateway.log();
  EXPECT_EQ(network.leaked_packets(), 0U);
}

TEST(DaemonFixture, SaysWhyTheDaemonDoesNotStart) {
  Network network;
  Gateway gateway(network, {{"mode", "sometimes"}});
  EXPECT_FALSE(gateway.try_start().success());
  EXPECT_NE(gateway.log().find("sometimes"), std::string::npos) << gateway.log();
}

}  // namespace
}  // namespace gatehouse::test
