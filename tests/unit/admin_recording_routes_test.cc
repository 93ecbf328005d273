// The routes of recordings as a function: who may, which part of a file, what page; and over a real socket, that a file
// arrives as it is.
#include "admin/recording_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "admin/recording_page.h"
#include "support/process.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr auto video = "/v1/recordings/17/files/000.mp4";

class RecordingRoutes : public testing::Test {
 protected:
  RecordingRoutes() {
    const auto given = directory_.path() / "given";
    std::ofstream(given) << "0123456789";
    operations_.give_file(given);
  }
  Answer ask(Role role, std::string_view target, std::string_view range = {}, std::string_view method = "GET") {
    Peer peer;
    peer.role = role;
    peer.token = "test";
    return answer({method, target, {}, peer, range}, operations_);
  }
  static std::string header(const Answer& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers) {
      if (key == name) return value;
    }
    return "none";
  }

  test::TemporaryDirectory directory_;
  test::FakeOperations operations_;
};

TEST_F(RecordingRoutes, AreForOperatorsAndAdmins) {
  for (const std::string target : {"/v1/recordings/17", video}) {
    const auto before = operations_.calls();
    EXPECT_EQ(ask(Role::nobody, target).status, 403) << target;
    EXPECT_EQ(ask(Role::viewer, target).status, 403) << target;
    EXPECT_EQ(operations_.calls(), before) << "a viewer gets to an operation";
    EXPECT_EQ(ask(Role::operating, target).status, 200) << target;
    EXPECT_EQ(ask(Role::admin, target).status, 200) << target;

    EXPECT_EQ(operations_.recording_asked, 17U);
  }
}

TEST_F(RecordingRoutes, AFileComesWholeOrInPart) {
  const auto whole = ask(Role::admin, video);
  ASSERT_TRUE(whole.file);
  EXPECT_EQ(operations_.file_asked, "000.mp4");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.file->part, (ByteRange{0, 10}));
  EXPECT_STREQ(whole.content_type, "video/mp4");
  EXPECT_EQ(header(whole, "Accept-Ranges"), "bytes");
  const auto part = ask(Role::admin, video, "bytes=2-4");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.file->part, (ByteRange{2, 3}));
  EXPECT_EQ(header(part, "Content-Range"), "bytes 2-4/10");
  const auto beyond = ask(Role::admin, video, "bytes=10-");
  EXPECT_EQ(beyond.status, 416);
  EXPECT_FALSE(beyond.file);
  EXPECT_EQ(header(beyond, "Content-Range"), "bytes */10");
}

TEST_F(RecordingRoutes, ACopyOfAFileIsNothingThatABrowserShows) {
  const auto copy = ask(Role::admin, "/v1/recordings/17/files/file-00001");
  EXPECT_EQ(copy.status, 200);
  EXPECT_STREQ(copy.content_type, "application/octet-stream");
  EXPECT_EQ(header(copy, "Content-Disposition"), "attachment");
  EXPECT_EQ(header(ask(Role::admin, video), "Content-Disposition"), "none");
}

TEST_F(RecordingRoutes, WhatIsNoRecordingIsNotAskedFor) {
  for (const auto* target :
       {"/v1/recordings/", "/v1/recordings/x", "/v1/recordings/0", "/v1/recordings/017", "/v1/recordings/-1",
        "/v1/recordings/99999999999999999999", "/v1/recordings/..", "/v1/recordings/17/", "/v1/recordings/17/files",
        "/v1/recordings/17/files/", "/v1/recordings/17/files/a/b", "/v1/recordings/../17/files/000.mp4",
        "/recordings/x", "/recordings/", "/recordings/parts/recording.html", "/recordings/parts/..%2fplayer.js"}) {
    EXPECT_EQ(ask(Role::admin, target).status, 404) << target;
  }
  EXPECT_TRUE(operations_.calls().empty());
  EXPECT_EQ(ask(Role::admin, std::string(video) + "?token=x").status, 400) << "a parameter is taken";
}

