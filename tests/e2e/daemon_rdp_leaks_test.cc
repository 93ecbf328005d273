// What is left of sessions: nothing of two hundred in the daemon, and no core file of a process that dies with a
// password in it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

class RdpLeaks : public RdpDesktop {
 protected:
  RdpLeaks() {
    serve();
    gateway_.start();
    apply("channels: all");
  }
  // Three at a time: whether all of them came as far as a picture.
  bool hold_sessions(int of_each) {
    std::vector<std::unique_ptr<Process>> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(std::make_unique<Process>(
          std::vector<std::string>{(program_directory() / "faulty_client").string(), proxy_.text(), "3389", user_,
                                   password_, std::to_string(of_each), "drdynvc", "cliprdr"},
          StartOptions{.where = &network_.client}));
    }
    return std::ranges::all_of(clients, [](const auto& each) {
      const auto exit = each->wait(patiently(150s));
      return exit && exit->success();
    });
  }
  [[nodiscard]] std::size_t descriptors() {
    const auto place = "/proc/" + std::to_string(gateway_.daemon().id()) + "/fd";
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(place), std::filesystem::directory_iterator()));
  }
  [[nodiscard]] std::size_t field_of_status(const std::string& field) {
    std::ifstream status("/proc/" + std::to_string(gateway_.daemon().id()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with(field + ":")) return std::stoul(line.substr(field.size() + 1));
    }
    return 0;
  }
  bool all_is_over(std::size_t count) {
    return eventually(
        [&] {
          const auto rows = gateway_.rows("SELECT COUNT(*) AS n FROM sessions WHERE ended IS NOT NULL");
          return rows.at(0).at("n") == count && workers().size() <= 2;
        },
        20s);
  }
};

TEST_F(RdpLeaks, TwoHundredSessionsLeaveNothingBehind) {
  ASSERT_TRUE(hold_sessions(8)) << sessions();
  ASSERT_TRUE(all_is_over(24)) << sessions();
  const auto descriptors_before = descriptors();
  const auto threads_before = field_of_status("Threads");
  const auto memory_before = field_of_status("VmRSS");
  ASSERT_TRUE(hold_sessions(67)) << sessions();
  ASSERT_TRUE(all_is_over(225)) << sessions();
  EXPECT_LE(descriptors(), descriptors_before + 4);  // SQLite's readers come and go
  EXPECT_EQ(field_of_status("Threads"), threads_before);
  EXPECT_LT(field_of_status("VmRSS"), memory_before + 16U * 1024) << "more than 80 kB a session";
  const auto children = run_command({"pgrep", "-c", "-P", std::to_string(gateway_.daemon().id())}).output;
  EXPECT_LE(std::stoi(children), 2) << "processes are left: zombies, if they are no workers";
  // Each has its recording, whole.
  std::size_t recordings = 0;
  for (const auto& entry : std::filesystem::directory_iterator(recordings_.path())) {
    if (!entry.is_directory()) continue;
    ++recordings;
    std::ifstream events(entry.path() / "events.jsonl");
    std::string last;
    for (std::string line; std::getline(events, line);) last = line;
    EXPECT_NE(last.find("\"event\":\"end\""), std::string::npos) << entry.path() << " breaks off: " << last;
  }
  EXPECT_EQ(recordings, 225U);
}

// Where the kernel puts core files: relative to the directory of who dies, for as long as this lives.
class CorePattern {
 public:
  CorePattern() {
    std::ifstream(place_) >> former_;
    if (former_ != "core") std::ofstream(place_) << "core";
  }
  CorePattern(const CorePattern&) = delete;
  CorePattern& operator=(const CorePattern&) = delete;
  ~CorePattern() {
    if (former_ != "core") std::ofstream(place_) << former_;
  }

 private:
  const std::string place_ = "/proc/sys/kernel/core_pattern";
  std::string former_;
};

class RdpCores : public RdpDesktop {
 protected:
  RdpCores() : RdpDesktop({}, {.wrapper = {"sh", "-c", R"(cd "$0" && ulimit -c unlimited && exec "$@")", place()}}) {
    serve();
    gateway_.start();
    apply("channels: all");
  }
  ~RdpCores() override { std::filesystem::remove_all(place()); }

  static std::string place() {
    const std::string where = "/run/gatehouse-test/cores-" + std::to_string(::getpid());
    std::filesystem::create_directories(where);
    return where;
  }
  static bool is_empty() { return std::filesystem::is_empty(place()); }

  CorePattern pattern_;
};

TEST_F(RdpCores, NeitherAWorkerNorTheDaemonLeavesACoreFile) {
  run_command({"sh", "-c", "ulimit -c unlimited; kill -SEGV $$"}, {.directory = place()});
  ASSERT_FALSE(is_empty()) << "here nothing leaves a core file, so that nothing would be shown";
  for (const auto& entry : std::filesystem::directory_iterator(place())) std::filesystem::remove(entry.path());

  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  for (const auto worker : workers()) ::kill(worker, SIGSEGV);
  EXPECT_TRUE(ended_as("error")) << sessions();
  EXPECT_TRUE(is_empty()) << "of a worker";
  const auto next = client();
  ASSERT_TRUE(shows_the_desktop()) << next->errors();
  gateway_.daemon().signal(SIGSEGV);
  const auto exit = gateway_.daemon().wait(patiently(10s));
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->signal, SIGSEGV);
  EXPECT_TRUE(is_empty()) << "of the daemon";
}

}  // namespace
}  // namespace gatehouse::test
