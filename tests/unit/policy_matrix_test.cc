// The golden matrix: one person with three devices and three grants, as the system that this one replaces documents it.
// Below it the same questions over every grant that could be confused with another.
#include <gtest/gtest.h>

#include "unit/policy_fixture.h"

namespace gatehouse::policy {
namespace {

constexpr const char* matrix = R"(
pools:
  proxies: 10.30.0.0/24
users:
  mojski: {sources: [100.64.0.20, 10.30.14.3, 100.64.0.39]}
servers:
  Test-SSH-Server: {address: 10.40.0.1}
  Windows-RDP-Server: {address: 10.40.0.2}
services:
  ssh: {server: Test-SSH-Server, proxy_ip: 10.30.0.1, port: 22, kind: relay, protocol: ssh}
  rdp: {server: Windows-RDP-Server, proxy_ip: 10.30.0.2, port: 3389, kind: rdp}
grants:
  "6": {user: mojski, server: Test-SSH-Server, protocol: ssh, sources: 100.64.0.20, logins: [p.mojski, ideo]}
  "7": {user: mojski, server: Test-SSH-Server, protocol: ssh, sources: 10.30.14.3}
  "8": {user: mojski, server: Windows-RDP-Server, protocol: rdp, sources: 100.64.0.39}
)";

struct Case {
  const char* source;
  const char* destination;
  std::uint16_t port;
  std::optional<std::string_view> login;
  Reason expected;
};

TEST(Matrix, AllowsAndDeniesAsDocumented) {
  const auto snap = snapshot(matrix);
  for (const auto& [source, destination, port, login, expected] :
       {Case{"100.64.0.20", "10.30.0.1", 22, "p.mojski", Reason::allowed},
        Case{"100.64.0.20", "10.30.0.1", 22, "ideo", Reason::allowed},
        Case{"100.64.0.20", "10.30.0.1", 22, "root", Reason::login_not_allowed},
        Case{"100.64.0.20", "10.30.0.1", 22, std::nullopt, Reason::allowed},
        Case{"10.30.14.3", "10.30.0.1", 22, "p.mojski", Reason::allowed},
        Case{"10.30.14.3", "10.30.0.1", 22, "root", Reason::allowed},
        Case{"10.30.14.3", "10.30.0.1", 22, "admin", Reason::allowed},
        Case{"100.64.0.39", "10.30.0.2", 3389, std::nullopt, Reason::allowed},
        Case{"100.64.0.39", "10.30.0.1", 22, "p.mojski", Reason::wrong_source_ip},
        Case{"100.64.0.20", "10.30.0.2", 3389, std::nullopt, Reason::wrong_source_ip},
        Case{"100.64.0.21", "10.30.0.1", 22, std::nullopt, Reason::unknown_source_ip},
        Case{"100.64.0.20", "10.30.0.1", 3389, std::nullopt, Reason::server_not_found}}) {
    auto asked = question(source, destination, port);
    asked.login = login;
    const auto decision = decide(snap, asked);
    EXPECT_EQ(decision.reason, expected) << source << " to " << destination << " as " << login.value_or("(nobody)")
                                         << ": " << name(decision.reason);
    EXPECT_EQ(decision.allowed, expected == Reason::allowed);
  }
}

TEST(Matrix, DeniesTheOtherProtocolOfTheSameServer) {
  // The phone's "granted over rdp, denied over ssh" where one server offers both.
  const auto snap = snapshot(R"(
pools: {proxies: 10.30.0.0/24}
users: {phone: {sources: 100.64.0.39}}
servers: {both: {address: 10.40.0.1}}
services:
  ssh: {server: both, proxy_ip: 10.30.0.1, port: 22, kind: relay, protocol: ssh}
  rdp: {server: both, proxy_ip: 10.30.0.1, port: 3389, kind: rdp}
grants:
  "8": {user: phone, server: both, protocol: rdp}
)");
  EXPECT_EQ(decide(snap, question("100.64.0.39", "10.30.0.1", 3389)).reason, Reason::allowed);
  EXPECT_EQ(decide(snap, question("100.64.0.39", "10.30.0.1", 22)).reason, Reason::protocol_not_allowed);
}

TEST(Matrix, RefusesTwoPeopleOnOneAddress) {
  // The system it replaces lets the first row win; here such a policy does not load.
  EXPECT_NE(faults("users:\n  alice: {sources: 100.64.0.20}\n  bob: {sources: 100.64.0.20}\n")
                .find("policy.yaml:3: user bob: source 100.64.0.20 belongs to user alice (policy.yaml:2) already"),
            std::string::npos);
}

TEST(Matrix, NeverAllowsAKnownSourceWithoutAGrant) {
  const auto snap = snapshot(R"(
pools: {proxies: 10.30.0.0/24}
users: {alice: {sources: 100.64.0.20}}
servers: {win: {address: 10.40.0.1}}
services: {rdp: {server: win, proxy_ip: 10.30.0.1, port: 3389, kind: rdp}}
)");
  EXPECT_EQ(decide(snap, question("100.64.0.20", "10.30.0.1", 3389)).reason, Reason::no_matching_policy);
}

}  // namespace
}  // namespace gatehouse::policy
