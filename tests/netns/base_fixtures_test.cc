// The tests' own ground: if this does not hold, the other tests in namespaces prove nothing.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/directories.h"
#include "support/families.h"
#include "support/leftovers.h"
#include "support/network.h"
#include "support/packet_watch.h"
#include "support/patience.h"
#include "support/pattern.h"
#include "support/process.h"
#include "support/sockets.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

class Fixtures : public testing::TestWithParam<Family> {
 protected:
  const Addresses& who_ = addresses(GetParam());
};
INSTANTIATE_TEST_SUITE_P(Families, Fixtures, each_family, family_name);

TEST_P(Fixtures, ClientsReachBackendsThroughTheGatewayWithTheirOwnAddress) {
  Network network;
  const TcpServer server(network.backend, {who_.backend, 0});
  for (const Address& source : {who_.client, who_.second_client, who_.third_client}) {
    const Connected client = connect_tcp(network.client, server.at(), 5s, Endpoint{source, 0});
    ASSERT_TRUE(client) << client.text();
    EXPECT_EQ(send_all(client.fd, "knock"), 0);
    EXPECT_EQ(read_exact(client.fd, 5).data, "knock");
    EXPECT_EQ(server.seen().back().peer, local_endpoint(client.fd));
    EXPECT_EQ(server.seen().back().peer.address, source);
  }
  const Connected unbound = connect_tcp(network.client, server.at());
  ASSERT_TRUE(unbound) << unbound.text();
  EXPECT_EQ(local_endpoint(unbound.fd).address, who_.client);
  EXPECT_EQ(network.leaked_packets(), 0U);
}

TEST_P(Fixtures, AnUnguardedGatewayLeaksAndTheLeakIsSeen) {
  Network network;
  const TcpServer anybody(network.backend, {Address{}, 3389});
  const Endpoint proxy{proxy_ip(GetParam(), 7), 3389};
  const Connected client = connect_tcp(network.client, proxy);
  ASSERT_TRUE(client) << client.text();
  ASSERT_TRUE(anybody.wait_until([](const auto& seen) { return seen.size() == 1; }));
  EXPECT_EQ(anybody.seen().front().local, proxy);
  EXPECT_GT(network.leaked_packets(), 0U);
}

TEST_P(Fixtures, PacketWatchCountsOnlyItsDestinations) {
  Network network;
  const TcpServer server(network.backend, {who_.backend, 0});
  PacketWatch to_other(network.backend, Network::wire, Prefix::host(who_.second_backend));
  PacketWatch to_backend(network.backend, Network::wire, Prefix::host(who_.backend));
  ASSERT_TRUE(connect_tcp(network.client, server.at()));
  EXPECT_EQ(to_other.packets(), 0U);
  EXPECT_GE(to_backend.packets(), 2U);
}

TEST_P(Fixtures, RefusedBlackHoledAndResetAreToldApart) {
  Network network;
  EXPECT_EQ(connect_tcp(network.client, {who_.backend, 4}).error, ECONNREFUSED);
  EXPECT_EQ(connect_tcp(network.client, {who_.black_hole, 4}, 300ms).error, ETIMEDOUT);

  TcpServer server(network.backend, {who_.backend, 0}, {.greeting = "hello"});
  const Connected reset = connect_tcp(network.client, server.at());
  EXPECT_EQ(read_exact(reset.fd, 5).data, "hello");
  server.reset_all();
  EXPECT_EQ(read_to_end(reset.fd).ending, Ending::reset);

  const Connected closed = connect_tcp(network.client, server.at());
  EXPECT_EQ(read_exact(closed.fd, 5).data, "hello");
  server.close_all();
  EXPECT_EQ(read_to_end(closed.fd).ending, Ending::closed);
  EXPECT_EQ(read_to_end(connect_tcp(network.client, server.at()).fd, 100ms).ending, Ending::timed_out);
}

