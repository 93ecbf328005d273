// What a session carries, and how it ends, through the real daemon.
#include <gtest/gtest.h>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/pattern.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Relay : public ::testing::TestWithParam<Family> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  void begin(const std::string& more = {}) {
    PolicyText text{.family = GetParam()};
    text.services[0].more = more;
    gateway_.start();
    gateway_.apply(text.text());
  }
  Connected attempt(std::chrono::milliseconds limit = 5s) {
    return connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, limit, Endpoint{where().client, 0});
  }
  [[nodiscard]] Endpoint at_backend() const { return {where().backend, 7000}; }
  void expect_end(const std::string& reason) {
    nlohmann::json session;
    EXPECT_TRUE(eventually(
        [&] {
          const auto all = gateway_.json({"sessions"}).at("sessions");
          session = all.empty() ? nlohmann::json() : all.at(0);
          return !all.empty() && session.at("end_reason") == reason;
        },
        10s))
        << "wanted " << reason << ", got " << session.dump();
  }

  Network network_;
  Gateway gateway_{network_, {{"relay", "{ connect_timeout: 1s }"}}};
};

TEST_P(Relay, PassesOnAHalfClose) {
  TcpServer server(network_.backend, at_backend(), {.echo = false, .send_bytes = 1'000'000, .send_seed = 1});
  begin();
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "all I have"), 0);
  shut_down_writing(connection.fd);
  ASSERT_TRUE(server.wait_until([](const auto& seen) { return !seen.empty() && seen[0].peer_finished; }))
      << "the client's end did not arrive";
  const auto rest = read_to_end(connection.fd);
  EXPECT_EQ(rest.data.size(), 1'000'000U);
  EXPECT_EQ(rest.ending, Ending::closed);
  expect_end("normal");
}

TEST_P(Relay, CarriesAGigabyteBothWaysUnchanged) {
  const std::uint64_t bytes = patiently(1s) > 4s ? 1ULL << 27U : 1ULL << 30U;  // less in an emulator
  TcpServer server(network_.backend, at_backend(),
                   {.echo = false, .send_bytes = bytes, .send_seed = 1, .expect_seed = 2});
  begin();
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  const auto result = transfer(connection.fd, {.send_bytes = bytes, .send_seed = 2, .receive_seed = 1}, 120s);
  EXPECT_EQ(result.sent, bytes);
  EXPECT_EQ(result.received, bytes);
  EXPECT_TRUE(result.intact);
  ASSERT_TRUE(server.wait_until([](const auto& seen) { return seen.at(0).peer_finished; }, 30s));
  EXPECT_EQ(server.seen()[0].received, bytes);
  EXPECT_TRUE(server.seen()[0].intact);
  connection.fd.reset();
  expect_end("normal");
  const auto session = gateway_.json({"sessions"}).at("sessions").at(0);
  EXPECT_EQ(session.at("bytes_from_client"), bytes);
  EXPECT_EQ(session.at("bytes_to_client"), bytes);
}

TEST_P(Relay, ABackendThatRefusesEndsTheSession) {
  begin();
  auto connection = attempt();
  if (connection) {
    EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
  }
  expect_end("backend_refused");
}

TEST_P(Relay, ABackendThatNobodyRoutesToEndsTheSession) {
  begin();
  run_command({"ip", GetParam() == Family::v4 ? "-4" : "-6", "route", "add", "unreachable", where().backend.text()},
              {.where = &network_.gateway});
  auto connection = attempt();
  if (connection) {
    EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
  }
  expect_end("backend_unreachable");
}

TEST_P(Relay, ABlackHoledBackendEndsTheSessionInTime) {
  PolicyText text{.family = GetParam()};
  text.servers = "  hole: { address: \"" + where().black_hole.text() + "\" }\n";
  text.services = {{.name = "hole", .server = "hole"}};
  text.grants = "  bob-hole: { user: bob, server: hole }\n";
  gateway_.start();
  gateway_.apply(text.text());
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  EXPECT_EQ(read_to_end(connection.fd, 8s).ending, Ending::reset);
  expect_end("backend_timeout");
}

TEST_P(Relay, AResetOfTheClientReachesTheBackend) {
  TcpServer server(network_.backend, at_backend());
  begin();
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x");
  close_with_reset(std::move(connection.fd));
  EXPECT_TRUE(server.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }));
  expect_end("client_reset");
}

TEST_P(Relay, AResetOfTheBackendReachesTheClient) {
  TcpServer server(network_.backend, at_backend());
  begin();
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x");
  server.reset_all();
  EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
  expect_end("backend_reset");
}

TEST_P(Relay, AnIdleSessionEnds) {
  TcpServer server(network_.backend, at_backend());
  begin(", idle_timeout: 1s");
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  EXPECT_EQ(read_to_end(connection.fd, 8s).ending, Ending::reset);
  expect_end("inactivity_timeout");
}

TEST_P(Relay, ShowsTheBackendTheClientsOwnAddressWhenAsked) {
  TcpServer server(network_.backend, at_backend());
  begin(", source: client");
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x") << gateway_.log();
  EXPECT_EQ(server.seen().at(0).peer.address, where().client);
}

TEST_P(Relay, ShowsTheBackendItsOwnAddressOtherwise) {
  TcpServer server(network_.backend, at_backend());
  begin();
  auto connection = attempt();
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x");
  EXPECT_EQ(server.seen().at(0).peer.address, where().gateway_to_backends);
}

TEST_P(Relay, ARealHaproxyReadsTheProxyHeader) {
  TemporaryDirectory directory;
  // HAProxy answers with what the header told it.
  const auto file =
      directory.write("haproxy.cfg",
                      "defaults\n  mode http\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n"
                      "frontend f\n  bind [::]:7000 v4v6 accept-proxy\n"
                      "  http-request return status 200 content-type text/plain lf-string \"%[src] %[src_port] %[dst] "
                      "%[dst_port]\\n\"\n");
  Process haproxy({"haproxy", "-db", "-f", file.string()}, {.where = &network_.backend});
  begin(", proxy_protocol: v2");
  Received answer;
  Endpoint client;
  ASSERT_TRUE(eventually(
      [&] {
        auto connection = attempt(2s);
        if (!connection) return false;
        client = local_endpoint(connection.fd);
        (void)send_all(connection.fd, "GET / HTTP/1.0\r\n\r\n");
        answer = read_to_end(connection.fd, 3s);
        return !answer.data.empty();
      },
      15s))
      << haproxy.errors() << gateway_.log();
  const auto want =
      client.address.text() + " " + std::to_string(client.port) + " " + proxy_ip(GetParam(), 10).text() + " 7000";
  EXPECT_NE(answer.data.find(want), std::string::npos) << "wanted " << want << " in\n" << answer.data;
}

INSTANTIATE_TEST_SUITE_P(Families, Relay, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

}  // namespace
}  // namespace gatehouse::test
