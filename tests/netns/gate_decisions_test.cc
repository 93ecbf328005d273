// Who gets in, who does not, and what the kernel then knows of it.
#include <gtest/gtest.h>

#include "base/time.h"
#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Gate : public ::testing::TestWithParam<Family> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  [[nodiscard]] Endpoint service() const { return {proxy_ip(GetParam(), 10), 7000}; }
  [[nodiscard]] PolicyText policy() const { return {.family = GetParam()}; }

  void begin(const PolicyText& text) {
    gateway_.start();
    gateway_.apply(text.text());
  }
  Connected attempt(const Address& source, std::chrono::milliseconds limit = 3s) {
    return connect_tcp(network_.client, service(), limit, Endpoint{source, 0});
  }
  // Denied by the daemon: the connection is reset and the audit says why.
  void expect_denied(const Address& source, const std::string& reason) {
    auto connection = attempt(source);
    if (connection) {
      EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
    }
    // The row was given to the writer before the reset; the disk may be slower than the network.
    nlohmann::json rows;
    ASSERT_TRUE(eventually([&] {
      rows = gateway_.json({"audit", "--action", "session_denied", "--source", source.text()}).at("rows");
      return !rows.empty();
    })) << gateway_.log();
    ASSERT_EQ(rows.size(), 1U) << rows;
    EXPECT_EQ(rows[0].at("reason"), reason);
    EXPECT_EQ(rows[0].at("destination"), service().text());
    const auto verdicts = gateway_.map("denied_flows");
    ASSERT_EQ(verdicts.size(), 1U);
    EXPECT_EQ(backend_.accepted(), 0U) << "a denied connection reached the backend";
  }
  [[nodiscard]] std::int64_t accepted() const { return gateway_.json({"status"}).at("gate").at("accepted"); }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
};

TEST_P(Gate, AllowsAGrantAndRemembersTheSession) {
  begin(policy());
  auto connection = attempt(where().client);
  ASSERT_TRUE(connection) << connection.text() << gateway_.log();
  ASSERT_EQ(send_all(connection.fd, "12345"), 0);
  EXPECT_EQ(read_exact(connection.fd, 5).data, "12345");
  shut_down_writing(connection.fd);
  EXPECT_EQ(read_to_end(connection.fd).ending, Ending::closed);
  nlohmann::json session;
  ASSERT_TRUE(eventually([&] {
    session = gateway_.json({"sessions"}).at("sessions").at(0);
    return session.at("end_reason") == "normal";
  })) << session;
  EXPECT_EQ(session.at("user"), "bob");
  EXPECT_EQ(session.at("grant"), "bob-one");
  EXPECT_EQ(session.at("bytes_from_client"), 5);
  EXPECT_EQ(session.at("bytes_to_client"), 5);
  EXPECT_EQ(gateway_.json({"audit", "--action", "session_allowed"}).at("rows").at(0).at("user"), "bob");
}

TEST_P(Gate, DeniesAnUnknownSource) {
  begin(policy());
  expect_denied(where().second_client, "unknown_source_ip");
}

TEST_P(Gate, DeniesAUserWithoutAGrant) {
  auto text = policy();
  text.grants.clear();
  begin(text);
  expect_denied(where().client, "no_matching_policy");
}

TEST_P(Gate, DeniesAnInactiveUser) {
  auto text = policy();
  text.bob = "active: false";
  begin(text);
  expect_denied(where().client, "user_inactive");
}

TEST_P(Gate, DeniesAfterGrantExpires) {
  auto text = policy();
  text.grants = "  old: { user: bob, server: one, end: 2020-01-01T00:00:00Z }\n";
  begin(text);
  expect_denied(where().client, "policy_expired");
}

TEST_P(Gate, DeniesAnotherProtocolThanTheGrants) {
  auto text = policy();
  text.grants = "  other: { user: bob, server: one, protocol: ssh }\n";
  begin(text);
  expect_denied(where().client, "protocol_not_allowed");
}

TEST_P(Gate, EndsALiveSessionAtTheEndOfItsGrant) {
  auto text = policy();
  text.grants =
      "  short: { user: bob, server: one, end: " + format_time(now() + std::chrono::milliseconds(patiently(3s))) +
      " }\n";
  begin(text);
  auto connection = attempt(where().client);
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x");
  EXPECT_EQ(read_to_end(connection.fd, 8s).ending, Ending::reset);
  EXPECT_TRUE(
      eventually([&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "grant_expired"; }));
}

