// RDP sessions through the real daemon and its workers: a real server (freerdp-shadow-cli3) and a real client
// (xfreerdp3), each on a display of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <thread>

#include "rdp_desktop.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class Rdp : public RdpDesktop {
 protected:
  Rdp() {
    serve();
    gateway_.start();
    apply("channels: all");
  }
};

TEST_F(Rdp, ASessionPassesItsWorkerAndShowsTheDesktop) {
  EXPECT_GT(difference(), 100'000) << "the two displays are equal before anything has passed";
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << difference() << " pixels differ\n" << viewer->errors() << gateway_.log();
  draw("darkred");
  EXPECT_TRUE(shows_the_desktop()) << difference() << " pixels differ after a change";
  const auto open = sessions();
  ASSERT_EQ(open.size(), 1U);
  EXPECT_EQ(open[0].at("user"), "bob");
  EXPECT_EQ(open[0].at("protocol"), "rdp");
  EXPECT_GT(open[0].at("bytes_to_client"), 1000);
  viewer->signal(SIGTERM);
  EXPECT_TRUE(ended_as("normal")) << sessions();
  EXPECT_GT(sessions()[0].at("bytes_to_client"), 1000);
  EXPECT_EQ(network_.leaked_packets(), 0U);
  EXPECT_EQ(gateway_.log().find(password_), std::string::npos) << "the log has the password";
}

TEST_F(Rdp, ARecordingShowsWhatWasSeenAndIsVouchedFor) {
  {
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    draw("darkgreen");
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    viewer->signal(SIGTERM);
    ASSERT_TRUE(ended_as("normal")) << sessions();
  }
  const auto place = recording();
  EXPECT_TRUE(alike(last_picture(directory_, place / "000.mp4"), desktop_.shot(directory_, "desktop")));
  const auto verified = gateway_.cli({"recording", "verify", place.string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.output << verified.errors;
  std::ifstream events(place / "events.jsonl");
  std::vector<std::string> seen;
  for (std::string line; std::getline(events, line);) {
    const auto event = nlohmann::json::parse(line);
    EXPECT_TRUE(event.at("t").is_number()) << line;
    seen.push_back(event.at("event"));
  }
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.front(), "start");
  EXPECT_EQ(seen.back(), "end");
  EXPECT_THAT(seen, ::testing::IsSupersetOf({"active", "channel", "picture"}));
  for (const auto& entry : std::filesystem::directory_iterator(place)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    EXPECT_EQ(bytes.find(password_), std::string::npos) << entry.path() << " has the password";
  }
  std::fstream video(place / "000.mp4", std::ios::binary | std::ios::in | std::ios::out);
  video.seekp(2000);
  video.put('x').put('y').put('z');
  video.close();
  EXPECT_EQ(gateway_.cli({"recording", "verify", place.string()}).exit_code, 1) << "a change is not found";
}

TEST_F(Rdp, ARecordingThatBrokeOffPlaysUpToThere) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  draw("darkgreen");
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  const auto place = recording();
  // Some seconds after the last change it is on the disk, while the session goes on.
  const auto is_shown = [&] {
    return alike(last_picture(directory_, place / "000.mp4"), desktop_.shot(directory_, "desktop"));
  };
  EXPECT_TRUE(eventually(is_shown, 15s)) << "a recording that grows does not play";
  EXPECT_EQ(gateway_.json({"recording", "list"}).at("recordings")[0].at("state"), "open");
  gateway_.kill_hard();
  EXPECT_TRUE(viewer->wait(patiently(10s)));
  EXPECT_TRUE(is_shown());
  const auto verified = gateway_.cli({"recording", "verify", place.string()});
  EXPECT_EQ(verified.exit_code, 0) << verified.errors;
  EXPECT_THAT(verified.output, HasSubstr("not checked: whether pieces are missing at its end"));
  gateway_.start();
  EXPECT_EQ(gateway_.json({"recording", "list"}).at("recordings")[0].at("state"), "broken_off");
  EXPECT_TRUE(gateway_.json({"recording", "list", "--open"}).at("recordings").empty());
}

TEST_F(Rdp, ARecordingIsSignedAndIndexedToItsEnd) {
  {
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    for (const char* colour : {"darkgreen", "navy", "darkred"}) {
      draw(colour);
      ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    }
    viewer->signal(SIGTERM);
    ASSERT_TRUE(ended_as("normal")) << sessions();
  }
  const auto place = recording();
  const auto id = place.filename().string();
  const auto verified = gateway_.json({"recording", "verify", id});
  EXPECT_EQ(verified.at("fault"), nullptr);
  EXPECT_EQ(verified.at("ended"), true);
  EXPECT_EQ(verified.at("unchecked"), nlohmann::json::array());
  EXPECT_EQ(verified.at("user"), "bob");
  EXPECT_EQ(verified.at("server"), "win1");
  const auto listed = gateway_.json({"recording", "list", "--user", "bob"}).at("recordings");
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].at("state"), "ended");
  EXPECT_EQ(listed[0].at("grant"), "bob-win1");
  EXPECT_THAT(listed[0].at("client").get<std::string>(), HasSubstr(where_.client.text()));
  EXPECT_EQ(gateway_.json({"recording", "search", "win1"}).at("recordings").size(), 1U);
  // The fragments lie one behind the other, in time as well, and each begins with its box.
  std::ifstream index(place / "index.jsonl");
  std::ifstream video(place / "000.mp4", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(video), {}};
  std::uint64_t end = 0;
  std::int64_t time = 0;
  std::int64_t began = 0;
  std::size_t fragments = 0;
  for (std::string line; std::getline(index, line);) {
    const auto fragment = nlohmann::json::parse(line);
    if (fragment.at("file") != "000.mp4") continue;
    if (fragments == 0) began = fragment.at("from");
    const auto offset = fragment.at("offset").get<std::uint64_t>();
    EXPECT_EQ(offset, end) << line;
    EXPECT_GE(fragment.at("from"), time) << line;
    EXPECT_GE(fragment.at("to"), fragment.at("from")) << line;
    end = offset + fragment.at("length").get<std::uint64_t>();
    time = fragment.at("to");
    ASSERT_LE(end, bytes.size()) << line;
    EXPECT_EQ(bytes.substr(offset + 4, 4), fragments == 0 ? "ftyp" : "moof") << line;
    EXPECT_TRUE(fragments > 0 || fragment.at("key") == true) << line;
    ++fragments;
  }
  EXPECT_GE(fragments, 1U);
  // The picture's own clock is the one of the index: a pause in which nothing changed is one there too.
  const auto probed = run_command(
      {"ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", (place / "000.mp4").string()});
  std::istringstream times(probed.output);
  std::vector<double> seconds;
  for (std::string line; std::getline(times, line);) {
    if (!line.empty()) seconds.push_back(std::stod(line));
  }
  ASSERT_FALSE(seconds.empty()) << probed.errors;
  EXPECT_NEAR(seconds.back() - seconds.front(), static_cast<double>(time - began) / 1000, 0.002);
  // Whoever writes there later finds it closed.
  std::ofstream(place / "events.jsonl", std::ios::app) << "{}\n";
  EXPECT_EQ(gateway_.cli({"recording", "verify", id}).exit_code, 1) << "something added at the end is not found";
}

