#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "relay/proxy_protocol.h"
#include "unit/relay_harness.h"

namespace gatehouse::relay::testing {
namespace {

constexpr std::uint64_t mebibyte = 1024UL * 1024;

// Both directions at once; each side writes `size` bytes and ends, and reads the other's.
void exchange(RelayLoop& loop, std::uint64_t size, const std::string& address) {
  const Pattern upward(1);
  const Pattern downward(2);
  Connected pair(loop, {}, address);
  Received at_client;
  Received at_backend;
  std::atomic<bool> all_written = true;
  const auto write = [&](const Fd& socket, const Pattern& pattern) {
    if (!write_pattern(socket, pattern, size)) all_written = false;
    ::shutdown(socket.get(), SHUT_WR);
  };
  std::thread client_writes([&] { write(pair.client, upward); });
  std::thread backend_writes([&] { write(pair.backend, downward); });
  std::thread client_reads([&] { at_client = read_pattern(pair.client, downward); });
  std::thread backend_reads([&] { at_backend = read_pattern(pair.backend, upward); });
  for (auto* thread : {&client_writes, &backend_writes, &client_reads, &backend_reads}) thread->join();

  EXPECT_TRUE(all_written);
  for (const auto* received : {&at_client, &at_backend}) {
    EXPECT_EQ(received->bytes, size);
    EXPECT_EQ(received->first_wrong, std::nullopt);
    EXPECT_EQ(received->error_number, 0);
  }
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::normal) << outcome.detail;
  EXPECT_EQ(outcome.bytes_from_client, size);
  EXPECT_EQ(outcome.bytes_to_client, size);
}

TEST(Relay, CarriesSixtyFourMebibytesBothWaysAtOnce) {
  RelayLoop loop;
  exchange(loop, 64 * mebibyte, "127.0.0.1");
}

TEST(Relay, CarriesIpv6) {
  RelayLoop loop;
  exchange(loop, mebibyte, "::1");
}

TEST(Relay, ServesManyConnectionsAtOnceOnOneLoop) {
  RelayLoop loop;
  std::vector<std::thread> threads;
  threads.reserve(12);
  for (int index = 0; index < 12; ++index) threads.emplace_back([&] { exchange(loop, mebibyte, "127.0.0.1"); });
  for (auto& thread : threads) thread.join();
}

TEST(Relay, PassesTheClientsHalfCloseOnAndStillCarriesTheAnswer) {
  RelayLoop loop;
  Connected pair(loop);
  ASSERT_TRUE(write_all(pair.client, "request"));
  ::shutdown(pair.client.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(pair.backend).bytes, "request");

  const Pattern answer(3);
  std::thread backend_writes([&] {
    EXPECT_TRUE(write_pattern(pair.backend, answer, mebibyte));
    pair.backend.reset();
  });
  const Received received = read_pattern(pair.client, answer);
  backend_writes.join();
  EXPECT_EQ(received.bytes, mebibyte);
  EXPECT_EQ(received.first_wrong, std::nullopt);
  EXPECT_EQ(received.error_number, 0);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::normal) << outcome.detail;
  EXPECT_EQ(outcome.bytes_from_client, 7U);
  EXPECT_EQ(outcome.bytes_to_client, mebibyte);
}

TEST(Relay, PassesTheBackendsHalfCloseOnAndStillCarriesTheClientsBytes) {
  RelayLoop loop;
  Connected pair(loop);
  ASSERT_TRUE(write_all(pair.backend, "banner"));
  ::shutdown(pair.backend.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(pair.client).bytes, "banner");

  const Pattern upload(4);
  std::thread client_writes([&] {
    EXPECT_TRUE(write_pattern(pair.client, upload, mebibyte));
    pair.client.reset();
  });
  const Received received = read_pattern(pair.backend, upload);
  client_writes.join();
  EXPECT_EQ(received.bytes, mebibyte);
  EXPECT_EQ(received.first_wrong, std::nullopt);
  EXPECT_EQ(received.error_number, 0);
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::normal) << outcome.detail;
  EXPECT_EQ(outcome.bytes_from_client, mebibyte);
  EXPECT_EQ(outcome.bytes_to_client, 6U);
}

TEST(Relay, CarriesAConversationOfSmallMessages) {
  RelayLoop loop;
  Connected pair(loop);
  for (int round = 0; round < 2000; ++round) {
    const std::string message = "message " + std::to_string(round);
    ASSERT_TRUE(write_all(pair.client, message));
    ASSERT_EQ(read_exactly(pair.backend, message.size()), message);
    ASSERT_TRUE(write_all(pair.backend, message));
    ASSERT_EQ(read_exactly(pair.client, message.size()), message);
  }
  const auto [up, down] = loop.counted(*pair.live);
  EXPECT_EQ(up, 2000U * 8 + 10 + 90 * 2 + 900 * 3 + 1000 * 4);
  // The counter of a direction moves when its bytes are with the client's kernel, which the client may see a moment
  // earlier.
  EXPECT_GE(down + 12, up);
}

