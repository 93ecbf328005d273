// What each of the verbs for users, servers, pools, grants and the rest makes of the policy.
#include "policy/engine.h"
#include "unit/cli_policy_daemon.h"

namespace gatehouse::cli {
namespace {

class Verbs : public PolicyCommand {
 protected:
  Verbs() {
    expect_ok({"pool", "add", "office", "198.51.100.0/29"});
    expect_ok({"server", "add", "win1", "--address", "203.0.113.10", "--rdp", "--relay", "ssh:22", "--relay",
               "https:443:8443", "--pool", "office"});
    expect_ok({"user", "add", "bob", "--source", "192.0.2.10"});
  }
  [[nodiscard]] policy::Grant grant(const std::string& name) const { return document().grants.at(name); }
};

TEST_F(Verbs, AServerComesWithItsServicesOnOneAddress) {
  const auto all = document().services;
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all.at("win1-rdp").kind, policy::Kind::rdp);
  EXPECT_EQ(all.at("win1-rdp").port, 3389);
  EXPECT_EQ(all.at("win1-ssh").protocol, "ssh");
  EXPECT_EQ(all.at("win1-https").backend_port, 8443);
  for (const auto& [name, service] : all) EXPECT_EQ(service.proxy_ip.text(), "198.51.100.1") << name;
  expect_ok({"server", "deactivate", "win1"});
  EXPECT_FALSE(document().servers.at("win1").active);
  expect_ok({"server", "activate", "win1"});
  expect_ok({"server", "remove", "win1", "--cascade"});
  EXPECT_TRUE(document().services.empty());
}

TEST_F(Verbs, AServiceTakesEveryKeyOfTheFormat) {
  expect_ok({"service",      "add",
             "vnc",          "--server",
             "win1",         "--kind",
             "relay",        "--port",
             "5900",         "--proxy-ip",
             "198.51.100.1", "--protocol",
             "vnc",          "--backend-port",
             "5901",         "--source",
             "client",       "--proxy-protocol",
             "v2",           "--connect-timeout",
             "5s",           "--idle",
             "30m"});
  const auto service = document().services.at("vnc");
  EXPECT_EQ(service.protocol, "vnc");
  EXPECT_EQ(service.backend_port, 5901);
  EXPECT_EQ(service.source, policy::SourceMode::client);
  EXPECT_EQ(service.proxy_protocol, policy::ProxyProtocol::v2);
  EXPECT_EQ(service.connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(service.idle_timeout, std::chrono::minutes(30));
  expect_ok({"service", "remove", "vnc"});
}

TEST_F(Verbs, AServerSaysHowItsRdpSessionsAreSecured) {
  expect_ok({"server", "add", "plain", "--address", "203.0.113.20"});
  EXPECT_EQ(document().servers.at("plain").backend_certificate, policy::CertificateCheck::trust_on_first_use);
  expect_ok({"server", "add", "pinned", "--address", "203.0.113.21", "--credentials", "inject", "--allow-tls-backend",
             "--fingerprint", std::string(64, 'A')});
  const auto pinned = document().servers.at("pinned");
  EXPECT_EQ(pinned.credentials, policy::CredentialSource::inject);
  EXPECT_TRUE(pinned.allow_tls_backend);
  EXPECT_EQ(pinned.backend_certificate, policy::CertificateCheck::pinned);
  EXPECT_EQ(pinned.fingerprint.substr(0, 6), "aa:aa:");
  expect_ok({"server", "add", "issued", "--address", "203.0.113.22", "--ca", "/etc/ssl/corp.crt"});
  EXPECT_EQ(document().servers.at("issued").backend_certificate, policy::CertificateCheck::ca);
  expect_refused({"server", "add", "x", "--address", "203.0.113.23", "--ca", "corp.crt"}, "no absolute path",
                 exit_usage);
  expect_refused({"server", "add", "x", "--address", "203.0.113.23", "--fingerprint", "aa"}, "SHA-256", exit_usage);
  expect_ok({"service", "add", "plain-rdp", "--server", "plain", "--kind", "rdp", "--port", "3389", "--pool", "office",
             "--front", "nla"});
  EXPECT_EQ(document().services.at("plain-rdp").front, policy::Front::nla);
  expect_refused({"service", "add", "plain-ssh", "--server", "plain", "--kind", "relay", "--port", "22", "--pool",
                  "office", "--front", "nla"},
                 "of kind rdp only", exit_usage);
}

TEST_F(Verbs, APoolGivesItsFirstFreeAddressUntilItHasNone) {
  for (const char* server : {"a", "b", "c", "d", "e"}) {
    expect_ok({"server", "add", server, "--address", "203.0.113.20"});
    expect_ok({"pool", "assign", server, "--pool", "office"});
  }
  EXPECT_EQ(document().services.at("a-rdp").proxy_ip.text(), "198.51.100.2");
  EXPECT_EQ(document().services.at("e-rdp").proxy_ip.text(), "198.51.100.6");
  expect_refused({"pool", "assign", "win1", "--pool", "office"}, "pool office has no free address");
  expect_ok({"pool", "free", "198.51.100.4"});
  EXPECT_FALSE(document().services.contains("c-rdp"));
  expect_ok({"pool", "assign", "c", "--pool", "office", "--kind", "relay", "--port", "22", "--protocol", "ssh"});
  EXPECT_EQ(document().services.at("c-ssh").proxy_ip.text(), "198.51.100.4");
  expect_ok({"pool", "network", "add", "office", "2001:db8:77::/64"});
  expect_ok({"pool", "assign", "win1", "--pool", "office", "--service", "win1-six"});
  EXPECT_EQ(document().services.at("win1-six").proxy_ip.text(), "2001:db8:77::1");
  expect_refused({"pool", "free", "198.51.100.99"}, "198.51.100.99 is in no service");
}

TEST_F(Verbs, AnAddressForATimeIsFreeAgainAfterIt) {
  expect_ok({"server", "add", "a", "--address", "203.0.113.20"});
  const auto before = now();
  expect_ok({"pool", "assign", "a", "--pool", "office", "--for", "1w"});
  const auto until = document().services.at("a-rdp").until;
  ASSERT_TRUE(until);
  EXPECT_GE(*until, before + std::chrono::weeks(1));
  EXPECT_LE(*until, now() + std::chrono::weeks(1));
  EXPECT_THAT(run({"pool", "show", "office"}).out, HasSubstr(format_time(*until)));

  auto ended = document();
  ended.services.at("a-rdp").until = now() - std::chrono::seconds(1);
  put(policy::to_yaml(ended));
  expect_ok({"pool", "assign", "win1", "--pool", "office", "--service", "again"});
  EXPECT_FALSE(document().services.contains("a-rdp"));
  EXPECT_EQ(document().services.at("again").proxy_ip.text(), "198.51.100.2");
  EXPECT_EQ(document().services.at("again").until, std::nullopt);

  // A grant for the service holds it: it would be about nothing, or about another.
  ended = document();
  ended.services.at("again").until = now() - std::chrono::seconds(1);
  put(policy::to_yaml(ended));
  expect_ok({"grant", "add", "bob", "--service", "again"});
  expect_ok({"pool", "assign", "a", "--pool", "office"});
  EXPECT_EQ(document().services.at("a-rdp").proxy_ip.text(), "198.51.100.3");
}

TEST_F(Verbs, UsersHaveSourcesThatComeAndGo) {
  expect_ok({"user", "source", "add", "bob", "192.0.2.11", "2001:db8::/64"});
  EXPECT_EQ(document().users.at("bob").sources.size(), 3U);
  expect_ok({"user", "source", "remove", "bob", "192.0.2.10"});
  EXPECT_EQ(document().users.at("bob").sources.size(), 2U);
  expect_refused({"user", "source", "remove", "bob", "192.0.2.10"}, "192.0.2.10 is no source of user bob");
  expect_ok({"user", "deactivate", "bob"});
  EXPECT_FALSE(document().users.at("bob").active);
}

TEST_F(Verbs, GroupsOfBothKindsHaveMembersAndGroups) {
  expect_ok({"group", "add", "staff", "--user", "bob", "--description", "all of them"});
  expect_ok({"group", "add", "all", "--group", "staff"});
  EXPECT_EQ(document().user_groups.at("staff").users, std::vector<std::string>{"bob"});
  EXPECT_EQ(document().user_groups.at("all").groups, std::vector<std::string>{"staff"});
  expect_refused({"group", "member", "add", "staff", "--user", "bob"}, "bob is in user group staff already");
  expect_refused({"group", "member", "add", "staff", "--group", "all"}, "the changed policy: ");
  expect_ok({"group", "member", "remove", "staff", "--user", "bob"});
  expect_refused({"group", "member", "remove", "staff", "--user", "bob"}, "bob is not in user group staff");
  expect_ok({"server-group", "add", "windows", "--server", "win1"});
  EXPECT_EQ(document().server_groups.at("windows").servers, std::vector<std::string>{"win1"});
  expect_ok({"grant", "add", "--group", "all", "--server-group", "windows"});
  EXPECT_EQ(grant("all-windows").user_group, "all");
  EXPECT_EQ(grant("all-windows").server_group, "windows");
  expect_ok({"grant", "add", "win1", "--group", "all"});
  EXPECT_EQ(grant("all-win1").server, "win1");
}

TEST_F(Verbs, AGrantTakesEveryKeyOfTheFormat) {
  expect_ok({"schedule", "add", "nights", "--hours", "22:00-06:00", "--zone", "UTC"});
  expect_ok({"grant",
             "add",
             "bob",
             "win1",
             "--name",
             "audit",
             "--protocol",
             "rdp",
             "--start",
             "2026-12-01",
             "--until",
             "2999-12-20T18:00:00+01:00",
             "--schedule",
             "nights",
             "--source",
             "192.0.2.10",
             "--login",
             "bob",
             "--login",
             "CORP\\bob",
             "--idle",
             "30m",
             "--session-limit",
             "2",
             "--no-record",
             "--channel",
             "clipboard",
             "--channel",
             "audio",
             "--reason",
             "yearly audit",
             "--dynamic-channel",
             "Contoso::*"});
  const auto one = grant("audit");
  EXPECT_EQ(one.user, "bob");
  EXPECT_EQ(one.server, "win1");
  EXPECT_EQ(one.protocol, "rdp");
  EXPECT_EQ(one.start, *parse_time("2026-12-01"));
  EXPECT_EQ(one.end, *parse_time("2999-12-20T17:00:00Z"));
  EXPECT_EQ(one.schedules, std::vector<std::string>{"nights"});
  EXPECT_EQ(one.sources.size(), 1U);
  EXPECT_EQ(one.logins.size(), 2U);
  EXPECT_EQ(one.idle_timeout, std::chrono::minutes(30));
  EXPECT_EQ(one.session_limit, 2U);
  EXPECT_EQ(one.recording, policy::Recording::off);
  EXPECT_TRUE(policy::holds(one.channels, policy::Channel::clipboard));
  EXPECT_EQ(one.dynamic_channels, std::vector<std::string>{"Contoso::*"});
  EXPECT_EQ(one.reason, "yearly audit");
}

TEST_F(Verbs, GrantsOfTheSameHoursShareASchedule) {
  const std::vector<std::string> office{"--weekdays", "mon-fri", "--hours", "08:00-18:00", "--zone", "Europe/Warsaw"};
  const auto add = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), office.begin(), office.end());
    expect_ok(arguments);
  };
  add({"grant", "add", "bob", "win1"});
  add({"grant", "add", "bob", "win1", "--protocol", "ssh"});
  EXPECT_EQ(document().schedules.size(), 1U);
  EXPECT_EQ(grant("bob-win1").schedules, std::vector<std::string>{"mon-fri-08.00-18.00"});
  EXPECT_EQ(grant("bob-win1-2").schedules, std::vector<std::string>{"mon-fri-08.00-18.00"});
  expect_ok({"grant", "add", "bob", "win1", "--weekdays", "mon-fri", "--hours", "08:00-18:00", "--zone", "UTC"});
  EXPECT_EQ(grant("bob-win1-3").schedules, std::vector<std::string>{"mon-fri-08.00-18.00-2"});
  expect_refused({"schedule", "remove", "mon-fri-08.00-18.00"}, "is in use by grant bob-win1, grant bob-win1-2");
}

