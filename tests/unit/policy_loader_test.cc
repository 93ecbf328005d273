#include "policy/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <sstream>
#include <string>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

using testing::HasSubstr;

constexpr const char* complete = R"(
pools:
  office: 10.200.0.0/24
  lab: [10.201.0.0/24, "2001:db8:f::/64"]
users:
  alice:
    full_name: Alice Example
    sources: [192.0.2.7, "2001:db8:1::/64", 10.0.0.0/8]
  bob:
    active: false
servers:
  win1: {address: 198.51.100.1, description: "the first: one"}
  linux1: {address: "2001:db8:2::1", active: no}
services:
  win1-rdp: {server: win1, proxy_ip: 10.200.0.1, port: 3389, kind: rdp}
  win1-ssh:
    server: win1
    proxy_ip: 10.200.0.1
    port: 2222
    kind: relay
    protocol: ssh
    backend_port: 22
    source: client
    proxy_protocol: v2
    connect_timeout: 5s
    idle_timeout: 1h30m
    until: 2026-12-24T18:00:00+01:00
  linux1-vnc: {server: linux1, proxy_ip: "2001:db8:f::1", port: 5900, kind: relay}
grants:
  alice-win1: {user: alice, server: win1}
  alice-linux1:
    user: alice
    server: linux1
    protocol: tcp
    start: 2026-11-23
    end: 2026-11-30T18:00:00+01:00
    reason: ticket 4711
)";

TEST(Loader, ReadsEveryKeyAndEveryDefault) {
  const auto document = loaded(complete);
  EXPECT_EQ(document.pools.at("lab").networks.size(), 2U);
  EXPECT_TRUE(document.users.at("alice").active);
  EXPECT_EQ(document.users.at("alice").full_name, "Alice Example");
  ASSERT_EQ(document.users.at("alice").sources.size(), 3U);
  EXPECT_TRUE(std::is_sorted(document.users.at("alice").sources.begin(), document.users.at("alice").sources.end()));
  EXPECT_FALSE(document.users.at("bob").active);
  EXPECT_TRUE(document.users.at("bob").sources.empty());
  EXPECT_EQ(document.servers.at("win1").description, "the first: one");
  EXPECT_FALSE(document.servers.at("linux1").active);

  const auto& plain = document.services.at("win1-rdp");
  EXPECT_EQ(plain.kind, Kind::rdp);
  EXPECT_EQ(plain.protocol, "rdp");
  EXPECT_EQ(plain.backend_port, 3389);
  EXPECT_EQ(plain.transport, Transport::tcp);
  EXPECT_EQ(plain.source, SourceMode::gateway);
  EXPECT_EQ(plain.proxy_protocol, ProxyProtocol::off);
  EXPECT_EQ(plain.connect_timeout, std::nullopt);
  EXPECT_EQ(plain.idle_timeout, std::nullopt);
  EXPECT_EQ(plain.until, std::nullopt);
  const auto& full = document.services.at("win1-ssh");
  EXPECT_EQ(full.protocol, "ssh");
  EXPECT_EQ(full.backend_port, 22);
  EXPECT_EQ(full.source, SourceMode::client);
  EXPECT_EQ(full.proxy_protocol, ProxyProtocol::v2);
  EXPECT_EQ(full.connect_timeout, std::chrono::seconds(5));
  EXPECT_EQ(full.idle_timeout, std::chrono::minutes(90));
  EXPECT_EQ(full.until, moment("2026-12-24T17:00:00Z"));
  EXPECT_EQ(document.services.at("linux1-vnc").protocol, "tcp");

  const auto& grant = document.grants.at("alice-linux1");
  EXPECT_EQ(grant.start, moment("2026-11-23T00:00:00Z"));
  EXPECT_EQ(grant.end, moment("2026-11-30T17:00:00Z"));
  EXPECT_EQ(grant.reason, "ticket 4711");
  EXPECT_EQ(document.grants.at("alice-win1").protocol, "");
}

