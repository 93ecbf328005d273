// How both legs of an RDP session are secured, with real parts: NLA at the front with accounts that the gateway holds,
// NLA and TLS at the back, stored credentials, certificates on both sides, and who may log in as whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "rdp_gateway.h"

namespace gatehouse::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class RdpSecurity : public RdpGateway {
 protected:
  RdpSecurity() {
    gateway_.set("rdp", "{}");
    user_ = "alice";
  }

  // The policy: keys of the server, the service and the grant, as YAML: ", front: nla".
  void secure(const std::string& server, const std::string& service = {}, const std::string& grant = {}) {
    gateway_.apply("pools:\n  test: \"" + where_.pool.text() + "\"\nusers:\n  bob: { sources: [\"" +
                   where_.client.text() + "\"] }\n  carol: {}\nservers:\n  win1: { address: \"" +
                   where_.backend.text() + "\"" + server + " }\nservices:\n  win1-rdp: { server: win1, proxy_ip: \"" +
                   proxy_.text() + "\", port: 3389, kind: rdp" + service +
                   " }\ngrants:\n  bob-win1: { user: bob, server: win1, channels: all" + grant + " }\n");
  }
  // A desktop that takes NLA alone, with one account; or TLS alone, and anybody.
  void serve_nla(const std::string& user, const std::string& password) {
    const auto made = run_command(
        {"sh", "-c", "exec $(command -v winpr-hash3 || echo winpr-hash) -u \"$0\" -p \"$1\" -f sam", user, password});
    ASSERT_EQ(made.exit_code, 0) << made.errors;
    serve({"/sam-file:" + directory_.write("sam", made.output).string(), "+auth", "/sec:nla"});
  }
  void serve_tls() { serve({"-auth", "/sec:tls"}); }
  void serve(const std::vector<std::string>& security) {
    auto environment = desktop_.environment();
    environment["HOME"] = server_home_.path().string();  // where its certificate is made
    std::vector<std::string> arguments{"freerdp-shadow-cli3", "/port:3389", "/bind-address:" + where_.backend.text()};
    arguments.insert(arguments.end(), security.begin(), security.end());
    shadow_.reset();
    shadow_ =
        std::make_unique<Process>(arguments, StartOptions{.where = &network_.backend, .environment = environment});
    ASSERT_TRUE(backend_listens()) << shadow_->output() << shadow_->errors();
  }
  // The command with a password on its standard input.
  CommandResult store(std::vector<std::string> arguments, const std::string& password) {
    arguments.insert(arguments.begin(),
                     {(program_directory() / "gatehouse").string(), "--socket", gateway_.socket().string()});
    return run_command(arguments, {.where = &network_.gateway, .input = password + "\n"});
  }
  // The picture has come through: a channel that the server opens when both sides are active.
  bool comes_in(std::size_t sessions_before = 0) {
    return eventually(
        [&] {
          const auto open = sessions();
          return open.size() > sessions_before && open[0].at("ended").is_null() &&
                 audit("channel_opened").find("RDS::Graphics") != std::string::npos;
        },
        30s);
  }
  std::string detail_of_last() {
    const auto end = last_end();
    return end.substr(std::min(end.size(), end.find(": ") + 2));
  }
  std::string alarms() { return gateway_.json({"status"}).at("alarms").dump(); }
  CommandResult handshake(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"python3", GATEHOUSE_SOURCE_DIR "/tests/support/rdp_handshake.py",
                                       where_.client.text(), proxy_.text(), "3389"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command(arguments, {.where = &network_.client}, patiently(90s));
  }
  // Nothing that the daemon has written has it in it.
  void expect_unwritten(const std::string& secret) {
    EXPECT_EQ(gateway_.log().find(secret), std::string::npos) << "the log has it";
    for (const auto& entry : std::filesystem::recursive_directory_iterator(gateway_.state_dir())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
      EXPECT_EQ(bytes.find(secret), std::string::npos) << entry.path() << " has it";
    }
  }

