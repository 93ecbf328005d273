// Recordings over the API: the page in a real browser (headless Chromium), while a session goes on and after it, and
// the files behind it, asked for by curl. The recorded session is a real one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <regex>
#include <thread>

#include "rdp_gateway.h"
#include "support/certificate.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto page_script = GATEHOUSE_SOURCE_DIR "/tests/support/recording_page.py";
constexpr auto answer_check = GATEHOUSE_SOURCE_DIR "/tests/support/check_answer.py";

class RecordingPage : public RdpGateway {
 protected:
  RecordingPage() {
    certificate_ = make_certificate(directory_.path(), "api", where_.gateway_to_clients.text());
    gateway_.set("api", "{listen: ['" + api_.text() + "'], certificate: " + certificate_.certificate.string() +
                            ", key: " + certificate_.key.string() + "}");
    draw("steelblue");
    auto environment = desktop_.environment();
    environment["HOME"] = home_.path().string();
    shadow_ = std::make_unique<Process>(
        std::vector<std::string>{"freerdp-shadow-cli3", "/port:3389", "/bind-address:" + where_.backend.text(), "-auth",
                                 "/sec:tls"},
        StartOptions{.where = &network_.backend, .environment = environment});
    if (!backend_listens()) throw std::runtime_error(shadow_->errors());
    gateway_.start();
    apply("channels: all");
    operator_ = token("watcher", "operator");
    viewer_ = token("seer", "viewer");
  }

  void draw(const std::string& colour) {
    const auto set = run_command({"xsetroot", "-solid", colour}, {.environment = desktop_.environment()});
    ASSERT_EQ(set.exit_code, 0) << set.errors;
    if (window_) return;
    window_ = std::make_unique<Process>(
        std::vector<std::string>{"xmessage", "-geometry", "500x350+200+150", "A window of the backend"},
        StartOptions{.environment = desktop_.environment()});
  }
  std::string token(const std::string& name, const std::string& role) {
    const auto made = gateway_.cli({"token", "add", name, "--role", role});
    if (made.exit_code != 0) throw std::runtime_error(made.errors);
    return made.output.substr(0, made.output.find('\n'));
  }

  // Pieces of the picture that are on the disk.
  std::size_t recorded() {
    std::ifstream chain(recording() / "chain.jsonl");
    std::size_t found = 0;
    for (std::string line; std::getline(chain, line);) found += line.find(".mp4") != std::string::npos ? 1 : 0;
    return found;
  }
  std::unique_ptr<Process> begin() {
    auto viewer = client();
    EXPECT_TRUE(eventually([&] { return !sessions().empty(); }, 20s)) << viewer->errors();
    EXPECT_TRUE(eventually([&] { return recorded() > 0; }, 20s)) << viewer->errors() << gateway_.log();
    return viewer;
  }
  // A session that shows one colour, nothing new for some seconds, and then another.
  void record() {
    const auto viewer = begin();
    std::this_thread::sleep_for(5s);  // the stretch in which nothing happens
    const auto before = recorded();
    draw("darkgreen");
    ASSERT_TRUE(eventually([&] { return recorded() > before; }, 20s));
    viewer->signal(SIGTERM);
    ASSERT_TRUE(ended_as("normal")) << sessions();
  }

  [[nodiscard]] std::string url(const std::string& path) const { return "https://" + api_.text() + path; }
  [[nodiscard]] std::string page() { return url("/recordings/" + sessions().at(0).at("id").dump()); }
  [[nodiscard]] Process watch(const std::vector<std::string>& arguments) const {
    std::vector<std::string> command{page_script};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return Process(command, {.where = &network_.client,
                             .environment = {{"GATEHOUSE_TOKEN", operator_}, {"GATEHOUSE_VIEWER", viewer_}}});
  }

