#include "daemon/configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace gatehouse::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Configuration good(const std::string& text) {
  auto configuration = parse_configuration("test.yaml", text);
  EXPECT_TRUE(configuration.has_value()) << (configuration ? "" : configuration.error().text());
  return configuration.value_or(Configuration{});
}

std::vector<Issue> faults(const std::string& text) {
  auto configuration = parse_configuration("test.yaml", text);
  EXPECT_FALSE(configuration.has_value()) << "a faulty configuration was taken";
  return configuration ? std::vector<Issue>{} : configuration.error().list();
}

TEST(Configuration, RefusesMoreFailsafeEntriesThanTheKernelMapHolds) {
  std::string ports = "1";
  for (int port = 2; port <= 256; ++port) ports += ", " + std::to_string(port);
  good("interfaces: [eth0]\nfailsafe: { tcp_ports: [" + ports + "] }\n");
  const auto list = faults("interfaces: [eth0]\nfailsafe: { tcp_ports: [" + ports + "], sources: [192.0.2.9] }\n");
  ASSERT_EQ(list.size(), 1U);
  EXPECT_THAT(list[0].text(), HasSubstr("failsafe: has 257 sources and ports"));
}

TEST(Configuration, TakesEveryKey) {
  const auto configuration = good(R"(
instance: edge-1
bpffs: /run/bpf
interfaces: [eth0, eth1]
xdp: generic
steering: tproxy
mode: observe
on_stop: open
reject: drop
table: gh_edge
mark: 77
route_table: 300
rule_priority: 400
failsafe: { sources: [192.0.2.9, "2001:db8::9"], tcp_ports: [22, 2222] }
loops: 3
deny_ttl: 10s
max_sessions: 50
relay: { connect_timeout: 1s, idle_timeout: 1h, keep_alive: off, user_timeout: 5s }
state_dir: /tmp/state
run_dir: /tmp/run
admin_group: root
audit_queue: 100
reconcile_every: 5s
log_level: debug
decision_hook: { socket: /run/hook.sock, timeout: 250ms }
login_records: off
utmp: /tmp/utmp
wtmp: /tmp/wtmp
api: { listen: ["192.0.2.1:8443", "[2001:db8::1]:8443"], certificate: /tmp/api.crt, key: /tmp/api.key }
retention: { audit: 400d, audit_rows: 5000000, sessions: 90d, store_size: 2GiB }
device_bans: { file: /tmp/db_v2.sqlite3, every: 30s }
rdp: { worker: /tmp/worker, user: nobody, backend_security: tls, recordings: /tmp/seen, recording: best_effort,
       files: copy,
       keep_recordings: { age: 90d, size: 200GiB } }
)");
  EXPECT_EQ(configuration.dataplane.instance, "edge-1");
  EXPECT_EQ(configuration.dataplane.bpffs, "/run/bpf");
  EXPECT_THAT(configuration.dataplane.interfaces, ElementsAre("eth0", "eth1"));
  EXPECT_EQ(configuration.dataplane.xdp, kernel::XdpMode::generic);
  EXPECT_EQ(configuration.dataplane.steering, kernel::SteeringMode::tproxy);
  EXPECT_EQ(configuration.dataplane.enforcement, kernel::Enforcement::observe);
  EXPECT_EQ(configuration.dataplane.on_stop, kernel::OnStop::open);
  EXPECT_EQ(configuration.dataplane.reject, kernel::RejectMode::drop);
  EXPECT_EQ(configuration.dataplane.table, "gh_edge");
  EXPECT_EQ(configuration.dataplane.mark, 77U);
  EXPECT_EQ(configuration.dataplane.route_table, 300U);
  EXPECT_EQ(configuration.dataplane.rule_priority, 400U);
  ASSERT_EQ(configuration.dataplane.failsafe.sources.size(), 2U);
  EXPECT_EQ(configuration.dataplane.failsafe.sources[1].text(), "2001:db8::9");
  EXPECT_THAT(configuration.dataplane.failsafe.tcp_ports, ElementsAre(22, 2222));
  EXPECT_EQ(configuration.gate.loops, 3U);
  EXPECT_EQ(configuration.gate.deny_ttl, std::chrono::seconds(10));
  EXPECT_EQ(configuration.gate.max_sessions, 50U);
  EXPECT_EQ(configuration.gate.connect_timeout, std::chrono::seconds(1));
  EXPECT_EQ(configuration.gate.idle_timeout, std::chrono::hours(1));
  EXPECT_EQ(configuration.gate.keep_alive, std::chrono::seconds(0));
  EXPECT_EQ(configuration.gate.user_timeout, std::chrono::seconds(5));
  EXPECT_EQ(configuration.state_dir, "/tmp/state");
  EXPECT_EQ(configuration.run_dir, "/tmp/run");
  EXPECT_EQ(configuration.admin_group, 0U);
  EXPECT_EQ(configuration.audit_queue, 100U);
  EXPECT_EQ(configuration.reconcile_every, std::chrono::seconds(5));
  EXPECT_EQ(configuration.log_level, "debug");
  EXPECT_EQ(configuration.gate.hook.socket, "/run/hook.sock");
  EXPECT_EQ(configuration.gate.hook.timeout, std::chrono::milliseconds(250));
  EXPECT_FALSE(configuration.logins.on);
  EXPECT_EQ(configuration.logins.utmp, "/tmp/utmp");
  EXPECT_EQ(configuration.logins.wtmp, "/tmp/wtmp");
  ASSERT_TRUE(configuration.rdp.has_value());
  EXPECT_EQ(configuration.rdp->worker, "/tmp/worker");
  EXPECT_EQ(configuration.rdp->user, 65534U);
  EXPECT_EQ(configuration.rdp->backend_security, rdp::Security::tls);
  EXPECT_EQ(configuration.rdp->recordings, "/tmp/seen");
  EXPECT_EQ(configuration.rdp->recording, policy::Recording::best_effort);
  EXPECT_TRUE(configuration.rdp->keep_files);
  EXPECT_EQ(configuration.rdp->keep_recordings.age, std::chrono::days(90));
  EXPECT_EQ(configuration.rdp->keep_recordings.size, 200ULL << 30U);
  ASSERT_TRUE(configuration.api.has_value());
  ASSERT_EQ(configuration.api->listen.size(), 2U);
  EXPECT_EQ(configuration.api->listen[0].text(), "192.0.2.1:8443");
  EXPECT_EQ(configuration.api->listen[1].text(), "[2001:db8::1]:8443");
  EXPECT_EQ(configuration.api->certificate, "/tmp/api.crt");
  EXPECT_EQ(configuration.api->key, "/tmp/api.key");
  EXPECT_EQ(configuration.retention.audit, std::chrono::days(400));
  EXPECT_EQ(configuration.retention.audit_rows, 5'000'000U);
  EXPECT_EQ(configuration.retention.sessions, std::chrono::days(90));
  EXPECT_EQ(configuration.retention.store_size, 2ULL << 30U);
  ASSERT_TRUE(configuration.device_bans);
  EXPECT_EQ(configuration.device_bans->file, "/tmp/db_v2.sqlite3");
  EXPECT_EQ(configuration.device_bans->every, std::chrono::seconds(30));
}