  // Where there are RDP sessions the API's answers about them are as its document says.
  void expect_described(const std::string& method, const std::string& path, const nlohmann::json& answer) {
    const auto compared = run_command({GATEHOUSE_SOURCE_DIR "/tests/support/check_answer.py",
                                       GATEHOUSE_SOURCE_DIR "/userspace/admin/openapi.json", method, path, "200"},
                                      {.input = answer.dump()});
    EXPECT_EQ(compared.exit_code, 0) << compared.output << compared.errors << answer;
  }

  Screen desktop_;
  TemporaryDirectory server_home_;
  std::unique_ptr<Process> shadow_;
};

TEST_F(RdpSecurity, WithNlaTheAccountIsCheckedHereAndWhatTheClientDelegatesLogsInToTheServer) {
  serve_nla("alice", password_);
  gateway_.start();
  secure("", ", front: nla");
  ASSERT_EQ(store({"account", "set", "alice", "--user", "bob"}, password_).exit_code, 0);
  const auto viewer = client({"/sec:nla"});
  ASSERT_TRUE(comes_in()) << viewer->errors() << sessions() << audit("rdp_logon") << gateway_.log();
  EXPECT_THAT(audit("rdp_logon"), AllOf(HasSubstr("user \"alice\""), HasSubstr(", nla")));
  EXPECT_EQ(audit("account_refused"), "");
  EXPECT_EQ(network_.leaked_packets(), 0U);
  expect_unwritten(password_);
  expect_unwritten("\"nt_hash\"");
}

TEST_F(RdpSecurity, WithNlaNobodyComesInWithAWrongPasswordOrAnothersAccountOrWithoutOne) {
  serve_nla("alice", password_);
  gateway_.start();
  secure("", ", front: nla");
  ASSERT_EQ(store({"account", "set", "alice", "--user", "bob"}, "another " + password_).exit_code, 0);
  ASSERT_EQ(store({"account", "set", "carol"}, password_).exit_code, 0);
  const auto refused = [&](const std::vector<std::string>& more) {
    const auto before = audit("account_refused").size();
    const auto viewer = client(more);
    EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
    EXPECT_TRUE(eventually([&] { return audit("account_refused").size() > before; })) << gateway_.log();
    return audit("account_refused");
  };
  EXPECT_THAT(refused({"/sec:nla"}), HasSubstr("\"alice\": the password is wrong"));
  EXPECT_THAT(refused({"/sec:nla", "/u:carol"}), HasSubstr("the account is of user carol"));
  EXPECT_THAT(refused({"/sec:nla", "/u:eve"}), HasSubstr("\"eve\": there is no such account"));
  EXPECT_EQ(audit("rdp_logon"), "") << "somebody came further than the door";
  const auto without = client({"/sec:tls"});
  EXPECT_TRUE(without->wait(patiently(30s))) << "a client without NLA comes in";
  EXPECT_EQ(audit("rdp_logon"), "");
  expect_described("GET", "/v1/accounts", gateway_.json({"account", "list"}));
  expect_described("POST", "/v1/accounts/remove", gateway_.json({"account", "remove", "carol"}));
  EXPECT_THAT(gateway_.cli({"account", "list"}).output, AllOf(HasSubstr("alice"), Not(HasSubstr("carol"))));
}

