// The API over TLS of the real daemon, asked by curl from the clients' network: tokens, roles, audit, events, its
// certificate, and answers that are what the OpenAPI document says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "netns/gate_policy.h"
#include "support/certificate.h"
#include "support/families.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/tcp_server.h"

namespace gatehouse::test {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class RemoteApi : public ::testing::TestWithParam<Family> {
 protected:
  static std::string at(const Address& address) { return Endpoint{address, 8443}.text(); }

  RemoteApi() {
    certificate_ = make_certificate(
        directory_.path(), "api",
        addresses(Family::v4).gateway_to_clients.text() + " " + addresses(Family::v6).gateway_to_clients.text());
    gateway_.set("api", "{listen: ['" + at(addresses(Family::v4).gateway_to_clients) + "', '" +
                            at(addresses(Family::v6).gateway_to_clients) + "'], certificate: " +
                            certificate_.certificate.string() + ", key: " + certificate_.key.string() + "}");
    gateway_.start();
    gateway_.apply(PolicyText{.family = GetParam()}.text());
  }

  std::string token(const std::string& name, const std::string& role, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"token", "add", name, "--role", role});
    const auto made = gateway_.cli(more);
    EXPECT_EQ(made.exit_code, 0) << made.errors;
    return made.output.substr(0, made.output.find('\n'));
  }

  struct Reply {
    std::string status;
    std::string body;
  };
  [[nodiscard]] std::vector<std::string> curl(const std::string& token, const std::string& path,
                                              const std::vector<std::string>& more) const {
    std::vector<std::string> arguments{"curl",
                                       "--silent",
                                       "--show-error",
                                       "--max-time",
                                       "20",
                                       "--cacert",
                                       certificate_.certificate.string(),
                                       "--interface",
                                       where_.client.text()};
    if (!token.empty()) arguments.insert(arguments.end(), {"--header", "Authorization: Bearer " + token});
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back("https://" + at(where_.gateway_to_clients) + path);
    return arguments;
  }
  Reply ask(const std::string& token, const std::string& path, std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--write-out", "\n%{http_code}"});
    const auto result = run_command(curl(token, path, more), {.where = &network_.client});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    const auto line = result.output.rfind('\n');
    return {result.output.substr(line + 1), result.output.substr(0, line)};
  }
  [[nodiscard]] Connected connect() const {
    return connect_tcp(network_.client, {proxy_, 7000}, 3s, Endpoint{where_.client, 0});
  }
  json audit(const std::string& action) { return gateway_.json({"audit", "--action", action}).at("rows"); }

  const Addresses& where_ = addresses(GetParam());
  const Address proxy_ = proxy_ip(GetParam(), 10);
  Network network_;
  TemporaryDirectory directory_;
  CertificateFiles certificate_;
  Gateway gateway_{network_};
  TcpServer backend_{network_.backend, {where_.backend, 7000}};
};
INSTANTIATE_TEST_SUITE_P(BothFamilies, RemoteApi, each_family, family_name);

TEST_P(RemoteApi, AnOperatorElsewhereBansByATokenAndIsTheAuthor) {
  const auto guard = token("guard", "operator");
  const auto live = connect();
  ASSERT_TRUE(live);
  ASSERT_EQ(send_all(live.fd, "x"), 0);
  ASSERT_EQ(read_exact(live.fd, 1).data, "x");
  const auto reply = ask(guard, "/v1/bans", {"--data", R"({"bans": [{"user": "bob", "reason": "test"}]})"});
  EXPECT_EQ(reply.status, "200") << reply.body;
  EXPECT_EQ(json::parse(reply.body).at("sessions_ended"), 1);
  EXPECT_EQ(read_to_end(live.fd, patiently(3s)).ending, Ending::reset);
  const auto rows = audit("ban_added");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("author"), "token guard (" + where_.client.text() + ")");
  EXPECT_EQ(ask(guard, "/v1/reload", {"--request", "POST"}).status, "403");
}

