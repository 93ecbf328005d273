#include <gtest/gtest.h>

#include <functional>

#include "unit/relay_harness.h"

namespace gatehouse::relay::testing {
namespace {

struct Dialing {
  Listener front;
  Fd client = connect_to(front.endpoint());
  Fd accepted = front.accept(SOCK_NONBLOCK);
};

// A listener whose backlog is full: the kernel drops further SYNs, so that connecting hangs.
class BlackHole {
 public:
  BlackHole() : listener_("127.0.0.1", 0) {
    for (int index = 0; index < 8; ++index) {
      sockaddr_storage storage{};
      const socklen_t length = listener_.endpoint().to_sockaddr(storage);
      Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length);
      filling_.push_back(std::move(socket));
    }
  }
  [[nodiscard]] const Endpoint& endpoint() const { return listener_.endpoint(); }

 private:
  Listener listener_;
  std::vector<Fd> filling_;
};

void expect_reset(const Fd& socket) {
  const Text text = read_to_end(socket);
  EXPECT_EQ(text.error_number, ECONNRESET);
}

template <typename Condition>
bool becomes_true(Condition condition) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (condition()) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

// Takes the bytes that the relay and the kernels hold; false when something still moves after `limit`.
std::uint64_t fill(const Fd& socket) {
  std::vector<char> bytes(64UL * 1024);
  std::uint64_t total = 0;
  for (;;) {
    const ssize_t count = ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) {
      total += static_cast<std::uint64_t>(count);
      continue;
    }
    pollfd writable{.fd = socket.get(), .events = POLLOUT, .revents = 0};
    if (::poll(&writable, 1, 300) == 0) return total;
  }
}

TEST(Relay, PassesAClientsResetOnToTheBackend) {
  RelayLoop loop;
  Connected pair(loop);
  ASSERT_TRUE(write_all(pair.client, "x"));
  ASSERT_EQ(read_exactly(pair.backend, 1), "x");
  reset(pair.client);
  expect_reset(pair.backend);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::client_reset);
  EXPECT_NE(outcome.detail, "");
}

TEST(Relay, PassesABackendsResetOnToTheClient) {
  RelayLoop loop;
  Connected pair(loop);
  ASSERT_TRUE(write_all(pair.client, "x"));
  ASSERT_EQ(read_exactly(pair.backend, 1), "x");
  reset(pair.backend);
  expect_reset(pair.client);
  EXPECT_EQ(outcome_of(*pair.live).reason, EndReason::backend_reset);
}

// Nobody reads from the client then: the relay waits for room at the backend.
TEST(Relay, NoticesAClientsResetWhileTheBackendTakesNothing) {
  RelayLoop loop;
  Connected pair(loop);
  EXPECT_GT(fill(pair.client), 0U);
  reset(pair.client);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::client_reset) << outcome.detail;
  expect_reset(pair.backend);
}

TEST(Relay, NoticesABackendsResetWhileTheClientTakesNothing) {
  RelayLoop loop;
  Connected pair(loop);
  EXPECT_GT(fill(pair.backend), 0U);
  reset(pair.backend);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::backend_reset) << outcome.detail;
  expect_reset(pair.client);
}

TEST(Relay, NoticesAClientsResetAfterItsHalfClose) {
  RelayLoop loop;
  Connected pair(loop);
  ::shutdown(pair.client.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(pair.backend).error_number, 0);
  reset(pair.client);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::client_reset) << outcome.detail;
  EXPECT_FALSE(write_all(pair.backend, "x") && write_all(pair.backend, "y") &&
               read_to_end(pair.backend).error_number == 0);
}

TEST(Relay, TellsARefusedBackendAndResetsTheClient) {
  RelayLoop loop;
  Dialing dialing;
  const Endpoint endpoint = Listener().endpoint();  // closed again
  const auto live = loop.start(std::move(dialing.accepted), {.backend = endpoint});
  const auto outcome = outcome_of(*live);
  EXPECT_EQ(outcome.reason, EndReason::backend_refused);
  EXPECT_NE(outcome.detail.find(endpoint.text()), std::string::npos) << outcome.detail;
  expect_reset(dialing.client);
}

TEST(Relay, TellsABackendThatDoesNotAnswer) {
  RelayLoop loop;
  Dialing dialing;
  const BlackHole hole;
  const auto began = std::chrono::steady_clock::now();
  const auto live = loop.start(std::move(dialing.accepted), {.backend = hole.endpoint(), .connect_timeout = 300ms});
  EXPECT_EQ(outcome_of(*live).reason, EndReason::backend_timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 300ms);
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  expect_reset(dialing.client);
}