TEST_F(RdpSecurity, StoredCredentialsLogInToTheServerInTheUsersPlace) {
  const std::string stored = "holunder-0815";
  serve_nla("svc", stored);
  gateway_.start();
  secure(", credentials: inject");
  {
    const auto viewer = client();
    EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
    EXPECT_TRUE(ended_as("error")) << sessions();
    EXPECT_THAT(detail_of_last(), HasSubstr("no credentials are stored for server win1"));
  }
  ASSERT_EQ(store({"credential", "set", "win1", "--login", "svc"}, stored).exit_code, 0);
  struct stat key{};
  ASSERT_EQ(::stat((gateway_.state_dir() / "secrets.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777U, 0600U);
  gateway_.restart();  // the store has it, not only the daemon
  const auto viewer = client();
  ASSERT_TRUE(comes_in()) << viewer->errors() << gateway_.log();
  expect_unwritten(stored);
  const auto listed = gateway_.cli({"credential", "list"});
  EXPECT_THAT(listed.output, AllOf(HasSubstr("svc"), Not(HasSubstr(stored))));
  EXPECT_THAT(gateway_.json({"credential", "list"}).dump(), Not(HasSubstr(stored)));
  expect_described("GET", "/v1/credentials", gateway_.json({"credential", "list"}));
  const auto removed = gateway_.json({"credential", "remove", "win1"});
  expect_described("POST", "/v1/credentials/remove", removed);
  EXPECT_THAT(audit("credential_set"), HasSubstr("login svc"));
  const auto limits = run_command({"cat", "/proc/" + std::to_string(gateway_.daemon().id()) + "/limits"});
  EXPECT_THAT(limits.output, ::testing::ContainsRegex("Max core file size +0 +0 "));
}

TEST_F(RdpSecurity, AKeyThatOthersMayReadKeepsTheDaemonFromStarting) {
  gateway_.start();
  gateway_.stop();
  const auto key = gateway_.state_dir() / "secrets.key";
  ASSERT_EQ(::chmod(key.c_str(), 0644), 0);
  EXPECT_FALSE(gateway_.try_start().success());
  EXPECT_THAT(gateway_.log(), HasSubstr("chmod 600"));
}

TEST_F(RdpSecurity, AServerWithoutNlaIsReachedOnlyWhereThePolicyAllowsIt) {
  serve_tls();
  gateway_.start();
  secure("");
  {
    const auto viewer = client();
    EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
    EXPECT_TRUE(ended_as("backend_refused")) << sessions();
    EXPECT_EQ(audit("tls_fallback"), "");
  }
  secure(", allow_tls_backend: true");
  const auto viewer = client();
  ASSERT_TRUE(comes_in()) << viewer->errors() << gateway_.log();
  EXPECT_THAT(audit("tls_fallback"), HasSubstr("server win1 refuses NLA"));
}

TEST_F(RdpSecurity, AWrongPasswordIsNoReasonToFallBackToTls) {
  serve_nla("alice", "another " + password_);
  gateway_.start();
  secure(", allow_tls_backend: true");
  const auto viewer = client();
  EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
  EXPECT_TRUE(ended_as("backend_refused")) << sessions();
  EXPECT_EQ(audit("tls_fallback"), "");
}

TEST_F(RdpSecurity, APinnedServerIsReachedWithThatCertificateAlone) {
  serve_tls();
  gateway_.set("rdp", "{ backend_security: tls }");
  gateway_.start();
  secure(", backend_certificate: pinned, fingerprint: \"" + std::string(64, 'a') + "\"");
  {
    const auto viewer = client();
    EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
    EXPECT_TRUE(ended_as("error")) << sessions();
    EXPECT_THAT(detail_of_last(), HasSubstr("not the pinned certificate"));
    EXPECT_THAT(alarms(), HasSubstr("backend_certificate"));
  }
  const auto told = audit("backend_changed");
  const auto at = told.rfind(": ");
  ASSERT_NE(at, std::string::npos) << told;
  secure(", backend_certificate: pinned, fingerprint: \"" + told.substr(at + 2, 95) + "\"");
  const auto viewer = client();
  ASSERT_TRUE(comes_in()) << viewer->errors() << gateway_.log();
  EXPECT_THAT(alarms(), Not(HasSubstr("backend_certificate")));
}

TEST_F(RdpSecurity, AServerOfAnAuthorityIsReachedWithACertificateThatItIssuedForIt) {
  const auto ca = (directory_.path() / "ca").string();
  const auto made = run_command(
      {"sh", "-ec",
       "mkdir ca && cd ca && openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -days 30 -subj "
       "/CN=Root && for name in right wrong; do [ $name = right ] && san=IP:$0 || san=DNS:elsewhere; openssl req "
       "-newkey rsa:2048 -nodes -keyout $name.key -out $name.csr -subj /CN=server && echo subjectAltName=$san > ext && "
       "openssl x509 -req -in $name.csr -CA root.crt -CAkey root.key -CAcreateserial -days 30 -extfile ext -out "
       "$name.crt; done",
       where_.backend.text()},
      {.directory = directory_.path().string()});
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  const auto present = [&](const std::string& name) {
    const auto place = server_home_.path() / ".config/freerdp/shadow";
    std::filesystem::create_directories(place);
    const auto over = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(ca + "/" + name + ".crt", place / "shadow.crt", over);
    std::filesystem::copy_file(ca + "/" + name + ".key", place / "shadow.key", over);
    serve_tls();
  };
  gateway_.set("rdp", "{ backend_security: tls }");
  gateway_.start();
  secure(", backend_certificate: ca, ca: " + ca + "/root.crt");
  present("wrong");
  {
    const auto viewer = client();
    EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
    EXPECT_TRUE(ended_as("error")) << sessions();
    EXPECT_THAT(detail_of_last(), HasSubstr("names neither win1"));
    EXPECT_THAT(alarms(), HasSubstr("backend_certificate"));
  }
  present("right");
  const auto viewer = client();
  ASSERT_TRUE(comes_in()) << viewer->errors() << gateway_.log();
}

TEST_F(RdpSecurity, ALoginThatTheGrantDoesNotListNeverReachesTheServer) {
  // Nobody listens at the backend: a connection to it would end as backend_refused.
  gateway_.start();
  secure("", "", ", logins: [bob, 'CORP\\svc']");
  for (const std::string login : {"alice", "CORP\\alice"}) {
    user_ = login;
    const auto before = audit_rows("connection_ended").size();
    const auto viewer = client();
    EXPECT_TRUE(viewer->wait(patiently(30s))) << "the client goes on";
    EXPECT_TRUE(eventually([&] { return audit_rows("connection_ended").size() > before; }));
    EXPECT_TRUE(ended_as("grant_revoked")) << sessions();
    EXPECT_EQ(detail_of_last(), "login_not_allowed");
  }
  const auto rows = gateway_.json({"audit", "--action", "login_refused"}).at("rows");
  ASSERT_GE(rows.size(), 2U);
  EXPECT_EQ(rows[0].at("reason"), "login_not_allowed");
  user_ = "CORP\\svc";
  const auto allowed = client();
  EXPECT_TRUE(allowed->wait(patiently(30s)));
  EXPECT_TRUE(ended_as("backend_refused")) << sessions();
}

TEST_F(RdpSecurity, ALoginThatIsTakenOutOfTheGrantEndsItsSession) {
  serve_nla("alice", password_);
  gateway_.start();
  secure("", "", ", logins: [alice]");
  const auto viewer = client();
  ASSERT_TRUE(comes_in()) << viewer->errors() << sessions() << audit("rdp_logon") << gateway_.log();
  secure("", "", ", logins: [svc]");
  EXPECT_TRUE(ended_as("grant_revoked")) << sessions();
  EXPECT_TRUE(viewer->wait(patiently(30s)));
}

TEST_F(RdpSecurity, ARotatedAuthorityVouchesForTheServicesAndTheFormerStaysExportable) {
  gateway_.start();
  secure("");
  const auto before = gateway_.cli({"ca", "export"}).output;
  const auto old = directory_.write("old.crt", before).string();
  EXPECT_THAT(handshake({"tls", "1.3", old}).output, HasSubstr("win1-rdp"));
  EXPECT_EQ(gateway_.cli({"ca", "rotate"}).exit_code, 2) << "without a word more";
  expect_described("POST", "/v1/authority/rotate", gateway_.json({"ca", "rotate", "--yes"}));
  expect_described("GET", "/v1/authority", gateway_.json({"ca", "show"}));
  const auto fresh = directory_.write("new.crt", gateway_.cli({"ca", "export"}).output).string();
  EXPECT_EQ(gateway_.cli({"ca", "export", "--former"}).output, before);
  const auto seen = handshake({"tls", "1.3", fresh});
  EXPECT_THAT(seen.output, HasSubstr("win1-rdp")) << seen.errors;
  EXPECT_NE(handshake({"tls", "1.3", old}).exit_code, 0) << "the former authority still vouches";
  EXPECT_THAT(audit("authority_rotated"), HasSubstr(" -> "));
}

TEST_F(RdpSecurity, TheOperatorsCertificateIsShownWithItsChain) {
  // Whoever trusts the root alone needs the issuer from the wire.
  const auto made =
      run_command({"sh", "-ec",
                   "openssl req -x509 -newkey rsa:2048 -nodes -keyout root.key -out root.crt -days 30 -subj /CN=Root\n"
                   "echo 'basicConstraints=critical,CA:TRUE' > issuer.ext\n"
                   "echo subjectAltName=IP:$0,DNS:of-the-operator > front.ext\n"
                   "issue() { openssl req -newkey $3 -nodes -keyout $1.key -out $1.csr -subj /CN=$1 && openssl x509 "
                   "-req -in $1.csr "
                   "-CA $2.crt -CAkey $2.key -CAcreateserial -days 30 -extfile $1.ext -out $1.crt; }\n"
                   "issue issuer root rsa:2048\nissue front issuer 'ec -pkeyopt ec_paramgen_curve:P-256'\n"
                   "cat front.crt issuer.crt > chain.crt",
                   proxy_.text()},
                  {.directory = directory_.path().string()});
  ASSERT_EQ(made.exit_code, 0) << made.errors;
  const auto file = [&](const std::string& name) { return (directory_.path() / name).string(); };
  gateway_.set("rdp", "{ certificates: { win1-rdp: { certificate: " + file("chain.crt") +
                          ", key: " + file("front.key") + " } } }");
  gateway_.start();
  secure("");
  for (const std::string version : {"1.2", "1.3"}) {
    const auto seen = handshake({"tls", version, file("root.crt")});
    EXPECT_THAT(seen.output, AllOf(HasSubstr("TLSv" + version), HasSubstr("of-the-operator"))) << seen.errors;
  }
}

TEST_F(RdpSecurity, TheFrontSpeaksTls12And13AndNothingOlder) {
  gateway_.start();
  secure("");
  for (const std::string version : {"1.2", "1.3"}) {
    const auto spoken = handshake({"tls", version});
    EXPECT_THAT(spoken.output, HasSubstr("TLSv" + version)) << spoken.errors;
  }
  for (const std::string version : {"1.0", "1.1"}) {
    const auto refused = handshake({"tls", version});
    EXPECT_NE(refused.exit_code, 0) << version;
    EXPECT_THAT(refused.errors, AllOf(HasSubstr("ssl."), Not(HasSubstr("no protocols available")))) << version;
  }
}

TEST_F(RdpSecurity, AClientThatFallsSilentInAnyPhaseOfTheHandshakeIsClosed) {
  gateway_.start();
  secure("", " }\n  win1-nla: { server: win1, proxy_ip: \"" + proxy_.text() +
                 "\", port: 3390, kind: rdp, backend_port: 3389, front: nla");
  std::vector<std::pair<std::string, std::unique_ptr<Process>>> silent;
  for (const std::string phase : {"x224", "half-tls", "mcs", "client-info", "credssp"}) {
    const std::string port = phase == "credssp" ? "3390" : "3389";
    silent.emplace_back(phase,
                        std::make_unique<Process>(
                            std::vector<std::string>{"python3", GATEHOUSE_SOURCE_DIR "/tests/support/rdp_handshake.py",
                                                     where_.client.text(), proxy_.text(), port, phase},
                            StartOptions{.where = &network_.client}));
  }
  for (auto& [phase, process] : silent) {
    const auto exit = process->wait(patiently(60s));
    ASSERT_TRUE(exit) << phase << ": the connection stays";
    EXPECT_TRUE(exit->success()) << phase << ": " << process->errors();
    process->wait_for_end_of_output(patiently(5s));
    EXPECT_THAT(process->output(), HasSubstr("closed")) << phase;
  }
}

}  // namespace
}  // namespace gatehouse::test
