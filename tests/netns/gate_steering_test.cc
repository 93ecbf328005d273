// Steering, end to end: what reaches the daemon, with which destination, and what never goes past it. Both families,
// both ways of steering.
#include <gtest/gtest.h>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

struct Way {
  Family family;
  std::string steering;
};

class Steering : public ::testing::TestWithParam<Way> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam().family); }
  [[nodiscard]] Address proxy(std::uint8_t number) const { return proxy_ip(GetParam().family, number); }
  [[nodiscard]] Endpoint from_client() const { return {where().client, 0}; }
  [[nodiscard]] PolicyText policy() const { return {.family = GetParam().family}; }
  Network network_;
  Gateway gateway_{network_, {{"steering", GetParam().steering}}};
};

TEST_P(Steering, KeepsTheOriginalDestinationOfEachService) {
  auto text = policy();
  text.servers = "  two: { address: \"" + where().second_backend.text() + "\" }\n";
  text.services = {{.name = "desktop", .proxy = 10, .port = 3389, .kind = "rdp"},
                   {.name = "shell", .proxy = 10, .port = 22, .backend_port = 2222, .more = ", protocol: ssh"},
                   {.name = "screen", .server = "two", .proxy = 11, .port = 3389, .kind = "rdp", .backend_port = 5900}};
  text.grants += "  bob-two: { user: bob, server: two }\n";
  TcpServer desktop(network_.backend, {where().backend, 3389}, {.greeting = "desktop"});
  TcpServer shell(network_.backend, {where().backend, 2222}, {.greeting = "shell!!"});
  TcpServer screen(network_.backend, {where().second_backend, 5900}, {.greeting = "screen!"});
  gateway_.start();
  gateway_.apply(text.text());

  struct Want {
    Endpoint proxy;
    std::string greeting;
    std::string service;
  };
  for (const auto& want : {Want{{proxy(10), 3389}, "desktop", "desktop"}, Want{{proxy(10), 22}, "shell!!", "shell"},
                           Want{{proxy(11), 3389}, "screen!", "screen"}}) {
    auto connection = connect_tcp(network_.client, want.proxy, 5s, from_client());
    ASSERT_TRUE(connection) << want.service << ": " << connection.text() << "\n" << gateway_.log();
    EXPECT_EQ(read_exact(connection.fd, 7).data, want.greeting) << want.service << " reached another backend";
    const auto open = gateway_.json({"sessions", "--open"}).at("sessions");
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open[0].at("service"), want.service);
    EXPECT_EQ(open[0].at("proxy"), want.proxy.text());
    EXPECT_EQ(open[0].at("client"), local_endpoint(connection.fd).text());
    connection.fd.reset();
    ASSERT_TRUE(eventually([&] { return gateway_.json({"sessions", "--open"}).at("sessions").empty(); }));
  }
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Steering, AnswersUdpToATcpServiceWithPortUnreachable) {
  gateway_.start();
  gateway_.apply(policy().text());
  const auto socket = connect_udp(network_.client, {proxy(10), 7000}, from_client());
  const auto answer = ask_udp(socket, "hello");
  EXPECT_EQ(answer.error, ECONNREFUSED) << text_of(answer.ending);
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Steering, ResetsTcpToAPoolAddressWithoutAService) {
  gateway_.start();
  gateway_.apply(policy().text());
  for (const Endpoint to : {Endpoint{proxy(10), 7001}, Endpoint{proxy(99), 7000}}) {
    EXPECT_EQ(connect_tcp(network_.client, to, 2s, from_client()).error, ECONNREFUSED) << to.text();
  }
  EXPECT_EQ(gateway_.json({"status"}).at("gate").at("accepted"), 0);
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Steering, NeverReachesAnotherSocketOfTheGateway) {
  TcpServer wildcard(network_.gateway, {*Address::parse(GetParam().family == Family::v4 ? "0.0.0.0" : "::"), 7000},
                     {.greeting = "gateway"});
  gateway_.start();
  gateway_.apply(policy().text());  // the backend does not listen
  auto connection = connect_tcp(network_.client, {proxy(10), 7000}, 2s, from_client());
  if (connection) {
    EXPECT_EQ(read_to_end(connection.fd).data, "");
  }
  gateway_.kill_hard();
  EXPECT_FALSE(connect_tcp(network_.client, {proxy(10), 7000}, 1500ms, from_client()));
  EXPECT_EQ(wildcard.accepted(), 0U) << "traffic of a proxy IP reached a socket of the gateway's own";
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Steering, StoppedClosedItRejectsAndForwardsNothing) {
  TcpServer behind(network_.backend, {*Address::parse("::"), 7000});
  gateway_.start();
  gateway_.apply(policy().text());
  EXPECT_TRUE(gateway_.stop().success()) << gateway_.log();
  EXPECT_EQ(connect_tcp(network_.client, {proxy(10), 7000}, 2s, from_client()).error, ECONNREFUSED);
  EXPECT_EQ(behind.accepted(), 0U);
  EXPECT_EQ(network_.leaked_packets(), 0U);
}

