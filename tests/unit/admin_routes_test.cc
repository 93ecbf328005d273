// The routes, without a socket: every verb reaches its operation with what was asked and who asked, every fault has its
// status.
#include "admin/routes.h"

#include <gtest/gtest.h>

#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;
using test::FakeOperations;

const Peer bob{.uid = 1000, .gid = 100, .pid = 4711};

class Routes : public testing::Test {
 protected:
  Answer ask(std::string_view method, std::string_view target, std::string_view body = {}) {
    return answer({method, target, body, bob}, operations_);
  }
  FakeOperations operations_;
};

TEST_F(Routes, EveryVerbHasItsRoute) {
  struct Case {
    const char* method;
    const char* target;
    const char* body;
    const char* verb;
  };
  const std::vector<Case> cases{
      {"GET", "/v1/status", "", "status"},
      {"GET", "/healthz", "", "status"},
      {"POST", "/v1/policy/plan", R"({"files": [{"file": "a", "text": ""}]})", "plan"},
      {"POST", "/v1/policy/apply", R"({"files": [{"file": "a", "text": ""}]})", "apply"},
      {"GET", "/v1/policy?version=2", "", "policy_text"},
      {"GET", "/v1/policy/versions", "", "policy_versions"},
      {"POST", "/v1/check", R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 1})", "check"},
      {"GET", "/v1/sessions?open=1", "", "sessions"},
      {"POST", "/v1/sessions/kill", R"({"ids": [1]})", "kill"},
      {"GET", "/v1/visits?open=1&user=bob", "", "visits"},
      {"GET", "/v1/bans", "", "bans"},
      {"GET", "/v1/bans/history", "", "ban_history"},
      {"POST", "/v1/bans", R"({"bans": [{"network": "192.0.2.7", "reason": "a"}]})", "add_bans"},
      {"POST", "/v1/bans/remove", R"({"networks": ["192.0.2.7"]})", "remove_bans"},
      {"GET", "/v1/devices?online=1", "", "devices"},
      {"POST", "/v1/devices/approve", R"({"ids": ["123456789"]})", "approve_devices"},
      {"POST", "/v1/devices/import-bans", R"({"path": "/db_v2.sqlite3"})", "import_device_bans"},
      {"GET", "/v1/audit?limit=1", "", "audit"},
      {"GET", "/v1/audit/verify?after=5&limit=10", "", "verify_audit"},
      {"GET", "/v1/authority", "", "authority"},
      {"POST", "/v1/servers/trust", R"({"server": "win1"})", "trust_backend"},
      {"POST", "/v1/authority/rotate", "", "rotate_authority"},
      {"GET", "/v1/accounts", "", "accounts"},
      {"POST", "/v1/accounts", R"({"name": "alice", "password": "x"})", "set_account"},
      {"POST", "/v1/accounts/remove", R"({"name": "alice"})", "remove_account"},
      {"GET", "/v1/credentials", "", "credentials"},
      {"POST", "/v1/credentials", R"({"server": "win1", "login": "svc", "password": "x"})", "set_credential"},
      {"POST", "/v1/credentials/remove", R"({"server": "win1"})", "remove_credential"},
      {"GET", "/v1/recordings?user=bob", "", "recordings"},
      {"GET", "/v1/recordings/search?text=secret", "", "search_recordings"},
      {"GET", "/v1/recordings/key", "", "recording_key"},
      {"POST", "/v1/recordings/prune", "{}", "prune_recordings"},
      {"GET", "/v1/recordings/prune?pass=1", "", "prune_outcome"},
      {"GET", "/v1/tokens", "", "tokens"},
      {"POST", "/v1/tokens", R"({"name": "ci", "role": "viewer"})", "add_token"},
      {"POST", "/v1/tokens/remove", R"({"names": ["ci"]})", "remove_tokens"},
      {"POST", "/v1/reload", "", "reload"},
      {"POST", "/v1/restart", "{}", "restart"},
  };
  std::vector<std::string> expected;
  for (const auto& one : cases) {
    operations_.outcomes[one.verb] = json{{"answer to", one.verb}};
    const auto answer = ask(one.method, one.target, one.body);
    EXPECT_EQ(answer.status, 200) << one.target;
    if (one.verb != std::string("status")) {
      EXPECT_EQ(answer.body, (json{{"answer to", one.verb}})) << one.target;
    }
    expected.emplace_back(one.verb);
  }
  EXPECT_EQ(operations_.calls(), expected);
}

TEST_F(Routes, WhoAsksBecomesTheAuthor) {
  ask("POST", "/v1/sessions/kill", R"({"user": "eve"})");
  EXPECT_EQ(operations_.peer.uid, 1000U);
  EXPECT_EQ(operations_.peer.gid, 100U);
  EXPECT_EQ(operations_.peer.pid, 4711);
  EXPECT_EQ(operations_.user, "eve");
  EXPECT_EQ((Peer{.uid = 0, .gid = 0, .pid = 1}.text()), "uid 0 (root)");
  EXPECT_EQ((Peer{.uid = 3999999999, .gid = 0, .pid = 1}.text()), "uid 3999999999");
}

