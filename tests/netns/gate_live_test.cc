// Live sessions: each thing that takes access away ends them at once, with its own reason, and the next attempt is
// denied; how many there may be; warnings before the end; visits.
#include <gtest/gtest.h>

#include "base/time.h"
#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Live : public ::testing::TestWithParam<Family> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  [[nodiscard]] PolicyText policy(const std::string& grant = "") const {
    PolicyText text{.family = GetParam()};
    text.grants = "  bob-one: { user: bob, server: one" + grant + " }\n";
    return text;
  }
  void begin(const PolicyText& text) {
    gateway_.start();
    gateway_.apply(text.text());
  }
  Connected attempt() {
    return connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, 3s, Endpoint{where().client, 0});
  }
  static bool answers(const Connected& connection) {
    return connection && send_all(connection.fd, "ping") == 0 && read_exact(connection.fd, 4, 2s).data == "ping";
  }
  void open() {
    session_ = attempt();
    ASSERT_TRUE(answers(session_)) << session_.text() << gateway_.log();
  }
  [[nodiscard]] nlohmann::json session() const { return gateway_.json({"sessions"}).at("sessions").at(0); }
  // Both sides are reset, the row says why, and a new attempt is denied for `denied_as`, when there is one.
  void expect_ended(const std::string& end_reason, const std::string& denied_as = "") {
    EXPECT_EQ(read_to_end(session_.fd, 5s).ending, Ending::reset);
    EXPECT_TRUE(backend_.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }));
    EXPECT_TRUE(eventually([&] { return session().at("end_reason") == end_reason; })) << session();
    if (denied_as.empty()) return;
    EXPECT_FALSE(answers(attempt()));
    EXPECT_TRUE(eventually([&] {
      const auto rows = gateway_.json({"audit", "--action", "session_denied"}).at("rows");
      return !rows.empty() && rows[0].at("reason") == denied_as;
    })) << gateway_.json({"audit", "--action", "session_denied"});
    EXPECT_EQ(backend_.accepted(), 1U) << "a denied connection reached the backend";
  }
  static std::string from_now(std::chrono::milliseconds in) { return format_time(now() + in); }

  Network network_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
  Connected session_;
};

TEST_P(Live, EndsWhenItsGrantEnds) {
  begin(policy());
  open();
  gateway_.apply(policy(", end: \"" + from_now(patiently(2s)) + "\"").text());
  expect_ended("grant_expired", "policy_expired");
}

TEST_P(Live, EndsWhenTheEndOfItsGrantIsMovedIntoThePast) {
  begin(policy());
  open();
  gateway_.apply(policy(", end: \"" + from_now(-1s) + "\"").text());
  expect_ended("grant_expired", "policy_expired");
}

TEST_P(Live, GoesOnWhenItsGrantIsRenewed) {
  begin(policy());
  open();
  const auto former_end = now() + patiently(3s);
  gateway_.apply(policy(", end: \"" + format_time(former_end) + "\"").text());
  gateway_.apply(policy(", end: \"" + from_now(3600s) + "\"").text());
  std::this_thread::sleep_until(former_end + 500ms);
  EXPECT_TRUE(answers(session_));
}

TEST_P(Live, EndsWhenItsGrantIsRevoked) {
  begin(policy());
  open();
  gateway_.apply(policy(", active: false").text());
  expect_ended("grant_revoked", "access_revoked");
}

TEST_P(Live, EndsWhenADenialCoversIt) {
  begin(policy());
  open();
  auto text = policy();
  text.sections = "denials:\n  not-bob: { user: bob }\n";
  gateway_.apply(text.text());
  expect_ended("grant_revoked", "denied_by_rule");
}

TEST_P(Live, EndsWhenItsUserIsMadeInactive) {
  begin(policy());
  open();
  auto text = policy();
  text.bob = "active: false";
  gateway_.apply(text.text());
  expect_ended("user_inactive", "user_inactive");
}