TEST(Relay, TellsAnUnreachableBackend) {
  RelayLoop loop;
  Dialing dialing;
  // TCP to a broadcast address is refused by the kernel itself (ENETUNREACH), with any routes.
  const auto live =
      loop.start(std::move(dialing.accepted), {.backend = {Address::parse("255.255.255.255").value(), 9}});
  const auto outcome = outcome_of(*live);
  EXPECT_EQ(outcome.reason, EndReason::backend_unreachable) << outcome.detail;
  expect_reset(dialing.client);
}

TEST(Relay, GivesUpDiallingWhenTheClientResets) {
  RelayLoop loop;
  Dialing dialing;
  const BlackHole hole;
  const auto live = loop.start(std::move(dialing.accepted), {.backend = hole.endpoint()});
  reset(dialing.client);
  EXPECT_EQ(outcome_of(*live).reason, EndReason::client_reset);
}

TEST(Relay, RefusesToShowTheClientsAddressAcrossFamilies) {
  RelayLoop loop;
  Dialing dialing;
  const auto live = loop.start(std::move(dialing.accepted), {.client = {Address::parse("192.0.2.1").value(), 1234},
                                                             .backend = {Address::parse("::1").value(), 9},
                                                             .source = policy::SourceMode::client});
  const auto outcome = outcome_of(*live);
  EXPECT_EQ(outcome.reason, EndReason::error);
  EXPECT_NE(outcome.detail.find("one family"), std::string::npos) << outcome.detail;
}

TEST(Relay, ShowsTheClientsAddressAndPortToTheBackend) {
  RelayLoop loop;
  const Listener front;
  const Listener back("127.0.0.2");
  const Fd client = connect_to(front.endpoint());
  Fd accepted = front.accept(SOCK_NONBLOCK);
  // An address that the client does not have here; on loopback the answers find the way back all the same.
  const Endpoint shown{Address::parse("127.0.0.77").value(), peer_name(accepted).port};
  const auto live = loop.start(
      std::move(accepted),
      {.client = shown, .proxy = front.endpoint(), .backend = back.endpoint(), .source = policy::SourceMode::client});
  const Fd backend = back.accept();
  EXPECT_EQ(peer_name(backend).text(), shown.text());
  ASSERT_TRUE(write_all(client, "x"));
  EXPECT_EQ(read_exactly(backend, 1), "x");
}

TEST(Relay, ShowsTheClientsAddressWithAnotherPortWhereItsOwnIsTaken) {
  RelayLoop loop;
  const Listener front;
  const Listener back("127.0.0.2");
  // Listening without SO_REUSEADDR, so that nobody else can bind to it.
  const Listener holder("127.0.0.77");
  const Fd client = connect_to(front.endpoint());
  const auto live =
      loop.start(front.accept(SOCK_NONBLOCK),
                 {.client = holder.endpoint(), .backend = back.endpoint(), .source = policy::SourceMode::client});
  const Fd backend = back.accept();
  EXPECT_EQ(peer_name(backend).address, holder.endpoint().address);
  EXPECT_NE(peer_name(backend).port, holder.endpoint().port);
}

TEST(Relay, ShowsTheClientsPortToTwoBackendsAtOnce) {
  RelayLoop loop;
  const Listener front;
  const Endpoint shown{Address::parse("127.0.0.78").value(), 54321};
  std::vector<Fd> ends;
  for (const char* address : {"127.0.0.2", "127.0.0.3"}) {
    const Listener back(address);
    ends.push_back(connect_to(front.endpoint()));
    loop.start(front.accept(SOCK_NONBLOCK),
               {.client = shown, .backend = back.endpoint(), .source = policy::SourceMode::client});
    ends.push_back(back.accept());
    EXPECT_EQ(peer_name(ends.back()).text(), shown.text());
  }
}

TEST(Relay, EndsAnIdleConnection) {
  RelayLoop loop;
  Connected pair(loop, {.idle_timeout = 200ms});
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(outcome_of(*pair.live).reason, EndReason::inactivity_timeout);
  EXPECT_GE(std::chrono::steady_clock::now() - began, 150ms);
  expect_reset(pair.client);
  expect_reset(pair.backend);
}

TEST(Relay, KeepsAConnectionWhoseBytesMove) {
  RelayLoop loop;
  Connected pair(loop, {.idle_timeout = 400ms});
  // Only one direction moves, for several times the limit.
  for (int round = 0; round < 16; ++round) {
    ASSERT_TRUE(write_all(pair.backend, "x"));
    ASSERT_EQ(read_exactly(pair.client, 1), "x");
    std::this_thread::sleep_for(100ms);
  }
  EXPECT_NE(pair.live->future.wait_for(0s), std::future_status::ready);
  EXPECT_EQ(outcome_of(*pair.live).reason, EndReason::inactivity_timeout);
}