TEST_F(Routes, ARoleReachesWhatItMayAndNothingElse) {
  // As docs/api.md has it. What is asked is wrong on purpose, or asks for nothing: only who may ask is looked at.
  const std::map<std::string, Role> above_viewers{{"POST /v1/policy/apply", Role::admin},
                                                  {"POST /v1/policy/plan", Role::admin},
                                                  {"POST /v1/sessions/kill", Role::operating},
                                                  {"POST /v1/bans", Role::operating},
                                                  {"POST /v1/bans/remove", Role::operating},
                                                  {"POST /v1/devices/approve", Role::operating},
                                                  {"POST /v1/devices/import-bans", Role::operating},
                                                  {"POST /v1/servers/trust", Role::admin},
                                                  {"POST /v1/authority/rotate", Role::admin},
                                                  {"GET /v1/accounts", Role::admin},
                                                  {"POST /v1/accounts", Role::admin},
                                                  {"POST /v1/accounts/remove", Role::admin},
                                                  {"GET /v1/credentials", Role::admin},
                                                  {"POST /v1/credentials", Role::admin},
                                                  {"POST /v1/credentials/remove", Role::admin},
                                                  {"GET /v1/recordings/search", Role::operating},
                                                  {"POST /v1/recordings/prune", Role::admin},
                                                  {"GET /v1/recordings/prune", Role::admin},
                                                  {"GET /v1/recordings/{id}", Role::operating},
                                                  {"GET /v1/recordings/{id}/files/{name}", Role::operating},
                                                  {"POST /v1/login", Role::operating},
                                                  {"POST /v1/logout", Role::operating},
                                                  {"GET /v1/tokens", Role::admin},
                                                  {"POST /v1/tokens", Role::admin},
                                                  {"POST /v1/tokens/remove", Role::admin},
                                                  {"POST /v1/reload", Role::admin},
                                                  {"POST /v1/restart", Role::admin}};
  std::size_t seen = 0;
  for (const auto& route : route_list()) {
    const auto key = std::string(route.method) + " " + std::string(route.path);
    const auto found = above_viewers.find(key);
    const auto needed = found == above_viewers.end() ? Role::viewer : found->second;
    seen += found == above_viewers.end() ? 0 : 1;
    for (const auto role : all_roles) {
      Peer peer;
      peer.role = role;
      peer.token = "ci";
      peer.source = Address::parse("192.0.2.7").value();
      const auto answer = admin::answer({route.method, route.path, {}, peer}, operations_);
      if (role < needed) {
        EXPECT_EQ(answer.status, 403) << key << " by " << name(role);
        EXPECT_NE(answer.body.dump().find(std::string(name(needed))), std::string::npos) << answer.body;
      } else {
        EXPECT_NE(answer.status, 403) << key << " by " << name(role);
      }
    }
  }
  EXPECT_EQ(seen, above_viewers.size());
}

TEST_F(Routes, ATokenIsTheAuthorWithItsAddress) {
  Peer peer;
  peer.token = "ci";
  peer.source = Address::parse("2001:db8::7").value();
  EXPECT_EQ(peer.text(), "token ci (2001:db8::7)");
}

TEST_F(Routes, ATokenIsAskedForWithNameRoleAndEnd) {
  ask("POST", "/v1/tokens", R"({"name": "ci.1", "role": "operator", "duration": "1h"})");
  EXPECT_EQ(operations_.token_added.name, "ci.1");
  EXPECT_EQ(operations_.token_added.role, Role::operating);
  ASSERT_TRUE(operations_.token_added.expires.has_value());
  EXPECT_GT(*operations_.token_added.expires, now() + std::chrono::minutes(59));
  EXPECT_LT(*operations_.token_added.expires, now() + std::chrono::minutes(61));
  ask("POST", "/v1/tokens/remove", R"({"names": ["a", "b"]})");
  EXPECT_EQ(operations_.tokens_removed, (std::vector<std::string>{"a", "b"}));
  const auto calls = operations_.calls().size();
  for (const auto* body : {R"({"name": "ci", "role": "root"})", R"({"name": "c i", "role": "viewer"})",
                           R"({"name": "", "role": "viewer"})", R"({"role": "viewer"})", R"({"name": "ci"})",
                           R"({"name": "ci", "role": "viewer", "expires": "2020-01-01T00:00:00Z"})",
                           R"({"name": "ci", "role": "viewer", "token": "mine"})"}) {
    EXPECT_EQ(ask("POST", "/v1/tokens", body).status, 400) << body;
  }
  for (const auto* body : {R"({"names": []})", R"({"names": [1]})", R"({"names": ["a b"]})"})
    EXPECT_EQ(ask("POST", "/v1/tokens/remove", body).status, 400) << body;
  EXPECT_EQ(operations_.calls().size(), calls);
}