  struct Reply {
    int status = 0;
    std::string headers;
    std::string body;
  };
  Reply ask(const std::string& path, const std::vector<std::string>& more = {}) {
    const auto headers = directory_.path() / "headers";
    std::vector<std::string> command{"curl",          "--silent",      "--show-error",
                                     "--path-as-is",  "--cacert",      certificate_.certificate.string(),
                                     "--dump-header", headers.string()};
    command.insert(command.end(), more.begin(), more.end());
    command.push_back(url(path));
    auto result = run_command(command, {.where = &network_.client});
    EXPECT_EQ(result.exit_code, 0) << path << result.errors;
    std::ifstream stream(headers);
    Reply reply{0, {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()}, result.output};
    if (reply.headers.starts_with("HTTP/1.1 ")) reply.status = std::stoi(reply.headers.substr(9, 3));
    return reply;
  }
  static std::vector<std::string> with(const std::string& token, std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--header", "Authorization: Bearer " + token});
    return more;
  }

  const Endpoint api_{where_.gateway_to_clients, 8443};
  CertificateFiles certificate_;
  Screen desktop_;
  std::unique_ptr<Process> window_;
  std::unique_ptr<Process> shadow_;
  std::string operator_;
  std::string viewer_;
};

TEST_F(RecordingPage, PlaysWhatWasRecordedForWhoMayWatchIt) {
  record();
  if (HasFatalFailure()) return;
  auto browser = watch({"finished", page(), "first=steelblue", "last=darkgreen"});
  const auto end = browser.wait(patiently(120s));
  ASSERT_TRUE(end) << browser.output() << browser.errors();
  EXPECT_TRUE(end->success()) << browser.output() << browser.errors();
  const auto viewed = gateway_.json({"audit", "--action", "recording_viewed"}).at("rows");
  ASSERT_EQ(viewed.size(), 1U) << viewed;
  EXPECT_THAT(viewed[0].at("author").get<std::string>(), HasSubstr("token watcher"));
  EXPECT_EQ(viewed[0].at("session_id"), sessions().at(0).at("id"));
  EXPECT_THAT(audit("login_failed"), HasSubstr("unknown token"));
  for (const auto& secret : {operator_, viewer_, std::string("__Host-")})
    EXPECT_EQ(gateway_.log().find(secret), std::string::npos) << "the log has a token or a cookie";
}

TEST_F(RecordingPage, FollowsARecordingThatGrows) {
  const auto viewer = begin();
  auto browser = watch({"growing", page(), "first=steelblue", "last=darkred"});
  const auto says = [&](const std::string& word) {
    return eventually([&] { return browser.output().find(word) != std::string::npos || !browser.running(); }, 60s) &&
           browser.output().find(word) != std::string::npos;
  };
  ASSERT_TRUE(says("shown")) << browser.errors() << gateway_.log();
  draw("darkred");
  ASSERT_TRUE(says("followed")) << browser.errors() << gateway_.log();
  viewer->signal(SIGTERM);
  EXPECT_TRUE(says("complete")) << browser.errors() << gateway_.log();
  EXPECT_TRUE(browser.wait(patiently(20s)));
}