TEST_P(Fixtures, ServerSeesResetsAndHalfClosesOfClients) {
  Network network;
  const TcpServer server(network.backend, {who_.backend, 0});
  Connected abrupt = connect_tcp(network.client, server.at());
  ASSERT_EQ(send_all(abrupt.fd, "x"), 0);
  ASSERT_EQ(read_exact(abrupt.fd, 1).data, "x");
  close_with_reset(std::move(abrupt.fd));
  EXPECT_TRUE(server.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::reset; }));

  const Connected polite = connect_tcp(network.client, server.at());
  ASSERT_EQ(send_all(polite.fd, "last words"), 0);
  shut_down_writing(polite.fd);
  const Received answer = read_to_end(polite.fd);
  EXPECT_EQ(answer.data, "last words");
  EXPECT_EQ(answer.ending, Ending::closed);
  EXPECT_TRUE(server.wait_until([](const auto& seen) { return seen.at(1).ending == Ending::closed; }));
}

TEST_P(Fixtures, TransferChecksEveryByteBothWays) {
  constexpr std::uint64_t bytes = 20'000'003;
  Network network;
  const TcpServer server(network.backend, {who_.backend, 0},
                         {.echo = false, .send_bytes = bytes, .send_seed = 2, .expect_seed = 1});
  const Connected good = connect_tcp(network.client, server.at());
  const TransferResult result = transfer(good.fd, {.send_bytes = bytes, .send_seed = 1, .receive_seed = 2}, 30s);
  EXPECT_EQ(result.sent, bytes);
  EXPECT_EQ(result.received, bytes);
  EXPECT_TRUE(result.intact);
  EXPECT_EQ(result.ending, Ending::closed);
  ASSERT_TRUE(server.wait_until([](const auto& seen) { return seen.at(0).ending == Ending::closed; }));
  EXPECT_EQ(server.seen().at(0).received, bytes);
  EXPECT_TRUE(server.seen().at(0).intact);

  const Connected wrong = connect_tcp(network.client, server.at());
  const TransferResult other = transfer(wrong.fd, {.send_bytes = 100'000, .send_seed = 3, .receive_seed = 3}, 30s);
  EXPECT_FALSE(other.intact);
  ASSERT_TRUE(server.wait_until([](const auto& seen) { return seen.at(1).ending == Ending::closed; }));
  EXPECT_FALSE(server.seen().at(1).intact);
}

TEST_P(Fixtures, UdpToAClosedPortIsAnsweredByIcmp) {
  Network network;
  const Received answer = ask_udp(connect_udp(network.client, {who_.backend, 9}), "anybody?");
  EXPECT_EQ(answer.ending, Ending::failed);
  EXPECT_EQ(answer.error, ECONNREFUSED);
}

TEST(Pattern, FindsChangedMovedAndForeignBytes) {
  const Pattern pattern(5);
  const auto piece = pattern.at(1'000, 5'000);
  std::vector<char> copy(piece.begin(), piece.end());
  EXPECT_TRUE(pattern.matches(1'000, copy));
  EXPECT_TRUE(pattern.matches(1'000 + Pattern::block, copy));
  EXPECT_FALSE(pattern.matches(1'001, copy));
  EXPECT_FALSE(Pattern(6).matches(1'000, copy));
  copy[4'999] = static_cast<char>(copy[4'999] ^ 1);
  EXPECT_FALSE(pattern.matches(1'000, copy));
}

TEST(NamespaceOfTests, LeavesTheThreadWhereItWasAndPassesExceptionsOn) {
  const auto here = std::filesystem::read_symlink("/proc/thread-self/ns/net");
  const Namespace one;
  const auto there = one.run([] { return std::filesystem::read_symlink("/proc/thread-self/ns/net"); });
  EXPECT_NE(here, there);
  EXPECT_EQ(std::filesystem::read_symlink("/proc/thread-self/ns/net"), here);
  EXPECT_THROW(one.run([] { throw std::out_of_range("as it was"); }), std::out_of_range);
  EXPECT_THROW(one.ip({"link set no-such-wire up"}), std::runtime_error);
}

TEST(NamespaceOfTests, GoesAwayWithItsObject) {
  const auto inode = [](const Namespace& one) {
    return one.run([] { return std::filesystem::read_symlink("/proc/thread-self/ns/net").string(); });
  };
  const Namespace survivor;
  std::string gone;
  {
    const Namespace other;
    gone = inode(other);
    connect({survivor, "here0", {"192.0.2.1/24"}}, {other, "there0", {"192.0.2.2/24"}});
    EXPECT_EQ(run_command({"ip", "link", "show", "here0"}, {.where = &survivor}).exit_code, 0);
  }
  // The other end of a wire is removed when the kernel removes the namespace: the proof that nothing holds it.
  EXPECT_TRUE(eventually(
      [&] { return run_command({"ip", "link", "show", "here0"}, {.where = &survivor}).exit_code != 0; }, 10s));
  EXPECT_NE(inode(survivor), gone);
}

TEST(ProcessOfTests, KeepsBothStreamsAndTheExitCode) {
  const CommandResult result = run_command({"sh", "-c", "read word; echo \"out $word $NUMBER\"; echo err >&2; exit 7"},
                                           {.environment = {{"NUMBER", "3"}}, .directory = "/", .input = "line\n"});
  EXPECT_EQ(result.exit_code, 7);
  EXPECT_EQ(result.output, "out line 3\n");
  EXPECT_EQ(result.errors, "err\n");
  EXPECT_EQ(run_command({"sh", "-c", "kill -TERM $$"}).exit_code, 128 + SIGTERM);
  EXPECT_THROW(run_command({"no-such-program-anywhere"}), std::runtime_error);
  EXPECT_THROW(run_command({"sleep", "60"}, {}, 50ms), std::runtime_error);
}

TEST(ProcessOfTests, WaitsForALineAndKillsTheWholeGroupInTheEnd) {
  pid_t grandchild = 0;
  {
    Process process({"sh", "-c", "sleep 1000 & echo child $!; echo ready >&2; wait"});
    ASSERT_TRUE(process.wait_for_output("^ready$", 5s));
    EXPECT_FALSE(process.wait_for_output("never said", 50ms));
    EXPECT_TRUE(process.running());
    ASSERT_TRUE(process.wait_for_output("^child [0-9]+$", 5s));
    grandchild = std::stoi(process.output().substr(6));
    EXPECT_EQ(kill(grandchild, 0), 0);
  }
  EXPECT_TRUE(eventually([&] {
    std::ifstream file("/proc/" + std::to_string(grandchild) + "/stat");
    std::string text;
    return !std::getline(file, text) || text.find(") Z") != std::string::npos;
  }));
}

TEST(DirectoriesOfTests, AreRemovedAlsoWhenAFileSystemIsMountedOnThem) {
  std::filesystem::path plain;
  std::filesystem::path pins;
  {
    const TemporaryDirectory directory;
    plain = directory.write("file", "text");
    const MountedDirectory bpffs = MountedDirectory::bpffs();
    pins = bpffs.path();
    EXPECT_TRUE(std::filesystem::create_directory(pins / "sub"));
    const MountedDirectory small = MountedDirectory::tmpfs(65'536);
    std::ofstream file(small.path() / "file");
    file << std::string(100'000, 'x') << std::flush;
    EXPECT_FALSE(file);
    EXPECT_TRUE(std::filesystem::exists(plain));
  }
  EXPECT_FALSE(std::filesystem::exists(plain.parent_path()));
  EXPECT_FALSE(std::filesystem::exists(pins));
}

TEST(DirectoriesOfTests, NamesTellTheOwnerAndWhetherItIsDead) {
  const std::string name = unique_name();
  EXPECT_EQ(owner_of(name), getpid());
  EXPECT_NE(unique_name(), name);
  EXPECT_FALSE(is_left_over(name));
  Process process({"true"});
  const pid_t id = process.id();
  EXPECT_FALSE(is_left_over("gh-" + std::to_string(id) + "-1"));
  EXPECT_TRUE(is_left_over("gh-2147483646-1"));  // above the kernel's highest process id
  for (const char* other : {"", "gh-", "gh-12", "gh-x-1", "gh--1-2", "other-12-1"})
    EXPECT_FALSE(owner_of(other)) << other;
}

}  // namespace
}  // namespace gatehouse::test
