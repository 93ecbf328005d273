// Killed in the middle of many changes of the policy and many sessions: what was acknowledged is there afterwards, the
// audit's chain is whole, and nothing is left open, in utmp neither.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "admin/http_client.h"
#include "netns/gate_policy.h"
#include "support/gateway.h"
#include "support/logins.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

// As many as a machine can do in a test: an emulator or a sanitizer does a tenth.
std::size_t as_many_as(std::size_t number) {
  return patiently(1s) > 1s ? number / 10 : number;
}

// Opens sessions and closes them, over and over, until it is stopped; keeps the ports of those that were answered,
// which no daemon does before the rows of the session are written.
class Sessions {
 public:
  Sessions(const Network& network, Family family)
      : thread_([this, &network, family] {
          while (!stop_) {
            const auto connection =
                connect_tcp(network.client, {proxy_ip(family, 10), 7000}, 1s, Endpoint{addresses(family).client, 0});
            if (!connection) continue;
            const auto port = local_endpoint(connection.fd).port;
            if (send_all(connection.fd, "ping") != 0 || read_exact(connection.fd, 4, 2s).data != "ping") continue;
            ++answered_;
            ++of_port_[port];
          }
        }) {}
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions() { static_cast<void>(stop()); }

  std::map<std::uint16_t, std::uint64_t> stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return of_port_;
  }
  [[nodiscard]] std::uint64_t answered() const { return answered_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> answered_ = 0;
  std::map<std::uint16_t, std::uint64_t> of_port_;  // by the thread, until it is joined
  std::thread thread_;
};

// Applies one policy after the other until it is stopped; keeps the numbers of those that were acknowledged.
class Changes {
 public:
  Changes(const Gateway& gateway, std::atomic<unsigned>& names)
      : thread_([this, socket = gateway.socket(), &names] {
          while (!stop_) {
            PolicyText policy;
            policy.users = "  user-" + std::to_string(++names) + ": { active: true }\n";
            const nlohmann::json wanted{{"files", {{{"file", "policy.yaml"}, {"text", policy.text()}}}}};
            const auto answer = admin::request(socket, "POST", "/v1/policy/apply", wanted, 5s);
            if (!answer || answer->status != 200) continue;
            versions_.push_back(answer->body.at("policy_version").get<std::uint64_t>());
            ++acknowledged_;
          }
        }) {}
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;
  ~Changes() { static_cast<void>(stop()); }

  std::vector<std::uint64_t> stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
    return versions_;
  }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<std::uint64_t> acknowledged_ = 0;
  std::vector<std::uint64_t> versions_;  // by the thread, until it is joined
  std::thread thread_;
};

TEST(Death, InTheMiddleOfChangesAndSessionsLosesNothingThatWasAcknowledged) {
  constexpr unsigned deaths = 4;
  const auto changes_between = as_many_as(250);
  const auto sessions_between = as_many_as(2500);
  Network network;
  const LoginFiles logins;
  Gateway gateway(network, {{"log_level", "info"},
                            {"login_records", "on"},
                            {"utmp", logins.utmp().string()},
                            {"wtmp", logins.wtmp().string()}});
  const TcpServer backend(network.backend, {addresses(Family::v4).backend, 7000});
  gateway.start();
  gateway.apply(PolicyText{}.text());

  std::atomic<unsigned> names = 0;
  std::vector<std::uint64_t> versions;
  std::map<std::uint16_t, std::uint64_t> answered;
  for (unsigned death = 0; death < deaths; ++death) {
    std::vector<std::unique_ptr<Sessions>> sessions;
    for (int i = 0; i < 4; ++i) sessions.push_back(std::make_unique<Sessions>(network, Family::v4));
    Changes changes(gateway, names);
    const auto count = [&] {
      std::uint64_t sum = 0;
      for (const auto& each : sessions) sum += each->answered();
      return sum;
    };
    ASSERT_TRUE(
        eventually([&] { return count() >= sessions_between && changes.acknowledged() >= changes_between; }, 60s))
        << count() << " sessions, " << changes.acknowledged() << " changes: too slow\n"
        << gateway.log();
    const auto stays =
        connect_tcp(network.client, {proxy_ip(Family::v4, 10), 7000}, 5s, Endpoint{addresses(Family::v4).client, 0});
    EXPECT_TRUE(stays && send_all(stays.fd, "ping") == 0 && read_exact(stays.fd, 4, 5s).data == "ping");
    EXPECT_TRUE(eventually([&] { return !logins.who().empty(); })) << "nobody is in utmp in the middle of it";
    gateway.kill_hard();
    const auto more = changes.stop();
    versions.insert(versions.end(), more.begin(), more.end());
    for (auto& each : sessions) {
      for (const auto& [port, times] : each->stop()) answered[port] += times;
    }
    gateway.start();
    EXPECT_TRUE(gateway.rows("select id from sessions where ended is null").empty());
    EXPECT_TRUE(gateway.rows("select id from visits where ended is null").empty());
    EXPECT_TRUE(eventually([&] { return logins.who().empty(); })) << "utmp still has " << logins.who().front();
  }

  const auto numbers_of = [&](const char* query) {
    std::vector<std::uint64_t> numbers;
    for (const auto& row : gateway.rows(query)) numbers.push_back(row.at("n").get<std::uint64_t>());
    return numbers;
  };
  std::vector<std::uint64_t> lost;
  const auto kept = numbers_of("select version as n from policy_versions order by version");
  std::ranges::set_difference(versions, kept, std::back_inserter(lost));
  EXPECT_TRUE(lost.empty()) << lost.size() << " acknowledged policies are lost, the first " << lost.front();
  EXPECT_EQ(numbers_of("select count(*) as n from audit where action = 'policy_applied'").at(0), kept.size())
      << "a change without its audit row, or the other way round";
  std::map<std::uint16_t, std::uint64_t> written;
  for (const auto& row : gateway.rows("select client_port as port, count(*) as n from sessions group by client_port")) {
    written[row.at("port").get<std::uint16_t>()] = row.at("n").get<std::uint64_t>();
  }
  for (const auto& [port, times] : answered) EXPECT_GE(written[port], times) << "sessions from port " << port;
  EXPECT_EQ(numbers_of("select count(*) as n from sessions where id not in (select session_id from audit where action "
                       "= 'session_allowed' and session_id is not null)")
                .at(0),
            0U)
      << "a session without its audit row";
  EXPECT_EQ(numbers_of("select count(*) as n from audit where action = 'daemon_died'").at(0), deaths);
  const auto verified = gateway.cli({"audit", "verify"});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  EXPECT_EQ(network.leaked_packets(), 0U);
}

}  // namespace
}  // namespace gatehouse::test