TEST_F(Rdp, AGrantSaysHowStrictlyItIsRecorded) {
  const auto disk = MountedDirectory::tmpfs(4U << 20U);
  gateway_.set("rdp", "{ backend_security: tls, recordings: " + disk.path().string() + ", recording: best_effort }");
  gateway_.restart();
  apply("channels: all, recording: off");
  {
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    EXPECT_TRUE(gateway_.json({"recording", "list"}).at("recordings").empty());
    viewer->signal(SIGTERM);
    EXPECT_TRUE(ended_as("normal")) << sessions();
  }
  // The disk is full in the middle: the daemon would let it go on, its grant does not.
  apply("channels: all, recording: required");
  {
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
    static_cast<void>(run_command({"dd", "if=/dev/zero", "of=" + (disk.path() / "full").string(), "bs=4096"}));
    // What is left in the last pages of its files takes a few fragments.
    bool green = false;
    EXPECT_TRUE(eventually(
        [&] {
          green = !green;
          draw(green ? "darkgreen" : "navy");
          std::this_thread::sleep_for(500ms);
          return sessions()[0].at("end_reason") == "error";
        },
        30s))
        << sessions();
    EXPECT_THAT(sessions()[0].at("end_detail").get<std::string>(), HasSubstr("no longer be recorded"));
    EXPECT_TRUE(viewer->wait(patiently(10s)));
  }
  const auto id = sessions()[0].at("id").dump();
  EXPECT_TRUE(
      eventually([&] { return gateway_.json({"recording", "list"}).at("recordings")[0].at("state") == "broken_off"; }));
  EXPECT_EQ(gateway_.cli({"recording", "verify", id}).exit_code, 0) << "what was written before is good";
  // Where there is no place for recordings nobody who must be recorded comes in.
  gateway_.set("rdp", "{ backend_security: tls }");
  gateway_.restart();
  const auto refused = client();
  EXPECT_TRUE(refused->wait(patiently(20s)));
  EXPECT_TRUE(eventually([&] { return last_end().find("no place for recordings") != std::string::npos; }))
      << last_end();
}

