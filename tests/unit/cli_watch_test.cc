// `gatehouse watch`: its frames, and what it does to the terminal.
#include <gtest/gtest.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <sstream>

#include "base/fd.h"
#include "cli/run.h"
#include "cli/watch_frame.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

Reading reading_at(std::chrono::seconds time, int accepted) {
  return {.time = *parse_time("2026-11-23T08:00:00Z") + time,
          .taken = std::chrono::steady_clock::time_point(time),
          .status = {{"instance", "default"},
                     {"version", "1"},
                     {"gate", {{"accepted", accepted}, {"bytes_to_client", 4096}}},
                     {"counters", {{"steered", 5}}}},
          .sessions = json::array(),
          .denials = json::array(),
          .fault = {}};
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + "\n";
  return text;
}

TEST(WatchFrame, ShowsRatesBetweenTwoReadings) {
  const auto before = reading_at(10s, 100);
  const auto after = reading_at(12s, 130);
  EXPECT_NE(text_of(frame_of(after, &before, {})).find("accepted             130  15.0/s"), std::string::npos)
      << text_of(frame_of(after, &before, {}));
  EXPECT_EQ(text_of(frame_of(after, nullptr, {})).find("/s"), std::string::npos);
}

TEST(WatchFrame, ACounterThatFellHasNoRate) {
  const auto before = reading_at(10s, 100);
  const auto after = reading_at(12s, 3);
  EXPECT_EQ(text_of(frame_of(after, &before, {})).find("-48"), std::string::npos);
}

TEST(WatchFrame, NeverOutgrowsTheTerminal) {
  auto reading = reading_at(1s, 1);
  for (int i = 0; i < 100; ++i) {
    reading.sessions.push_back({{"id", i}, {"user", std::string(50, 'u')}});
    reading.denials.push_back({{"id", i}, {"reason", std::string(300, 'r')}});
  }
  for (std::size_t rows = 1; rows < 60; ++rows) {
    for (const std::size_t columns : {1U, 20U, 80U, 300U}) {
      const auto lines = frame_of(reading, nullptr, {columns, rows});
      ASSERT_LE(lines.size(), rows);
      for (const auto& line : lines) ASSERT_LE(line.size(), columns + 3) << line;  // "…" has three bytes
    }
  }
}

TEST(WatchFrame, SessionsAndDenialsShareTheRoom) {
  auto reading = reading_at(1s, 1);
  for (int i = 0; i < 100; ++i) {
    reading.sessions.push_back({{"id", i}, {"user", "bob"}});
    reading.denials.push_back({{"id", i}, {"reason", "banned_source"}});
  }
  const auto count = [](const std::vector<std::string>& lines, std::string_view word) {
    return std::count_if(lines.begin(), lines.end(),
                         [&](const std::string& line) { return line.find(word) != std::string::npos; });
  };
  const auto shared = frame_of(reading, nullptr, {120, 40});
  EXPECT_EQ(shared.size(), 40U);
  EXPECT_NEAR(static_cast<double>(count(shared, "bob")), static_cast<double>(count(shared, "banned_source")), 1);
  reading.denials = json::array();
  EXPECT_GT(count(frame_of(reading, nullptr, {120, 40}), "bob"), 25);
}

TEST(WatchFrame, EscapesWhatOthersWrote) {
  auto reading = reading_at(1s, 1);
  reading.sessions.push_back({{"id", 1}, {"user", "\x1b[2J"}});
  reading.denials.push_back({{"id", 1}, {"detail", "\x1b]0;x\x07"}});
  reading.status["alarms"] = {{{"name", "a"}, {"what", "b\x1b"}, {"mend", "c"}}};
  const auto text = text_of(frame_of(reading, nullptr, {}));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(text.find("ALARM a: b\\x1b: c"), std::string::npos);
}

TEST(WatchFrame, SaysThatTheDaemonIsAway) {
  Reading reading{};
  reading.fault = "no daemon answers";
  EXPECT_NE(text_of(frame_of(reading, nullptr, {80, 24})).find("no daemon answers"), std::string::npos);
}

