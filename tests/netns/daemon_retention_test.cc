// Retention in a running daemon: taken over by a reload, told in the audit, whose chain holds behind it, also after the
// daemon was killed.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <thread>

#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class RetentionOfTheDaemon : public ::testing::Test {
 protected:
  void SetUp() override {
    gateway_.start();
    gateway_.apply(PolicyText{}.text());
  }
  [[nodiscard]] Connected attempt() const {
    return connect_tcp(network_.client, {proxy_ip(Family::v4, 10), 7000}, 3s,
                       Endpoint{addresses(Family::v4).client, 0});
  }
  static bool answers(const Connected& connection) {
    return connection && send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 2s).data == "ping";
  }
  void have_sessions(int count) const {
    for (int i = 0; i < count; ++i) ASSERT_TRUE(answers(attempt())) << gateway_.log();
    ASSERT_TRUE(eventually([&] { return number("select count(*) as n from sessions where ended is null") <= 1; }));
  }
  void reload_with(const std::string& retention) {
    gateway_.set("retention", retention);
    const auto reloaded = gateway_.json({"reload"});
    EXPECT_EQ(reloaded.at("changed").dump(), "[\"retention\"]");
    EXPECT_TRUE(reloaded.at("restart_needed").empty());
  }
  [[nodiscard]] std::uint64_t number(const std::string& query) const {
    return gateway_.rows(query).at(0).at("n").get<std::uint64_t>();
  }
  [[nodiscard]] std::uint64_t cut() const { return number("select coalesce(max(position), 0) as n from audit_cut"); }
  void expect_whole() const {
    const auto verified = gateway_.cli({"audit", "verify"});
    EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
    EXPECT_NE(verified.output.find("were removed by retention"), std::string::npos) << verified.output;
  }

  // While no daemon runs.
  [[nodiscard]] bool change_behind_its_back(const char* statement) const {
    sqlite3* database = nullptr;
    const bool done = ::sqlite3_open((gateway_.state_dir() / "gatehouse.db").c_str(), &database) == SQLITE_OK &&
                      ::sqlite3_exec(database, statement, nullptr, nullptr, nullptr) == SQLITE_OK;
    ::sqlite3_close(database);
    return done;
  }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {addresses(Family::v4).backend, 7000}};
};

TEST_F(RetentionOfTheDaemon, RemovesRowsAfterAReloadAndItsAuditIsWholeAlsoAfterADeath) {
  auto lasting = attempt();
  ASSERT_TRUE(answers(lasting));
  const auto noted = gateway_.json({"audit", "verify"});
  const std::vector<std::string> note{
      "audit", "verify", "--at", std::to_string(noted.at("position").get<unsigned>()), "--hash", noted.at("hash")};
  EXPECT_EQ(gateway_.cli(note).exit_code, 0);
  ASSERT_EQ(cut(), 0U);
  have_sessions(30);

  reload_with("{ audit_rows: 10, sessions: 1ms }");
  ASSERT_TRUE(eventually([&] { return number("select count(*) as n from sessions") == 2; }, 15s)) << gateway_.log();
  ASSERT_TRUE(eventually([&] { return number("select count(*) as n from audit") <= 10; }, 15s)) << gateway_.log();
  EXPECT_EQ(number("select count(*) as n from sessions where ended is null"), 1U) << "the one that lasts";
  EXPECT_TRUE(answers(lasting));
  EXPECT_EQ(number("select max(id) as n from sessions"), 31U) << "the newest stays";
  EXPECT_GE(number("select count(*) as n from audit where action = 'retention_removed'"), 1U);
  EXPECT_EQ(number("select count(*) as n from audit where action = 'policy_applied'"), 0U) << "the oldest are gone";
  expect_whole();
  const auto gone = gateway_.cli(note);
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_NE(gone.errors.find("removed by retention"), std::string::npos) << gone.errors;
  EXPECT_TRUE(gateway_.json({"status"}).at("alarms").empty());

  gateway_.kill_hard();
  gateway_.start();
  expect_whole();
  have_sessions(1);
  EXPECT_EQ(number("select max(id) as n from sessions"), 32U) << "ids go on";
}

TEST_F(RetentionOfTheDaemon, GoesOnBesideSessionsThroughDeaths) {
  reload_with("{ audit_rows: 100, sessions: 1ms }");
  std::jthread sessions([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) static_cast<void>(answers(attempt()));
  });
  for (int death = 0; death < 3; ++death) {
    const auto before = cut();
    EXPECT_TRUE(eventually([&] { return cut() > before; }, 30s)) << gateway_.log();
    gateway_.kill_hard();
    EXPECT_EQ(number("select min(position) as n from audit_chain"), cut() + 1);
    gateway_.start();
    expect_whole();
  }
  sessions.request_stop();
  sessions.join();
  ASSERT_TRUE(eventually([&] { return number("select count(*) as n from audit") <= 100; }, 30s)) << gateway_.log();
  ASSERT_TRUE(eventually([&] { return number("select count(*) as n from sessions") == 1; }, 30s)) << gateway_.log();
  expect_whole();
}

TEST_F(RetentionOfTheDaemon, SaysWhereItStopsBecauseTheAuditIsNotWhatWasWritten) {
  have_sessions(5);
  ASSERT_TRUE(gateway_.stop().success());
  ASSERT_TRUE(change_behind_its_back("update audit set user_name = 'eve' where id = 2"));
  gateway_.set("retention", "{ audit: 1ms }");
  gateway_.start();
  const auto alarm = [&]() -> std::string {
    const auto status = gateway_.json({"status"});
    for (const auto& each : status.at("alarms")) {
      if (each.at("name") == "retention") return each.at("what");
    }
    return {};
  };
  ASSERT_TRUE(eventually([&] { return !alarm().empty(); }, 15s)) << gateway_.log();
  EXPECT_NE(alarm().find("the audit row 2"), std::string::npos) << alarm();
  EXPECT_EQ(number("select count(*) as n from audit where id = 2"), 1U) << "what shows it is still there";
  gateway_.set("retention", "{}");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return alarm().empty(); }, 15s));
}

}  // namespace
}  // namespace gatehouse::test