TEST_F(Rdp, WhatCannotBeRecordedDoesNotGoOnWhereItMustBe) {
  const auto disk = MountedDirectory::tmpfs(64U << 10U);
  // Names still fit, and no byte.
  static_cast<void>(run_command({"dd", "if=/dev/zero", "of=" + (disk.path() / "full").string(), "bs=4096"}));
  for (const auto* mode : {"required", "best_effort"}) {
    gateway_.set("rdp", "{ backend_security: tls, recordings: " + disk.path().string() + ", recording: " + mode + " }");
    gateway_.restart();
    const auto viewer = client();
    ASSERT_TRUE(eventually(
        [&] { return gateway_.json({"status"}).at("alarms").dump().find("\"recording\"") != std::string::npos; }, 20s))
        << mode;
    if (mode == std::string("required")) {
      EXPECT_TRUE(ended_as("error")) << sessions();
      EXPECT_THAT(last_end(), HasSubstr("no longer be recorded"));
      EXPECT_TRUE(viewer->wait(patiently(10s)));
    } else {
      EXPECT_TRUE(shows_the_desktop()) << viewer->errors();
      EXPECT_TRUE(sessions()[0].at("ended").is_null());
    }
    EXPECT_FALSE(gateway_.json({"audit", "--action", "recording_failed"}).at("rows").empty());
  }
}

TEST_F(Rdp, TheClientTrustsTheGatewaysOwnAuthority) {
  const auto exported = gateway_.cli({"ca", "export"});
  ASSERT_EQ(exported.exit_code, 0) << exported.errors;
  const auto authority = directory_.write("ca.crt", exported.output).string();
  const auto session = connect_tcp(network_.client, {proxy_, 3389}, 3s, Endpoint{where_.client, 0});
  ASSERT_TRUE(session);
  // X.224 connection request that asks for TLS (MS-RDPBCGR 2.2.1.1), then TLS by openssl over the same address.
  const auto shown = run_command({"sh", "-c",
                                  "exec timeout 10 python3 - <<'E'\n"
                                  "import socket, ssl\n"
                                  "raw = socket.create_connection(('" +
                                      proxy_.text() + "', 3389), source_address=('" + where_.client.text() +
                                      "', 0))\n"
                                      "raw.sendall(bytes.fromhex('030000130ee000000000000100080001000000'))\n"
                                      "assert raw.recv(19)[11] == 2\n"
                                      "context = ssl.create_default_context(cafile='" +
                                      authority +
                                      "')\n"
                                      "tls = context.wrap_socket(raw, server_hostname='" +
                                      proxy_.text() +
                                      "')\n"
                                      "print(tls.version(), tls.getpeercert()['subjectAltName'])\n"
                                      "E\n"},
                                 {.where = &network_.client});
  EXPECT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_THAT(shown.output, HasSubstr("TLSv1.3"));
  EXPECT_THAT(shown.output, HasSubstr("win1-rdp"));
  EXPECT_THAT(gateway_.cli({"ca", "show"}).output, HasSubstr("SHA-256"));
}

TEST_F(Rdp, AKillByAnOperatorEndsItAndTheWorkerIsGone) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  EXPECT_EQ(gateway_.cli({"sessions", "kill", "--user", "bob"}).exit_code, 0);
  EXPECT_TRUE(viewer->wait(patiently(10s))) << "the client goes on";
  EXPECT_TRUE(ended_as("killed")) << sessions();
  EXPECT_TRUE(eventually([&] { return workers().size() <= 2; })) << "more than the ready ones are left";
}

