// The verbs that change the policy: one transaction each, with what came in between seen.
#include "unit/cli_policy_daemon.h"

namespace gatehouse::cli {
namespace {

constexpr const char* office =
    "pools: { office: 198.51.100.0/24 }\n"
    "users: { bob: { sources: 192.0.2.10 }, carol: {} }\n"
    "user_groups: { staff: { users: bob } }\n"
    "servers: { win1: { address: 203.0.113.10 }, win2: { address: 203.0.113.11 } }\n"
    "server_groups: { windows: { servers: win1 } }\n"
    "services: { win1-rdp: { server: win1, proxy_ip: 198.51.100.1, port: 3389, kind: rdp } }\n"
    "schedules: { office: { zone: Europe/Warsaw, rules: [{weekdays: mon-fri, time: \"08:00-18:00\"}] } }\n"
    "grants: { bob-win1: { user: bob, server: win1, protocol: rdp, end: 2999-01-01 } }\n";

TEST_F(PolicyCommand, AVerbIsATransactionThatShowsItsDifference) {
  put(office);
  const auto outcome = run({"user", "add", "dave", "--source", "192.0.2.20", "--source", "2001:db8::/64"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(outcome.out,
            "+ users dave\n    sources: 192.0.2.20, 2001:db8::/64\n\nPolicy version 2 is in force: 1 sessions ended, 2 "
            "verdicts removed.\n");
  EXPECT_EQ(daemon().calls(), (std::vector<std::string>{"policy_text", "apply"}));
  EXPECT_EQ(daemon().expected_version, 1U);
  EXPECT_EQ(document().users.at("dave").sources.size(), 2U);
  auto without = document();
  without.users.erase("dave");
  EXPECT_EQ(without, loaded(office)) << "nothing else was touched";
}

TEST_F(PolicyCommand, ADryRunShowsTheSameAndChangesNothing) {
  put(office);
  const auto outcome = run({"user", "deactivate", "bob", "--dry-run"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("~ users bob\n    active: true -> false\n"));
  EXPECT_THAT(outcome.out, HasSubstr("without --dry-run"));
  EXPECT_EQ(daemon().calls(), (std::vector<std::string>{"policy_text", "plan"}));
  EXPECT_EQ(version_, 1U);
}

TEST_F(PolicyCommand, WhatIsSoAlreadyIsNoNewVersion) {
  put(office);
  const auto outcome = run({"user", "activate", "bob"});
  EXPECT_EQ(outcome.code, exit_ok);
  EXPECT_THAT(outcome.out, HasSubstr("already so (version 1)"));
  EXPECT_EQ(version_, 1U);
}

TEST_F(PolicyCommand, AChangeInBetweenIsKeptAndTheVerbGoesOnTopOfIt) {
  put(office);
  int others = 2;
  daemon().scripts["apply"] = [&, apply = daemon().scripts["apply"]] {
    if (others-- > 0) {
      auto changed = document();
      changed.users["other" + std::to_string(others)];
      put(policy::to_yaml(changed));
    }
    return apply();
  };
  expect_ok({"user", "add", "dave"});
  EXPECT_TRUE(document().users.contains("other0"));
  EXPECT_TRUE(document().users.contains("other1"));
  EXPECT_TRUE(document().users.contains("dave"));
}

TEST_F(PolicyCommand, AfterAFewTriesTheConflictIsTheAnswer) {
  put(office);
  daemon().scripts["apply"] = []() -> admin::Outcome {
    return std::unexpected(test::fault(409, "the policy has changed", "look again"));
  };
  const auto outcome = run({"user", "add", "dave"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.err, "gatehouse: the policy has changed: look again\n");
  EXPECT_EQ(std::ranges::count(daemon().calls(), "apply"), 5);
}

TEST_F(PolicyCommand, WhatDoesNotFitIsRefusedBeforeTheDaemonSeesIt) {
  put(office);
  expect_refused({"user", "add", "eve", "--source", "192.0.2.10"}, "the changed policy: user eve: source 192.0.2.10");
  expect_refused({"user", "add", "e v e"}, "the changed policy: ");
  expect_refused({"group", "add", "others", "--user", "nobody"}, "there is no user 'nobody'");
  EXPECT_EQ(std::ranges::count(daemon().calls(), "apply"), 0);
}

TEST_F(PolicyCommand, UnknownAndTakenNamesAreToldWithTheVerbToLook) {
  put(office);
  expect_refused({"user", "deactivate", "eve"}, "there is no user 'eve': `gatehouse user list` shows what there is");
  expect_refused({"server-group", "member", "add", "x", "--server", "win1"}, "`gatehouse server-group list`");
  expect_refused({"user", "add", "bob"}, "user bob is there already");
  expect_refused({"grant", "add", "bob", "win9"}, "there is no server 'win9'");
}

TEST_F(PolicyCommand, NothingIsRemovedFromUnderWhatNamesIt) {
  put(office);
  expect_refused({"user", "remove", "bob"}, "user bob is in use by user group staff, grant bob-win1");
  expect_refused({"pool", "remove", "office"}, "pool office is in use by service win1-rdp");
  expect_refused({"server", "remove", "win1"},
                 "server win1 is in use by server group windows, service win1-rdp, grant");
  expect_ok({"user", "remove", "carol"});
  expect_ok({"user", "remove", "bob", "--cascade"});
  EXPECT_TRUE(document().users.empty());
  EXPECT_TRUE(document().grants.empty());
  EXPECT_TRUE(document().user_groups.at("staff").users.empty());
  expect_ok({"pool", "remove", "office", "--cascade"});
  EXPECT_TRUE(document().services.empty());
}

TEST_F(PolicyCommand, UsageFaultsReachNobody) {
  const std::vector<std::vector<std::string>> wrong{
      {"user"},
      {"user", "add"},
      {"user", "add", "bob", "--source", "192.0.2.7/24"},
      {"user", "source"},
      {"user", "source", "add", "bob"},
      {"group", "member", "add", "staff"},
      {"server", "add", "win3"},
      {"server", "add", "win3", "--address", "x"},
      {"server", "add", "win3", "--address", "203.0.113.12", "--rdp"},
      {"server", "add", "win3", "--address", "203.0.113.12", "--pool", "office"},
      {"server", "add", "win3", "--address", "203.0.113.12", "--relay", "ssh", "--pool", "office"},
      {"server", "add", "win3", "--address", "203.0.113.12", "--rdp", "--pool", "p", "--proxy-ip", "198.51.100.9"},
      {"pool", "assign", "win1", "--pool", "office", "--kind", "relay"},
      {"pool", "assign", "win1", "--pool", "office", "--for", "2"},
      {"pool", "free", "win1"},
      {"grant", "add"},
      {"grant", "add", "bob"},
      {"grant", "add", "bob", "win1", "win2"},
      {"grant", "add", "bob", "--group", "staff", "--service", "win1-rdp"},
      {"grant", "add", "bob", "win1", "--until", "someday"},
      {"grant", "add", "bob", "win1", "--until", "2020-01-01"},
      {"grant", "add", "bob", "win1", "--until", "friday 25:00"},
      {"grant", "add", "bob", "win1", "--for", "1month"},
      {"grant", "add", "bob", "win1", "--for", "1h", "--until", "friday"},
      {"grant", "add", "bob", "win1", "--weekdays", "mon-fri"},
      {"grant", "add", "bob", "win1", "--weekdays", "mon-foo", "--zone", "UTC"},
      {"grant", "add", "bob", "win1", "--hours", "8-18", "--zone", "UTC"},
      {"grant", "add", "bob", "win1", "--hours", "08:00-18:00", "--zone", "Mars/Base"},
      {"grant", "add", "bob", "win1", "--session-limit", "0"},
      {"grant", "add", "bob", "win1", "--idle", "30"},
      {"grant", "add", "bob", "win1", "--protocol", ""},
      {"grant", "add", "bob", "win1", "--until", ""},
      {"grant", "add", "bob", "win1", "--source", ""},
      {"user", "add", ""},
      {"grant", "add", "bob", "win1", "--channel", "telepathy"},
      {"renew", "bob-win1"},
      {"renew", "bob-win1", "--for", "soon"},
      {"revoke"},
      {"maintenance", "add", "m", "--for", "1h"},
      {"maintenance", "add", "m", "--gate", "--server", "win1", "--for", "1h"},
      {"maintenance", "add", "m", "--gate"},
      {"maintenance", "add", "m", "--gate", "--end", "2020-01-01"},
      {"schedule", "add", "s", "--weekdays", "mon"},
      {"policy"},
      {"policy", "show", "x"},
      {"policy", "diff", "1", "2", "3"},
      {"policy", "rollback"},
      {"policy", "rollback", "-1"},
      {"export", "--version", "one"},
      {"completion"}};
  for (const auto& arguments : wrong) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, exit_usage) << testing::PrintToString(arguments) << outcome.out << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("gatehouse: ")) << outcome.err;
  }
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(PolicyCommand, ListsAndShowsAreJsonWithEveryKeyToo) {
  put(office);
  const auto listed = json::parse(run({"user", "list", "--json"}).out);
  EXPECT_EQ(listed.at("policy_version"), 1);
  EXPECT_EQ(listed.at("users").at(0).at("name"), "bob");
  EXPECT_EQ(listed.at("users").at(0).at("active"), true);
  EXPECT_EQ(listed.at("users").at(0).at("sources"), json::parse(R"(["192.0.2.10"])"));
  EXPECT_EQ(json::parse(run({"service", "show", "win1-rdp", "--json"}).out).at("port"), 3389);
  EXPECT_EQ(run({"user", "show", "bob"}).out, "users:\n  bob:\n    sources: [192.0.2.10]\n");
  EXPECT_THAT(run({"grant", "list"}).out, HasSubstr("bob-win1"));
  EXPECT_THAT(run({"maintenance", "list"}).out, HasSubstr("none"));
  const auto pool = json::parse(run({"pool", "show", "office", "--json"}).out);
  EXPECT_EQ(pool.at("next_free"), "198.51.100.2");
  EXPECT_EQ(pool.at("in_use").at(0).at("server"), "win1");
  EXPECT_THAT(run({"pool", "list"}).out, HasSubstr("198.51.100.2"));
}

TEST_F(PolicyCommand, ExportAndHistoryAreOfAnyVersion) {
  put(office);
  expect_ok({"user", "add", "dave"});
  EXPECT_EQ(loaded(run({"export"}).out), document());
  EXPECT_EQ(run({"export", "--version", "1"}).out, office);
  EXPECT_EQ(run({"policy", "show", "1"}).out, office);
  EXPECT_EQ(run({"policy", "diff"}).out, "+ users dave\n");
  EXPECT_EQ(run({"policy", "diff", "2", "1"}).out, "- users dave\n");
  EXPECT_EQ(run({"policy", "diff", "2"}).out, "Versions 2 and 2 do not differ.\n");
  expect_refused({"export", "--version", "7"}, "there is no policy version 7");
  answers(
      "policy_versions",
      R"({"policy_version": 2, "versions": [{"version": 2, "author": "uid 0", "applied_at": "2026-11-23T08:00:00.5Z"}]})");
  EXPECT_THAT(run({"policy", "history", "--limit", "5"}).out, HasSubstr("2026-11-23T08:00:00Z"));
  EXPECT_EQ(daemon().versions_asked.limit, 5U);
}

TEST_F(PolicyCommand, ARollbackIsANewVersionAndNeverUndoesWhatNobodySaw) {
  put(office);
  expect_ok({"user", "add", "dave"});
  EXPECT_THAT(run({"policy", "rollback", "1", "--dry-run"}).out, HasSubstr("- users dave\n"));
  EXPECT_EQ(version_, 2U);
  expect_ok({"policy", "rollback", "1"});
  EXPECT_EQ(version_, 3U);
  EXPECT_EQ(document(), loaded(office));
  daemon().scripts["apply"] = []() -> admin::Outcome {
    return std::unexpected(test::fault(409, "the policy has changed", "look again"));
  };
  EXPECT_EQ(run({"policy", "rollback", "2"}).code, exit_failed);
  EXPECT_EQ(std::ranges::count(daemon().calls(), "apply"), 3);
}

TEST_F(PolicyCommand, AnAnswerThatIsNoPolicyIsAnError) {
  for (const char* body : {"{}", R"({"version": 1})", R"({"version": -1, "text": ""})", R"({"version": 1, "text": 7})",
                           R"({"version": 1, "text": "users: ["})"}) {
    daemon().scripts["policy_text"] = [body]() -> admin::Outcome { return json::parse(body); };
    for (const auto& verb : std::vector<std::vector<std::string>>{{"user", "list"},
                                                                  {"user", "add", "x"},
                                                                  {"policy", "diff"},
                                                                  {"pool", "list"},
                                                                  {"policy", "rollback", "1"}}) {
      EXPECT_EQ(run(verb).code, exit_failed) << verb[0] << body;
    }
    EXPECT_NO_THROW(run({"export"}));
  }
}

}  // namespace
}  // namespace gatehouse::cli