TEST_P(Live, EndsWhenItsScheduleCloses) {
  // Schedules have minutes: the next one that is far enough away to get the session up.
  const auto closes = std::chrono::ceil<std::chrono::minutes>(now() + patiently(3s));
  const auto minute_of_day = std::chrono::duration_cast<std::chrono::minutes>(
                                 closes - std::chrono::floor<std::chrono::days>(closes - std::chrono::minutes(1)))
                                 .count();
  const auto clock = [](long minute) {
    const auto two = [](long number) { return (number < 10 ? "0" : "") + std::to_string(number); };
    return two(minute / 60) + ":" + two(minute % 60);
  };
  auto text = policy(", schedules: [now]");
  text.sections = "schedules:\n  now: { zone: UTC, rules: [ { time: \"" +
                  clock((minute_of_day + 24 * 60 - 10) % (24 * 60)) + "-" + clock(minute_of_day) + "\" } ] }\n";
  begin(text);
  open();
  EXPECT_EQ(session().at("holds_until"), format_time(closes));
  std::this_thread::sleep_until(closes);
  expect_ended("grant_expired", "outside_schedule");
}

TEST_P(Live, EndsWhenMaintenanceStartsAndNotInItsGrace) {
  auto text = policy();
  text.sections = "maintenance:\n  updates: { gate: true, start: \"" + from_now(patiently(4s)) + "\", end: \"" +
                  from_now(3600s) + "\", grace: 1h }\n";
  gateway_.start();
  gateway_.apply(policy().text());
  open();
  gateway_.apply(text.text());
  EXPECT_TRUE(answers(session_)) << "the grace is for new sessions";
  EXPECT_FALSE(answers(attempt()));
  EXPECT_TRUE(eventually([&] {
    const auto rows = gateway_.json({"audit", "--action", "session_denied"}).at("rows");
    return !rows.empty() && rows[0].at("reason") == "maintenance_grace_period";
  }));
  expect_ended("gate_maintenance");
  EXPECT_FALSE(answers(attempt())) << "the verdict of before holds, and after it the maintenance";
  EXPECT_EQ(backend_.accepted(), 1U);
}

TEST_P(Live, EndsWhenMaintenanceOfItsServerIsApplied) {
  begin(policy());
  open();
  auto text = policy();
  text.sections =
      "maintenance:\n  disk: { server: one, start: \"" + from_now(-1s) + "\", end: \"" + from_now(3600s) + "\" }\n";
  gateway_.apply(text.text());
  expect_ended("gate_maintenance", "backend_maintenance");
}

TEST_P(Live, EndsWithoutBytesForTheIdleTimeoutOfItsGrant) {
  begin(policy(", idle_timeout: 3s"));
  open();
  expect_ended("inactivity_timeout");
}

TEST_P(Live, TakesOverAnIdleTimeoutThatIsAddedToItsGrant) {
  begin(policy());
  open();
  gateway_.apply(policy(", idle_timeout: 1s").text());
  expect_ended("inactivity_timeout");
}

TEST_P(Live, KeepsTheIdleTimeoutItBeganWithWhenTheConfigurationIsReloaded) {
  begin(policy());
  open();
  gateway_.set("relay", "{idle_timeout: 1s}");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  auto text = policy();
  text.users = "  carol: { active: true }\n";
  gateway_.apply(text.text());  // the session is judged again
  auto former = std::move(session_);
  session_ = attempt();
  ASSERT_TRUE(answers(session_)) << session_.text();
  EXPECT_EQ(read_to_end(session_.fd, 10s).ending, Ending::reset) << "a new session has the new limit";
  EXPECT_TRUE(answers(former)) << gateway_.log();
}

TEST_P(Live, EndsWhenAnOperatorKillsIt) {
  begin(policy());
  open();
  ASSERT_EQ(gateway_.cli({"sessions", "kill", "--user", "bob"}).exit_code, 0);
  expect_ended("killed");
}

