#include <fcntl.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <set>

#include "relay/pipe_pool.h"
#include "support/patience.h"
#include "unit/relay_harness.h"

namespace gatehouse::relay::testing {
namespace {

std::set<int> descriptors() {
  std::set<int> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    found.insert(std::stoi(entry.path().filename().string()));
  }
  // Without the one that the listing itself had open.
  std::erase_if(found, [](int descriptor) { return ::fcntl(descriptor, F_GETFD) < 0; });
  return found;
}

int option(int descriptor, int level, int name) {
  int value = -1;
  socklen_t length = sizeof(value);
  ::getsockopt(descriptor, level, name, &value, &length);
  return value;
}

// A process of its own for `work`, which returns 0 or the number of the step that failed.
int in_child(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int result = 99;
    try {
      result = work();
    } catch (const std::exception&) {
      result = 98;
    }
    ::_exit(result);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

// While it lives the process cannot open another descriptor.
class NoDescriptorLeft {
 public:
  NoDescriptorLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(*descriptors().rbegin()) + 1;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    for (;;) {
      Fd filler(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      if (!filler) break;
      fillers_.push_back(std::move(filler));
    }
  }
  ~NoDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptorLeft(const NoDescriptorLeft&) = delete;
  NoDescriptorLeft& operator=(const NoDescriptorLeft&) = delete;

 private:
  rlimit before_{};
  std::vector<Fd> fillers_;
};

TEST(PipePool, LendsTheSamePipeAgain) {
  PipePool pool;
  auto pipe = pool.borrow();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->capacity, 256U * 1024);
  EXPECT_EQ(static_cast<std::size_t>(::fcntl(pipe->read_end.get(), F_GETPIPE_SZ)), pipe->capacity);
  for (const int end : {pipe->read_end.get(), pipe->write_end.get()}) {
    EXPECT_NE(::fcntl(end, F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_NE(::fcntl(end, F_GETFL) & O_NONBLOCK, 0);
  }
  const int descriptor = pipe->read_end.get();
  pool.give_back(std::move(*pipe));
  EXPECT_EQ(pool.idle(), 1U);
  pipe = pool.borrow();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->read_end.get(), descriptor);
  EXPECT_EQ(pool.idle(), 0U);
}

TEST(PipePool, KeepsNoMoreThanItIsToldTo) {
  const std::size_t before = open_descriptors();
  {
    PipePool pool(2);
    std::vector<Pipe> lent;
    for (int index = 0; index < 5; ++index) {
      auto pipe = pool.borrow();
      ASSERT_TRUE(pipe);
      lent.push_back(std::move(*pipe));
    }
    EXPECT_EQ(open_descriptors(), before + 10);
    for (auto& pipe : lent) pool.give_back(std::move(pipe));
    EXPECT_EQ(pool.idle(), 2U);
    EXPECT_EQ(open_descriptors(), before + 4);
    auto pipe = pool.borrow();
    ASSERT_TRUE(pipe);
    pool.discard(std::move(*pipe));
    EXPECT_EQ(open_descriptors(), before + 2);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(PipePool, TakesTheSizeThatTheKernelGrants) {
  // More than /proc/sys/fs/pipe-max-size is refused to everybody without CAP_SYS_RESOURCE; a size is rounded up to a
  // power of two for all.
  PipePool pool(1, 100'000);
  const auto pipe = pool.borrow();
  ASSERT_TRUE(pipe);
  EXPECT_EQ(pipe->capacity, 128U * 1024);
}

TEST(PipePool, MakesTheProcessIgnoreBrokenPipeSignals) {
  const auto disposition = [] {
    struct sigaction current{};
    ::sigaction(SIGPIPE, nullptr, &current);
    return current.sa_handler;
  };
  EXPECT_EQ(in_child([&] {
              ::signal(SIGPIPE, SIG_DFL);
              const PipePool pool;
              return disposition() == SIG_IGN ? 0 : 1;
            }),
            0);
  EXPECT_EQ(in_child([&] {
              const auto handler = [](int) {};
              ::signal(SIGPIPE, handler);
              const PipePool pool;
              return disposition() == static_cast<sighandler_t>(handler) ? 0 : 1;
            }),
            0);
}

TEST(PipePool, SaysWhenNoDescriptorIsLeftAndRecovers) {
  EXPECT_EQ(in_child([] {
              PipePool pool;
              {
                const NoDescriptorLeft starved;
                if (pool.borrow()) return 1;
                if (pool.idle() != 0) return 2;
              }
              return pool.borrow() ? 0 : 3;
            }),
            0);
}

TEST(Relay, WaitsForAPipeWithoutSpinningWhenNoDescriptorIsLeft) {
  EXPECT_EQ(in_child([] {
              RelayLoop loop(0);
              Connected pair(loop);
              const auto processor_time = [&] {
                return loop.ask([] {
                  timespec time{};
                  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
                  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
                });
              };
              // More than a short piece, and less than the sockets hold: nobody has to read for it to be written.
              const std::string bulk(std::size_t{100} * 1024, 'b');
              if (!write_all(pair.client, "x") || read_exactly(pair.backend, 1) != "x") return 1;
              {
                const auto before = processor_time();
                const NoDescriptorLeft starved;
                if (!write_all(pair.client, bulk)) return 2;
                std::this_thread::sleep_for(500ms);
                if (loop.counted(*pair.live).first >= bulk.size()) return 3;
                if (processor_time() - before > 100ms) return 4;
              }
              if (read_exactly(pair.backend, bulk.size()) != bulk) return 5;
              // And an abort does not wait for a pipe. (The answer says again that the last one is back.)
              processor_time();
              const NoDescriptorLeft starved;
              if (!write_all(pair.client, bulk)) return 6;
              loop.abort(*pair.live, EndReason::killed);
              return outcome_of(*pair.live).reason == EndReason::killed ? 0 : 7;
            }),
            0);
}

TEST(Relay, PassesShortPiecesWithoutADescriptorLeft) {
  EXPECT_EQ(in_child([] {
              RelayLoop loop(0);
              Connected pair(loop);
              if (!write_all(pair.client, "x") || read_exactly(pair.backend, 1) != "x") return 1;
              const NoDescriptorLeft starved;
              const std::string piece(3000, 'p');
              if (!write_all(pair.client, piece) || read_exactly(pair.backend, piece.size()) != piece) return 2;
              return write_all(pair.backend, "y") && read_exactly(pair.client, 1) == "y" ? 0 : 3;
            }),
            0);
}

TEST(Relay, TellsWhenNoDescriptorIsLeftForTheBackend) {
  EXPECT_EQ(in_child([] {
              RelayLoop loop;
              const Listener front;
              const Listener back;
              const Fd client = connect_to(front.endpoint());
              Fd accepted = front.accept(SOCK_NONBLOCK);
              const NoDescriptorLeft starved;
              const auto live = loop.start(std::move(accepted), {.backend = back.endpoint()});
              return outcome_of(*live).reason == EndReason::out_of_resources ? 0 : 1;
            }),
            0);
}

// 64 MiB are offered to a backend that reads nothing: what is taken stays what the kernel's buffers hold, and all of it
// arrives later.
TEST(Relay, HoldsTheWriterBackForASlowReader) {
  constexpr std::uint64_t size = 64UL * 1024 * 1024;
  RelayLoop loop;
  const Listener front;
  const Listener back;
  const int small = 64 * 1024;
  for (const auto* listener : {&front, &back}) {
    ASSERT_EQ(::setsockopt(listener->descriptor(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
  }
  const Fd client = connect_to(front.endpoint());
  const auto live = loop.start(front.accept(SOCK_NONBLOCK), {.backend = back.endpoint()});
  Fd backend = back.accept();
  const Pattern pattern(7);
  std::thread writes([&] {
    EXPECT_TRUE(write_pattern(client, pattern, size));
    ::shutdown(client.get(), SHUT_WR);
  });
  std::uint64_t taken = 0;
  for (std::uint64_t last = 1; taken != last;) {
    last = taken;
    std::this_thread::sleep_for(300ms);
    taken = loop.counted(*live).first;
    if (taken == 0) last = 1;
  }
  // The send buffer towards the backend (at most tcp_wmem, 4 MiB) with its receive buffer and the pipe.
  EXPECT_LT(taken, 12UL * 1024 * 1024);
  const Received received = read_pattern(backend, pattern);
  writes.join();
  EXPECT_EQ(received.bytes, size);
  EXPECT_EQ(received.first_wrong, std::nullopt);
  backend.reset();
  const auto outcome = outcome_of(*live);
  EXPECT_EQ(outcome.reason, EndReason::normal) << outcome.detail;
  EXPECT_EQ(outcome.bytes_from_client, size);
}

TEST(Relay, LeavesNoDescriptorBehind) {
  const std::size_t before = open_descriptors();
  {
    RelayLoop loop(4);
    for (int index = 0; index < 200; ++index) {
      Connected pair(loop);
      ASSERT_TRUE(write_all(pair.client, "x"));
      ASSERT_EQ(read_exactly(pair.backend, 1), "x");
      if (index % 4 == 0) reset(pair.client);
      if (index % 4 == 1) reset(pair.backend);
      if (index % 4 == 2) loop.abort(*pair.live, EndReason::killed);
      pair.client.reset();
      pair.backend.reset();
      outcome_of(*pair.live);
    }
    EXPECT_LE(loop.idle_pipes(), 4U);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST(Relay, HoldsTwoDescriptorsAndNoPipeWhileIdle) {
  RelayLoop loop(0);
  const std::size_t before = open_descriptors();
  {
    Connected pair(loop);
    ASSERT_TRUE(write_all(pair.client, "x"));
    ASSERT_EQ(read_exactly(pair.backend, 1), "x");
    loop.ask([] { return 0; });  // the step that carried it is over
    // Two listeners and the two far ends are the test's.
    EXPECT_EQ(open_descriptors(), before + 4 + 2);
  }
}

TEST(Relay, NeedsLittleMemoryWhileIdle) {
  constexpr std::size_t connections = 200;
  RelayLoop loop;
  std::vector<Connected> warm;
  warm.emplace_back(loop);
  const auto before = ::mallinfo2();
  std::vector<Connected> pairs;
  pairs.reserve(connections);
  for (std::size_t index = 0; index < connections; ++index) {
    pairs.emplace_back(loop);
    ASSERT_TRUE(write_all(pairs.back().client, "x"));
    ASSERT_EQ(read_exactly(pairs.back().backend, 1), "x");
  }
  const auto after = ::mallinfo2();
  const std::size_t each = (after.uordblks - before.uordblks) / connections;
  RecordProperty("bytes_per_connection", static_cast<int>(each));
  EXPECT_LT(each, 8U * 1024);
}

TEST(Relay, SetsTheSameOptionsOnBothSides) {
  RelayLoop loop;
  // The loop opens the interrupter and its like with its first work; what is new after that is the relay's.
  const Listener front;
  const Listener back;
  const Fd client = connect_to(front.endpoint());
  Fd accepted = front.accept(SOCK_NONBLOCK);
  const auto before = descriptors();
  std::set<int> sides{accepted.get()};
  const auto live =
      loop.start(std::move(accepted),
                 {.backend = back.endpoint(), .keep_alive = std::chrono::seconds(47), .user_timeout = 12'345ms});
  const Fd backend = back.accept();
  ASSERT_TRUE(write_all(client, "x"));
  ASSERT_EQ(read_exactly(backend, 1), "x");
  for (const int descriptor : descriptors()) {
    if (before.contains(descriptor) || descriptor == backend.get()) continue;
    EXPECT_NE(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0) << descriptor;
    if (option(descriptor, SOL_SOCKET, SO_TYPE) == SOCK_STREAM) sides.insert(descriptor);
  }
  EXPECT_EQ(sides.size(), 2U);
  for (const int side : sides) {
    EXPECT_EQ(option(side, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_TRUE(gatehouse::test::eventually([&] { return option(side, IPPROTO_TCP, TCP_USER_TIMEOUT) == 12'345; }))
        << "not set after the connection has lived for a while";
    EXPECT_EQ(option(side, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_EQ(option(side, IPPROTO_TCP, TCP_KEEPIDLE), 47);
  }
}

}  // namespace
}  // namespace gatehouse::relay::testing