TEST(Relay, AbortedBeforeDiallingNeverReachesTheBackend) {
  RelayLoop loop;
  Dialing dialing;
  const Listener back;
  const auto live = loop.start(std::move(dialing.accepted), {.backend = back.endpoint()}, [](TcpRelay& relay) {
    relay.abort(EndReason::banned, "first");
    relay.abort(EndReason::killed, "second");
  });
  const auto outcome = outcome_of(*live);
  EXPECT_EQ(outcome.reason, EndReason::banned);
  EXPECT_EQ(outcome.detail, "first");
  expect_reset(dialing.client);
  pollfd arrival{.fd = back.descriptor(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&arrival, 1, 100), 0);
}

TEST(Relay, AbortedWhileDiallingEndsAtOnceWithTheFirstReason) {
  RelayLoop loop;
  Dialing dialing;
  const BlackHole hole;
  const auto live = loop.start(std::move(dialing.accepted), {.backend = hole.endpoint()});
  loop.abort(*live, EndReason::grant_revoked, "first");
  loop.abort(*live, EndReason::killed, "second");
  const auto outcome = outcome_of(*live);
  EXPECT_EQ(outcome.reason, EndReason::grant_revoked);
  EXPECT_EQ(outcome.detail, "first");
  expect_reset(dialing.client);
}

TEST(Relay, AbortedWhileForwardingResetsBothSides) {
  RelayLoop loop;
  Connected pair(loop);
  ASSERT_TRUE(write_all(pair.client, "x"));
  ASSERT_EQ(read_exactly(pair.backend, 1), "x");
  loop.abort(*pair.live, EndReason::grant_expired, "first");
  loop.abort(*pair.live, EndReason::killed, "second");
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::grant_expired);
  EXPECT_EQ(outcome.detail, "first");
  EXPECT_EQ(outcome.bytes_from_client, 1U);
  expect_reset(pair.client);
  expect_reset(pair.backend);
}

TEST(Relay, AbortedWhileOneSideTakesNothingEndsAtOnce) {
  RelayLoop loop;
  Connected pair(loop);
  EXPECT_GT(fill(pair.client), 0U);
  loop.abort(*pair.live, EndReason::killed);
  EXPECT_EQ(outcome_of(*pair.live).reason, EndReason::killed);
  expect_reset(pair.backend);
}

// A peer that is gone without a word: the kernel's TCP_USER_TIMEOUT ends it. A window that stays closed is the same to
// it.
TEST(Relay, EndsWhenOneSideTakesNothingForTheUserTimeout) {
  RelayLoop loop;
  Connected pair(loop, {.user_timeout = 500ms});
  EXPECT_GT(fill(pair.client), 0U);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::timeout) << outcome.detail;
  EXPECT_TRUE(becomes_true([&] { return !write_all(pair.client, "x"); }));
}

TEST(Relay, EndsWithAResetWhenItIsDestroyedUndone) {
  const Listener front;
  const Fd client = connect_to(front.endpoint());
  Fd accepted = front.accept(SOCK_NONBLOCK);
  boost::asio::io_context context{1};
  PipePool pipes;
  Socket socket(context.get_executor());
  socket.assign(boost::asio::ip::tcp::v4(), accepted.release());
  {
    const TcpRelay relay(std::move(socket), pipes, {});
  }
  expect_reset(client);
}

// The loop goes away with a relay under way: nothing is left over (the sanitizers look).
TEST(Relay, SurvivesALoopThatIsGivenUp) {
  const Listener front;
  const Listener back;
  const Fd client = connect_to(front.endpoint());
  Fd accepted = front.accept(SOCK_NONBLOCK);
  const std::size_t before = open_descriptors();
  {
    boost::asio::io_context context{1};
    PipePool pipes;
    Socket socket(context.get_executor());
    socket.assign(boost::asio::ip::tcp::v4(), accepted.get());
    TcpRelay relay(std::move(socket), pipes, {.backend = back.endpoint()});
    boost::asio::co_spawn(
        context,
        [&relay]() -> Task<void> {
          if (!co_await relay.dial()) co_await relay.forward();
        },
        boost::asio::detached);
    context.run_for(100ms);
    const Fd backend = back.accept();
    ASSERT_TRUE(write_all(client, "x"));
    ::shutdown(client.get(), SHUT_WR);
    context.run_for(100ms);
    EXPECT_EQ(read_to_end(backend).bytes, "x");
  }
  accepted.release();  // closed by the relay
  EXPECT_EQ(open_descriptors(), before - 1);
  expect_reset(client);
}

}  // namespace
}  // namespace gatehouse::relay::testing