TEST(Configuration, RefusesWorkersThatCouldNotWork) {
  const auto rdp = [](const std::string& text) {
    const auto list = faults("interfaces: [eth0]\nrdp: " + text + "\n");
    return list.size() == 1 ? list[0].text() : std::to_string(list.size()) + " faults";
  };
  EXPECT_THAT(rdp("{ worker: gatehouse-rdp }"), HasSubstr("no absolute path"));
  EXPECT_THAT(rdp("{ user: root }"), HasSubstr("must not be root"));
  EXPECT_THAT(rdp("{ user: no-such-user-here }"), HasSubstr("no user"));
  EXPECT_THAT(rdp("{ backend_security: rdp }"), HasSubstr("nla, tls"));
  EXPECT_THAT(rdp("{ recordings: seen }"), HasSubstr("no absolute path"));
  EXPECT_THAT(rdp("{ recording: sometimes }"), HasSubstr("required, best_effort"));
  EXPECT_THAT(rdp("{ certificates: { win1: { certificate: /a.crt } } }"), HasSubstr("key"));
  EXPECT_THAT(rdp("{ certificates: { win1: { certificate: a.crt, key: /a.key } } }"), HasSubstr("no absolute path"));
  EXPECT_THAT(rdp("{ certificates: [win1] }"), HasSubstr("not a map"));
  const auto own = good("interfaces: [eth0]\nrdp: { certificates: { win1: { certificate: /a.crt, key: /a.key } } }\n");
  EXPECT_EQ(own.rdp->certificates.at("win1"), (rdp::CertificateFiles{"/a.crt", "/a.key"}));
  EXPECT_THAT(rdp("{ files: copy }"), HasSubstr("give recordings"));
  EXPECT_THAT(rdp("{ files: keep, recordings: /r }"), HasSubstr("rdp, files"));
  EXPECT_THAT(rdp("{ keep_recordings: { age: old } }"), HasSubstr("rdp, keep_recordings, age"));
  EXPECT_THAT(rdp("{ keep_recordings: { size: 200 } }"), HasSubstr("not a size"));
  EXPECT_THAT(rdp("{ keep_recordings: { count: 3 } }"), HasSubstr("unknown key 'count'"));
  EXPECT_EQ(good("interfaces: [eth0]\nrdp: {}\n").rdp, RdpOptions{});
  EXPECT_FALSE(good("interfaces: [eth0]\n").rdp);
}

