// The decision hook: a program of the operator's that says who a connection is, or refuses it. Whatever it does wrong
// denies.
#include <gtest/gtest.h>

#include <fstream>

#include "base/time.h"
#include "netns/gate_policy.h"
#include "support/directories.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/process.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Hook : public ::testing::TestWithParam<Family> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  [[nodiscard]] std::string socket() const { return (directory_.path() / "hook.sock").string(); }
  [[nodiscard]] std::string users() const { return (directory_.path() / "users").string(); }

  // The gateway asks the hook; neither user has an address by the policy, and bob alone a grant.
  void begin(const std::string& timeout = "2s") {
    PolicyText policy{.family = GetParam()};
    policy.bob = "";
    policy.users = "  bob: { active: true }\n  carol: { active: true }\n";
    gateway_.set("decision_hook", "{socket: " + socket() + ", timeout: " + timeout + "}");
    gateway_.start();
    gateway_.apply(policy.text());
  }
  // The example that is shipped, with these lines in its file.
  void run_example(const std::string& lines) {
    write_users(lines);
    example_.emplace(std::vector<std::string>{GATEHOUSE_SOURCE_DIR "/scripts/deploy/decision-hook.py", "--socket",
                                              socket(), "--file", users()});
    ASSERT_TRUE(example_->wait_for_output("ready", patiently(10s))) << example_->errors();
  }
  void write_users(const std::string& lines) const { std::ofstream(users()) << lines; }
  // One that answers each question with what this command of the shell prints.
  void run_saying(const std::string& command) {
    example_.emplace(std::vector<std::string>{"socat", "UNIX-LISTEN:" + socket() + ",fork", "SYSTEM:" + command});
    ASSERT_TRUE(eventually([&] { return std::filesystem::exists(socket()); }));
  }
  Connected attempt() {
    return connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, 3s, Endpoint{where().client, 0});
  }
  static bool answers(const Connected& connection) {
    return connection && send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 5s).data == "ping";
  }
  [[nodiscard]] nlohmann::json last_denial() const {
    const auto rows = gateway_.json({"audit", "--action", "session_denied"}).at("rows");
    return rows.empty() ? nlohmann::json() : rows.at(0);
  }
  void expect_denied_as(const std::string& reason, const std::string& detail) {
    EXPECT_FALSE(answers(attempt()));
    EXPECT_TRUE(eventually([&] {
      const auto row = last_denial();
      return !row.is_null() && row.at("reason") == reason &&
             row.at("detail").get<std::string>().find(detail) != std::string::npos;
    })) << last_denial()
        << gateway_.log();
    EXPECT_EQ(gateway_.map_size("denied_flows"), 0U) << "the next answer may be another";
    EXPECT_EQ(backend_.accepted(), 0U);
  }

  TemporaryDirectory directory_;
  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
  std::optional<Process> example_;
};

TEST_P(Hook, SaysWhoIsAtAnAddressAndThePolicyWhatHeMay) {
  begin();
  run_example(where().client.text() + " bob\n");
  const auto session = attempt();
  ASSERT_TRUE(answers(session)) << session.text() << gateway_.log();
  EXPECT_EQ(gateway_.json({"sessions"}).at("sessions").at(0).at("user"), "bob");
  // A change of the policy judges the session again as bob's, whose address this is not by the policy.
  PolicyText policy{.family = GetParam()};
  policy.bob = "";
  policy.users = "  bob: { active: true }\n  dave: { active: true }\n";
  gateway_.apply(policy.text());
  EXPECT_TRUE(answers(session));
  policy.grants = "";
  gateway_.apply(policy.text());
  EXPECT_EQ(read_to_end(session.fd, 5s).ending, Ending::reset);
}

TEST_P(Hook, CannotAllowWhatThePolicyDoesNot) {
  begin();
  run_example(where().client.text() + " carol\n");
  EXPECT_FALSE(answers(attempt()));
  EXPECT_TRUE(eventually([&] { return !last_denial().is_null(); }));
  EXPECT_EQ(last_denial().at("reason"), "no_matching_policy");
  EXPECT_EQ(last_denial().at("user"), "carol");
  EXPECT_EQ(gateway_.map_size("denied_flows"), 0U) << "the next at this address may be bob";
  EXPECT_EQ(backend_.accepted(), 0U);
}

TEST_P(Hook, RefusesWithItsOwnWords) {
  begin();
  run_example("");
  expect_denied_as("denied_by_hook", "nobody is logged in at this address");
  write_users(where().client.text() + " bob\n");
  EXPECT_TRUE(answers(attempt())) << "no verdict keeps out who is let in now";
}

TEST_P(Hook, EndsTheSessionWhenItsTimeIsOver) {
  begin();
  run_example(where().client.text() + " bob " + format_time(now() + patiently(3s)) + "\n");
  const auto session = attempt();
  ASSERT_TRUE(answers(session)) << gateway_.log();
  EXPECT_EQ(read_to_end(session.fd, 10s).ending, Ending::reset);
  EXPECT_TRUE(
      eventually([&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "grant_expired"; }));
}

TEST_P(Hook, DeniesWhenNobodyListens) {
  begin();
  expect_denied_as("hook_failed", "did not take the question");
}

TEST_P(Hook, DeniesWhenNoAnswerComesInTime) {
  begin("500ms");
  run_saying("sleep 60");
  expect_denied_as("hook_failed", "did not answer within 500ms");
}

TEST_P(Hook, DeniesWhenTheAnswerCannotBeRead) {
  begin();
  run_saying("head -n 1 > /dev/null && echo yes");
  expect_denied_as("hook_failed", "is not one JSON object");
}

TEST_P(Hook, DeniesWhenTheUserIsNotInThePolicy) {
  begin();
  run_example(where().client.text() + " mallory\n");
  expect_denied_as("hook_failed", "not in the policy");
}

TEST_P(Hook, HoldsUpNobodyElseAndIsAuditedWhenTheDaemonStopsMeanwhile) {
  begin("30s");
  run_saying("sleep 60");
  const auto waiting = attempt();
  ASSERT_TRUE(waiting);
  EXPECT_EQ(gateway_.cli({"status"}).exit_code, 0);
  EXPECT_TRUE(gateway_.stop().success());
  const auto rows = gateway_.rows("select detail from audit where action = 'session_denied'");
  ASSERT_EQ(rows.size(), 1U) << gateway_.log();
}

INSTANTIATE_TEST_SUITE_P(Families, Hook, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

}  // namespace
}  // namespace gatehouse::test