TEST(Loader, ReadsHowTheLegsOfAnRdpSessionAreSecured) {
  const auto document = loaded(
      "pools: {p: 198.51.100.0/24}\nservers:\n  plain: {address: 203.0.113.1}\n  pinned: {address: 203.0.113.2, "
      "credentials: inject, allow_tls_backend: true, backend_certificate: pinned, fingerprint: "
      "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff}\n  issued: {address: 203.0.113.3, "
      "backend_certificate: ca, ca: /etc/ssl/corp.crt}\nservices:\n  s: {server: plain, proxy_ip: 198.51.100.1, port: "
      "3389, kind: rdp, front: nla}\n  t: {server: pinned, proxy_ip: 198.51.100.2, port: 3389, kind: rdp}\n");
  const auto& plain = document.servers.at("plain");
  EXPECT_EQ(plain.credentials, CredentialSource::pass);
  EXPECT_FALSE(plain.allow_tls_backend);
  EXPECT_EQ(plain.backend_certificate, CertificateCheck::trust_on_first_use);
  const auto& pinned = document.servers.at("pinned");
  EXPECT_EQ(pinned.credentials, CredentialSource::inject);
  EXPECT_TRUE(pinned.allow_tls_backend);
  EXPECT_EQ(pinned.backend_certificate, CertificateCheck::pinned);
  EXPECT_EQ(pinned.fingerprint,
            "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff");
  EXPECT_EQ(document.servers.at("issued").ca, "/etc/ssl/corp.crt");
  EXPECT_EQ(document.services.at("s").front, Front::nla);
  EXPECT_EQ(document.services.at("t").front, Front::tls);
  EXPECT_EQ(loaded(to_yaml(document)), document);
}

TEST(Loader, TakesNothingForAnEmptyPolicy) {
  EXPECT_EQ(load({}).value(), Document());
  EXPECT_EQ(loaded(""), Document());
  EXPECT_EQ(loaded("users:\ngrants: {}\n"), Document());
}

TEST(Loader, PutsSeveralFilesTogetherInAnyOrder) {
  const SourceText grants{"grants.yaml", "grants: {g: {user: alice, server: win1}}\n"};
  const SourceText users{"users.yaml", "users: {alice: {sources: 192.0.2.7}}\n"};
  const SourceText servers{"servers.yaml", "users: {bob: {}}\nservers: {win1: {address: 198.51.100.1}}\n"};
  const auto document = load({grants, users, servers});
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->users.size(), 2U);
  EXPECT_EQ(*document, load({servers, users, grants}).value());
}

TEST(Loader, NamesBothPlacesOfANameInTwoFiles) {
  EXPECT_THAT(faults({{"a.yaml", "users:\n  bob: {}\n"}, {"b.yaml", "# other\nusers:\n  bob: {active: false}\n"}}),
              HasSubstr("b.yaml:3: user 'bob' stands at a.yaml:2 already: keep one of the two"));
}

TEST(Loader, NamesANameThatComesTwiceInOneFile) {
  EXPECT_EQ(faults("users:\n  bob: {}\n  bob: {active: false}\n"),
            "policy.yaml:3: 'bob' comes twice in users: keep one of them\n");
}

struct FaultCase {
  const char* title;
  const char* text;      // the sections above `complete` are not there: each case stands alone
  const char* expected;  // the beginning of one line of the faults
};

void PrintTo(const FaultCase& fault, std::ostream* out) {
  *out << fault.title;
}

class LoaderFault : public testing::TestWithParam<FaultCase> {};

TEST_P(LoaderFault, IsListedWithItsLineAndItsMend) {
  const auto document = load({{"policy.yaml", GetParam().text}});
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().text(), HasSubstr(GetParam().expected));
  for (const auto& issue : document.error().list()) {
    EXPECT_GT(issue.line, 0) << issue.text();
    EXPECT_FALSE(issue.mend.empty()) << issue.text();
  }
}

