// Sessions in utmp and wtmp: `who` shows those that are open, and no others, however the session or the daemon ended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <utmpx.h>

#include "netns/gate_policy.h"
#include "support/families.h"
#include "support/gateway.h"
#include "support/logins.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class DaemonLogins : public ::testing::TestWithParam<Family> {
 protected:
  [[nodiscard]] const Addresses& where() const { return addresses(GetParam()); }
  void begin() {
    gateway_.start();
    gateway_.apply(
        PolicyText{.family = GetParam(), .services = {ServiceLine{.name = "echo", .more = ", protocol: ssh"}}}.text());
  }
  Connected open() {
    auto session = connect_tcp(network_.client, {proxy_ip(GetParam(), 10), 7000}, 3s, Endpoint{where().client, 0});
    EXPECT_EQ(send_all(session.fd, "ping"), 0) << session.text() << gateway_.log();
    EXPECT_EQ(read_exact(session.fd, 4, 2s).data, "ping") << gateway_.log();
    return session;
  }
  [[nodiscard]] bool shown(std::size_t count) const {
    return eventually([&] { return logins_.who().size() == count; });
  }
  [[nodiscard]] bool written(std::size_t records) const {
    return eventually([&] { return std::filesystem::file_size(logins_.wtmp()) == records * sizeof(utmpx); });
  }
  void expect_line(std::size_t index, const std::string& line) const {
    const auto shown = logins_.who().at(index);
    EXPECT_THAT(shown, StartsWith("bob " + line + " "));
    EXPECT_THAT(shown, EndsWith("(" + where().client.text() + ")"));
  }

  Network network_;
  LoginFiles logins_;
  Gateway gateway_{network_,
                   {{"login_records", "on"}, {"utmp", logins_.utmp().string()}, {"wtmp", logins_.wtmp().string()}}};
  TcpServer backend_{network_.backend, {where().backend, 7000}};
};

TEST_P(DaemonLogins, AreThereAsLongAsTheSession) {
  begin();
  auto first = open();
  ASSERT_TRUE(shown(1)) << gateway_.log();
  auto second = open();
  ASSERT_TRUE(shown(2)) << gateway_.log();
  expect_line(0, "ssh0");
  expect_line(1, "ssh1");
  first = {};
  ASSERT_TRUE(shown(1)) << gateway_.log();
  expect_line(0, "ssh1");
  first = open();
  ASSERT_TRUE(shown(2)) << gateway_.log();
  expect_line(0, "ssh0");
  EXPECT_TRUE(gateway_.stop().success());
  EXPECT_THAT(logins_.who(), IsEmpty());
  EXPECT_TRUE(written(6));
}

TEST_P(DaemonLogins, OfADaemonThatWasKilledAreGoneAndItsLinesAreFreeAfterTheNextStart) {
  begin();
  const auto before = open();
  ASSERT_TRUE(shown(1)) << gateway_.log();
  gateway_.kill_hard();
  ASSERT_TRUE(shown(1)) << "what it has left behind: of a file that is named, who asks for no process";
  ASSERT_TRUE(written(1));
  gateway_.start();
  ASSERT_TRUE(shown(0)) << gateway_.log();
  ASSERT_TRUE(written(2)) << "the logout that the dead one did not write";
  const auto after = open();
  ASSERT_TRUE(shown(1)) << gateway_.log();
  expect_line(0, "ssh0");
  EXPECT_EQ(std::filesystem::file_size(logins_.utmp()), sizeof(utmpx)) << "in the place of the former one";
}

TEST_P(DaemonLogins, EndWhenTheDaemonIsExecutedAnew) {
  begin();
  const auto before = open();
  ASSERT_TRUE(shown(1)) << gateway_.log();
  ASSERT_EQ(gateway_.cli({"restart"}).exit_code, 0) << gateway_.log();
  ASSERT_TRUE(shown(0)) << gateway_.log();
  ASSERT_TRUE(written(2));
  const auto after = open();
  ASSERT_TRUE(shown(1)) << gateway_.log();
  expect_line(0, "ssh0");
}

INSTANTIATE_TEST_SUITE_P(Families, DaemonLogins, each_family, family_name);

}  // namespace
}  // namespace gatehouse::test
