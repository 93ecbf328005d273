// apply and check.
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

TEST_F(Command, ApplyShowsTheDifferenceAndChangesNothing) {
  answers("plan",
          R"({"policy_version": 3, "changes": [{"verb": "add", "section": "users", "name": "bob", "details": []},
    {"verb": "modify", "section": "grants", "name": "g", "details": ["end: a -> b\u001b"]}, {"verb": "remove", "section": "pools", "name": "p", "details": []}],
    "text": ""})");
  const auto file = write("p.yaml", "users: {}\n");
  const auto outcome = run({"apply", file});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("+ users bob\n~ grants g\n    end: a -> b\\x1b\n- pools p\n"));
  EXPECT_THAT(outcome.out, HasSubstr("--yes"));
  EXPECT_EQ(daemon().calls(), std::vector<std::string>{"plan"});
  ASSERT_EQ(daemon().texts.size(), 1U);
  EXPECT_EQ(daemon().texts[0].file, file);
  EXPECT_EQ(daemon().texts[0].text, "users: {}\n");
}

TEST_F(Command, ApplyYesAppliesWhatWasShown) {
  answers(
      "plan",
      R"({"policy_version": 3, "changes": [{"verb": "add", "section": "users", "name": "bob", "details": []}], "text": ""})");
  answers("apply", R"({"policy_version": 4, "changes": [], "sessions_ended": 2, "verdicts_removed": 5})");
  const auto outcome = run({"apply", "--yes", write("p.yaml", "")});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Policy version 4 is in force: 2 sessions ended, 5 verdicts removed."));
  EXPECT_EQ(daemon().calls(), (std::vector<std::string>{"plan", "apply"}));
  EXPECT_EQ(daemon().expected_version, 3U);
  daemon().outcomes.insert_or_assign("apply",
                                     std::unexpected(test::fault(409, "the policy has changed", "look again")));
  EXPECT_EQ(run({"apply", "--yes", write("p.yaml", "")}).code, exit_failed);
}

TEST_F(Command, ApplyYesWithoutADifferenceHasTheDaemonLookAgain) {
  answers("plan", R"({"policy_version": 3, "changes": [], "text": ""})");
  answers("apply", R"({"policy_version": 3, "changes": [], "text": ""})");
  const auto outcome = run({"apply", "--yes", write("p.yaml", "")});
  EXPECT_EQ(outcome.code, exit_ok);
  EXPECT_THAT(outcome.out, HasSubstr("already so (version 3)"));
  EXPECT_EQ(daemon().calls(), (std::vector<std::string>{"plan", "apply"}));
}

TEST_F(Command, ApplyTakesTheYamlFilesOfADirectoryInOrder) {
  write("d/b.yaml", "b");
  write("d/a.yaml", "a");
  write("d/notes.txt", "no");
  write("d/a.yaml~", "no");
  answers("plan", R"({"policy_version": 3, "changes": [], "text": ""})");
  EXPECT_EQ(run({"apply", (server_.directory() / "d").string()}).code, exit_ok);
  ASSERT_EQ(daemon().texts.size(), 2U);
  EXPECT_EQ(daemon().texts[0].text, "a");
  EXPECT_EQ(daemon().texts[1].text, "b");
}

TEST_F(Command, ApplyRefusesFilesItCannotRead) {
  std::filesystem::create_directory(server_.directory() / "empty");
  const auto twice = write("p.yaml", "");
  for (const auto& paths : std::vector<std::vector<std::string>>{{(server_.directory() / "missing.yaml").string()},
                                                                 {(server_.directory() / "empty").string()},
                                                                 {twice, twice},
                                                                 {"-"}}) {
    auto arguments = paths;
    arguments.insert(arguments.begin(), "apply");
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, exit_failed);
    EXPECT_NE(outcome.err, "");
  }
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(Command, ApplyListsEveryIssue) {
  auto fault = test::fault(400, "the policy has 2 faults, nothing was applied", "mend them");
  fault.issues = {{"a.yaml", 3, "unknown key 'x'", "remove it"}, {"a.yaml", 0, "is empty", ""}};
  daemon().outcomes.insert_or_assign("plan", std::unexpected(fault));
  const auto outcome = run({"apply", "--yes", write("p.yaml", "")});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.err,
            "a.yaml:3: unknown key 'x': remove it\na.yaml: is empty\ngatehouse: the policy has 2 faults, nothing was "
            "applied: mend them\n");
  const auto as_json = json::parse(run({"--json", "apply", write("p.yaml", "")}).out);
  EXPECT_EQ(as_json.at("issues").size(), 2U);
}

TEST_F(Command, CheckExplainsAndItsCodeIsTheDecision) {
  answers(
      "check",
      R"({"allowed": true, "reason": "allowed", "description": "A grant lets it in.", "holds_until": "2026-12-01T00:00:00Z", "user": "bob",
    "service": "win1-rdp", "server": "win1", "grant": "bob-win1", "ban_id": 0, "backend": "10.0.0.1:3389", "policy_version": 3,
    "steps": [{"subject": "ban", "passed": true, "finding": "none"}], "kernel_verdict": null})");
  const auto allowed = run({"check", "--source", "192.0.2.7", "--dest", "203.0.113.9", "--port", "3389", "--udp",
                            "--time", "2026-11-23", "--login", "CORP\\bob"});
  EXPECT_EQ(allowed.code, exit_ok) << allowed.err;
  EXPECT_THAT(allowed.out, HasSubstr("✓ ban: none\n"));
  EXPECT_THAT(allowed.out, HasSubstr("ALLOWED (allowed): A grant lets it in.\n"));
  EXPECT_THAT(allowed.out, HasSubstr("this holds until 2026-12-01T00:00:00Z\n"));
  EXPECT_EQ(daemon().checked.source.text(), "192.0.2.7");
  EXPECT_EQ(daemon().checked.destination.text(), "203.0.113.9:3389");
  EXPECT_EQ(daemon().checked.transport, policy::Transport::udp);
  EXPECT_EQ(daemon().checked.time, *parse_time("2026-11-23"));
  EXPECT_EQ(daemon().checked.login, "CORP\\bob");

  answers("check",
          R"({"allowed": false, "reason": "banned_source", "description": "Banned.", "holds_until": null, "user": null,
    "steps": [{"subject": "ban", "passed": false, "finding": "ban 7"}], "kernel_verdict": {"expires": "2026-11-23T08:00:30Z", "reason": "banned_source", "hits": 4}})");
  const auto denied = run({"check", "--source", "2001:db8::7", "--dest", "2001:db8::9", "--port", "22"});
  EXPECT_EQ(denied.code, exit_denied);
  EXPECT_THAT(denied.out, HasSubstr("✗ ban: ban 7\n"));
  EXPECT_THAT(denied.out, HasSubstr("DENIED (banned_source)"));
  EXPECT_THAT(denied.out, HasSubstr("this holds until something is changed\n"));
  EXPECT_THAT(denied.out,
              HasSubstr("the kernel drops it until 2026-11-23T08:00:30Z (banned_source, 4 attempts dropped)\n"));
  EXPECT_EQ(run({"--json", "check", "--source", "2001:db8::7", "--dest", "2001:db8::9", "--port", "22"}).code,
            exit_denied);
}

}  // namespace
}  // namespace gatehouse::cli