TEST_P(RemoteApi, EveryWrongTokenIsInTheAuditAndNoTokenAnywhere) {
  const auto seer = token("seer", "viewer", {"--for", "1h"});
  ASSERT_EQ(seer.size(), 53U) << seer;
  EXPECT_EQ(ask(seer, "/v1/status").status, "200");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(seer + "x", "/v1/status").status, "401");
  EXPECT_EQ(ask(seer, "/v1/status").status, "429");
  ASSERT_TRUE(eventually([&] { return audit("login_failed").size() == 5; })) << audit("login_failed");
  EXPECT_EQ(audit("login_failed")[0].at("source"), where_.client.text());
  EXPECT_EQ(audit("token_added").at(0).at("author"), "uid 0 (root)");
  EXPECT_THAT(audit("token_added").at(0).at("detail"), HasSubstr("seer, role viewer, until "));

  EXPECT_EQ(gateway_.cli({"token", "remove", "seer"}).exit_code, 0);
  EXPECT_EQ(audit("token_removed").at(0).at("detail"), "seer");
  EXPECT_EQ(gateway_.cli({"token", "remove", "seer"}).exit_code, 1);
  EXPECT_THAT(gateway_.cli({"token", "list"}).output, HasSubstr("No tokens"));
  EXPECT_EQ(gateway_.stop().code, 0);
  EXPECT_EQ(gateway_.log().find(seer), std::string::npos);
  for (const auto& entry : std::filesystem::directory_iterator(gateway_.state_dir())) {
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    EXPECT_EQ(bytes.find(seer), std::string::npos) << entry.path() << " has the token";
  }
}

TEST_P(RemoteApi, TokensOutliveTheDaemonAndEndWhenTheyShould) {
  const auto seer = token("seer", "viewer");
  const auto brief = token("brief", "viewer", {"--for", "2s"});
  EXPECT_EQ(ask(brief, "/v1/status").status, "200");
  gateway_.kill_hard();
  gateway_.start();
  EXPECT_EQ(ask(seer, "/v1/status").status, "200");
  EXPECT_TRUE(eventually([&] { return ask(brief, "/v1/status").status != "200"; }));
  EXPECT_THAT(gateway_.cli({"token", "add", "seer", "--role", "admin"}).errors, HasSubstr("already"));
}

TEST_P(RemoteApi, EventsTellOfSessionsDenialsAndBansAsTheyHappen) {
  const auto seer = token("seer", "viewer");
  Process stream(curl(seer, "/v1/events", {"--no-buffer", "--max-time", "120"}), {.where = &network_.client});
  ASSERT_TRUE(stream.wait_for_output("^:", patiently(5s))) << stream.errors();
  {
    const auto session = connect();
    ASSERT_TRUE(session);
    ASSERT_EQ(send_all(session.fd, "x"), 0);
    ASSERT_EQ(read_exact(session.fd, 1).data, "x");
    ASSERT_TRUE(stream.wait_for_output("event: session_opened", patiently(5s)));
    EXPECT_TRUE(stream.wait_for_output("\"user\":\"bob\"", patiently(5s)));
  }
  ASSERT_TRUE(stream.wait_for_output("event: session_ended", patiently(5s)));
  EXPECT_TRUE(stream.wait_for_output("\"end_reason\":\"normal\"", patiently(5s))) << stream.output();
  const auto unknown = connect_tcp(network_.client, {proxy_, 7000}, 3s, Endpoint{where_.second_client, 0});
  ASSERT_TRUE(stream.wait_for_output("event: session_denied", patiently(5s)));
  EXPECT_TRUE(stream.wait_for_output("\"source\":\"" + where_.second_client.text() + "\"", patiently(5s)));
  ASSERT_EQ(gateway_.cli({"ban", "add", "user:eve", "--reason", "x", "--for", "1s"}).exit_code, 0);
  EXPECT_TRUE(stream.wait_for_output("event: ban_added", patiently(5s)));
  EXPECT_TRUE(stream.wait_for_output("event: ban_expired", patiently(5s)));
  ASSERT_EQ(gateway_.cli({"ban", "add", "user:eve", "--reason", "x"}).exit_code, 0);
  ASSERT_EQ(gateway_.cli({"ban", "remove", "user:eve"}).exit_code, 0);
  EXPECT_TRUE(stream.wait_for_output("event: ban_removed", patiently(5s)));
  ASSERT_EQ(gateway_.cli({"user", "deactivate", "bob"}).exit_code, 0);
  EXPECT_TRUE(stream.wait_for_output("event: policy_applied", patiently(5s))) << stream.output();
}