TEST_F(Rdp, ABanEndsItThoughTheWorkerIsStopped) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  for (const auto worker : workers()) ::kill(worker, SIGSTOP);
  EXPECT_EQ(gateway_.cli({"ban", "add", "user:bob", "--reason", "test"}).exit_code, 0);
  EXPECT_TRUE(ended_as("banned")) << sessions();
  EXPECT_TRUE(viewer->wait(patiently(10s))) << "the client goes on";
}

TEST_F(Rdp, AWorkerThatDiesEndsItsSessionAlone) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  for (const auto worker : workers()) ::kill(worker, SIGKILL);
  EXPECT_TRUE(ended_as("error")) << sessions();
  EXPECT_THAT(sessions()[0].at("end_detail").get<std::string>(), HasSubstr("worker died"));
  EXPECT_TRUE(viewer->wait(patiently(10s)));
  const auto next = client();
  EXPECT_TRUE(shows_the_desktop()) << "after a worker's death nobody comes in: " << next->errors();
}

TEST_F(Rdp, AWorkerDoesNotOutliveTheDaemon) {
  const auto viewer = client();
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  const auto ids = workers();
  ASSERT_FALSE(ids.empty());
  gateway_.kill_hard();
  EXPECT_TRUE(eventually([&] { return std::ranges::none_of(ids, [](pid_t id) { return ::kill(id, 0) == 0; }); }))
      << "a worker is still there";
  EXPECT_TRUE(viewer->wait(patiently(10s)));
  gateway_.start();
  EXPECT_TRUE(ended_as("service_restart")) << sessions();
}

TEST_F(Rdp, ABackendWithAnotherCertificateIsRefusedUntilAnOperatorTrustsIt) {
  {
    const auto viewer = client();
    ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  }
  ASSERT_TRUE(eventually([&] { return !gateway_.json({"audit", "--action", "backend_trusted"}).at("rows").empty(); }));
  shadow_.reset();
  std::filesystem::remove_all(home_.path() / ".config");
  serve();
  gateway_.restart();  // the store knows it, not only the daemon
  const auto refused = client();
  EXPECT_TRUE(refused->wait(patiently(20s)));
  EXPECT_TRUE(ended_as("error")) << audit("connection_ended");
  EXPECT_THAT(audit("connection_ended"), HasSubstr("another certificate"));
  EXPECT_THAT(gateway_.json({"status"}).at("alarms").dump(), HasSubstr("backend_certificate"));
  ASSERT_EQ(gateway_.cli({"server", "trust", "win1"}).exit_code, 0);
  const auto viewer = client();
  EXPECT_TRUE(shows_the_desktop()) << viewer->errors();
  EXPECT_EQ(gateway_.json({"status"}).at("alarms").dump().find("backend_certificate"), std::string::npos);
}

TEST_F(Rdp, ChannelsThatNoGrantAllowsNeverReachTheBackend) {
  apply("channels: [clipboard]");
  const auto viewer = client({"+clipboard", "/drive:home,/tmp", "/sound"});
  ASSERT_TRUE(shows_the_desktop()) << viewer->errors();
  EXPECT_TRUE(eventually([&] { return audit("channel_opened").find("RDS::Graphics") != std::string::npos; }))
      << audit("channel_opened");
  EXPECT_THAT(audit("channel_opened"), HasSubstr("cliprdr"));
  EXPECT_THAT(audit("channel_refused"), AllOf(HasSubstr("rdpdr"), HasSubstr("rdpsnd")));
}

TEST_F(Rdp, ASilentClientIsClosedAndABackendThatIsGoneIsSaid) {
  const auto silent = connect_tcp(network_.client, {proxy_, 3389}, 3s, Endpoint{where_.client, 0});
  ASSERT_TRUE(silent);
  EXPECT_NE(read_to_end(silent.fd, patiently(20s)).ending, Ending::timed_out);
  EXPECT_TRUE(ended_as("timeout")) << audit("connection_ended");
  shadow_.reset();
  const auto viewer = client();
  EXPECT_TRUE(viewer->wait(patiently(20s)));
  EXPECT_TRUE(ended_as("backend_refused")) << audit("connection_ended");
  EXPECT_TRUE(sessions().empty()) << "what never was active is no session: " << sessions();
}

}  // namespace
}  // namespace gatehouse::test