const std::vector<FaultCase> fault_cases{
    {"UnknownSection", "user:\n  bob: {}\n", "policy.yaml:1: unknown key 'user' in the policy"},
    {"RepeatedSection", "users: {}\nusers: {}\n", "policy.yaml:2: 'users' comes twice in the policy"},
    {"RootIsAList", "- users\n", "policy.yaml:1: the policy is not a map"},
    {"SectionIsAList", "users:\n  - bob\n", "policy.yaml:2: users is not a map"},
    {"EntryIsAWord", "users:\n  bob: yes\n", "policy.yaml:2: user bob is not a map"},
    {"SyntaxError", "users:\n  bob: {\n", "policy.yaml:"},
    {"UnknownUserKey", "users:\n  bob:\n    source: 192.0.2.1\n", "policy.yaml:3: unknown key 'source' in user bob"},
    {"UnknownServerKey", "servers:\n  s: {address: 192.0.2.1, ip: 192.0.2.1}\n",
     "policy.yaml:2: unknown key 'ip' in server s"},
    {"FrontUnknown", "services:\n  s: {server: x, proxy_ip: 192.0.2.1, port: 1, kind: rdp, front: ssl}\n",
     "policy.yaml:2: service s, front: 'ssl' is no way to log in at the gateway"},
    {"FrontOfARelay", "services:\n  s: {server: x, proxy_ip: 192.0.2.1, port: 1, kind: relay, front: nla}\n",
     "policy.yaml:2: service s: front is of kind rdp only"},
    {"CredentialsUnknown", "servers:\n  s: {address: 192.0.2.1, credentials: stored}\n",
     "policy.yaml:2: server s, credentials: 'stored' is no source of credentials"},
    {"CertificateCheckUnknown", "servers:\n  s: {address: 192.0.2.1, backend_certificate: none}\n",
     "policy.yaml:2: server s, backend_certificate: 'none' is no way to know a certificate"},
    {"PinnedWithoutFingerprint", "servers:\n  s: {address: 192.0.2.1, backend_certificate: pinned}\n",
     "policy.yaml:2: server s: backend_certificate: pinned needs fingerprint"},
    {"FingerprintTooShort", "servers:\n  s: {address: 192.0.2.1, backend_certificate: pinned, fingerprint: 'aa:bb'}\n",
     "policy.yaml:2: server s, fingerprint: 'aa:bb' is no SHA-256 fingerprint"},
    {"CaWithoutItsCheck", "servers:\n  s:\n    address: 192.0.2.1\n    ca: /etc/ca.crt\n",
     "policy.yaml:4: server s: ca counts with backend_certificate: ca only"},
    {"CaNoPath", "servers:\n  s: {address: 192.0.2.1, backend_certificate: ca, ca: ca.crt}\n",
     "policy.yaml:2: server s, ca: 'ca.crt' is no absolute path"},
    {"BadName", "users:\n  -bob: {}\n", "policy.yaml:2: '-bob' is not a usable name of a user"},
    {"NameWithSpace", "users:\n  bob b: {}\n", "policy.yaml:2: 'bob b' is not a usable name"},
    {"NameTooLong", "users:\n  a234567890123456789012345678901234567890123456789012345678901234: {}\n",
     "policy.yaml:2: 'a234567890123456789012345678901234567890123456789012345678901234' is not a usable name"},
    {"EmptyName", "users:\n  '': {}\n", "policy.yaml:2: '' is not a usable name"},
    {"BadBoolean", "users:\n  bob: {active: 1}\n", "policy.yaml:2: user bob, active: '1' is neither true nor false"},
    {"BadSource", "users:\n  bob:\n    sources:\n      - 192.0.2.1\n      - 192.0.2.300\n",
     "policy.yaml:5: user bob, sources: '192.0.2.300' is not an IP address"},
    {"SourceWithHostBits", "users:\n  bob: {sources: 192.0.2.7/24}\n",
     "policy.yaml:2: user bob, sources: '192.0.2.7/24'"},
    {"SourceOfBothFamilies", "users:\n  bob: {sources: '::/0'}\n",
     "policy.yaml:2: user bob, sources: '::/0' holds every IPv4 address as well"},
    {"SourceTwiceInOneUser", "users:\n  bob: {sources: [192.0.2.1, \"::ffff:192.0.2.1\"]}\n",
     "policy.yaml:2: user bob: source 192.0.2.1 comes twice"},
    {"SourceOfTwoUsers", "users:\n  bob:\n    sources: 192.0.2.0/24\n  alice:\n    sources: [192.0.2.0/24]\n",
     "policy.yaml:5: user alice: source 192.0.2.0/24 belongs to user bob (policy.yaml:3) already"},
    {"SourceInAPool", "pools: {p: 10.0.0.0/24}\nusers:\n  bob: {sources: 10.0.0.7}\n",
     "policy.yaml:3: user bob: source 10.0.0.7 lies in pool p (policy.yaml:1)"},
    {"PoolUnreadable", "pools:\n  p: 10.0.0.0/33\n",
     "policy.yaml:2: pool p: '10.0.0.0/33' has no usable prefix length"},
    {"PoolEmpty", "pools:\n  p: []\n", "policy.yaml:2: pool p has no network"},
    {"PoolIsNull", "pools:\n  p:\n", "policy.yaml:2: pool p has no network"},
    {"PoolIsAMap", "pools:\n  p: {network: 10.0.0.0/8}\n", "policy.yaml:2: pool p has no network"},
    {"PoolOverlapsItself", "pools:\n  p:\n    - 10.0.0.0/24\n    - 10.0.0.0/25\n",
     "policy.yaml:4: pool p: 10.0.0.0/25 overlaps 10.0.0.0/24 of pool p (policy.yaml:3)"},
    {"PoolsOverlap", "pools:\n  small: 10.0.5.0/24\n  other: 10.9.0.0/16\n  large: 10.0.0.0/16\n",
     "policy.yaml:2: pool small: 10.0.5.0/24 overlaps 10.0.0.0/16 of pool large (policy.yaml:4)"},
    {"ServerWithoutAddress", "servers:\n  s: {active: true}\n", "policy.yaml:2: server s has no 'address'"},
    {"ServerIsNull", "servers:\n  s:\n", "policy.yaml:2: server s has no 'address'"},
    {"ServerAddressUnreadable", "servers:\n  s: {address: win1.example}\n",
     "policy.yaml:2: server s, address: 'win1.example' is not an IP address"},
    {"ServerAddressIsANetwork", "servers:\n  s: {address: 192.0.2.0/24}\n", "policy.yaml:2: server s, address:"},
    {"ServerInAPool", "pools: {p: 10.0.0.0/24}\nservers:\n  s:\n    address: 10.0.0.7\n",
     "policy.yaml:4: server s: 10.0.0.7 lies in pool p (policy.yaml:1)"},
    {"ServerInAPoolMapped", "pools: {p: 10.0.0.0/24}\nservers:\n  s: {address: '::ffff:10.0.0.7'}\n",
     "policy.yaml:3: server s: 10.0.0.7 lies in pool p"},
    {"ServerUnspecified", "servers:\n  s: {address: 0.0.0.0}\n",
     "policy.yaml:2: server s: 0.0.0.0 is within 0.0.0.0/8"},
    {"ServerMulticast", "servers:\n  s: {address: 'ff02::1'}\n",
     "policy.yaml:2: server s: ff02::1 is a multicast address"},
    {"ServerLinkLocal", "servers:\n  s: {address: 'fe80::1'}\n",
     "policy.yaml:2: server s: fe80::1 is a link-local address"},
    {"ServiceWithoutServer", "services:\n  v: {}\n", "policy.yaml:2: service v has no 'server'"},
    {"ServiceWithoutProxyIp", "services:\n  v: {}\n", "policy.yaml:2: service v has no 'proxy_ip'"},
    {"ServiceWithoutPort", "services:\n  v: {}\n", "policy.yaml:2: service v has no 'port'"},
    {"ServiceWithoutKind", "services:\n  v: {}\n", "policy.yaml:2: service v has no 'kind'"},
    {"ServiceUnknownKind", "services:\n  v:\n    kind: http\n",
     "policy.yaml:3: service v, kind: 'http' is not a kind of service"},
    {"RustDeskWithoutRoomForItsPorts",
     "services:\n  v:\n    server: s\n    proxy_ip: 198.51.100.9\n    port: 65535\n    kind: rustdesk\n",
     "policy.yaml:5: service v: no room for the ports that belong to 65535"},
    {"ServiceBadPort", "services:\n  v:\n    port: 0\n", "policy.yaml:3: service v, port: '0' is not a port"},
    {"ServiceBadBackendPort", "services:\n  v:\n    backend_port: 65536\n",
     "policy.yaml:3: service v, backend_port: '65536'"},
    {"ServiceBadProtocol", "services:\n  v:\n    protocol: RDP\n",
     "policy.yaml:3: service v, protocol: 'RDP' is not the name of a protocol"},
    {"ServiceBadSource", "services:\n  v:\n    source: both\n", "policy.yaml:3: service v, source: 'both'"},
    {"ServiceBadProxyProtocol", "services:\n  v:\n    proxy_protocol: v1\n",
     "policy.yaml:3: service v, proxy_protocol: 'v1'"},
    {"ServiceBareTimeout", "services:\n  v:\n    connect_timeout: 5\n",
     "policy.yaml:3: service v, connect_timeout: '5' is not a duration"},
    {"ServiceLongConnectTimeout", "services:\n  v:\n    connect_timeout: 2h\n",
     "policy.yaml:3: service v, connect_timeout: '2h' is longer than 1h"},
    {"ServiceNegativeTimeout", "services:\n  v:\n    idle_timeout: -5m\n",
     "policy.yaml:3: service v, idle_timeout: '-5m'"},
    {"ServiceLongIdleTimeout", "services:\n  v:\n    idle_timeout: 53w\n",
     "policy.yaml:3: service v, idle_timeout: '53w' is longer"},
    {"ServiceDanglingServer", "services:\n  v:\n    server: nowhere\n",
     "policy.yaml:3: service v: there is no server 'nowhere'"},
    {"ServiceOutsideThePools", "pools: {p: 10.0.0.0/24}\nservices:\n  v:\n    proxy_ip: 10.0.1.1\n",
     "policy.yaml:4: service v: proxy IP 10.0.1.1 lies in no pool"},
    {"ServiceMulticast", "pools: {p: 224.0.0.0/4}\nservices:\n  v:\n    proxy_ip: 224.0.0.1\n",
     "policy.yaml:4: service v: proxy IP 224.0.0.1 is a multicast address"},
    {"ProxyIpOfTwoServers",
     "pools: {p: 10.0.0.0/24}\nservers: {a: {address: 192.0.2.1}, b: {address: 192.0.2.2}}\nservices:\n"
     "  v: {server: a, proxy_ip: 10.0.0.1, port: 1, kind: rdp}\n  w: {server: b, proxy_ip: 10.0.0.1, port: 2, kind: "
     "rdp}\n",
     "policy.yaml:5: service w: proxy IP 10.0.0.1 stands for server a already (service v, policy.yaml:4)"},
    {"EndpointOfTwoServices",
     "pools: {p: 10.0.0.0/24}\nservers: {a: {address: 192.0.2.1}}\nservices:\n"
     "  v: {server: a, proxy_ip: 10.0.0.1, port: 1, kind: rdp}\n  w: {server: a, proxy_ip: 10.0.0.1, port: 1, kind: "
     "relay}\n",
     "policy.yaml:5: service w: 10.0.0.1:1 is taken by service v (policy.yaml:4)"},
    {"ClientSourceAcrossFamilies",
     "pools: {p: 10.0.0.0/24}\nservers: {a: {address: \"2001:db8::1\"}}\nservices:\n"
     "  v: {server: a, proxy_ip: 10.0.0.1, port: 1, kind: rdp, source: client}\n",
     "policy.yaml:4: service v: source client needs proxy IP and server of one family"},
    {"GrantWithoutUser", "grants:\n  g: {}\n", "policy.yaml:2: grant g has no 'user'"},
    {"GrantWithoutServer", "grants:\n  g: {}\n", "policy.yaml:2: grant g has no 'server'"},
    {"GrantDanglingUser", "grants:\n  g:\n    user: nobody\n", "policy.yaml:3: grant g: there is no user 'nobody'"},
    {"GrantDanglingServer", "grants:\n  g:\n    server: nowhere\n",
     "policy.yaml:3: grant g: there is no server 'nowhere'"},
    {"GrantBadProtocol", "grants:\n  g:\n    protocol: 'r d p'\n", "policy.yaml:3: grant g, protocol: 'r d p'"},
    {"GrantTimeWithoutZone", "grants:\n  g:\n    start: 2026-11-23T18:00:00\n",
     "policy.yaml:3: grant g, start: '2026-11-23T18:00:00' has no time zone"},
    {"GrantDayThatDoesNotExist", "grants:\n  g:\n    end: 2026-02-30\n",
     "policy.yaml:3: grant g, end: '2026-02-30' names a day that does not exist"},
    {"GrantBeyondTheYears", "grants:\n  g:\n    end: 9999-12-31T23:59:59-01:00\n",
     "policy.yaml:3: grant g, end: '9999-12-31T23:59:59-01:00' is not within the years 1970 to 9999"},
    {"GrantBeforeTheYears", "grants:\n  g:\n    start: 1969-12-31\n",
     "policy.yaml:3: grant g, start: '1969-12-31' is not within"},
    {"GrantEndsBeforeItStarts", "grants:\n  g:\n    start: 2026-11-23\n    end: 2026-11-22\n",
     "policy.yaml:4: grant g ends 2026-11-22T00:00:00Z, not after its start"},
    {"GrantEndsWhenItStarts", "grants:\n  g:\n    start: 2026-11-23\n    end: 2026-11-23T01:00:00+01:00\n",
     "policy.yaml:4: grant g ends 2026-11-23T00:00:00Z, not after its start"},
    {"ControlCharacterInAValue", "users:\n  bob:\n    full_name: \"Bob\\e[31m\"\n",
     "policy.yaml:3: user bob, full_name: holds a control character"},
    {"NewlineInAValue", "users:\n  bob:\n    full_name: |\n      Bob\n",
     "user bob, full_name: holds a control character"},
    {"HiddenEndInAnAddress", "users:\n  bob: {sources: \"192.0.2.1\\0 and more\"}\n",
     "policy.yaml:2: user bob, sources: the address holds a control character"},
    {"EndOfFileCharacterInTheText", "users:\n  bob: {}\n\x04\n  eve: {}\n",
     "policy.yaml:3: the text holds a control character"},
    {"NotUtf8", "users:\n  bob:\n    full_name: B\xf6rje\n", "policy.yaml:3: the text holds a byte that is not UTF-8"},
    {"OverlongUtf8", "# \xc0\xaf\n", "policy.yaml:1: the text holds a byte that is not UTF-8"},
    {"EmptyText", "users:\n  bob:\n    full_name: ''\n", "policy.yaml:3: user bob, full_name: is not a single value"},
    {"Anchor", "users:\n  bob: &b {}\n  eve: *b\n", "policy.yaml:2: an anchor"},
};