TEST_F(RecordingRoutes, ThePageIsForEverybodyAndTakesNothingFromElsewhere) {
  EXPECT_TRUE(is_public("GET", "/recordings/17"));
  EXPECT_TRUE(is_public("HEAD", "/recordings/parts/player.js"));
  for (const auto* target : {"/v1/recordings/17", video, "/v1/status", "/recordings", "/metrics"})
    EXPECT_FALSE(is_public("GET", target)) << target;
  EXPECT_FALSE(is_public("POST", "/recordings/17"));
  const auto page = ask(Role::nobody, "/recordings/17");
  EXPECT_EQ(page.status, 200);
  const auto policy = header(page, "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  for (const auto& part : recording_page_parts()) {
    EXPECT_THAT(part.text, Not(HasSubstr("innerHTML"))) << part.name;
    EXPECT_THAT(part.text, Not(HasSubstr("http://"))) << part.name;
    EXPECT_THAT(part.text, Not(HasSubstr("https://"))) << part.name;
    if (part.name == "recording.html") continue;
    const auto answer = ask(Role::nobody, "/recordings/parts/" + std::string(part.name));
    EXPECT_EQ(answer.status, 200) << part.name;
    EXPECT_EQ(answer.text, part.text);
  }
}

TEST_F(RecordingRoutes, ACookieIsEnoughForRecordingsAndForNothingElse) {
  EXPECT_TRUE(takes_cookie("GET", "/v1/recordings/17"));
  EXPECT_TRUE(takes_cookie("HEAD", video));
  EXPECT_TRUE(takes_cookie("POST", "/v1/logout"));
  for (const auto& route : route_list()) {
    if (route.path.starts_with("/v1/recordings/") || route.path == "/v1/logout") continue;
    EXPECT_FALSE(takes_cookie(route.method, route.path)) << route.path;
  }
  EXPECT_FALSE(takes_cookie("POST", "/v1/recordings/17"));
  EXPECT_FALSE(takes_cookie("DELETE", video));
}

TEST_F(RecordingRoutes, LoggingInIsForWhoMayWatchAndNotForTheSocket) {
  EXPECT_EQ(ask(Role::viewer, "/v1/login", {}, "POST").status, 403);
  const auto login = ask(Role::operating, "/v1/login", {}, "POST");
  EXPECT_EQ(login.status, 200);
  EXPECT_TRUE(login.opens_login);
  EXPECT_EQ(answer({"POST", "/v1/login", {}, {}, {}}, operations_).status, 400);
  EXPECT_EQ(ask(Role::operating, "/v1/logout", {}, "POST").status, 400) << "there is no login";
}

TEST_F(RecordingRoutes, OverASocketAFileArrivesAsItIs) {
  test::RunningServer server;
  const auto file = server.directory() / "file";
  std::string bytes(3U << 20U, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * 7919) >> 5U);
  std::ofstream(file, std::ios::binary) << bytes;
  server.operations.give_file(file);
  const auto curl = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"curl", "--silent", "--show-error", "--unix-socket", server.socket().string()});
    more.push_back("http://gatehouse" + std::string(video));
    more.push_back("http://gatehouse" + std::string(video));  // over the same connection
    return test::run_command(more);
  };
  EXPECT_EQ(curl({}).output, bytes + bytes);
  EXPECT_EQ(curl({"--range", "70000-1500000"}).output,
            bytes.substr(70'000, 1'430'001) + bytes.substr(70'000, 1'430'001));
  const auto head = curl({"--head"}).output;
  EXPECT_THAT(head, HasSubstr("Content-Length: 3145728\r\n"));
  EXPECT_THAT(head, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(head, HasSubstr("X-Content-Type-Options: nosniff\r\n"));
  EXPECT_THAT(head, HasSubstr("Referrer-Policy: no-referrer\r\n"));
  EXPECT_THAT(curl({"--range", "3145728-", "--include"}).output, HasSubstr("416 Range Not Satisfiable"));
}

}  // namespace
}  // namespace gatehouse::admin
