// What tests of RDP sessions have in common: the real daemon with its workers, a service of kind rdp, and a client with
// a display of its own. The backend is the test's: it listens at where_.backend, port 3389.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/directories.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "support/process.h"
#include "support/screen.h"
#include "support/secrets.h"

namespace gatehouse::test {

class RdpGateway : public ::testing::Test {
 protected:
  // `options`: more keys of `rdp`, as YAML: ", keys: on".
  explicit RdpGateway(const std::string& options = {}, GatewayOptions around = {})
      : gateway_(network_,
                 {{"rdp", "{ backend_security: tls, recordings: " + recordings_.path().string() + options + " }"}},
                 std::move(around)) {}

  // What passed must have left no trace of a password: in no file that the daemon and its workers wrote, in nothing
  // that they said, and in no answer.
  void TearDown() override {
    std::vector<std::string> said{gateway_.log()};
    if (gateway_.running()) {
      for (const auto* verb : {"status", "sessions", "visits", "audit", "export"}) said.push_back(answer_to(verb));
    }
    for (const auto& secret : secrets_) {
      EXPECT_TRUE(files_that_hold(secret, {gateway_.state_dir(), recordings_.path()}).empty())
          << files_that_hold(secret, {gateway_.state_dir(), recordings_.path()}).front() << " has a password";
      for (const auto& text : said) EXPECT_FALSE(holds(text, secret)) << "a password in: " << text;
    }
  }
  std::string answer_to(const std::string& verb) {
    const auto result = gateway_.cli({"--json", verb});
    return result.output + result.errors;
  }

  // Terms of the grant, and more of the service.
  void apply(const std::string& terms, const std::string& service = {}) {
    gateway_.apply("pools:\n  test: \"" + where_.pool.text() + "\"\nusers:\n  bob: { sources: [\"" +
                   where_.client.text() + "\"] }\nservers:\n  win1: { address: \"" + where_.backend.text() +
                   "\" }\nservices:\n  win1-rdp: { server: win1, proxy_ip: \"" + proxy_.text() +
                   "\", port: 3389, kind: rdp" + service + " }\ngrants:\n  bob-win1: { user: bob, server: win1, " +
                   terms + " }\n");
  }
  std::unique_ptr<Process> client(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"/gfx:AVC420"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return client_of("xfreerdp3", arguments);
  }
  std::unique_ptr<Process> client_of(const std::string& program, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{
        program, "/v:" + proxy_.text(), "/u:" + user_, "/p:" + password_, "/cert:ignore", "/sec:tls", "/size:1024x768"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.insert(arguments.begin(), {"stdbuf", "-oL"});  // what it says comes when it says it
    auto environment = seat_.environment();
    environment["HOME"] = home_.path().string();
    environment["TMPDIR"] = home_.path().string();  // where it mounts what the server has copied
    return std::make_unique<Process>(arguments, StartOptions{.where = &network_.client, .environment = environment});
  }
  bool backend_listens() {
    return eventually([&] { return connect_tcp(network_.backend, {where_.backend, 3389}, 1s).fd.valid(); }, 20s);
  }
  nlohmann::json sessions() { return gateway_.json({"sessions"}).at("sessions"); }
  // "REASON: DETAIL" of the newest that has ended: a session, or a connection that became none.
  std::string last_end() {
    std::string end;
    std::uint64_t newest = 0;
    for (const auto& session : sessions()) {
      if (session.at("ended").is_null() || session.at("id") < newest) continue;
      newest = session.at("id");
      end = session.at("end_reason").get<std::string>() + ": " + session.at("end_detail").get<std::string>();
    }
    for (const auto& row : audit_rows("connection_ended")) {
      if (row.at("session_id") < newest) continue;
      newest = row.at("session_id");
      end = row.at("detail");
    }
    return end;
  }
  bool ended_as(const std::string& reason) {
    return eventually([&] { return last_end().starts_with(reason); });
  }
  nlohmann::json audit_rows(const std::string& action) {
    return gateway_.json({"audit", "--action", action}).at("rows");
  }
  // Of the audit, the details of all rows with that action, one a line.
  std::string audit(const std::string& action) {
    std::string details;
    for (const auto& row : audit_rows(action)) {
      details += row.at("detail").get<std::string>() + "\n";
    }
    return details;
  }
  // The workers, those that wait as well.
  std::vector<pid_t> workers() {
    std::vector<pid_t> list;
    const auto found = run_command({"pgrep", "-x", "-P", std::to_string(gateway_.daemon().id()), "gatehouse-rdp"});
    std::istringstream lines(found.output);
    for (pid_t id = 0; lines >> id;) list.push_back(id);
    return list;
  }
  std::filesystem::path recording() { return recordings_.path() / sessions().at(0).at("id").dump(); }

  Network network_;
  const Addresses& where_ = addresses(Family::v4);
  const Address proxy_ = proxy_ip(Family::v4, 10);
  std::string user_ = "bob";
  const std::string password_ = "kirschkern-4711";
  std::vector<std::string> secrets_{password_};
  TemporaryDirectory directory_;
  TemporaryDirectory home_;
  Screen seat_;
  TemporaryDirectory recordings_;
  Gateway gateway_;
};

}  // namespace gatehouse::test