TEST_F(RecordingPage, FilesComeInRangesToWhoMayHaveThem) {
  record();
  if (HasFatalFailure()) return;
  const auto place = "/v1/recordings/" + sessions().at(0).at("id").dump();
  const auto video = place + "/files/000.mp4";
  std::ifstream stream(recording() / "000.mp4", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};

  EXPECT_EQ(ask(video).status, 401);
  EXPECT_EQ(ask(place).status, 401);
  EXPECT_EQ(ask(video, with(viewer_)).status, 403);
  EXPECT_TRUE(audit("recording_viewed").empty()) << "who was refused has seen something";
  const auto whole = ask(video, with(operator_));
  EXPECT_EQ(whole.status, 200);
  EXPECT_TRUE(whole.body == bytes);
  EXPECT_THAT(whole.headers, AllOf(HasSubstr("Accept-Ranges: bytes"), HasSubstr("video/mp4"), HasSubstr("no-store")));
  const auto part = ask(video, with(operator_, {"--range", "100-299"}));
  EXPECT_EQ(part.status, 206);
  EXPECT_TRUE(part.body == bytes.substr(100, 200));
  EXPECT_THAT(part.headers, HasSubstr("Content-Range: bytes 100-299/" + std::to_string(bytes.size())));
  EXPECT_TRUE(ask(video, with(operator_, {"--range", "-50"})).body == bytes.substr(bytes.size() - 50));
  EXPECT_EQ(ask(video, with(operator_, {"--range", std::to_string(bytes.size()) + "-"})).status, 416);
  const auto head = ask(video, with(operator_, {"--head"}));
  EXPECT_THAT(head.headers, HasSubstr("Content-Length: " + std::to_string(bytes.size())));
  EXPECT_EQ(gateway_.json({"audit", "--action", "recording_viewed"}).at("rows").size(), 1U) << "one row a range";

  for (const auto* name : {"..%2f..%2fgatehouse.db", "../../../etc/passwd", "%2e%2e/000.mp4", "000.mp4%00", "002.mp4",
                           "000.mp4/", "/etc/passwd", ".."}) {
    EXPECT_THAT(ask(place + "/files/" + name, with(operator_)).status, ::testing::AnyOf(404, 400)) << name;
  }
  EXPECT_EQ(ask("/v1/recordings/999", with(operator_)).status, 404);
  EXPECT_EQ(ask(video, with(operator_, {"--request", "DELETE"})).status, 405);

  const auto document = directory_.write("openapi.json", ask("/v1/openapi.json", with(viewer_)).body).string();
  const auto about = ask(place, with(operator_));
  const auto compared = run_command(
      {answer_check, document, "GET", "/v1/recordings/{id}", std::to_string(about.status)}, {.input = about.body});
  EXPECT_EQ(compared.exit_code, 0) << compared.output << about.body;
  const auto described = nlohmann::json::parse(about.body);
  EXPECT_EQ(described.at("growing"), false);
  EXPECT_EQ(described.at("session").at("user"), "bob");
  EXPECT_GT(described.at("duration_ms"), 5000);
}

TEST_F(RecordingPage, ACookieOpensRecordingsAndDiesWithItsToken) {
  record();
  if (HasFatalFailure()) return;
  const auto place = "/v1/recordings/" + sessions().at(0).at("id").dump();
  const auto shown = ask("/recordings/" + sessions().at(0).at("id").dump());
  EXPECT_EQ(shown.status, 200) << "the page is for everybody";
  EXPECT_THAT(shown.headers, AllOf(HasSubstr("default-src 'none'"), HasSubstr("nosniff"), HasSubstr("no-referrer")));
  EXPECT_THAT(shown.body, Not(HasSubstr("bob")));

  EXPECT_EQ(ask("/v1/login", {"--request", "POST"}).status, 401);
  EXPECT_EQ(ask("/v1/login", with(viewer_, {"--request", "POST"})).status, 403);
  const auto login = ask("/v1/login", with(operator_, {"--request", "POST"}));
  ASSERT_EQ(login.status, 200) << login.body;
  EXPECT_THAT(login.headers, AllOf(HasSubstr("Secure"), HasSubstr("HttpOnly"), HasSubstr("SameSite=Strict")));
  std::smatch found;
  ASSERT_TRUE(std::regex_search(login.headers, found, std::regex("Set-Cookie: (__Host-gatehouse=[^;]+)")));
  const std::vector<std::string> cookie{"--header", "Cookie: " + found[1].str()};
  EXPECT_EQ(ask(place, cookie).status, 200);
  EXPECT_EQ(ask(place + "/files/events.jsonl", cookie).status, 200);
  EXPECT_EQ(ask(place, {"--header", "Cookie: __Host-gatehouse=gatehouse_guess"}).status, 401);

  for (const auto* path : {"/v1/status", "/v1/sessions", "/v1/audit", "/v1/tokens"})
    EXPECT_EQ(ask(path, cookie).status, 401) << path;
  auto change = cookie;
  change.insert(change.end(), {"--data", R"({"bans": [{"network": "198.51.100.77", "reason": "a"}]})"});
  EXPECT_EQ(ask("/v1/bans", change).status, 401) << "a cookie changes something";
  auto again = cookie;
  again.insert(again.end(), {"--request", "POST"});
  EXPECT_EQ(ask("/v1/login", again).status, 401) << "a cookie makes another";

  ASSERT_EQ(gateway_.cli({"token", "remove", "watcher"}).exit_code, 0);
  EXPECT_EQ(ask(place, cookie).status, 401) << "the login outlives its token";
}

}  // namespace
}  // namespace gatehouse::test