TEST_P(RemoteApi, ANewCertificateIsTakenAndABadOneIsAnAlarmThatKeepsNobodyOut) {
  gateway_.set("reconcile_every", "100ms");
  ASSERT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  const auto seer = token("seer", "viewer");
  const auto fresh = make_certificate(
      directory_.path(), "fresh",
      addresses(Family::v4).gateway_to_clients.text() + " " + addresses(Family::v6).gateway_to_clients.text());
  std::filesystem::copy_file(fresh.key, certificate_.key, std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(eventually([&] {
    return gateway_.json({"status"}).at("alarms").dump().find("api_certificate") != std::string::npos;
  })) << "a key that does not fit is no alarm";
  EXPECT_EQ(ask(seer, "/v1/status").status, "200") << "the former one does not go on";
  EXPECT_TRUE(connect());
  std::filesystem::copy_file(fresh.certificate, certificate_.certificate,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(gateway_.wait_for_log("certificate was read anew", patiently(5s)));
  EXPECT_EQ(ask(seer, "/v1/status").status, "200");
  EXPECT_EQ(gateway_.json({"status"}).at("alarms").dump().find("api_certificate"), std::string::npos);

  gateway_.set("api", "{listen: ['" + at(where_.black_hole) + "'], certificate: " + certificate_.certificate.string() +
                          ", key: " + certificate_.key.string() + "}");
  EXPECT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  EXPECT_THAT(gateway_.json({"status"}).at("alarms").dump(), HasSubstr("cannot listen on"));
  EXPECT_TRUE(connect());
}

TEST_P(RemoteApi, AnswersAreWhatTheOpenapiDocumentSays) {
  const auto boss = token("boss", "admin");
  const auto document = ask(boss, "/v1/openapi.json");
  ASSERT_EQ(document.status, "200");
  const auto file = directory_.write("openapi.json", document.body).string();
  const auto live = connect();
  ASSERT_TRUE(live);
  ASSERT_EQ(send_all(live.fd, "x"), 0);
  ASSERT_EQ(read_exact(live.fd, 1).data, "x");
  const auto denied = connect_tcp(network_.client, {proxy_, 7000}, 3s, Endpoint{where_.second_client, 0});
  ask("wrong", "/v1/status");

  const auto policy = R"({"files": [{"file": "a", "text": "users: {eve: {}}"}]})";
  const auto check =
      R"({"source": ")" + where_.client.text() + R"(", "destination": ")" + proxy_.text() + R"(", "port": 7000})";
  const auto check_denied = R"({"source": ")" + where_.second_client.text() + R"(", "destination": ")" + proxy_.text() +
                            R"(", "port": 7000})";
  struct Case {
    std::string path;
    std::string body;
    std::string status = "200";
  };
  const std::vector<Case> cases{
      {"/healthz", ""},
      {"/readyz", ""},
      {"/v1/openapi.json", ""},
      {"/v1/status", ""},
      {"/v1/policy", ""},
      {"/v1/policy?version=0", ""},
      {"/v1/policy/versions", ""},
      {"/v1/policy/plan", policy},
      {"/v1/check", check},
      {"/v1/check", check_denied},
      {"/v1/sessions", ""},
      {"/v1/visits", ""},
      {"/v1/bans",
       R"({"bans": [{"network": "198.51.100.77", "reason": "a", "duration": "1h"}, {"device": "1", "reason": "b"}]})"},
      {"/v1/bans", ""},
      {"/v1/bans/remove", R"({"bans": ["198.51.100.77", "user:nobody"], "ids": [999]})"},
      {"/v1/bans/history", ""},
      {"/v1/devices/approve", R"({"ids": ["123456789"]})"},
      {"/v1/devices", ""},
      {"/v1/devices/123456789", ""},
      {"/v1/devices/import-bans", R"({"path": "/nowhere/db_v2.sqlite3"})", "400"},
      {"/v1/audit", ""},
      {"/v1/audit/verify", ""},
      {"/v1/authority", "", "404"},
      {"/v1/authority/rotate", "{}", "404"},
      {"/v1/accounts", ""},
      {"/v1/accounts", R"({"name": "bob", "password": "x"})", "409"},
      {"/v1/accounts/remove", R"({"name": "bob"})", "404"},
      {"/v1/credentials", ""},
      {"/v1/credentials", R"({"server": "one", "login": "svc", "password": "x"})", "409"},
      {"/v1/credentials/remove", R"({"server": "one"})", "404"},
      {"/v1/servers/trust", R"({"server": "one"})", "404"},
      {"/v1/recordings", "", "404"},
      {"/v1/recordings/search?text=x", "", "404"},
      {"/v1/recordings/key", "", "404"},
      {"/v1/recordings/prune", "{}", "404"},
      {"/v1/recordings/prune?pass=1", "", "404"},
      {"/v1/tokens", R"({"name": "other", "role": "viewer", "duration": "1h"})"},
      {"/v1/tokens", ""},
      {"/v1/tokens/remove", R"({"names": ["other", "none"]})"},
      {"/v1/login", "{}"},
      {"/v1/logout", "{}", "400"},
      {"/v1/reload", "{}"},
      {"/v1/sessions/kill", R"({"user": "bob"})"},
      {"/v1/policy/apply", policy},
      {"/v1/policy/apply", R"({"files": [{"file": "a", "text": "users: {eve: {sauces: 1}}"}]})", "400"},
      {"/v1/policy?version=99", "", "404"},
      {"/v1/sessions?limit=0", "", "400"},
      {"/v1/tokens/remove", R"({"names": ["none"]})", "404"},
      {"/v1/restart", "{}"},
  };
  std::set<std::string> asked;
  for (const auto& each : cases) {
    std::vector<std::string> more;
    if (!each.body.empty()) more = {"--data", each.body};
    const auto reply = ask(boss, each.path, more);
    ASSERT_EQ(reply.status, each.status) << each.path << reply.body;
    auto path = each.path.substr(0, each.path.find('?'));
    if (path == "/v1/devices/123456789") path = "/v1/devices/{id}";  // as the document has it
    const std::string method = each.body.empty() ? "GET" : "POST";
    asked.insert(method + " " + path);
    const auto compared =
        run_command({GATEHOUSE_SOURCE_DIR "/tests/support/check_answer.py", file, method, path, reply.status},
                    {.input = reply.body});
    EXPECT_EQ(compared.exit_code, 0) << compared.output << compared.errors << reply.body;
  }
  // Every route whose answer is JSON; the metrics are text, and events a stream. Recordings need a recorded session
  // (tests/e2e/daemon_recording_page_test.cc).
  const auto described = json::parse(document.body);
  for (const auto& [path, methods] : described.at("paths").items()) {
    for (const auto& [method, unused] : methods.items()) {
      const auto key = (method == "get" ? "GET " : "POST ") + path;
      EXPECT_TRUE(asked.contains(key) || key == "GET /metrics" || key == "GET /v1/events" ||
                  key.find("/recordings/") != std::string::npos)
          << "not compared: " << key;
    }
  }
}

}  // namespace
}  // namespace gatehouse::test