INSTANTIATE_TEST_SUITE_P(Each, LoaderFault, testing::ValuesIn(fault_cases),
                         [](const testing::TestParamInfo<FaultCase>& one) { return std::string(one.param.title); });

TEST(Loader, ListsAllFaultsOfAllFilesInOneRunInTheOrderOfTheLines) {
  const auto text = faults({{"b.yaml", "users:\n  bob: {active: perhaps, sources: [x, 192.0.2.0/24]}\n"},
                            {"a.yaml",
                             "services:\n  v: {server: s, proxy_ip: 10.0.0.1, port: 99999, kind: tea}\n"
                             "grants:\n  g: {user: eve, server: s, end: soon}\n"}});
  std::istringstream lines(text);
  std::vector<std::string> places;
  for (std::string line; std::getline(lines, line);) places.push_back(line.substr(0, line.find(' ')));
  EXPECT_THAT(places, testing::ElementsAre("a.yaml:2:", "a.yaml:2:", "a.yaml:2:", "a.yaml:2:", "a.yaml:4:", "a.yaml:4:",
                                           "a.yaml:4:", "b.yaml:2:", "b.yaml:2:"))
      << text;
}

TEST(Loader, DoesNotBlameASecondTimeWhatCouldNotBeRead) {
  EXPECT_EQ(faults("servers:\n  s: {address: x}\ngrants:\n  g: {user: eve, server: s}\nusers:\n  eve: {sources: y}\n"),
            "policy.yaml:2: server s, address: 'x' is not an IP address: write it like 192.0.2.1 or 2001:db8::1\n"
            "policy.yaml:6: user eve, sources: 'y' is not an IP address: write it like 192.0.2.1 or 2001:db8::1\n");
}