TEST_F(Verbs, ARevokedGrantIsRenewedOnlyOnPurpose) {
  expect_ok({"grant", "add", "bob", "win1", "--for", "permanent"});
  EXPECT_EQ(grant("bob-win1").end, std::nullopt);
  expect_ok({"revoke", "bob-win1"});
  EXPECT_FALSE(grant("bob-win1").active);
  expect_refused({"renew", "bob-win1", "--for", "1w"}, "grant bob-win1 is revoked");
  const auto before = now();
  expect_ok({"renew", "bob-win1", "--for", "1.5h", "--activate"});
  EXPECT_TRUE(grant("bob-win1").active);
  EXPECT_GE(*grant("bob-win1").end, before + std::chrono::minutes(90));
  expect_ok({"renew", "bob-win1", "--until", "2999-01-01"});
  EXPECT_EQ(grant("bob-win1").end, *parse_time("2999-01-01"));
  expect_ok({"renew", "bob-win1", "--for", "permanent"});
  EXPECT_EQ(grant("bob-win1").end, std::nullopt);
  expect_ok({"revoke", "bob-win1", "--remove"});
  EXPECT_TRUE(document().grants.empty());
  expect_refused({"revoke", "bob-win1"}, "there is no grant 'bob-win1'");
}

TEST_F(Verbs, MaintenanceBeginsNowOrWhenItIsPlanned) {
  expect_ok({"maintenance", "add", "disks", "--server", "win1", "--start", "2999-12-05T20:00:00Z", "--for", "2h",
             "--grace", "30m", "--exempt", "bob", "--reason", "new disks"});
  const auto disks = document().maintenance.at("disks");
  EXPECT_EQ(disks.end, *parse_time("2999-12-05T22:00:00Z"));
  EXPECT_EQ(disks.grace, std::chrono::minutes(30));
  EXPECT_EQ(disks.exempt_users, std::vector<std::string>{"bob"});
  expect_ok({"maintenance", "add", "gate", "--gate", "--end", "2999-01-01"});
  EXPECT_LE(document().maintenance.at("gate").start, now() + std::chrono::seconds(1));
  EXPECT_TRUE(document().maintenance.at("gate").of_gate());
  EXPECT_THAT(run({"maintenance", "list"}).out, HasSubstr("new disks"));
  expect_ok({"maintenance", "remove", "disks"});
  EXPECT_EQ(document().maintenance.size(), 1U);
}

