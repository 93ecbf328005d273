// The API over TLS, asked by curl and by sockets of the test's own: who gets in, who may do what, and what strangers
// can do to it.
#include "admin/tls_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fstream>
#include <future>
#include <thread>

#include "support/certificate.h"
#include "support/patience.h"
#include "support/process.h"
#include "support/sockets.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;
using test::eventually;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

// A client that does no more than it is told to: it never closes by itself.
class TlsClient {
 public:
  explicit TlsClient(const Endpoint& endpoint) {
    stream_.next_layer().connect({boost::asio::ip::make_address(endpoint.address.text()), endpoint.port});
    stream_.handshake(boost::asio::ssl::stream_base::client);
  }
  void send(const std::string& text) { boost::asio::write(stream_, boost::asio::buffer(text)); }
  std::string receive() {
    std::string text(4096, '\0');
    boost::system::error_code error;
    text.resize(stream_.read_some(boost::asio::buffer(text), error));
    return text;
  }

 private:
  boost::asio::io_context context_;
  boost::asio::ssl::context tls_{boost::asio::ssl::context::tls_client};
  boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_{context_, tls_};
};

class TlsApi : public testing::Test {
 protected:
  TlsApi() {
    certificate_ = test::make_certificate(directory_.path(), "first", "127.0.0.1 127.0.0.2");
    thread_ = std::thread([this] { control_.run(); });
  }
  ~TlsApi() override {
    on_control([this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  template <typename Work>
  void on_control(Work&& work) {
    std::promise<void> done;
    boost::asio::post(control_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  void start(HttpLimits limits = {}, std::size_t of_a_source = 16) {
    tokens_ = {{"seer", Role::viewer, hash_of(viewer_), std::nullopt},
               {"guard", Role::operating, hash_of(operator_), std::nullopt},
               {"boss", Role::admin, hash_of(admin_), std::nullopt},
               {"gone", Role::admin, hash_of(expired_), now() - 1s}};
    on_control([&] {
      auto read = read_certificate(certificate_.certificate, certificate_.key);
      if (!read) throw std::runtime_error(read.error().text());
      auto server = TlsServer::start(control_,
                                     {.listen = {Endpoint{Address::parse("127.0.0.1").value(), 0}},
                                      .certificate = *read,
                                      .tokens = std::make_shared<const TokenTable>(tokens_),
                                      .events = events_,
                                      .failed_login = [this](const FailedLogin& login) { failed_.push_back(login); },
                                      .limits = limits,
                                      .connections_of_a_source = of_a_source},
                                     operations_);
      if (!server) throw std::runtime_error(server.error().text());
      server_ = std::move(*server);
    });
    endpoint_ = server_->endpoints().front();
  }

  struct Reply {
    int status = 0;
    std::string body;
    std::string headers;
  };
  [[nodiscard]] std::vector<std::string> curl(const std::string& token, const std::string& path,
                                              const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments{
        "curl",       "--silent", "--show-error", "--cacert", certificate_.certificate.string(),
        "--max-time", "20",       "--interface",  source_};
    if (!token.empty()) arguments.insert(arguments.end(), {"--header", "Authorization: Bearer " + token});
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back("https://" + endpoint_.text() + path);
    return arguments;
  }
  Reply ask(const std::string& token, const std::string& path, std::vector<std::string> more = {}) const {
    const auto headers = directory_.path() / "headers";
    more.insert(more.end(), {"--dump-header", headers.string()});
    const auto result = test::run_command(curl(token, path, more));
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    Reply reply{0, result.output, {}};
    std::ifstream stream(headers);
    reply.headers.assign(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
    const auto last = reply.headers.rfind("HTTP/1.1 ");
    if (last != std::string::npos) reply.status = std::stoi(reply.headers.substr(last + 9, 3));
    return reply;
  }
  std::vector<FailedLogin> failed() {
    std::vector<FailedLogin> list;
    on_control([&] { list = failed_; });
    return list;
  }
  [[nodiscard]] Fd connect() const {
    Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage storage{};
    const auto length = endpoint_.to_sockaddr(storage);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) socket.reset();
    return socket;
  }
  // Within the time: closed by the other side, whatever came before.
  static bool is_closed(const Fd& socket, std::chrono::milliseconds limit) {
    const auto end = test::read_to_end(socket, test::patiently(limit));
    return end.ending == test::Ending::closed || end.ending == test::Ending::reset;
  }

  test::TemporaryDirectory directory_;
  test::CertificateFiles certificate_;
  test::FakeOperations operations_;
  std::shared_ptr<EventHub> events_ = std::make_shared<EventHub>(7);
  const std::string viewer_ = make_token();
  const std::string operator_ = make_token();
  const std::string admin_ = make_token();
  const std::string expired_ = make_token();
  std::vector<Token> tokens_;
  std::vector<FailedLogin> failed_;
  std::string source_ = "127.0.0.1";
  Endpoint endpoint_;
  boost::asio::io_context control_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{control_.get_executor()};
  std::unique_ptr<TlsServer> server_;
  std::thread thread_;
};

TEST_F(TlsApi, ATokenAsksAndIsTheAuthorWithItsRole) {
  start();
  on_control([&] { operations_.outcomes["sessions"] = json{{"sessions", json::array()}}; });
  EXPECT_EQ(ask(viewer_, "/v1/sessions").status, 200);
  const auto killed = ask(operator_, "/v1/sessions/kill", {"--data", R"({"ids": [1]})"});
  EXPECT_EQ(killed.status, 200) << killed.body;
  Peer author;
  on_control([&] { author = operations_.peer; });
  EXPECT_EQ(author.text(), "token guard (127.0.0.1)");
  EXPECT_EQ(author.role, Role::operating);
  const auto refused = ask(operator_, "/v1/reload", {"--request", "POST"});
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("needs the role admin"));
  EXPECT_EQ(ask(admin_, "/v1/reload", {"--request", "POST"}).status, 200);
  EXPECT_THAT(operations_.calls(), ElementsAre("sessions", "kill", "reload"));
  EXPECT_TRUE(failed().empty());
}

TEST_F(TlsApi, WhoHasNoValidTokenReachesNothingAndIsTold) {
  start();
  const auto silent = ask({}, "/v1/status");
  EXPECT_EQ(silent.status, 401);
  EXPECT_THAT(silent.headers, HasSubstr("WWW-Authenticate: Bearer realm=\"gatehouse\"\r\n"));
  EXPECT_TRUE(failed().empty()) << "who shows no token has tried none";
  const auto wrong = ask(viewer_.substr(0, viewer_.size() - 1), "/v1/status");
  const auto late = ask(expired_, "/v1/status");
  EXPECT_EQ(wrong.status, 401);
  EXPECT_EQ(late.status, 401);
  EXPECT_EQ(wrong.body, late.body) << "who knocks learns nothing";
  EXPECT_EQ(ask({}, "/v1/status", {"--user", "boss:" + admin_}).status, 401);
  EXPECT_EQ(ask({}, "/healthz").status, 401);
  EXPECT_TRUE(operations_.calls().empty());
  const auto list = failed();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].detail, "unknown token");
  EXPECT_EQ(list[0].source.text(), "127.0.0.1");
  EXPECT_EQ(list[1].detail, "the token gone has run out");
  EXPECT_EQ(list[2].detail, "no bearer token");
}

TEST_F(TlsApi, ASourceOfWrongTokensHasToWaitAndOthersDoNot) {
  start();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("gatehouse_wrong", "/v1/status").status, 401) << i;
  const auto limited = ask(admin_, "/v1/status");
  EXPECT_EQ(limited.status, 429);
  EXPECT_THAT(limited.headers, HasSubstr("Retry-After: "));
  EXPECT_EQ(failed().size(), 5U);
  source_ = "127.0.0.2";
  EXPECT_EQ(ask(admin_, "/v1/status").status, 200);
}

TEST_F(TlsApi, ARemovedTokenIsWorthNothingAtOnceAlsoForAnOpenStream) {
  start();
  EXPECT_EQ(ask(viewer_, "/v1/status").status, 200);
  test::Process stream(curl(viewer_, "/v1/events", {"--no-buffer"}));
  ASSERT_TRUE(eventually([&] { return events_->is_wanted(); }));
  tokens_.erase(tokens_.begin());
  on_control([&] { server_->set_tokens(std::make_shared<const TokenTable>(tokens_)); });
  EXPECT_TRUE(stream.wait(5s)) << "the stream of a token that is gone goes on";
  EXPECT_EQ(ask(viewer_, "/v1/status").status, 401);
  EXPECT_EQ(ask(admin_, "/v1/status").status, 200);
}

TEST_F(TlsApi, ATokenRemovedBetweenHeaderAndBodyIsWorthNothing) {
  start();
  TlsClient client(endpoint_);
  client.send("POST /v1/reload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer " + admin_ +
              "\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  ASSERT_THAT(client.receive(), StartsWith("HTTP/1.1 100 "));
  tokens_.erase(std::ranges::find(tokens_, "boss", &Token::name));
  on_control([&] { server_->set_tokens(std::make_shared<const TokenTable>(tokens_)); });
  client.send("{}");
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 401 "));
  EXPECT_TRUE(operations_.calls().empty());
}

TEST_F(TlsApi, WhatStandsBesideTheSizeOfAChunkIsBounded) {
  start();
  TlsClient client(endpoint_);
  client.send("POST /v1/reload HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer " + admin_ +
              "\r\nTransfer-Encoding: chunked\r\n\r\n1;");
  client.send(std::string(256UL << 10U, 'x'));
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(TlsApi, AStreamEndsWithItsToken) {
  start();
  tokens_.front().expires = now() + 1s;
  on_control([&] { server_->set_tokens(std::make_shared<const TokenTable>(tokens_)); });
  test::Process stream(curl(viewer_, "/v1/events", {"--no-buffer"}));
  EXPECT_TRUE(eventually([&] { return stream.output().starts_with(":\n\n"); })) << stream.errors();
  EXPECT_TRUE(stream.wait(10s)) << "the stream of a token that has run out goes on";
}

TEST_F(TlsApi, WhoDoesNotCloseAfterARefusalKeepsNoPlace) {
  start({.linger_time = 100ms}, 1);
  TlsClient client(endpoint_);
  client.send("GET / HTTP/1.1\r\nHost: g\r\n\r\n");
  ASSERT_THAT(client.receive(), StartsWith("HTTP/1.1 401 "));
  EXPECT_TRUE(eventually([&] { return test::run_command(curl(admin_, "/v1/status")).exit_code == 0; }));
}

TEST_F(TlsApi, GoesDownWhileEventsAreTold) {
  start();
  std::atomic<bool> enough = false;
  std::thread teller([&] {
    while (!enough) events_->publish(EventKind::alarm_cleared, json{{"name", "store"}});
  });
  for (int round = 0; round < 5; ++round) {
    TlsClient client(endpoint_);
    client.send("GET /v1/events HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer " + viewer_ + "\r\n\r\n");
    EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 200 "));
    on_control([this] { server_.reset(); });
    EXPECT_TRUE(operations_.calls().empty());
    start();
  }
  enough = true;
  teller.join();
}

TEST_F(TlsApi, ANewCertificateIsShownToWhoComesNext) {
  start();
  const auto second = test::make_certificate(directory_.path(), "second", "127.0.0.1");
  on_control([&] { server_->set_certificate(read_certificate(second.certificate, second.key).value()); });
  EXPECT_NE(test::run_command(curl(admin_, "/v1/status")).exit_code, 0) << "the first one is still shown";
  certificate_ = second;
  EXPECT_EQ(ask(admin_, "/v1/status").status, 200);
}

TEST_F(TlsApi, OldProtocolsAreRefusedAndTheTwoOfTodayAreSpoken) {
  start();
  for (const auto* version : {"1.2", "1.3"}) {
    EXPECT_EQ(ask(admin_, "/v1/status", {"--tlsv" + std::string(version), "--tls-max", version}).status, 200)
        << version;
  }
  const auto old = test::run_command(
      curl(admin_, "/v1/status", {"--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"}));
  EXPECT_EQ(old.exit_code, 35) << old.errors;
  const auto bare =
      test::run_command({"curl", "--silent", "--max-time", "5", "http://" + endpoint_.text() + "/v1/status"});
  EXPECT_NE(bare.exit_code, 0) << bare.output;
  EXPECT_EQ(ask(admin_, "/v1/status").status, 200);
}

TEST_F(TlsApi, EventsArriveAndGoOnAfterTheLastThatWasSeen) {
  start();
  test::Process stream(curl(viewer_, "/v1/events?kinds=ban_added", {"--no-buffer"}));
  ASSERT_TRUE(eventually([&] { return events_->is_wanted(); }));
  events_->publish(EventKind::alarm_cleared, json{{"name", "store"}});
  events_->publish(EventKind::ban_added, json{{"network", "192.0.2.9"}});
  ASSERT_TRUE(stream.wait_for_output("192.0.2.9", 5s)) << stream.errors();
  EXPECT_THAT(stream.output(), HasSubstr("event: ban_added\ndata: {\"network\":\"192.0.2.9\"}\n\n"));
  EXPECT_EQ(stream.output().find("alarm_cleared"), std::string::npos);
  const auto at = stream.output().find("id: ");
  const auto id = stream.output().substr(at + 4, stream.output().find('\n', at) - at - 4);
  stream.kill();
  events_->publish(EventKind::ban_added, json{{"network", "192.0.2.10"}});
  test::Process again(curl(viewer_, "/v1/events", {"--no-buffer", "--header", "Last-Event-ID: " + id}));
  ASSERT_TRUE(again.wait_for_output("192.0.2.10", 5s)) << again.errors();
  EXPECT_EQ(again.output().find("192.0.2.9\""), std::string::npos);
}

TEST_F(TlsApi, AStreamInWhichNothingHappensShowsThatItLives) {
  start({.heartbeat = 50ms});
  test::Process stream(curl(viewer_, "/v1/events", {"--no-buffer"}));
  EXPECT_TRUE(eventually([&] { return stream.output().starts_with(":\n\n:\n\n:\n\n"); })) << stream.output();
}

TEST_F(TlsApi, WhoSaysNothingIsClosedAndKeepsNobodyOut) {
  start({.connections = 4, .request_time = 300ms, .handshake_time = 300ms}, 3);
  std::vector<Fd> silent;
  for (int i = 0; i < 3; ++i) silent.push_back(connect());
  // One more of that source is closed at once; another source still finds room.
  const auto fourth = connect();
  ASSERT_TRUE(fourth.valid());
  EXPECT_TRUE(is_closed(fourth, 5s));
  source_ = "127.0.0.2";
  EXPECT_EQ(ask(admin_, "/v1/status").status, 200);
  for (const auto& socket : silent) EXPECT_TRUE(is_closed(socket, 10s));
  source_ = "127.0.0.1";
  EXPECT_TRUE(eventually([&] { return test::run_command(curl(admin_, "/v1/status")).exit_code == 0; }));
}

TEST_F(TlsApi, AStrangersBodyIsNotTaken) {
  start();
  const auto file = directory_.path() / "large";
  std::ofstream(file) << std::string(8U << 20U, 'x');
  const auto reply = ask("gatehouse_wrong", "/v1/bans", {"--data-binary", "@" + file.string()});
  EXPECT_EQ(reply.status, 401);
  EXPECT_THAT(reply.body, HasSubstr("not valid"));
}

TEST_F(TlsApi, WhatIsNoTlsOrNoHttpDoesItNoHarm) {
  start();
  for (const std::string text : {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff", "\x16\x03\x01\x02\x00\x01"}) {
    const auto socket = connect();
    ASSERT_TRUE(socket.valid());
    ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    ::shutdown(socket.get(), SHUT_WR);
    EXPECT_TRUE(is_closed(socket, 5s));
  }
  const auto bad = test::run_command({"sh", "-c",
                                      "printf 'NONSENSE\\r\\n\\r\\n' | timeout 5 openssl s_client -quiet -connect " +
                                          endpoint_.text() + " 2>/dev/null"});
  EXPECT_THAT(bad.output, HasSubstr("400 Bad Request"));
  EXPECT_EQ(ask(admin_, "/v1/status").status, 200);
}

TEST_F(TlsApi, GoesDownWhileItIsAsked) {
  start();
  std::promise<void> entered;
  std::promise<void> go_on;
  on_control([&] {
    operations_.scripts["status"] = [&]() -> Outcome {
      entered.set_value();
      go_on.get_future().wait();
      return json::object();
    };
  });
  test::Process asker(curl(admin_, "/v1/status"));
  entered.get_future().wait();
  boost::asio::post(control_, [this] { server_.reset(); });
  go_on.set_value();
  EXPECT_TRUE(asker.wait(5s));
}

class Certificates : public testing::Test {
 protected:
  std::string fault(const std::filesystem::path& certificate, const std::filesystem::path& key) {
    const auto read = read_certificate(certificate, key);
    return read ? "none" : read.error().text();
  }
  test::TemporaryDirectory directory_;
  test::CertificateFiles files_ = test::make_certificate(directory_.path(), "one", "127.0.0.1", 3);
};

TEST_F(Certificates, SayWhenTheyEnd) {
  const auto read = read_certificate(files_.certificate, files_.key);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_GT(read->expires, now() + std::chrono::hours(71));
  EXPECT_LT(read->expires, now() + std::chrono::hours(73));
  EXPECT_EQ(read->identity, read_certificate(files_.certificate, files_.key)->identity);
  const auto other = test::make_certificate(directory_.path(), "two", "127.0.0.1");
  EXPECT_NE(read->identity, read_certificate(other.certificate, other.key)->identity);
}

TEST_F(Certificates, ThatCannotBeUsedAreNamedWithTheirFault) {
  const auto other = test::make_certificate(directory_.path(), "two", "127.0.0.1");
  const auto text = directory_.path() / "text";
  std::ofstream(text) << "no PEM\n";
  EXPECT_THAT(fault(directory_.path() / "absent", files_.key), HasSubstr("absent"));
  EXPECT_THAT(fault(text, files_.key), HasSubstr("no usable certificate"));
  EXPECT_THAT(fault(files_.certificate, text), HasSubstr("everybody may read the key"));
  std::filesystem::permissions(text, std::filesystem::perms::owner_read);
  EXPECT_THAT(fault(files_.certificate, text), HasSubstr("no usable key"));
  EXPECT_THAT(fault(files_.certificate, other.key), HasSubstr("no usable key"));
  const auto locked = directory_.path() / "locked.key";
  ASSERT_EQ(test::run_command(
                {"openssl", "ec", "-in", files_.key.string(), "-aes128", "-passout", "pass:x", "-out", locked.string()})
                .exit_code,
            0);
  std::filesystem::permissions(locked, std::filesystem::perms::owner_read);
  EXPECT_THAT(fault(files_.certificate, locked), HasSubstr("no usable key"));
}

}  // namespace
}  // namespace gatehouse::admin
