// Services of kind rustdesk: their ports, their options, what they must not have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "policy/loader.h"
#include "policy/policy.h"
#include "policy/service_ports.h"

namespace gatehouse::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string policy_with_options(const std::string& options) {
  return "pools: {p: 198.51.100.0/24}\n"
         "servers: {s: {address: 203.0.113.5}, t: {address: 203.0.113.6}}\n"
         "services:\n  desk:\n    server: s\n    proxy_ip: 198.51.100.9\n    port: 21116\n    kind: rustdesk\n" +
         options;
}

Service service_with(const std::string& options) {
  auto document = load({{"policy.yaml", policy_with_options(options)}});
  if (!document) {
    ADD_FAILURE() << document.error().text();
    return {};
  }
  return document->services.at("desk");
}

std::string fault_with(const std::string& options) {
  const auto document = load({{"policy.yaml", policy_with_options(options)}});
  return document ? "" : document.error().text();
}

TEST(RustDeskService, StandsForThePortsOfBothServers) {
  const auto service = service_with("");
  std::vector<std::pair<Transport, std::uint16_t>> ports;
  for (const auto& [transport, port] : ports_of(service)) ports.emplace_back(transport, port);
  EXPECT_THAT(ports, ElementsAre(std::pair(Transport::tcp, 21115), std::pair(Transport::tcp, 21116),
                                 std::pair(Transport::tcp, 21118), std::pair(Transport::tcp, 21117),
                                 std::pair(Transport::tcp, 21119), std::pair(Transport::udp, 21116)));
  EXPECT_EQ(rustdesk_port_of(service, 21115), RustDeskPort::nat);
  EXPECT_EQ(rustdesk_port_of(service, 21119), RustDeskPort::relay_websocket);
  EXPECT_EQ(service.source, SourceMode::client);
  EXPECT_EQ(service.protocol, "rustdesk");
}

TEST(RustDeskService, IsFoundAtEachOfItsPorts) {
  const auto document = load({{"policy.yaml", policy_with_options("    relay_port: 30000\n")}});
  ASSERT_TRUE(document) << document.error().text();
  const auto policy = Policy::compile(*document, 1);
  const auto proxy = Address::parse("198.51.100.9").value();
  for (const std::uint16_t port : {21115, 21116, 21118, 30000, 30002}) {
    EXPECT_NE(policy->service_at(proxy, port, Transport::tcp), nullptr) << port;
  }
  EXPECT_NE(policy->service_at(proxy, 21116, Transport::udp), nullptr);
  EXPECT_EQ(policy->service_at(proxy, 21117, Transport::tcp), nullptr);
  EXPECT_EQ(policy->service_at(proxy, 21115, Transport::udp), nullptr);
}

TEST(RustDeskService, KeepsEveryOptionThroughItsOwnYaml) {
  const auto document = load(
      {{"policy.yaml", policy_with_options("    relay_port: 30000\n    initiator_known: force_relay\n"
                                           "    initiator_ambiguous: require_token\n"
                                           "    initiator_unknown: deny\n    relay_tickets: off\n"
                                           "    enrolment: approve\n    incoming_only: [9, 10]\n"
                                           "    operators: boss\n    watched: [odd]\n    refusal_text: Ask the desk\n"
                                           "    secure_tcp: terminate\n    server_key: /etc/key\n")}});
  ASSERT_TRUE(document) << document.error().text();
  const auto& options = document->services.at("desk").rustdesk;
  EXPECT_EQ(options.initiator_known, InitiatorRule::force_relay);
  EXPECT_THAT(options.incoming_only, ElementsAre("10", "9"));
  EXPECT_THAT(options.operators, ElementsAre("boss"));
  EXPECT_EQ(options.refusal_text, "Ask the desk");
  const auto again = load({{"again.yaml", to_yaml(*document)}});
  ASSERT_TRUE(again) << again.error().text() << to_yaml(*document);
  EXPECT_EQ(*again, *document);
}

TEST(RustDeskService, RefusesWhatCannotBe) {
  EXPECT_THAT(
      fault_with("    initiator_unknown: maybe\n"),
      HasSubstr("policy.yaml:9: service desk, initiator_unknown: 'maybe' is not one of its values: write allow, "
                "deny, force_relay or require_token"));
  EXPECT_THAT(fault_with("    incoming_only: ['a b']\n"), HasSubstr("'a b' is not the id of a device"));
  EXPECT_THAT(fault_with("    backend_port: 21117\n"), HasSubstr("clients work the other ports out from this one"));
  EXPECT_THAT(fault_with("    source: gateway\n"), HasSubstr("works with the addresses of its clients"));
  EXPECT_THAT(fault_with("    proxy_protocol: v2\n"), HasSubstr("knows no PROXY protocol"));
  EXPECT_THAT(fault_with("    secure_tcp: terminate\n"),
              HasSubstr("secure_tcp: terminate and server_key belong together"));
  EXPECT_THAT(fault_with("    server_key: /etc/key\n"),
              HasSubstr("secure_tcp: terminate and server_key belong together"));
  EXPECT_THAT(fault_with("    relay_port: 21115\n"), HasSubstr("no room for the ports that belong to 21116"));
}

TEST(RustDeskService, SharesNoPortAndNoServer) {
  EXPECT_THAT(fault_with("  other: {server: s, proxy_ip: 198.51.100.9, port: 21118, kind: relay}\n"),
              HasSubstr("198.51.100.9:21118 is taken by service"));
  EXPECT_THAT(fault_with("  other: {server: s, proxy_ip: 198.51.100.10, port: 21116, kind: rustdesk}\n"),
              HasSubstr("server s stands behind service desk already"));
  EXPECT_EQ(fault_with("  other: {server: t, proxy_ip: 198.51.100.10, port: 21116, kind: rustdesk}\n"), "");
}

TEST(RustDeskService, AloneHasItsOptions) {
  EXPECT_THAT(fault_with("  other: {server: s, proxy_ip: 198.51.100.9, port: 22, kind: relay, enrolment: open}\n"),
              HasSubstr("service other: enrolment is of kind rustdesk only"));
}

}  // namespace
}  // namespace gatehouse::policy