TEST(Loader, LetsNetworksOfDifferentUsersNest) {
  const auto document = loaded("users: {bob: {sources: 10.0.0.0/8}, eve: {sources: [10.1.0.0/16, 10.2.0.0]}}\n");
  EXPECT_EQ(document.users.size(), 2U);
}

TEST(Loader, LetsAUsersNetworkHoldAPool) {
  EXPECT_EQ(loaded("pools: {p: 10.0.0.0/24}\nusers: {all: {sources: 0.0.0.0/0}}\n").users.size(), 1U);
}

TEST(Loader, LetsOneProxyIpHaveSeveralServicesOfOneServer) {
  EXPECT_EQ(loaded(complete).services.size(), 3U);
}

TEST(Loader, TakesPlainIpv6InLists) {
  const auto document =
      loaded("users:\n  bob:\n    sources: [2001:db8::1, 2001:db8:1::/48]\n  eve:\n    sources: 2001:db8::2\n");
  EXPECT_EQ(document.users.at("bob").sources.size(), 2U);
  EXPECT_EQ(document.users.at("eve").sources.front().text(), "2001:db8::2");
}

TEST(Loader, TakesAByteOrderMarkAndWindowsLineEnds) {
  EXPECT_EQ(loaded("\xef\xbb\xbfusers:\r\n  bob: {active: true}\r\n").users.size(), 1U);
}

