// The API over a real Unix socket: well-behaved, broken, slow, large, leaving and many clients.
#include "admin/http_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <atomic>

#include "admin/http_client.h"
#include "base/fd.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;
using test::RunningServer;
using namespace std::chrono_literals;

constexpr std::string_view get_status = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";

Fd connect_to(const std::filesystem::path& path) {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), sizeof address) != 0) socket.reset();
  return socket;
}

bool send_all(const Fd& socket, std::string_view text) {
  while (!text.empty()) {
    const auto sent = ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// What comes until the server closes, `until` is seen, or five seconds are over.
std::string receive(const Fd& socket, std::string_view until = {}) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    pollfd ready{socket.get(), POLLIN, 0};
    if (::poll(&ready, 1, 5000) <= 0) return text + "<no end>";
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (!until.empty() && text.find(until) != std::string::npos) return text;
  }
}

std::string reply_to(const RunningServer& server, std::string_view bytes) {
  const auto socket = connect_to(server.socket());
  if (!send_all(socket, bytes)) return "<not sent>";
  ::shutdown(socket.get(), SHUT_WR);
  return receive(socket);
}

bool begins_with(const std::string& text, std::string_view start) {
  return text.starts_with(start);
}

TEST(HttpServer, AnswersTheClientAndKnowsWhoAsks) {
  RunningServer server;
  server.operations.outcomes["add_bans"] =
      json{{"added", {{{"id", 1}, {"network", "192.0.2.7"}}}}, {"sessions_ended", 0}};
  const auto answer = request(server.socket(), "POST", "/v1/bans",
                              json::parse(R"({"bans": [{"network": "192.0.2.7", "reason": "grün"}]})"));
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body.at("added").at(0).at("id"), 1);
  EXPECT_EQ(server.operations.bans_added.at(0).reason, "grün");
  EXPECT_EQ(server.operations.peer.uid, ::geteuid());
  EXPECT_EQ(server.operations.peer.gid, ::getegid());
  EXPECT_EQ(server.operations.peer.pid, ::getpid());
}