TEST(Configuration, RefusesAnApiOverTlsThatCouldNotWork) {
  const auto api = [](const std::string& text) {
    const auto list = faults("interfaces: [eth0]\napi: " + text + "\n");
    return list.size() == 1 ? list[0].text() : std::to_string(list.size()) + " faults";
  };
  const std::string files = ", certificate: /a.crt, key: /a.key }";
  EXPECT_THAT(api("{ certificate: /a.crt, key: /a.key }"), HasSubstr("says no listen"));
  EXPECT_THAT(api("{ listen: ['192.0.2.1:8443'], key: /a.key }"), HasSubstr("says no certificate"));
  EXPECT_THAT(api("{ listen: ['192.0.2.1:8443'], certificate: /a.crt }"), HasSubstr("says no key"));
  EXPECT_THAT(api("{ listen: ['192.0.2.1']" + files), HasSubstr("no address with a port"));
  EXPECT_THAT(api("{ listen: ['2001:db8::1:8443']" + files), HasSubstr("[2001:db8::1]:8443"));
  EXPECT_THAT(api("{ listen: ['192.0.2.1:0']" + files), HasSubstr("not a port"));
  EXPECT_THAT(api("{ listen: ['192.0.2.1:8443'], certificate: a.crt, key: /a.key }"), HasSubstr("no absolute path"));
  EXPECT_THAT(api("{ listen: ['192.0.2.1:8443'], token: x" + files), HasSubstr("token"));
}

TEST(Configuration, KeepsEverythingUnlessToldHowMuch) {
  EXPECT_FALSE(good("interfaces: [eth0]\n").retention.any());
  EXPECT_FALSE(good("interfaces: [eth0]\nretention: {}\n").retention.any());
  const auto some = good("interfaces: [eth0]\nretention: { store_size: 512KiB }\n").retention;
  EXPECT_EQ(some.store_size, 512U * 1024U);
  EXPECT_FALSE(some.audit || some.audit_rows || some.sessions);
}

TEST(Configuration, RefusesARetentionThatCannotBeReadInOneWay) {
  const auto retention = [](const std::string& text) {
    const auto list = faults("interfaces: [eth0]\nretention: " + text + "\n");
    return list.size() == 1 ? list[0].text() : std::to_string(list.size()) + " faults";
  };
  EXPECT_THAT(retention("{ audit: 400 }"), HasSubstr("is not a duration"));
  EXPECT_THAT(retention("{ sessions: 0d }"), HasSubstr("0d"));
  EXPECT_THAT(retention("{ audit_rows: 0 }"), HasSubstr("audit_rows"));
  EXPECT_THAT(retention("{ audit_rows: many }"), HasSubstr("audit_rows"));
  for (const std::string size :
       {"2", "2GB", "2 GiB", "-2GiB", "0GiB", "1.5GiB", "GiB", "1024TiB", "99999999999999999999KiB"}) {
    EXPECT_THAT(retention("{ store_size: " + size + " }"), HasSubstr("is not a size")) << size;
  }
  EXPECT_THAT(retention("{ bans: 1d }"), HasSubstr("bans"));
  EXPECT_THAT(retention("400d"), HasSubstr("retention"));
}

TEST(Configuration, RefusesADecisionHookThatCouldNotBeAsked) {
  const auto hook = [](const std::string& text) {
    const auto list = faults("interfaces: [eth0]\ndecision_hook: " + text + "\n");
    return list.size() == 1 ? list[0].text() : std::to_string(list.size()) + " faults";
  };
  EXPECT_THAT(hook("{}"), HasSubstr("says no socket"));
  EXPECT_THAT(hook("{ socket: hook.sock }"), HasSubstr("no path of a Unix socket"));
  EXPECT_THAT(hook("{ socket: /" + std::string(107, 'x') + " }"), HasSubstr("at most 107 bytes"));
  EXPECT_THAT(hook("{ socket: /run/hook.sock, timeout: 31s }"), HasSubstr("longer than 30s"));
  EXPECT_THAT(hook("{ socket: /run/hook.sock, command: x }"), HasSubstr("command"));
}