TEST(Loader, LoadsTheExampleThatIsShipped) {
  std::ifstream file(GATEHOUSE_SOURCE_DIR "/policies/example.yaml");
  ASSERT_TRUE(file);
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto document = loaded(text);
  EXPECT_FALSE(document.pools.empty());
  EXPECT_FALSE(document.users.empty());
  EXPECT_FALSE(document.servers.empty());
  EXPECT_FALSE(document.services.empty());
  EXPECT_FALSE(document.grants.empty());
  EXPECT_FALSE(document.user_groups.empty());
  EXPECT_FALSE(document.server_groups.empty());
  EXPECT_FALSE(document.schedules.empty());
  EXPECT_FALSE(document.maintenance.empty());
  EXPECT_FALSE(document.denials.empty());
  EXPECT_EQ(loaded(to_yaml(document)), document);
}

TEST(Loader, StaysLinearWithThousandsOfEntries) {
  const auto text_of_size = [](unsigned count) {
    std::string users = "users:\n";
    std::string grants = "servers: {s: {address: 192.0.2.1}}\ngrants:\n";
    for (unsigned i = 0; i < count; ++i) {
      const auto number = std::to_string(i);
      users += "  u" + number + ": {sources: " + Address::from_v4(0x0a000000U + i).text() + "}\n";
      grants += "  g" + number + ": {user: u" + number + ", server: s}\n";
    }
    return users + grants;
  };
  // Of this process's own time: how busy the machine is does not count.
  const auto seconds_for = [&](unsigned count) {
    const auto text = text_of_size(count);
    const auto begin = std::clock();
    EXPECT_EQ(loaded(text).grants.size(), count);
    return static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  };
  const double small = seconds_for(1000);
  const double large = seconds_for(8000);
  // Eight times as much text; quadratic work would take 64 times as long.
  EXPECT_LT(large, small * 30) << small << " s and " << large << " s";
}

}  // namespace
}  // namespace gatehouse::policy