TEST_P(Steering, StoppedOpenItLeavesNothingBehind) {
  TcpServer behind(network_.backend, {*Address::parse("::"), 7000}, {.greeting = "routed"});
  gateway_.set("on_stop", "open");
  gateway_.start();
  gateway_.apply(policy().text());
  EXPECT_TRUE(gateway_.stop().success()) << gateway_.log();
  auto connection = connect_tcp(network_.client, {proxy(10), 7000}, 2s, from_client());
  ASSERT_TRUE(connection) << connection.text();
  EXPECT_EQ(read_exact(connection.fd, 6).data, "routed");
  const auto tables = run_command({"nft", "list", "tables"}, {.where = &network_.gateway});
  EXPECT_EQ(tables.output.find("gatehouse"), std::string::npos) << tables.output;
  const auto rules = run_command({"ip", "rule"}, {.where = &network_.gateway});
  EXPECT_EQ(rules.output.find("27262"), std::string::npos) << rules.output;
  EXPECT_FALSE(std::filesystem::exists(gateway_.pins()));
}

TEST_P(Steering, MendsWhatSomebodyElseFlushed) {
  TcpServer server(network_.backend, {where().backend, 7000}, {.greeting = "hello"});
  gateway_.set("reconcile_every", "1s");
  gateway_.start();
  gateway_.apply(policy().text());
  ASSERT_EQ(run_command({"nft", "flush", "ruleset"}, {.where = &network_.gateway}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return gateway_.json({"status"}).at("drift").at("rules") > 0; }, 10s));
  auto connection = connect_tcp(network_.client, {proxy(10), 7000}, 5s, from_client());
  ASSERT_TRUE(connection) << connection.text();
  EXPECT_EQ(read_exact(connection.fd, 5).data, "hello");
}

INSTANTIATE_TEST_SUITE_P(Ways, Steering,
                         ::testing::Values(Way{Family::v4, "sk_lookup"}, Way{Family::v6, "sk_lookup"},
                                           Way{Family::v4, "tproxy"}, Way{Family::v6, "tproxy"}),
                         [](const auto& each) {
                           return std::string(text_of(each.param.family)) + "_" + each.param.steering;
                         });

TEST(SteeringScale, ThousandsOfServicesCostNoDescriptors) {
  Network network;
  Gateway gateway(network);
  PolicyText text;
  text.services.clear();
  const int count = patiently(1s) > 2s ? 2'000 : 10'000;  // an emulator takes minutes for so many
  for (int i = 0; i < count; ++i) {
    text.services.push_back({.name = "s" + std::to_string(i),
                             .proxy = static_cast<std::uint8_t>(1 + i % 200),
                             .port = static_cast<std::uint16_t>(10'000 + i / 200),
                             .backend_port = 7000});
  }
  TcpServer server(network.backend, {addresses(Family::v4).backend, 7000}, {.greeting = "hello"});
  gateway.start();
  const auto descriptors = [&] {
    return std::distance(std::filesystem::directory_iterator("/proc/" + std::to_string(gateway.daemon().id()) + "/fd"),
                         {});
  };
  const auto before = descriptors();
  gateway.apply(text.text());
  EXPECT_LE(descriptors(), before + 4);
  EXPECT_EQ(gateway.map_size("services"), static_cast<std::size_t>(count));
  const auto last_port = static_cast<std::uint16_t>(10'000 + (count - 1) / 200);
  auto connection = connect_tcp(network.client, {proxy_ip(Family::v4, 200), last_port});
  ASSERT_TRUE(connection) << connection.text();
  EXPECT_EQ(read_exact(connection.fd, 5).data, "hello");
}

}  // namespace
}  // namespace gatehouse::test