TEST(HttpServer, KeepsAConnectionAliveForSeveralRequestsAlsoPipelinedOnes) {
  RunningServer server;
  const auto socket = connect_to(server.socket());
  ASSERT_TRUE(send_all(socket, get_status));
  EXPECT_TRUE(begins_with(receive(socket, "{}\n"), "HTTP/1.1 200 OK\r\n"));
  ASSERT_TRUE(send_all(socket, std::string(get_status) + "GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n" +
                                   "GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const auto rest = receive(socket);
  EXPECT_NE(rest.find("HTTP/1.1 404 Not Found"), std::string::npos);
  EXPECT_NE(rest.find("Connection: close"), std::string::npos);
  EXPECT_EQ(server.operations.calls().size(), 3U);
}

TEST(HttpServer, A405SaysWhatIsAllowed) {
  RunningServer server;
  EXPECT_NE(reply_to(server, "DELETE /v1/bans HTTP/1.1\r\nHost: x\r\n\r\n").find("Allow: GET, POST\r\n"),
            std::string::npos);
}

TEST(HttpServer, RefusesWhatIsNotHttpAndLivesOn) {
  RunningServer server;
  const std::vector<std::string> broken{
      "\r\n\r\nhello\r\n\r\n",
      "GET\r\n\r\n",
      "GET /v1/status HTTP/9.9\r\n\r\n",
      "GET /v1/status HTTP/1.1\r\nno colon\r\n\r\n",
      "GET /v1/status HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
      "GET /v1/status HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "POST /v1/check HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(64, '\x7f'),
      std::string(64, '\0') + "\r\n\r\n"};
  for (const auto& bytes : broken) {
    const auto answer = reply_to(server, bytes);
    EXPECT_TRUE(begins_with(answer, "HTTP/1.1 400 Bad Request\r\n")) << bytes << "\n-> " << answer;
    EXPECT_NE(answer.find("\"mend\""), std::string::npos);
  }
  EXPECT_TRUE(
      begins_with(reply_to(server, "GET /" + std::string(100'000, 'x') + " HTTP/1.1\r\n\r\n"), "HTTP/1.1 431 "));
  EXPECT_TRUE(server.operations.calls().empty());
  EXPECT_TRUE(begins_with(reply_to(server, get_status), "HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, ReadsChunkedBodiesAndInvitesExpectedOnes) {
  RunningServer server;
  EXPECT_TRUE(begins_with(
      reply_to(server, "POST /v1/reload HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"),
      "HTTP/1.1 200 OK\r\n"));
  const auto socket = connect_to(server.socket());
  ASSERT_TRUE(send_all(socket, "POST /v1/reload HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"));
  EXPECT_EQ(receive(socket, "\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  ASSERT_TRUE(send_all(socket, "{}"));
  EXPECT_TRUE(begins_with(receive(socket, "{}\n"), "HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, RefusesABodyOverTheLimitBeforeItIsRead) {
  RunningServer server({.body_bytes = 1000});
  const auto socket = connect_to(server.socket());
  ASSERT_TRUE(send_all(socket, "POST /v1/check HTTP/1.1\r\nContent-Length: 1001\r\n\r\n"));
  const auto answer = receive(socket);
  EXPECT_TRUE(begins_with(answer, "HTTP/1.1 413 ")) << answer;
  // Without a length it shows only as it comes.
  std::string chunked = "POST /v1/check HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 101; ++i) chunked += "a\r\n0123456789\r\n";
  EXPECT_TRUE(begins_with(reply_to(server, chunked), "HTTP/1.1 413 "));
}

TEST(HttpServer, TheClientHearsThatItsBodyIsTooLarge) {
  RunningServer server({.body_bytes = 1U << 20U});
  const json body{{"files", {{{"file", "a.yaml"}, {"text", std::string(std::size_t{8} << 20U, 'x')}}}}};
  const auto answer = request(server.socket(), "POST", "/v1/policy/plan", body);
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 413);
  EXPECT_EQ(answer->body.at("error").at("what"), "the body has more than 1048576 bytes");
}

TEST(HttpServer, TakesAndGivesLargeBodies) {
  RunningServer server;
  const std::string text(std::size_t{2} << 20U, 'y');
  server.operations.scripts["plan"] = [&]() -> Outcome { return json{{"text", server.operations.texts.at(0).text}}; };
  const auto answer =
      request(server.socket(), "POST", "/v1/policy/plan", json{{"files", {{{"file", "a.yaml"}, {"text", text}}}}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->status, 200);
  EXPECT_TRUE(answer->body.at("text") == text);
}

TEST(HttpServer, TellsASlowClientAndClosesASilentOne) {
  RunningServer server({.request_time = 200ms});
  const auto silent = connect_to(server.socket());
  EXPECT_EQ(receive(silent), "");
  for (const auto* part : {"GET /v1/sta", "POST /v1/reload HTTP/1.1\r\nContent-Length: 2\r\n\r\n{"}) {
    const auto slow = connect_to(server.socket());
    ASSERT_TRUE(send_all(slow, part));
    EXPECT_TRUE(begins_with(receive(slow), "HTTP/1.1 408 ")) << part;
  }
  EXPECT_TRUE(begins_with(reply_to(server, get_status), "HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, AClientThatTakesNoAnswerIsLetGo) {
  RunningServer server({.connections = 1, .request_time = 200ms});
  server.operations.outcomes["status"] = json{{"text", std::string(std::size_t{4} << 20U, 'z')}};
  const auto deaf = connect_to(server.socket());
  ASSERT_TRUE(send_all(deaf, get_status));
  // Its place is free again when the server gave it up.
  std::string answer;
  const auto end = std::chrono::steady_clock::now() + 5s;
  while (std::chrono::steady_clock::now() < end && !begins_with(answer, "HTTP/1.1 404")) {
    std::this_thread::sleep_for(50ms);
    answer = reply_to(server, "GET /nothing HTTP/1.1\r\n\r\n");
  }
  EXPECT_TRUE(begins_with(answer, "HTTP/1.1 404")) << answer;
}

TEST(HttpServer, ClientsThatLeaveAtAnyByteDoNoHarm) {
  RunningServer server;
  const std::string whole =
      "POST /v1/check HTTP/1.1\r\nContent-Length: 40\r\nConnection: keep-alive\r\n\r\n{\"source\": \"192.0.2.7\", "
      "\"destination\": 1}";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const auto socket = connect_to(server.socket());
    ASSERT_TRUE(socket);
    send_all(socket, std::string_view(whole).substr(0, length));
  }
  EXPECT_TRUE(begins_with(reply_to(server, get_status), "HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, ServesManyClientsAtOnce) {
  RunningServer server;
  std::atomic<int> good = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 32; ++i) {
    clients.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        const auto answer = request(server.socket(), "GET", "/v1/status");
        if (answer && answer->status == 200) ++good;
      }
    });
  }
  for (auto& client : clients) client.join();
  EXPECT_EQ(good, 32 * 20);
  EXPECT_EQ(server.operations.calls().size(), 32U * 20U);
}

TEST(HttpServer, TurnsAwayConnectionsOverTheLimitAndTakesThemAgain) {
  RunningServer server({.connections = 3});
  std::vector<Fd> idle;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(connect_to(server.socket()));
    ASSERT_TRUE(send_all(idle.back(), get_status));
    receive(idle.back(), "{}\n");
  }
  const auto turned_away = request(server.socket(), "GET", "/v1/status");
  ASSERT_TRUE(turned_away) << turned_away.error().text();
  EXPECT_EQ(turned_away->status, 503);
  idle.clear();
  int status = 503;
  for (int i = 0; i < 100 && status == 503; ++i) {
    std::this_thread::sleep_for(10ms);
    const auto answer = request(server.socket(), "GET", "/v1/status");
    ASSERT_TRUE(answer) << answer.error().text();
    status = answer->status;
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpServer, AnswersInUtf8WhateverTheTextsAre) {
  RunningServer server;
  server.operations.outcomes["audit"] = json{{"rows", {{{"detail", "bad \xff byte"}}}}};
  const auto answer = request(server.socket(), "GET", "/v1/audit");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->body.at("rows").at(0).at("detail"), "bad \xef\xbf\xbd byte");
}

TEST(HttpServer, StopsWithClientsConnectedAndRemovesItsSocket) {
  RunningServer server;
  const auto idle = connect_to(server.socket());
  const auto halfway = connect_to(server.socket());
  ASSERT_TRUE(send_all(halfway, "GET /v1/st"));
  ASSERT_TRUE(begins_with(reply_to(server, get_status), "HTTP/1.1 200 OK\r\n"));
  server.stop();
  EXPECT_EQ(receive(idle), "");
  EXPECT_EQ(receive(halfway), "");
  EXPECT_FALSE(std::filesystem::exists(server.socket()));
}

TEST(HttpServer, ItsClientsSocketsDoNotSurviveAnExecution) {
  RunningServer server;
  const auto socket = connect_to(server.socket());
  ASSERT_TRUE(send_all(socket, get_status));
  receive(socket, "{}\n");
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename().string());
    std::error_code error;
    const auto target = std::filesystem::read_symlink(entry.path(), error).string();
    if (!target.starts_with("socket:")) continue;
    EXPECT_NE(::fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0) << descriptor;
  }
}

TEST(HttpClient, TellsWhyThereIsNoAnswer) {
  const test::TemporaryDirectory directory;
  const auto nobody = ask(directory.path() / "none.sock", "GET", "/v1/status");
  ASSERT_FALSE(nobody);
  EXPECT_FALSE(nobody.error().reached);
  EXPECT_NE(nobody.error().error.what.find("no daemon answers"), std::string::npos);
  EXPECT_FALSE(request("", "GET", "/v1/status"));
  EXPECT_FALSE(request(std::string(200, 'x'), "GET", "/v1/status"));
  EXPECT_FALSE(request(directory.path(), "GET", "/v1/status"));
}

TEST(HttpClient, DoesNotWaitForEver) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "deaf.sock";
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&storage), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 0), 0);
  const auto first = ask(path, "GET", "/v1/status", nullptr, 1s);
  ASSERT_FALSE(first);
  EXPECT_TRUE(first.error().reached);
  EXPECT_NE(first.error().error.what.find("did not answer in 1 s"), std::string::npos);
  // The first stands in the backlog still: now connecting itself waits.
  const auto second = ask(path, "GET", "/v1/status", nullptr, 1s);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().error.what.find("did not answer in 1 s"), std::string::npos);
}

TEST(HttpClient, RefusesAnAnswerThatIsNoJson) {
  const test::TemporaryDirectory directory;
  const auto path = directory.path() / "other.sock";
  const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  sockaddr_storage storage{};
  std::memcpy(&storage, &address, sizeof address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&storage), sizeof address), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  for (const auto* reply : {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "SSH-2.0-x\r\n", ""}) {
    std::thread other([&] {
      const Fd client(::accept(listener.get(), nullptr, nullptr));
      receive(client, "\r\n\r\n");
      send_all(client, reply);
    });
    EXPECT_FALSE(request(path, "GET", "/v1/status")) << reply;
    other.join();
  }
}

}  // namespace
}  // namespace gatehouse::admin
