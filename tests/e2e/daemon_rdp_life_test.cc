// When a connection becomes an RDP session, how a client that was cut off goes on with it, and what who is denied is
// told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RdpLife : public RdpDesktop {
 protected:
  RdpLife() {
    serve();
    gateway_.start();
  }
  bool is_open() {
    return eventually([&] { return !sessions().empty() && sessions()[0].at("ended").is_null(); }, 20s);
  }
  // What the client has connected from.
  std::string client_port() {
    const auto found =
        run_command({"sh", "-c", "ss -Htn state established dst " + proxy_.text() + " | awk '{print $3}'"},
                    {.where = &network_.client});
    return found.output.substr(found.output.rfind(':') + 1, 5);
  }
};

TEST_F(RdpLife, AConnectionThatEndsBeforeItIsActiveIsInTheAuditAndNoSession) {
  apply("channels: all");
  shadow_.reset();
  const auto viewer = client();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
  EXPECT_TRUE(eventually([&] { return audit("connection_ended").find("backend_refused") != std::string::npos; }))
      << audit("connection_ended");
  EXPECT_FALSE(gateway_.json({"audit", "--action", "connection_allowed"}).at("rows").empty());
  EXPECT_TRUE(sessions().empty()) << sessions();
  EXPECT_TRUE(gateway_.json({"audit", "--action", "session_allowed"}).at("rows").empty());
}

TEST_F(RdpLife, AClientThatWasCutOffGoesOnWithItsSession) {
  // A limit of one session does not keep it out: it is the one.
  apply("channels: all, session_limit: 1");
  const auto viewer = client({"+auto-reconnect"});
  ASSERT_TRUE(is_open()) << viewer->errors();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors() << gateway_.log();
  const auto id = sessions()[0].at("id");
  // The client's side of the connection is gone; the gateway hears nothing of it.
  const auto port = client_port();
  const auto cut = run_command(
      {"nft", "-f", "-"},
      {.where = &network_.client,
       .input = "add table inet cut\nadd chain inet cut out { type filter hook output priority 0; }\n"
                "add chain inet cut in { type filter hook input priority 0; }\n"
                "add rule inet cut out tcp dport 3389 tcp sport " +
                port + " reject with tcp reset\nadd rule inet cut in tcp sport 3389 tcp dport " + port + " drop\n"});
  ASSERT_EQ(cut.exit_code, 0) << cut.errors;
  run_command({"xdotool", "mousemove", "300", "300", "click", "1"}, {.environment = seat_.environment()});
  EXPECT_TRUE(eventually([&] { return !audit_rows("session_continued").empty(); }, 30s))
      << viewer->output() << viewer->errors() << gateway_.log();
  ASSERT_EQ(sessions().size(), 1U) << sessions();
  EXPECT_EQ(sessions()[0].at("id"), id);
  EXPECT_TRUE(sessions()[0].at("ended").is_null()) << sessions();
  EXPECT_EQ(audit_rows("session_continued")[0].at("session_id"), id);
  EXPECT_TRUE(shows_the_desktop()) << viewer->errors();
  // Another one of the same user is one too many.
  const auto other = client();
  EXPECT_TRUE(other->wait(patiently(20s)));
  EXPECT_TRUE(eventually([&] {
    const auto denied = audit_rows("session_denied");
    return !denied.empty() && denied[0].at("reason") == "session_limit";
  })) << audit_rows("session_denied");
  viewer->signal(SIGTERM);
  EXPECT_TRUE(eventually([&] { return sessions()[0].at("end_reason") == "normal"; })) << sessions();
  EXPECT_EQ(sessions().size(), 1U);
}

TEST_F(RdpLife, ASessionOutlivesTheDeathOfItsWorker) {
  apply("channels: all");
  const auto viewer = client({"+auto-reconnect"});
  ASSERT_TRUE(is_open()) << viewer->errors();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors() << gateway_.log();
  const auto id = sessions()[0].at("id");
  for (const auto worker : workers()) ::kill(worker, SIGKILL);
  EXPECT_TRUE(eventually([&] { return !audit_rows("session_continued").empty(); }, 30s))
      << viewer->output() << viewer->errors() << gateway_.log();
  ASSERT_EQ(sessions().size(), 1U) << sessions();
  EXPECT_EQ(sessions()[0].at("id"), id);
  EXPECT_TRUE(sessions()[0].at("ended").is_null()) << sessions();
  EXPECT_TRUE(shows_the_desktop()) << viewer->errors();
}

TEST_F(RdpLife, WhoIsDeniedReadsWhyWhereTheServiceExplains) {
  apply("channels: all, end: 2020-01-01T00:00:00Z", ", deny: explain");
  const auto viewer = client();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
  EXPECT_THAT(viewer->output() + viewer->errors(), HasSubstr("ERRINFO_LOGON_TIMEOUT"));
  EXPECT_TRUE(eventually([&] { return !audit_rows("session_denied").empty(); }));
  EXPECT_EQ(audit_rows("session_denied")[0].at("reason"), "policy_expired");
  EXPECT_EQ(gateway_.map_size("denied_flows"), 0U) << "the next attempt would die without a word";
  EXPECT_TRUE(sessions().empty());
  EXPECT_TRUE(eventually([&] { return workers().size() <= 2; })) << "more than the ready ones are left";
  EXPECT_EQ(connect_tcp(network_.backend, {where_.backend, 3389}, 1s).fd.valid(), true);
}

TEST_F(RdpLife, WhoIsDeniedMoreOftenThanCanBeExplainedIsReset) {
  apply("channels: all, end: 2020-01-01T00:00:00Z", ", deny: explain");
  const auto knock = [&] { return connect_tcp(network_.client, {proxy_, 3389}, 3s, Endpoint{where_.client, 0}); };
  const auto first = knock();
  const auto second = knock();
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(read_to_end(first.fd, 500ms).ending, Ending::timed_out) << "two of one source are told at once";
  EXPECT_EQ(read_to_end(second.fd, 500ms).ending, Ending::timed_out);
  EXPECT_EQ(gateway_.map_size("denied_flows"), 0U);
  const auto third = knock();
  EXPECT_NE(read_to_end(third.fd, patiently(3s)).ending, Ending::timed_out);
  EXPECT_EQ(gateway_.map_size("denied_flows"), 1U);
}

TEST_F(RdpLife, WhoIsDeniedIsResetWhereTheServiceDoesNotExplain) {
  apply("channels: all, end: 2020-01-01T00:00:00Z");
  const auto viewer = client();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
  EXPECT_THAT(viewer->output() + viewer->errors(), Not(HasSubstr("ERRINFO_LOGON_TIMEOUT")));
  EXPECT_EQ(gateway_.map_size("denied_flows"), 1U);
}

}  // namespace
}  // namespace gatehouse::test