class WatchOnTerminal : public testing::Test {
 protected:
  void SetUp() override {
    int master = -1;
    int slave = -1;
    winsize size{};
    size.ws_col = 80;
    size.ws_row = 24;
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_.reset(master);
    slave_.reset(slave);
    ASSERT_EQ(::tcgetattr(slave, &before_), 0);
    server_.operations.outcomes["status"] = json{{"instance", "watched"}, {"version", "1"}};
  }
  void start() {
    thread_ = std::thread([this] {
      const std::string socket = server_.socket().string();
      const std::array<const char*, 6> argv{"gatehouse", "--socket", socket.c_str(), "watch", "--interval", "200ms"};
      std::istringstream in;
      std::ostringstream out;
      std::ostringstream err;
      code_ = run(argv.size(), argv.data(),
                  {in, out, err, slave_.get(), "1", [](std::chrono::milliseconds) { return true; }});
    });
  }
  // What the terminal was sent, until `part` is in it.
  bool sees(const std::string& part) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (screen_.find(part) == std::string::npos) {
      pollfd ready{master_.get(), POLLIN, 0};
      if (std::chrono::steady_clock::now() > end || ::poll(&ready, 1, 10'000) <= 0) return false;
      std::array<char, 4096> buffer{};
      const auto got = ::read(master_.get(), buffer.data(), buffer.size());
      if (got <= 0) return false;
      screen_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    screen_.erase(0, screen_.find(part) + part.size());
    return true;
  }
  void expect_restored() {
    EXPECT_TRUE(sees("\x1b[?25h\x1b[?1049l"));  // cursor back, alternate screen left
    thread_.join();
    EXPECT_EQ(code_, exit_ok);
    termios after{};
    ASSERT_EQ(::tcgetattr(slave_.get(), &after), 0);
    EXPECT_EQ(after.c_lflag, before_.c_lflag);
  }

  test::RunningServer server_;
  Fd master_;
  Fd slave_;
  termios before_{};
  std::thread thread_;
  std::string screen_;
  int code_ = -1;
};

TEST_F(WatchOnTerminal, DrawsAgainAndAgainAndQuitsWithQ) {
  start();
  EXPECT_TRUE(sees("\x1b[?1049h"));
  EXPECT_TRUE(sees("gatehouse watched 1"));
  EXPECT_TRUE(sees("gatehouse watched 1"));
  termios during{};
  ASSERT_EQ(::tcgetattr(slave_.get(), &during), 0);
  EXPECT_EQ(during.c_lflag & static_cast<tcflag_t>(ECHO | ICANON), 0U);
  ASSERT_EQ(::write(master_.get(), "xq", 2), 2);
  expect_restored();
}

TEST_F(WatchOnTerminal, RestoresTheTerminalOnSignals) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    start();
    ASSERT_TRUE(sees("gatehouse watched 1"));
    ASSERT_EQ(::pthread_kill(thread_.native_handle(), signal), 0);
    expect_restored();
  }
}

TEST_F(WatchOnTerminal, FollowsTheTerminalsSize) {
  server_.operations.outcomes["status"] = json{{"instance", std::string(100, 'i')}, {"version", "1"}};
  start();
  ASSERT_TRUE(sees(std::string(69, 'i') + "…"));
  winsize size{};
  size.ws_col = 40;
  size.ws_row = 10;
  ASSERT_EQ(::ioctl(master_.get(), TIOCSWINSZ, &size), 0);
  ASSERT_EQ(::pthread_kill(thread_.native_handle(), SIGWINCH), 0);
  EXPECT_TRUE(sees("gatehouse " + std::string(29, 'i') + "…"));
  ASSERT_EQ(::write(master_.get(), "q", 1), 1);
  expect_restored();
}

TEST_F(WatchOnTerminal, SurvivesTheDaemonsAbsence) {
  start();
  ASSERT_TRUE(sees("gatehouse watched 1"));
  server_.stop();
  EXPECT_TRUE(sees("no daemon answers"));
  ASSERT_EQ(::write(master_.get(), "q", 1), 1);
  expect_restored();
}

}  // namespace
}  // namespace gatehouse::cli
