// Workers that answer no more, clients that take nothing or say nothing, a disk that fills: what it costs, whom, and
// what is said of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>
#include <utility>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RdpFaults : public RdpDesktop {
 protected:
  explicit RdpFaults(const Gateway::Settings& settings = {}) {
    for (const auto& [key, value] : settings) gateway_.set(key, value);
    serve();
    gateway_.start();
    // bob, and somebody else from another address.
    gateway_.apply("pools:\n  test: \"" + where_.pool.text() + "\"\nusers:\n  bob: { sources: [\"" +
                   where_.client.text() + "\"] }\n  mallory: { sources: [\"" + where_.second_client.text() +
                   "\"] }\nservers:\n  win1: { address: \"" + where_.backend.text() +
                   "\" }\nservices:\n  win1-rdp: { server: win1, proxy_ip: \"" + proxy_.text() +
                   "\", port: 3389, kind: rdp }\ngrants:\n  bob-win1: { user: bob, server: win1, channels: all }\n" +
                   "  mallory-win1: { user: mallory, server: win1, channels: all }\n");
  }
  nlohmann::json session_of(const std::string& user) {
    for (const auto& session : sessions()) {
      if (session.at("user") == user) return session;
    }
    return nullptr;
  }
  // Sessions that come as far as a picture, one after the other: the exit code of who had them.
  int hold_sessions(int count) {
    return run_command({(program_directory() / "faulty_client").string(), proxy_.text(), "3389", "bob", password_,
                        std::to_string(count)},
                       {.where = &network_.client}, patiently(60s))
        .exit_code;
  }
  // What moves all the time on the desktop of the server.
  void move() {
    auto environment = desktop_.environment();
    environment["SDL_RENDER_DRIVER"] = "software";
    motion_ =
        std::make_unique<Process>(std::vector<std::string>{"ffmpeg", "-loglevel", "error", "-re", "-f", "lavfi", "-i",
                                                           "testsrc2=size=800x600:rate=25,noise=alls=40:allf=t",
                                                           "-pix_fmt", "yuv420p", "-f", "sdl2", "motion"},
                                  StartOptions{.environment = environment});
  }
  // Little is under way to somebody who takes nothing: a stall is seen soon.
  void keep_buffers_small() {
    for (const auto* where : {&network_.client, &network_.gateway}) {
      const auto set = run_command({"sh", "-c",
                                    "for way in tcp_rmem tcp_wmem; do echo '4096 16384 65536' > "
                                    "/proc/sys/net/ipv4/$way; done"},
                                   {.where = where});
      ASSERT_EQ(set.exit_code, 0) << set.errors;
    }
  }
  // Of all workers.
  std::size_t largest_worker_mb() {
    std::size_t largest = 0;
    for (const auto worker : workers()) {
      std::ifstream status("/proc/" + std::to_string(worker) + "/status");
      for (std::string line; std::getline(status, line);) {
        if (line.starts_with("VmRSS:")) largest = std::max<std::size_t>(largest, std::stoul(line.substr(6)) / 1024);
      }
    }
    return largest;
  }

  std::unique_ptr<Process> motion_;
};

TEST_F(RdpFaults, AWorkerThatIsStoppedEndsItsSessionAlone) {
  const auto ready = workers();
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  // Those that wait were there before, or came for those that were taken.
  std::vector<pid_t> stopped;
  for (const auto worker : workers()) {
    if (std::ranges::find(ready, worker) == ready.end()) continue;
    ::kill(worker, SIGSTOP);
    stopped.push_back(worker);
  }
  ASSERT_FALSE(stopped.empty());
  EXPECT_TRUE(eventually([&] { return session_of("bob").at("end_reason") == "error"; }, 30s)) << sessions();
  EXPECT_THAT(session_of("bob").at("end_detail").get<std::string>(), HasSubstr("does not answer"));
  EXPECT_THAT(audit("worker_failed"), HasSubstr("does not answer"));
  EXPECT_TRUE(viewer->wait(patiently(10s))) << "the client goes on";
  EXPECT_EQ(hold_sessions(1), 0) << "nobody comes in any more";
}

class RdpStalls : public RdpFaults {
 protected:
  RdpStalls() : RdpFaults({{"relay", "{ user_timeout: 8s }"}}) {}
};

TEST_F(RdpStalls, AClientThatTakesNothingEndsAloneAndFillsNoMemory) {
  keep_buffers_small();
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  move();
  ASSERT_TRUE(eventually([&] { return session_of("bob").at("bytes_to_client") > 2'000'000; }, 30s))
      << sessions() << motion_->errors();
  const auto before = largest_worker_mb();
  viewer->signal(SIGSTOP);
  std::size_t largest = 0;
  EXPECT_TRUE(eventually(
      [&] {
        largest = std::max(largest, largest_worker_mb());
        // Meanwhile the daemon answers and lets others in.
        EXPECT_EQ(gateway_.cli({"status"}).exit_code, 0);
        return !session_of("bob").at("ended").is_null();
      },
      60s))
      << sessions();
  EXPECT_EQ(session_of("bob").at("end_reason"), "timeout") << sessions();
  EXPECT_THAT(session_of("bob").at("end_detail").get<std::string>(), HasSubstr("took nothing"));
  EXPECT_LT(largest, before + 64) << "from " << before << " MB";
  viewer->kill();
  EXPECT_EQ(hold_sessions(1), 0);
}

