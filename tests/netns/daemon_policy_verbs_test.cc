// The verbs that change the policy without a file, against the real daemon: in force when they return, kept, audited.
#include <gtest/gtest.h>

#include "base/time.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class PolicyVerbs : public ::testing::Test {
 protected:
  PolicyVerbs() { gateway_.start(); }
  void does(const std::vector<std::string>& arguments) {
    const auto result = gateway_.cli(arguments);
    ASSERT_EQ(result.exit_code, 0) << ::testing::PrintToString(arguments) << result.errors;
  }
  [[nodiscard]] Connected attempt() {
    return connect_tcp(network_.client, {first_, 7000}, 3s, Endpoint{where_.client, 0});
  }
  // What a client has of a session: a byte there and back.
  [[nodiscard]] bool passes() {
    const auto connection = attempt();
    return connection && send_all(connection.fd, "x") == 0 && read_exact(connection.fd, 1).data == "x";
  }
  void set_up_a_server_and_a_user() {
    does({"pool", "add", "test", where_.pool.text()});
    does({"server", "add", "one", "--address", where_.backend.text(), "--relay", "tcp:7000", "--pool", "test"});
    does({"user", "add", "bob", "--source", where_.client.text()});
    first_ = *Address::parse(gateway_.json({"service", "show", "one-tcp"}).at("proxy_ip").get<std::string>());
  }

  Network network_;
  Gateway gateway_{network_};
  const Addresses& where_ = addresses(Family::v4);
  TcpServer backend_{network_.backend, {where_.backend, 7000}};
  Address first_;
};

TEST_F(PolicyVerbs, AGrantByCommandLetsInAndItsRevocationEndsTheSession) {
  set_up_a_server_and_a_user();
  EXPECT_FALSE(passes());
  does({"grant", "add", "bob", "one", "--until", "friday"});
  ASSERT_TRUE(eventually([&] { return passes(); })) << gateway_.log();
  const auto live = attempt();
  ASSERT_TRUE(live);
  ASSERT_EQ(send_all(live.fd, "x"), 0);
  EXPECT_EQ(read_exact(live.fd, 1).data, "x");
  does({"revoke", "bob-one"});
  EXPECT_EQ(read_to_end(live.fd, 3s).ending, Ending::reset);
  EXPECT_FALSE(passes());
  does({"renew", "bob-one", "--for", "1h", "--activate"});
  EXPECT_TRUE(eventually([&] { return passes(); }));
  EXPECT_EQ(gateway_.json({"audit", "--action", "policy_applied"}).at("rows").size(), 6U);
}

TEST_F(PolicyVerbs, EveryVersionIsKeptAndCanComeBack) {
  EXPECT_EQ(gateway_.cli({"export"}).output, "");
  set_up_a_server_and_a_user();
  const auto before = gateway_.cli({"export"}).output;
  does({"user", "remove", "bob"});
  EXPECT_NE(gateway_.cli({"export"}).output, before);
  EXPECT_EQ(gateway_.cli({"export", "--version", "3"}).output, before);
  const auto versions = gateway_.json({"policy", "history"}).at("versions");
  ASSERT_EQ(versions.size(), 4U);
  EXPECT_EQ(versions.at(0).at("version"), 4);
  EXPECT_NE(versions.at(0).at("author").get<std::string>().find("root"), std::string::npos);
  does({"policy", "rollback", "3"});
  EXPECT_EQ(gateway_.json({"status"}).at("policy_version"), 5);
  EXPECT_EQ(gateway_.cli({"export"}).output, before);
  gateway_.restart();
  EXPECT_EQ(gateway_.cli({"export"}).output, before);
  EXPECT_EQ(gateway_.cli({"policy", "diff", "3"}).output, "Versions 3 and 5 do not differ.\n");
  EXPECT_EQ(gateway_.cli({"export", "--version", "9"}).exit_code, 1);
}

// The commands of docs/operating.md, "From an empty machine in five commands", after the first.
TEST_F(PolicyVerbs, FourCommandsLetAUserReachAServerByRdpOnWeekdaysUntilFriday) {
  does({"pool", "add", "office", where_.pool.text()});
  does({"server", "add", "win1", "--address", where_.backend.text(), "--rdp", "--pool", "office"});
  does({"user", "add", "bob", "--source", where_.client.text()});
  does({"grant", "add", "bob", "win1", "--protocol", "rdp", "--weekdays", "mon-fri", "--hours", "08:00-18:00", "--zone",
        "Europe/Warsaw", "--until", "friday"});
  const auto service = gateway_.json({"service", "show", "win1-rdp"});
  const auto grant = gateway_.json({"grant", "show", "bob-win1"});
  const auto end = parse_time(grant.at("end").get<std::string>());
  ASSERT_TRUE(end) << grant;
  const auto reason_at = [&](WallTime time) {
    const auto result =
        gateway_.cli({"--json", "check", "--source", where_.client.text(), "--dest",
                      service.at("proxy_ip").get<std::string>(), "--port", "3389", "--time", format_time(time)});
    return nlohmann::json::parse(result.output).at("reason").get<std::string>();
  };
  // Friday is over at its midnight in Warsaw, which is an hour or two before that of UTC; 11:00 UTC is at work there.
  const auto friday_noon = *end - std::chrono::hours(12);
  EXPECT_EQ(reason_at(*end + std::chrono::hours(1)), "policy_expired");
  EXPECT_EQ(reason_at(friday_noon - std::chrono::hours(12)), "outside_schedule");
  EXPECT_TRUE(friday_noon < now() || reason_at(friday_noon) == "allowed") << reason_at(friday_noon);
}

TEST_F(PolicyVerbs, AnAddressForATimeIsTakenBackWithItsSessions) {
  set_up_a_server_and_a_user();
  does({"service", "remove", "one-tcp"});
  does({"grant", "add", "bob", "one"});
  does({"pool", "assign", "one", "--pool", "test", "--kind", "relay", "--port", "7000", "--for",
        format_duration(std::chrono::milliseconds(patiently(3s)))});
  const auto live = attempt();
  ASSERT_TRUE(live) << live.text();
  ASSERT_EQ(send_all(live.fd, "x"), 0);
  EXPECT_EQ(read_exact(live.fd, 1).data, "x");
  EXPECT_EQ(read_to_end(live.fd, 8s).ending, Ending::reset);
  EXPECT_TRUE(eventually(
      [&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "service_removed"; }));
  EXPECT_FALSE(passes());
  const auto rows = gateway_.json({"audit", "--action", "session_denied"}).at("rows");
  ASSERT_FALSE(rows.empty());
  EXPECT_EQ(rows.at(0).at("reason"), "server_not_found");
}

}  // namespace
}  // namespace gatehouse::test