TEST(Configuration, RefusesAConsoleThatCouldNotBeFollowed) {
  const auto console = [](const std::string& text) {
    const auto list = faults("interfaces: [eth0]\ndevice_bans: " + text + "\n");
    return list.size() == 1 ? list[0].text() : std::to_string(list.size()) + " faults";
  };
  EXPECT_THAT(console("{}"), HasSubstr("says no file"));
  EXPECT_THAT(console("{ every: 5s }"), HasSubstr("says no file"));
  EXPECT_THAT(console("{ file: db_v2.sqlite3 }"), HasSubstr("no absolute path"));
  EXPECT_THAT(console("{ file: /db, every: 99ms }"), HasSubstr("write 100ms to 1h"));
  EXPECT_THAT(console("{ file: /db, every: 61m }"), HasSubstr("write 100ms to 1h"));
  EXPECT_THAT(console("{ file: /db, every: 5 }"), HasSubstr("is not a duration"));
  EXPECT_THAT(console("{ file: /db, url: x }"), HasSubstr("url"));
  EXPECT_FALSE(faults("interfaces: [eth0]\ndevice_bans: /db\n").empty());
  EXPECT_EQ(good("interfaces: [eth0]\n").device_bans, std::nullopt);
  EXPECT_EQ(good("interfaces: [eth0]\ndevice_bans: { file: /db }\n").device_bans->every, std::chrono::seconds(5));
}

TEST(Configuration, NeedsInterfacesAndHasDefaultsForTheRest) {
  const auto configuration = good("interfaces: eth0\n");
  EXPECT_EQ(configuration.dataplane.on_stop, kernel::OnStop::closed);
  EXPECT_EQ(configuration.dataplane.enforcement, kernel::Enforcement::enforce);
  EXPECT_EQ(configuration.gate.deny_ttl, std::chrono::seconds(30));
  EXPECT_GE(configuration.gate.loops, 1U);
  EXPECT_EQ(configuration.logins, LoginOptions{});
  EXPECT_TRUE(configuration.logins.on);
  const auto issues = faults("mode: enforce\n");
  ASSERT_EQ(issues.size(), 1U);
  EXPECT_THAT(issues[0].what, HasSubstr("interfaces"));
}

TEST(Configuration, ListsEveryFaultWithItsLine) {
  const auto issues = faults(
      "interfaces: [eth0]\n"
      "mood: enforce\n"
      "on_stop: perhaps\n"
      "deny_ttl: 5\n"
      "mark: 0\n"
      "failsafe: { sources: [nobody], tcp_ports: [70000] }\n"
      "admin_group: no-such-group-here\n");
  ASSERT_EQ(issues.size(), 7U);
  EXPECT_EQ(issues[0].line, 2);
  EXPECT_THAT(issues[0].what, HasSubstr("mood"));
  EXPECT_EQ(issues[1].line, 3);
  EXPECT_THAT(issues[1].mend, HasSubstr("closed, open"));
  EXPECT_EQ(issues[2].line, 4);
  EXPECT_EQ(issues[6].line, 7);
  for (const auto& issue : issues) EXPECT_FALSE(issue.mend.empty()) << issue.text();
}

TEST(Configuration, RefusesWhatIsNoYamlMap) {
  EXPECT_FALSE(faults("[1, 2]\n").empty());
  EXPECT_FALSE(faults("interfaces: [eth0\n").empty());
  EXPECT_FALSE(faults("interfaces: &a [eth0]\nxdp: *a\n").empty());
}

TEST(Configuration, SaysWhatAReloadCanTakeOver) {
  const auto running = good("interfaces: [eth0]\n");
  const auto wanted = good(
      "interfaces: [eth1]\nmode: observe\ndeny_ttl: 5s\nrelay: { idle_timeout: 1m }\ndecision_hook: { socket: "
      "/run/hook.sock }\nlogin_records: off\napi: { listen: ['192.0.2.1:8443'], certificate: /a, key: /b }\n"
      "retention: { audit: 400d }\ndevice_bans: { file: /db }\n");
  const auto change = compare(running, wanted);
  EXPECT_THAT(change.applied,
              ElementsAre("mode", "deny_ttl", "decision_hook", "relay", "api", "retention", "device_bans"));
  EXPECT_THAT(change.restart_needed, ElementsAre("interfaces", "login_records"));
  EXPECT_THAT(compare(running, running).applied, IsEmpty());
}

TEST(Configuration, AChangeIsToldWithWhatWasAndWhatIs) {
  const auto running = good("interfaces: [eth0]\nmode: enforce\nrelay: { idle_timeout: 1m }\n");
  const auto wanted =
      good("interfaces: [eth0]\nmode: observe\ndeny_ttl: 5s\nfailsafe:\n  tcp_ports:\n    - 22\n    - 23\n");
  const auto change = compare(running, wanted);
  EXPECT_EQ(describe_change(running, wanted, change.applied),
            "mode: enforce -> observe, failsafe: default -> {tcp_ports: [22, 23]}, deny_ttl: default -> 5s, relay: "
            "{idle_timeout: 1m} -> default");
}

TEST(Configuration, TheDeployedExampleIsGood) {
  std::ifstream stream(GATEHOUSE_SOURCE_DIR "/scripts/deploy/gatehouse.yaml");
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  EXPECT_THAT(good(text).dataplane.interfaces, ElementsAre("eth0"));
}

}  // namespace
}  // namespace gatehouse::daemon
