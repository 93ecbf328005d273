// The table against real packets: a client, the gateway and a server that would answer for the pool, if anything of it
// were forwarded.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <thread>

#include "support/process.h"
#include "unit/kernel_gateway.h"

namespace gatehouse::kernel::test {
namespace {

using gatehouse::test::run_command;

constexpr milliseconds quick{500};  // far above what an answer takes, far below a second SYN
constexpr milliseconds silence{700};
constexpr std::uint16_t port = 3389;
constexpr std::uint16_t listener_port = 9100;

class RulesetPackets : public testing::TestWithParam<const char*> {
 protected:
  const Addresses addresses = addresses_of(GetParam());
  const GatewayRig rig;

  Address wildcard() const { return addresses.family == "v4" ? Address::from_v4(0) : Address{}; }
  // What has come through to the server although it must not.
  Fd trap(int type, std::uint16_t at = port) const { return bound_socket(rig.server, type, {addresses.other, at}); }
};

TEST_P(RulesetPackets, ResetsTcpToAPoolAddressWithoutAServiceAtOnce) {
  rig.apply(rig_spec());
  const Fd server = trap(SOCK_STREAM);
  const Attempt attempt = connect_tcp(rig.client, {addresses.other, port});
  EXPECT_EQ(attempt.error_number, ECONNREFUSED);
  EXPECT_LT(attempt.took, quick);
  EXPECT_FALSE(accept_within(server, milliseconds(100)));
}

TEST_P(RulesetPackets, StaysSilentWhenTheConfigurationSaysDrop) {
  RulesetSpec spec = rig_spec();
  spec.reject = RejectMode::drop;
  rig.apply(spec);
  const Fd server = trap(SOCK_STREAM);
  EXPECT_EQ(connect_tcp(rig.client, {addresses.other, port}, silence).error_number, ETIMEDOUT);
  EXPECT_FALSE(accept_within(server, milliseconds(100)));
}

TEST_P(RulesetPackets, AnswersUdpToATcpServiceWithPortUnreachable) {
  rig.apply(rig_spec({service_at(addresses.service, port)}));
  EXPECT_EQ(datagram_error(rig.client, {addresses.service, port}), ECONNREFUSED);
  EXPECT_EQ(datagram_error(rig.client, {addresses.other, port}), ECONNREFUSED);
}

TEST_P(RulesetPackets, ForwardsNothingToThePool) {
  const Fd stream = trap(SOCK_STREAM);
  const Fd datagrams = trap(SOCK_DGRAM);
  send_datagram(rig.client, {addresses.other, port}, "before");
  ASSERT_EQ(receive_within(datagrams, silence), "before");

  rig.apply(rig_spec());
  EXPECT_NE(connect_tcp(rig.client, {addresses.other, port}).error_number, 0);
  send_datagram(rig.client, {addresses.other, port}, "after");
  EXPECT_EQ(receive_within(datagrams, silence), std::nullopt);
  EXPECT_FALSE(accept_within(stream, milliseconds(100)));

  // Also when the packets carry the mark but the policy route is gone.
  rig.gateway.run([] { ASSERT_TRUE(remove_policy_route(test_route)); });
  rig.apply(rig_spec({service_at(addresses.other, port), service_at(addresses.other, port, policy::Transport::udp)}));
  EXPECT_EQ(connect_tcp(rig.client, {addresses.other, port}, silence).error_number, ETIMEDOUT);
  send_datagram(rig.client, {addresses.other, port}, "marked");
  EXPECT_EQ(receive_within(datagrams, silence), std::nullopt);
  EXPECT_FALSE(accept_within(stream, milliseconds(100)));

  rig.remove();
  send_datagram(rig.client, {addresses.other, port}, "removed");
  EXPECT_EQ(receive_within(datagrams, silence), "removed");
}

TEST_P(RulesetPackets, ForwardsNothingThatClaimsToComeFromThePool) {
  const Fd client = bound_socket(rig.client, SOCK_DGRAM, {addresses.client, port});
  const auto send_from_pool = [&](const std::string& text) {
    const Fd socket = bound_socket(rig.server, SOCK_DGRAM, {addresses.other, 4000});
    sockaddr_storage to{};
    const socklen_t length = Endpoint{addresses.client, port}.to_sockaddr(to);
    ASSERT_EQ(::sendto(socket.get(), text.data(), text.size(), 0, reinterpret_cast<const sockaddr*>(&to), length),
              static_cast<ssize_t>(text.size()));
  };
  send_from_pool("before");
  ASSERT_EQ(receive_within(client, silence), "before");
  rig.apply(rig_spec());
  send_from_pool("after");
  EXPECT_EQ(receive_within(client, silence), std::nullopt);
}

TEST_P(RulesetPackets, LeavesOtherTrafficAlone) {
  rig.apply(rig_spec());
  const Fd server = bound_socket(rig.server, SOCK_STREAM, {addresses.server, port});
  EXPECT_EQ(connect_tcp(rig.client, {addresses.server, port}).error_number, 0);
  EXPECT_TRUE(accept_within(server, quick));
}

TEST_P(RulesetPackets, DropsProtocolsThatItDoesNotKnow) {
  const int family = addresses.family == "v4" ? AF_INET : AF_INET6;
  constexpr int experimental = 253;  // RFC 3692
  const Fd trapped = rig.server.run([&] { return Fd(::socket(family, SOCK_RAW | SOCK_CLOEXEC, experimental)); });
  const auto send_unknown = [&] {
    rig.client.run([&] {
      const Fd raw(::socket(family, SOCK_RAW | SOCK_CLOEXEC, experimental));
      sockaddr_storage to{};
      const socklen_t length = Endpoint{addresses.other, 0}.to_sockaddr(to);
      ASSERT_EQ(::sendto(raw.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), length), 1);
    });
  };
  send_unknown();
  ASSERT_TRUE(receive_within(trapped, silence));
  rig.apply(rig_spec());
  send_unknown();
  EXPECT_FALSE(receive_within(trapped, silence));
}

TEST_P(RulesetPackets, DoesNotForwardEcho) {
  const auto ping = [&] {
    return run_command({"ping", "-n", "-c", "1", "-W", "1", addresses.other.text()}, {.where = &rig.client}).exit_code;
  };
  const auto requests = [&] {
    const auto counter = run_command({"nft", "list", "table", "inet", "watch"}, {.where = &rig.server});
    return counter.output.find("packets 0 ") == std::string::npos;
  };
  const std::string watch =
      "table inet watch {\n chain seen {\n type filter hook prerouting priority 0;\n"
      " icmp type echo-request counter\n }\n chain seen6 {\n type filter hook prerouting priority 0;\n"
      " icmpv6 type echo-request counter\n }\n}\n";
  const std::string family_only =
      addresses.family == "v4" ? "delete chain inet watch seen6\n" : "delete chain inet watch seen\n";
  rig.apply(rig_spec());
  ASSERT_EQ(run_command({"nft", "-f", "-"}, {.where = &rig.server, .input = watch + family_only}).exit_code, 0);
  // IPv4 answers no echo for an address that is local by policy only; IPv6 does.
  EXPECT_EQ(ping() == 0, addresses.family == "v6");
  EXPECT_FALSE(requests());
  rig.remove();
  EXPECT_EQ(ping(), 0);
  EXPECT_TRUE(requests());
}

TEST_P(RulesetPackets, DeliversAServiceLocallyWithItsOriginalDestination) {
  rig.apply(rig_spec({service_at(addresses.service, port)}));
  const Fd listener = bound_socket(rig.gateway, SOCK_STREAM, {wildcard(), port}, true);
  const Attempt attempt = connect_tcp(rig.client, {addresses.service, port});
  ASSERT_EQ(attempt.error_number, 0);
  const auto accepted = accept_within(listener, quick);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(local_of(*accepted), (Endpoint{addresses.service, port}));
  // Next to it, another address with the same port, and the same address with another port.
  EXPECT_EQ(connect_tcp(rig.client, {addresses.other, port}).error_number, ECONNREFUSED);
  EXPECT_EQ(connect_tcp(rig.client, {addresses.service, port + 1}).error_number, ECONNREFUSED);
}

TEST_P(RulesetPackets, TproxyReachesTheListenerWithTheOriginalDestination) {
  RulesetSpec spec = rig_spec({service_at(addresses.service, port), service_at(addresses.service, 5000),
                               service_at(addresses.service, 6000, policy::Transport::udp)});
  spec.tproxy = true;
  spec.tproxy_port = listener_port;
  rig.apply(spec);
  const Fd listener = bound_socket(rig.gateway, SOCK_STREAM, {addresses.loopback, listener_port}, true);
  for (const std::uint16_t wanted : {port, std::uint16_t{5000}}) {
    const Attempt attempt = connect_tcp(rig.client, {addresses.service, wanted});
    ASSERT_EQ(attempt.error_number, 0) << wanted;
    const auto accepted = accept_within(listener, quick);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(local_of(*accepted), (Endpoint{addresses.service, wanted}));
    ASSERT_EQ(::send(attempt.socket.get(), "there", 5, 0), 5);
    EXPECT_EQ(receive_within(*accepted, quick), "there");
    ASSERT_EQ(::send(accepted->get(), "back", 4, 0), 4);
    EXPECT_EQ(receive_within(attempt.socket, quick), "back");
  }
  const Fd datagrams = bound_socket(rig.gateway, SOCK_DGRAM, {addresses.loopback, listener_port}, true);
  send_datagram(rig.client, {addresses.service, 6000}, "datagram");
  EXPECT_EQ(receive_within(datagrams, quick), "datagram");
}

TEST_P(RulesetPackets, TproxyWithoutAListenerDropsAndForwardsNothing) {
  RulesetSpec spec =
      rig_spec({service_at(addresses.other, port), service_at(addresses.other, port, policy::Transport::udp)});
  spec.tproxy = true;
  spec.tproxy_port = listener_port;
  rig.apply(spec);
  const Fd server = trap(SOCK_STREAM);
  const Fd datagrams = trap(SOCK_DGRAM);
  {
    const Fd listener = bound_socket(rig.gateway, SOCK_STREAM, {addresses.loopback, listener_port}, true);
    ASSERT_EQ(connect_tcp(rig.client, {addresses.other, port}).error_number, 0);
  }
  EXPECT_EQ(connect_tcp(rig.client, {addresses.other, port}, silence).error_number, ETIMEDOUT);
  send_datagram(rig.client, {addresses.other, port}, "lost");
  EXPECT_EQ(receive_within(datagrams, silence), std::nullopt);
  EXPECT_FALSE(accept_within(server, milliseconds(100)));

  spec.tproxy_port = 0;  // no listener yet
  rig.apply(spec);
  EXPECT_EQ(connect_tcp(rig.client, {addresses.other, port}, silence).error_number, ETIMEDOUT);
  EXPECT_FALSE(accept_within(server, milliseconds(100)));
}

TEST_P(RulesetPackets, BringsTheAnswersOfABackendToASocketWithTheClientsAddress) {
  const Fd backend = bound_socket(rig.server, SOCK_STREAM, {addresses.server, port});
  EXPECT_NE(connect_tcp_as(rig.gateway, addresses.client, {addresses.server, port}, silence).error_number, 0);
  rig.apply(rig_spec());
  EXPECT_EQ(connect_tcp_as(rig.gateway, addresses.client, {addresses.server, port}).error_number, 0);
  // An error about such a socket's packet comes to the socket, too.
  const Fd socket = bound_socket(rig.gateway, SOCK_DGRAM, {addresses.client, 5555}, true);
  sockaddr_storage to{};
  const socklen_t length = Endpoint{addresses.server, 9}.to_sockaddr(to);
  ASSERT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), length), 0);
  ASSERT_EQ(::send(socket.get(), "x", 1, 0), 1);
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_EQ(::send(socket.get(), "x", 1, 0), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_P(RulesetPackets, KeepsALiveSessionWhenItsServiceIsRemoved) {
  for (const bool tproxy : {false, true}) {
    RulesetSpec spec = rig_spec({service_at(addresses.service, port)});
    spec.tproxy = tproxy;
    spec.tproxy_port = listener_port;
    rig.apply(spec);
    const Fd listener = tproxy ? bound_socket(rig.gateway, SOCK_STREAM, {addresses.loopback, listener_port}, true)
                               : bound_socket(rig.gateway, SOCK_STREAM, {wildcard(), port}, true);
    const Attempt attempt = connect_tcp(rig.client, {addresses.service, port});
    ASSERT_EQ(attempt.error_number, 0);
    const auto accepted = accept_within(listener, quick);
    ASSERT_TRUE(accepted);

    spec.services.clear();
    rig.apply(spec);
    EXPECT_EQ(connect_tcp(rig.client, {addresses.service, port}).error_number, ECONNREFUSED);
    ASSERT_EQ(::send(attempt.socket.get(), "still", 5, 0), 5);
    EXPECT_EQ(receive_within(*accepted, quick), "still");
    ASSERT_EQ(::shutdown(attempt.socket.get(), SHUT_WR), 0);
    EXPECT_EQ(receive_within(*accepted, quick), "");
  }
}

TEST_P(RulesetPackets, PutsTheFragmentsOfADatagramTogether) {
  rig.apply(rig_spec({service_at(addresses.service, port, policy::Transport::udp)}));
  const Fd datagrams = bound_socket(rig.gateway, SOCK_DGRAM, {wildcard(), port}, true);
  const Fd beside = bound_socket(rig.gateway, SOCK_DGRAM, {wildcard(), port + 1}, true);
  const Fd server = trap(SOCK_DGRAM, port + 1);
  const std::string large(5000, 'x');
  send_datagram(rig.client, {addresses.service, port}, large);
  EXPECT_EQ(receive_within(datagrams, silence), large);
  // Its first fragment is refused: the others come to nothing.
  send_datagram(rig.client, {addresses.other, port + 1}, large);
  EXPECT_EQ(receive_within(beside, silence), std::nullopt);
  EXPECT_EQ(receive_within(server, milliseconds(100)), std::nullopt);
}

TEST_P(RulesetPackets, LetsNothingThroughWhileItIsReplaced) {
  rig.apply(rig_spec());
  const Fd server = trap(SOCK_DGRAM);
  const Fd local = bound_socket(rig.gateway, SOCK_DGRAM, {wildcard(), port}, true);
  std::atomic<bool> done = false;
  std::atomic<int> sent = 0;
  std::thread flood([&] {
    rig.client.run([&] {
      const Fd socket(::socket(addresses.family == "v4" ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
      sockaddr_storage to{};
      const socklen_t length = Endpoint{addresses.other, port}.to_sockaddr(to);
      while (!done) {
        if (::sendto(socket.get(), "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), length) == 1) ++sent;
      }
    });
  });
  for (std::uint16_t round = 0; round < 40; ++round) {
    rig.apply(rig_spec({service_at(addresses.service, static_cast<std::uint16_t>(4000 + round))}));
  }
  done = true;
  flood.join();
  EXPECT_GT(sent, 1000);
  EXPECT_EQ(receive_within(server, milliseconds(300)), std::nullopt);
  EXPECT_EQ(receive_within(local, milliseconds(100)), std::nullopt);
}

TEST_P(RulesetPackets, RefusesNoServiceThatStaysWhileItIsReplaced) {
  const ServiceBinding stays = service_at(addresses.service, port);
  rig.apply(rig_spec({stays}));
  const Fd listener = bound_socket(rig.gateway, SOCK_STREAM, {wildcard(), port}, true);
  std::atomic<bool> done = false;
  std::thread replacing([&] {
    for (std::uint16_t round = 0; !done; ++round) {
      rig.apply(rig_spec({stays, service_at(addresses.other, static_cast<std::uint16_t>(4000 + round))}));
    }
  });
  int connected = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  while (std::chrono::steady_clock::now() < end) {
    const Attempt attempt = connect_tcp(rig.client, {addresses.service, port}, milliseconds(900));
    EXPECT_EQ(attempt.error_number, 0) << connected;
    if (attempt.error_number != 0) break;
    ASSERT_TRUE(accept_within(listener, quick));
    ++connected;
  }
  done = true;
  replacing.join();
  EXPECT_GT(connected, 50);
}

INSTANTIATE_TEST_SUITE_P(Families, RulesetPackets, testing::Values("v4", "v6"),
                         [](const auto& suite) { return std::string(suite.param); });

TEST(RulesetNeighbours, AnswersNeighbourDiscoveryForAPoolOnTheClientsOwnWire) {
  const GatewayRig rig;
  const Address proxy_ip = *Address::parse("fd01::9:0:0:1");
  rig.gateway.set_sysctl("net.ipv6.conf.inside.proxy_ndp", "1");
  rig.gateway.ip({"neigh add proxy " + proxy_ip.text() + " dev inside"});
  RulesetSpec spec = rig_spec({service_at(proxy_ip, port)});
  spec.pools.push_back(*Prefix::parse("fd01::9:0:0:0/80"));
  rig.apply(spec);
  const Fd listener = bound_socket(rig.gateway, SOCK_STREAM, {Address{}, port}, true);
  ASSERT_EQ(connect_tcp(rig.client, {proxy_ip, port}).error_number, 0);
  // A known neighbour is asked again by unicast: that goes to the pool address itself.
  rig.client.ip({"neigh change " + proxy_ip.text() + " dev wire nud probe"});
  std::string state;
  for (int attempt = 0; attempt < 60 && state.find("REACHABLE") == std::string::npos; ++attempt) {
    std::this_thread::sleep_for(milliseconds(100));
    state = run_command({"ip", "-6", "neigh", "show", proxy_ip.text()}, {.where = &rig.client}).output;
    if (state.find("FAILED") != std::string::npos) break;
  }
  EXPECT_NE(state.find("REACHABLE"), std::string::npos) << state;
}

}  // namespace
}  // namespace gatehouse::kernel::test