TEST_P(Gate, DropsTheSecondAttemptInTheKernel) {
  begin(policy());
  expect_denied(where().second_client, "unknown_source_ip");
  const auto seen = accepted();
  const auto dropped = gateway_.counter(COUNTER_VERDICT_DROPPED);
  EXPECT_FALSE(attempt(where().second_client, 1s));
  EXPECT_GT(gateway_.counter(COUNTER_VERDICT_DROPPED), dropped);
  EXPECT_EQ(accepted(), seen) << "the second attempt reached the daemon";
  const auto entry = gateway_.map("denied_flows").at(0).at("formatted");
  EXPECT_GE(entry.at("value").at("hits"), 1);
  EXPECT_EQ(entry.at("key").at("port"), 7000);
  EXPECT_TRUE(eventually([&] { return !gateway_.json({"audit", "--action", "kernel_denied"}).at("rows").empty(); }));
}

TEST_P(Gate, ForgetsAVerdictWhenThePolicyChanges) {
  begin(policy());
  expect_denied(where().second_client, "unknown_source_ip");
  auto text = policy();
  text.users = "  eve: { sources: [\"" + where().second_client.text() + "\"] }\n";
  text.grants += "  eve-one: { user: eve, server: one }\n";
  gateway_.apply(text.text());
  EXPECT_EQ(gateway_.map_size("denied_flows"), 0U) << "apply returned while the verdict stood";
  auto connection = attempt(where().second_client);
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "hi"), 0);
  EXPECT_EQ(read_exact(connection.fd, 2).data, "hi");
}

TEST_P(Gate, AVerdictEndsByItself) {
  gateway_.set("deny_ttl", "4s");
  begin(policy());
  expect_denied(where().second_client, "unknown_source_ip");
  EXPECT_TRUE(eventually([&] { return gateway_.map_size("denied_flows") == 0; }, 15s));
  const auto seen = accepted();
  (void)attempt(where().second_client);
  EXPECT_TRUE(eventually([&] { return accepted() > seen; }));
}

TEST_P(Gate, EndsLiveSessionsThatANewPolicyForbids) {
  begin(policy());
  auto connection = attempt(where().client);
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x");
  auto text = policy();
  text.grants.clear();
  gateway_.apply(text.text());
  EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
  EXPECT_TRUE(backend_.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }))
      << "the backend's leg was not reset";
  EXPECT_TRUE(
      eventually([&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "grant_revoked"; }));
}

TEST_P(Gate, AnOperatorEndsASession) {
  begin(policy());
  auto connection = attempt(where().client);
  ASSERT_TRUE(connection) << connection.text();
  ASSERT_EQ(send_all(connection.fd, "x"), 0);
  EXPECT_EQ(read_exact(connection.fd, 1).data, "x");
  const auto id = gateway_.json({"sessions", "--open"}).at("sessions").at(0).at("id").get<std::uint64_t>();
  EXPECT_EQ(gateway_.cli({"sessions", "kill", std::to_string(id)}).exit_code, 0);
  EXPECT_EQ(read_to_end(connection.fd).ending, Ending::reset);
  EXPECT_TRUE(
      eventually([&] { return gateway_.json({"sessions"}).at("sessions").at(0).at("end_reason") == "killed"; }));
  EXPECT_EQ(gateway_.json({"audit", "--action", "session_killed"}).at("rows").at(0).at("session_id"), id);
}

TEST_P(Gate, AFaultyPolicyChangesNothing) {
  begin(policy());
  const auto refused = gateway_.try_apply("users: { bob: { sources: [nowhere] } }\nunknown: 1\n");
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE((refused.output + refused.errors).find("nowhere"), std::string::npos);
  EXPECT_NE((refused.output + refused.errors).find("unknown"), std::string::npos);
  EXPECT_EQ(gateway_.json({"status"}).at("policy_version"), 1);
  EXPECT_TRUE(attempt(where().client));
}

TEST_P(Gate, ExplainsADecisionStepByStep) {
  begin(policy());
  const auto allowed =
      gateway_.json({"check", "--source", where().client.text(), "--dest", service().address.text(), "--port", "7000"});
  EXPECT_TRUE(allowed.at("allowed"));
  EXPECT_EQ(allowed.at("grant"), "bob-one");
  const auto denied = gateway_.cli(
      {"check", "--source", where().second_client.text(), "--dest", service().address.text(), "--port", "7000"});
  EXPECT_EQ(denied.exit_code, 3);
  EXPECT_NE(denied.output.find("unknown_source_ip"), std::string::npos) << denied.output;
}

INSTANTIATE_TEST_SUITE_P(Families, Gate, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

}  // namespace
}  // namespace gatehouse::test