TEST(Relay, CarriesWhatTheClientSentBeforeTheBackendWasReached) {
  RelayLoop loop;
  const Listener front;
  const Listener back;
  const Fd client = connect_to(front.endpoint());
  ASSERT_TRUE(write_all(client, "early"));
  ::shutdown(client.get(), SHUT_WR);
  const auto live = loop.start(front.accept(SOCK_NONBLOCK), {.backend = back.endpoint()});
  Fd backend = back.accept();
  const Text text = read_to_end(backend);
  EXPECT_EQ(text.bytes, "early");
  EXPECT_EQ(text.error_number, 0);
  backend.reset();
  EXPECT_EQ(outcome_of(*live).reason, EndReason::normal);
}

// splice(2) stops for ever in front of an urgent byte: the relay must neither stop nor spin nor lose it.
TEST(Relay, KeepsUrgentBytesInTheirPlace) {
  RelayLoop loop;
  Connected pair(loop);
  std::string expected;
  for (int round = 0; round < 50; ++round) {
    ASSERT_TRUE(write_all(pair.client, "before "));
    ASSERT_EQ(::send(pair.client.get(), "!", 1, MSG_OOB), 1);
    if (round % 2 == 0) {
      ASSERT_TRUE(write_all(pair.client, " after;"));
    }
    expected += round % 2 == 0 ? "before ! after;" : "before !";
  }
  ASSERT_EQ(::send(pair.client.get(), "?", 1, MSG_OOB), 1);
  expected += "?";
  ::shutdown(pair.client.get(), SHUT_WR);
  const Text text = read_to_end(pair.backend);
  EXPECT_EQ(text.bytes, expected);
  EXPECT_EQ(text.error_number, 0);
  pair.backend.reset();
  const auto outcome = outcome_of(*pair.live);
  EXPECT_EQ(outcome.reason, EndReason::normal) << outcome.detail;
  EXPECT_EQ(outcome.bytes_from_client, expected.size());
}

TEST(Relay, WaitsWithoutUsingTheProcessorBehindAnUrgentByte) {
  RelayLoop loop;
  Connected pair(loop);
  ASSERT_EQ(::send(pair.client.get(), "!", 1, MSG_OOB), 1);
  EXPECT_EQ(read_exactly(pair.backend, 1), "!");
  const auto processor_time = [&] {
    return loop.ask([] {
      timespec time{};
      ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
      return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    });
  };
  const auto before = processor_time();
  std::this_thread::sleep_for(400ms);
  EXPECT_LT(processor_time() - before, 100ms);
}

void sends_the_header(const std::string& address, std::size_t header_length) {
  RelayLoop loop;
  Connected pair(loop, {.proxy_protocol = policy::ProxyProtocol::v2}, address);
  const auto expected = proxy_header_v2(local_name(pair.client), peer_name(pair.client));
  ASSERT_EQ(expected.size(), header_length);
  // Before the client has said anything: a backend that speaks first needs it.
  EXPECT_EQ(read_exactly(pair.backend, header_length), std::string(expected.begin(), expected.end()));
  ASSERT_TRUE(write_all(pair.client, "hello"));
  EXPECT_EQ(read_exactly(pair.backend, 5), "hello");
  pair.client.reset();
  pair.backend.reset();
  EXPECT_EQ(outcome_of(*pair.live).bytes_from_client, 5U);
}

TEST(Relay, SendsTheProxyHeaderFirstAndDoesNotCountIt) {
  sends_the_header("127.0.0.1", 28);
  sends_the_header("::1", 52);
}

// One bulk transfer must not keep the others of its loop waiting.
TEST(Relay, StaysFairWhileOneConnectionIsInBulk) {
  RelayLoop loop;
  Connected bulk(loop);
  std::atomic<bool> stop = false;
  std::thread writes([&] {
    const std::vector<char> bytes(256UL * 1024);
    while (!stop && write_all(bulk.client, bytes.data(), bytes.size())) {
    }
  });
  std::thread reads([&] {
    std::vector<char> bytes(256UL * 1024);
    while (::recv(bulk.backend.get(), bytes.data(), bytes.size(), 0) > 0) {
    }
  });
  Connected small(loop);
  std::vector<std::chrono::nanoseconds> turns;
  for (int round = 0; round < 200; ++round) {
    const auto began = std::chrono::steady_clock::now();
    ASSERT_TRUE(write_all(small.client, "ping"));
    ASSERT_EQ(read_exactly(small.backend, 4), "ping");
    turns.push_back(std::chrono::steady_clock::now() - began);
  }
  std::sort(turns.begin(), turns.end());
  EXPECT_LT(turns[turns.size() / 2], 50ms);
  stop = true;
  loop.abort(*bulk.live, EndReason::killed);
  writes.join();
  reads.join();
}

}  // namespace
}  // namespace gatehouse::relay::testing