TEST_P(Live, AreNoMoreThanTheSessionLimit) {
  begin(policy(", session_limit: 1"));
  open();
  EXPECT_FALSE(answers(attempt()));
  EXPECT_TRUE(eventually([&] {
    const auto rows = gateway_.json({"audit", "--action", "session_denied"}).at("rows");
    return !rows.empty() && rows[0].at("reason") == "session_limit";
  }));
  EXPECT_EQ(gateway_.map_size("denied_flows"), 0U) << "the place may be free at the next moment";
  const auto check = gateway_.cli({"--json", "check", "--source", where().client.text(), "--dest",
                                   proxy_ip(GetParam(), 10).text(), "--port", "7000"});
  EXPECT_EQ(nlohmann::json::parse(check.output).at("reason"), "session_limit") << check.output;
  session_.fd.reset();
  EXPECT_TRUE(eventually([&] { return answers(attempt()); }));
}

TEST_P(Live, AreWarnedFiveMinutesAndOneMinuteBeforeTheEnd) {
  begin(policy(", end: \"" + from_now(3600s) + "\""));
  open();
  EXPECT_TRUE(session().at("end_announced_seconds").is_null());
  const auto announced = [&](double seconds) {
    return eventually([&] { return session().at("end_announced_seconds") == seconds; });
  };
  gateway_.apply(policy(", end: \"" + from_now(240s) + "\"").text());
  EXPECT_TRUE(announced(300)) << session();
  gateway_.apply(policy(", end: \"" + from_now(55s) + "\"").text());
  EXPECT_TRUE(announced(60)) << session();
  gateway_.apply(policy().text());
  EXPECT_TRUE(eventually([&] { return session().at("end_announced_seconds").is_null(); })) << session();
  EXPECT_TRUE(answers(session_));
}

TEST_P(Live, SessionsOfAPersonAreOneVisit) {
  begin(policy());
  open();
  auto second = attempt();
  ASSERT_TRUE(answers(second)) << second.text();
  auto visits = gateway_.json({"visits", "--open"}).at("visits");
  ASSERT_EQ(visits.size(), 1U) << visits;
  EXPECT_EQ(visits[0].at("user"), "bob");
  EXPECT_EQ(visits[0].at("source"), where().client.text());
  session_.fd.reset();
  EXPECT_TRUE(eventually([&] { return gateway_.json({"sessions", "--open"}).at("sessions").size() == 1; }));
  EXPECT_EQ(gateway_.json({"visits", "--open"}).at("visits").size(), 1U);
  second.fd.reset();
  EXPECT_TRUE(eventually([&] { return gateway_.json({"visits", "--open"}).at("visits").empty(); }));
  visits = gateway_.json({"visits"}).at("visits");
  ASSERT_EQ(visits.size(), 1U) << visits;
  EXPECT_EQ(visits[0].at("sessions"), 2);
  EXPECT_TRUE(answers(attempt()));
  EXPECT_TRUE(eventually([&] { return gateway_.json({"visits"}).at("visits").size() == 2; }));
}

TEST_P(Live, VisitsAreClosedAfterTheDeathOfTheDaemon) {
  begin(policy());
  open();
  gateway_.kill_hard();
  EXPECT_EQ(gateway_.rows("SELECT count(*) AS n FROM visits WHERE ended IS NULL").at(0).at("n"), 1);
  gateway_.start();
  const auto visits = gateway_.json({"visits"}).at("visits");
  ASSERT_EQ(visits.size(), 1U);
  EXPECT_EQ(visits[0].at("end_reason"), "service_restart");
  EXPECT_EQ(visits[0].at("sessions"), 1);
  EXPECT_FALSE(visits[0].at("ended").is_null());
}

INSTANTIATE_TEST_SUITE_P(Families, Live, ::testing::Values(Family::v4, Family::v6),
                         [](const auto& each) { return std::string(text_of(each.param)); });

}  // namespace
}  // namespace gatehouse::test