// The commands are read from where people read them.
TEST_F(PolicyCommand, FiveCommandsOfTheDocumentationLeadFromAnEmptyMachineToAGrant) {
  std::ifstream file(GATEHOUSE_SOURCE_DIR "/docs/operating.md");
  ASSERT_TRUE(file);
  std::string line;
  while (std::getline(file, line) && line != "## From an empty machine in five commands") {
  }
  while (std::getline(file, line) && !line.starts_with("```")) {
  }
  std::size_t commands = 0;
  while (std::getline(file, line) && !line.starts_with("```")) {
    ++commands;
    std::istringstream words(line.substr(0, line.find('#')));
    std::vector<std::string> arguments(std::istream_iterator<std::string>(words), {});
    ASSERT_FALSE(arguments.empty());
    if (arguments.front() != "gatehouse") {
      EXPECT_EQ(arguments.front(), "scripts/install.sh");
      continue;
    }
    arguments.erase(arguments.begin());
    expect_ok(arguments);
  }
  EXPECT_EQ(commands, 5U);

  const auto end = document().grants.at("bob-win1").end;
  ASSERT_TRUE(end) << "Saturday, midnight in Warsaw";
  const policy::Snapshot snapshot{policy::Policy::compile(document(), version_),
                                  std::make_shared<const policy::BanTable>(std::vector<policy::Ban>())};
  const auto decide = [&](Duration before_the_end) {
    return policy::decide(snapshot, {*Address::parse("192.0.2.10"), *Address::parse("198.51.100.1"), 3389,
                                     policy::Transport::tcp, *end - before_the_end, std::nullopt});
  };
  using std::chrono::hours;
  EXPECT_TRUE(decide(hours(14)).allowed) << "Friday at ten";
  EXPECT_EQ(decide(hours(14)).recording, policy::Recording::as_configured);
  EXPECT_EQ(decide(hours(14)).holds_until, *end - hours(6)) << "Friday at six";
  EXPECT_EQ(decide(hours(4)).reason, policy::Reason::outside_schedule) << "Friday at eight in the evening";
  EXPECT_EQ(decide(-hours(58)).reason, policy::Reason::policy_expired) << "Monday at ten";
}

}  // namespace
}  // namespace gatehouse::cli
