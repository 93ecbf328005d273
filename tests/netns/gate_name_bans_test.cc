// Bans of users and servers: no packet tells them apart, so the daemon enforces them on sessions and decisions, and the
// kernel by verdicts.
#include <gtest/gtest.h>

#include <fstream>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class NameBans : public ::testing::TestWithParam<Family> {
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
  [[nodiscard]] nlohmann::json newest_denial() const {
    const auto rows = gateway_.json({"audit", "--action", "session_denied", "--limit", "1"}).at("rows");
    return rows.empty() ? nlohmann::json::object() : rows.at(0);
  }
  // A live session ends as banned; the next attempt is denied with `reason`, and a verdict stands for the ones after.
  void ends_and_denies(const std::string& option, const std::string& name, const std::string& reason) {
    auto live = attempt();
    ASSERT_TRUE(answers(live)) << live.text();
    const auto banned = gateway_.json({"ban", "add", option, name, "--reason", "test"});
    EXPECT_EQ(banned.at("sessions_ended"), 1);
    EXPECT_EQ(banned.at("notes"), nlohmann::json::array());
    EXPECT_TRUE(backend_.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }));
    EXPECT_TRUE(
        eventually([&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "banned"; }));

    auto denied = attempt();
    if (denied) {
      EXPECT_NE(read_to_end(denied.fd).ending, Ending::open);
    }
    EXPECT_EQ(backend_.accepted(), 1U);
    EXPECT_TRUE(eventually([&] { return newest_denial().value("reason", "") == reason; })) << newest_denial();
    EXPECT_TRUE(eventually([&] { return gateway_.map_size("denied_flows") == 1; }));
    EXPECT_EQ(gateway_.map_size("banned_hosts"), 0U) << "nobody else at that address is kept out";
  }
  void is_let_in_again() {
    EXPECT_EQ(gateway_.map_size("denied_flows"), 0U);
    auto again = attempt();
    EXPECT_TRUE(answers(again)) << again.text();
  }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
};

TEST_P(NameBans, AUserIsCutOffAtOnceAndLetInAgainAfterwards) {
  ends_and_denies("--user", "bob", "banned_user");
  ASSERT_EQ(gateway_.cli({"ban", "remove", "--user", "bob"}).exit_code, 0);
  is_let_in_again();
}

TEST_P(NameBans, AServerIsNoTargetAnyMoreUntilTheBanIsLiftedByItsNumber) {
  ends_and_denies("--server", "one", "banned_backend");
  const auto id = gateway_.json({"ban", "list", "--server"}).at("bans").at(0).at("id").get<int>();
  ASSERT_EQ(gateway_.cli({"ban", "remove", "--id", std::to_string(id)}).exit_code, 0);
  is_let_in_again();
}

TEST_P(NameBans, EndByThemselvesAndStandInTheHistory) {
  ASSERT_EQ(gateway_.cli({"ban", "add", "--user", "bob", "--reason", "test", "--for", "2s"}).exit_code, 0);
  EXPECT_FALSE(answers(attempt(1s)));
  EXPECT_TRUE(eventually([&] { return answers(attempt(1s)); }, 10s));
  const auto events = [&] { return gateway_.json({"ban", "history", "--user", "bob"}).at("events"); };
  EXPECT_TRUE(eventually([&] { return events().size() == 2; }));
  EXPECT_EQ(events().at(0).at("event"), "expired");
  EXPECT_EQ(events().at(1).at("event"), "added");
  EXPECT_EQ(gateway_.json({"status"}).at("bans"), 0);
  EXPECT_TRUE(gateway_.json({"ban", "list"}).at("bans").empty());
}

TEST_P(NameBans, SurviveARestartAndTheDeathOfTheDaemon) {
  const auto added =
      gateway_.json({"ban", "add", "--user", "bob", "--server", "absent", "--device", "123456789", "--reason", "test"});
  EXPECT_EQ(added.at("notes").size(), 1U) << "the policy has no such server";
  gateway_.kill_hard();
  gateway_.start();
  EXPECT_FALSE(answers(attempt(1s)));
  EXPECT_EQ(newest_denial().value("reason", ""), "banned_user");
  gateway_.restart();
  EXPECT_FALSE(answers(attempt(1s)));
  EXPECT_EQ(gateway_.json({"ban", "list"}).at("bans").size(), 3U);
  EXPECT_EQ(gateway_.json({"status"}).at("bans"), 3);
}

INSTANTIATE_TEST_SUITE_P(Families, NameBans, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

// Once, for it is about the list and not about packets.
TEST(BanLists, AreTakenWholeOrNotAtAll) {
  const Network network;
  Gateway gateway(network);
  gateway.start();
  gateway.apply(PolicyText{}.text());
  const TemporaryDirectory directory;
  const auto list = directory.path() / "drop.txt";
  const auto write = [&](const std::string& text) { std::ofstream(list) << text; };

  write("; Spamhaus DROP\n1.10.16.0/20 ; SBL256894\nuser:bob\n100.64.0.9 # seen\n300.0.0.1\n");
  const auto refused = gateway.cli({"ban", "add", "--file", list.string(), "--reason", "import"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.errors.find(list.string() + ":5: '300.0.0.1'"), std::string::npos) << refused.errors;
  EXPECT_EQ(gateway.json({"status"}).at("bans"), 0);

  write("; Spamhaus DROP\n1.10.16.0/20 ; SBL256894\nuser:bob\n100.64.0.9 # seen\n");
  EXPECT_EQ(gateway.json({"ban", "add", "--file", list.string(), "--reason", "import"}).at("added_count"), 3);
  EXPECT_EQ(gateway.map_size("banned_hosts"), 1U);
  EXPECT_EQ(gateway.map_size("banned_nets"), 1U);
  EXPECT_EQ(gateway.json({"ban", "list", "--network", "1.10.17.1"}).at("bans").at(0).at("reason"), "SBL256894");
  EXPECT_EQ(gateway.json({"ban", "remove", "--file", list.string()}).at("removed_count"), 3);
  EXPECT_EQ(gateway.map_size("banned_hosts") + gateway.map_size("banned_nets"), 0U);
  EXPECT_EQ(gateway.json({"ban", "history"}).at("events").size(), 6U);
}

}  // namespace
}  // namespace gatehouse::test