TEST_F(RdpFaults, AClientThatStopsForAWhileGoesOn) {
  keep_buffers_small();
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  move();
  ASSERT_TRUE(eventually([&] { return session_of("bob").at("bytes_to_client") > 2'000'000; }, 30s)) << sessions();
  viewer->signal(SIGSTOP);
  // As much as fits on the way, and then nothing.
  std::uint64_t former = 0;
  EXPECT_TRUE(eventually(
      [&] {
        const auto now = session_of("bob").at("bytes_to_client").get<std::uint64_t>();
        std::this_thread::sleep_for(1s);
        return std::exchange(former, now) == now;
      },
      20s));
  std::this_thread::sleep_for(5s);
  viewer->signal(SIGCONT);
  motion_.reset();
  EXPECT_TRUE(shows_the_desktop()) << sessions();
  EXPECT_TRUE(session_of("bob").at("ended").is_null());
}

TEST_F(RdpFaults, FiveHundredHalfOpenConnectionsAreClosedAndOthersComeIn) {
  const std::string request("\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00\x01\x00\x08\x00\x01\x00\x00\x00", 19);
  std::vector<Connected> half_open;
  for (int i = 0; i < 500; ++i) {
    half_open.push_back(connect_tcp(network_.client, {proxy_, 3389}, 5s, Endpoint{where_.second_client, 0}));
    ASSERT_TRUE(half_open.back()) << half_open.back().text();
    // A third says nothing, a third begins a word, a third says it and no more.
    const std::size_t said = i % 3 == 0 ? 0 : i % 3 == 1 ? 5 : request.size();
    ASSERT_EQ(send_all(half_open.back().fd, request.substr(0, said)), 0);
  }
  EXPECT_TRUE(eventually([&] { return workers().size() > 10; })) << "none of them is in a handshake";
  EXPECT_EQ(hold_sessions(2), 0) << "nobody comes in meanwhile";
  std::size_t most = 0;
  EXPECT_TRUE(eventually(
      [&] {
        most = std::max(most, workers().size());
        return gateway_.json({"status"}).at("sessions_open") == 0;
      },
      60s));
  EXPECT_LE(most, 16U + 2U + 1U) << "more of one source are in their handshake than may be";
  for (const auto& each : half_open) {
    EXPECT_NE(read_to_end(each.fd, 5s).ending, Ending::timed_out) << "one is still open";
  }
  EXPECT_TRUE(eventually([&] { return workers().size() <= 2; })) << "workers are left";
  EXPECT_EQ(hold_sessions(1), 0);
}

TEST_F(RdpFaults, ADiskThatFillsEndsWhatMustBeRecordedAndNothingElse) {
  for (const auto* mode : {"required", "best_effort"}) {
    const auto disk = MountedDirectory::tmpfs(8U << 20U);
    gateway_.set("rdp", "{ backend_security: tls, recordings: " + disk.path().string() + ", recording: " + mode + " }");
    gateway_.restart();
    draw("steelblue");
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    const auto id = session_of("bob").at("id").dump();
    EXPECT_TRUE(eventually([&] { return !last_picture(directory_, disk.path() / id / "000.mp4").empty(); }, 20s));
    static_cast<void>(run_command({"dd", "if=/dev/zero", "of=" + (disk.path() / "full").string(), "bs=4096"}));
    int change = 0;
    EXPECT_TRUE(eventually(
        [&] {
          draw(++change % 2 == 0 ? "darkgreen" : "darkred");
          std::this_thread::sleep_for(200ms);
          return gateway_.json({"status"}).at("alarms").dump().find("\"recording\"") != std::string::npos;
        },
        30s))
        << mode;
    EXPECT_THAT(gateway_.json({"audit", "--action", "recording_failed"}).at("rows").dump(),
                AllOf(HasSubstr("No space left"), HasSubstr("\"session_id\":" + id)));
    if (mode == std::string("required")) {
      EXPECT_TRUE(ended_as("error")) << sessions();
      EXPECT_THAT(session_of("bob").at("end_detail").get<std::string>(), HasSubstr("no longer be recorded"));
      EXPECT_TRUE(viewer->wait(patiently(10s))) << "the client goes on";
    } else {
      draw("steelblue");
      EXPECT_TRUE(shows_the_desktop()) << viewer->errors();
      EXPECT_TRUE(session_of("bob").at("ended").is_null()) << sessions();
    }
    // What had been written before is as it was.
    EXPECT_FALSE(last_picture(directory_, disk.path() / id / "000.mp4").empty());
    viewer->kill();
    gateway_.stop();  // nobody is in the directory when it goes
    gateway_.start();
  }
}

}  // namespace
}  // namespace gatehouse::test