TEST_F(Routes, AStreamOfEventsIsAskedForByKinds) {
  auto answer = ask("GET", "/v1/events");
  ASSERT_TRUE(answer.events.has_value());
  for (std::size_t i = 0; i < event_names.size(); ++i) EXPECT_TRUE(answer.events->wants(static_cast<EventKind>(i)));
  answer = ask("GET", "/v1/events?kinds=ban_added,session_ended");
  ASSERT_TRUE(answer.events.has_value());
  EXPECT_TRUE(answer.events->wants(EventKind::ban_added));
  EXPECT_TRUE(answer.events->wants(EventKind::session_ended));
  EXPECT_FALSE(answer.events->wants(EventKind::session_opened));
  for (const auto* target :
       {"/v1/events?kinds=", "/v1/events?kinds=ban_added,", "/v1/events?kinds=x", "/v1/events?a=1"})
    EXPECT_EQ(ask("GET", target).status, 400) << target;
}

TEST_F(Routes, BadInputNeverReachesTheOperation) {
  for (const auto* target : {"/v1/policy/plan", "/v1/policy/apply", "/v1/check", "/v1/sessions/kill", "/v1/bans",
                             "/v1/bans/remove", "/v1/devices/approve", "/v1/devices/import-bans", "/v1/servers/trust",
                             "/v1/tokens", "/v1/tokens/remove", "/v1/reload", "/v1/restart"}) {
    for (const auto* body : {"{", "[]", "null", R"({"x": 1})", "\xff"}) {
      const auto answer = ask("POST", target, body);
      EXPECT_EQ(answer.status, 400) << target << " " << body;
      EXPECT_FALSE(answer.body.at("error").at("what").get<std::string>().empty());
      EXPECT_FALSE(answer.body.at("error").at("mend").get<std::string>().empty());
    }
  }
  EXPECT_TRUE(operations_.calls().empty());
}

TEST_F(Routes, QueriesAreStrictEverywhere) {
  for (const auto* target : {"/v1/status?x=1", "/healthz?x=1", "/v1/sessions?x=1", "/v1/visits?x=1", "/v1/bans?open=1",
                             "/v1/audit?until=1", "/v1/status?%", "/v1/devices?open=1",
                             "/v1/devices/123456789?online=1", "/v1/policy?limit=1", "/v1/policy/versions?version=1"}) {
    EXPECT_EQ(ask("GET", target).status, 400) << target;
  }
  EXPECT_EQ(ask("POST", "/v1/reload?force=1").status, 400);
  EXPECT_EQ(ask("GET", "/v1/status", "{}").status, 400);
  EXPECT_TRUE(operations_.calls().empty());
}

TEST_F(Routes, UnknownPathsAndMethodsAreToldApart) {
  for (const auto* target : {"/", "", "*", "/v1", "/v1/status/", "/v2/status", "/V1/STATUS", "/v1//status",
                             "/v1/%73tatus", "/../etc/passwd"}) {
    EXPECT_EQ(ask("GET", target).status, 404) << target;
  }
  const auto wrong = ask("DELETE", "/v1/bans");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.allow, "GET, POST");
  EXPECT_EQ(ask("GET", "/v1/restart").status, 405);
  EXPECT_EQ(ask("HEAD", "/v1/status").allow, "GET");
  EXPECT_EQ(ask("get", "/v1/status").status, 405);
  EXPECT_TRUE(operations_.calls().empty());
}

TEST_F(Routes, AFaultKeepsItsStatusErrorAndIssues) {
  Fault fault{409, {"the policy has changed", "plan again"}, {}};
  fault.issues.push_back({"a.yaml", 3, "unknown key", "remove it"});
  operations_.outcomes.emplace("apply", std::unexpected(fault));
  const auto answer = ask("POST", "/v1/policy/apply", R"({"files": [{"file": "a", "text": ""}]})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(answer.body, json::parse(R"({"error": {"what": "the policy has changed", "mend": "plan again"},
    "issues": [{"file": "a.yaml", "line": 3, "what": "unknown key", "mend": "remove it"}]})"));
}

TEST_F(Routes, AnExceptionIsA500AndItsTextStaysInside) {
  operations_.scripts["status"] = []() -> Outcome { throw std::runtime_error("secret inside"); };
  const auto answer = ask("GET", "/v1/status");
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body.dump().find("secret"), std::string::npos);
}

TEST_F(Routes, HealthFollowsTheAlarms) {
  operations_.outcomes["status"] = json{{"alarms", json::array()}};
  EXPECT_EQ(ask("GET", "/healthz").status, 200);
  EXPECT_EQ(ask("GET", "/healthz").body.at("healthy"), true);
  operations_.outcomes["status"] =
      json{{"alarms", {{{"name", "store"}, {"what", "disk full"}, {"mend", "make room"}}}}};
  const auto ill = ask("GET", "/healthz");
  EXPECT_EQ(ill.status, 503);
  EXPECT_EQ(ill.body.at("healthy"), false);
  EXPECT_EQ(ill.body.at("alarms").at(0).at("name"), "store");
  operations_.outcomes.insert_or_assign("status", std::unexpected(test::fault(503, "x", "y")));
  EXPECT_EQ(ask("GET", "/healthz").status, 503);
}

}  // namespace
}  // namespace gatehouse::admin
