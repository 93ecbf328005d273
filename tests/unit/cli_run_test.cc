// What all verbs have in common: help, usage, exit codes, the socket.
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

TEST_F(Command, HelpOfEveryVerbHasAnExampleAndSucceeds) {
  const std::vector<std::vector<std::string>> verbs{{},
                                                    {"status"},
                                                    {"apply"},
                                                    {"check"},
                                                    {"sessions"},
                                                    {"sessions", "list"},
                                                    {"sessions", "kill"},
                                                    {"ban"},
                                                    {"ban", "add"},
                                                    {"ban", "list"},
                                                    {"ban", "remove"},
                                                    {"ban", "history"},
                                                    {"audit"},
                                                    {"doctor"},
                                                    {"reload"},
                                                    {"restart"},
                                                    {"watch"},
                                                    {"version"},
                                                    {"export"},
                                                    {"policy"},
                                                    {"policy", "rollback"},
                                                    {"user"},
                                                    {"user", "add"},
                                                    {"user", "source", "add"},
                                                    {"group", "member", "add"},
                                                    {"server-group"},
                                                    {"server", "add"},
                                                    {"service", "add"},
                                                    {"pool", "assign"},
                                                    {"pool", "network"},
                                                    {"schedule", "add"},
                                                    {"maintenance", "add"},
                                                    {"grant", "add"},
                                                    {"revoke"},
                                                    {"renew"},
                                                    {"completion", "bash"}};
  for (auto verb : verbs) {
    verb.emplace_back("--help");
    const auto outcome = run(verb);
    EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("Example: gatehouse"));
    EXPECT_EQ(outcome.err, "");
  }
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(Command, UsageErrorsAreTwoAndReachNobody) {
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"frobnicate"},
      {"status", "now"},
      {"status", "--what"},
      {"--json=maybe", "status"},
      {"apply"},
      {"check", "--source", "192.0.2.7", "--dest", "203.0.113.9"},
      {"check", "--source", "x", "--dest", "203.0.113.9", "--port", "1"},
      {"check", "--source", "192.0.2.7", "--dest", "203.0.113.9", "--port", "0"},
      {"check", "--source", "192.0.2.7", "--dest", "203.0.113.9", "--port", "1", "--time", "noon"},
      {"sessions", "--limit", "0"},
      {"sessions", "kill"},
      {"sessions", "kill", "x"},
      {"sessions", "kill", "-1"},
      {"sessions", "kill", "1", "--user", "bob"},
      {"ban"},
      {"ban", "add"},
      {"ban", "add", "192.0.2.7"},
      {"ban", "add", "192.0.2.7/24", "--reason", "r"},
      {"ban", "add", "192.0.2.7", "--reason", "r", "--for", "2"},
      {"ban", "add", "192.0.2.7", "--reason", "r", "--until", "2020-01-01"},
      {"ban", "add", "192.0.2.7", "--reason", "r", "--for", "2h", "--permanent"},
      {"ban", "add", "192.0.2.7", "--reason", "r", "--for", "2h", "--until", "2999-01-01"},
      {"ban", "remove"},
      {"ban", "remove", "x"},
      {"ban", "remove", "--id", "0"},
      {"ban", "add", "--user", "b b", "--reason", "r"},
      {"ban", "add", "bob", "--reason", "r"},
      {"ban", "list", "--user", "--server"},
      {"ban", "history", "--network", "x"},
      {"audit", "--since", "soon"},
      {"audit", "--source", "x"},
      {"audit", "--reason", "because"},
      {"watch", "--interval", "1"},
      {"watch", "--interval", "1ms"}};
  for (const auto& arguments : wrong) {
    const auto outcome = run(arguments);
    EXPECT_EQ(outcome.code, exit_usage) << testing::PrintToString(arguments) << outcome.out << outcome.err;
    EXPECT_TRUE(outcome.err.starts_with("gatehouse: ")) << outcome.err;
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(Command, AnArgumentCannotSteerTheTerminalEither) {
  EXPECT_EQ(run({"frob\x1b[2J"}).err.find('\x1b'), std::string::npos);
  EXPECT_EQ(run({"ban", "add", "\x1b[2J", "--reason", "r"}).err.find('\x1b'), std::string::npos);
}

TEST_F(Command, WithoutADaemonTheCodeIsFour) {
  for (const auto& verb :
       std::vector<std::vector<std::string>>{{"status"}, {"reload"}, {"restart"}, {"audit", "--follow"}, {"watch"}}) {
    auto arguments = verb;
    arguments.insert(arguments.begin(), {"gatehouse", "--socket", (server_.directory() / "none").string()});
    const auto outcome = run_bare(arguments);
    EXPECT_EQ(outcome.code, exit_unreachable) << verb[0];
    EXPECT_THAT(outcome.err, HasSubstr("no daemon answers at"));
    EXPECT_THAT(outcome.err, HasSubstr("start gatehoused, or name its socket with --socket"));
  }
}

TEST_F(Command, TheSocketComesFromTheEnvironmentToo) {
  ::setenv("GATEHOUSE_SOCKET", server_.socket().c_str(), 1);
  const auto outcome = run_bare({"gatehouse", "--json", "status"});
  ::unsetenv("GATEHOUSE_SOCKET");
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(outcome.out, "{}\n");
}

TEST_F(Command, FaultsOfTheDaemonAreOneWithWhatAndMend) {
  daemon().outcomes.insert_or_assign("status", std::unexpected(test::fault(503, "the store\x1b[2J is away", "wait")));
  const auto outcome = run({"status"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.err, "gatehouse: the store\\x1b[2J is away: wait\n");
  EXPECT_EQ(outcome.out, "");
  const auto as_json = run({"status", "--json"});
  EXPECT_EQ(as_json.code, exit_failed);
  EXPECT_EQ(json::parse(as_json.out).at("error").at("mend"), "wait");
  EXPECT_EQ(as_json.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(as_json.err, "");
}

TEST_F(Command, AnswersOfAnUnexpectedShapeAreNoCrash) {
  const auto file = write("p.yaml", "");
  const std::vector<std::vector<std::string>> verbs{
      {"status"},
      {"apply", file},
      {"apply", "--yes", file},
      {"sessions"},
      {"sessions", "kill", "1"},
      {"ban", "add", "192.0.2.7", "--reason", "r"},
      {"ban", "list"},
      {"ban", "remove", "192.0.2.7"},
      {"ban", "history"},
      {"audit"},
      {"check", "--source", "192.0.2.7", "--dest", "192.0.2.8", "--port", "1"},
      {"reload"},
      {"watch"}};
  for (
      const char* body :
      {"{}",
       R"({"guards": 7, "counters": "x", "alarms": {"a": 1}, "started": 7, "gate": null, "changes": [7], "policy_version": "x",
      "sessions": [[]], "bans": [null], "events": {"a": [1]}, "notes": 7, "added_count": [], "unknown_ids": {"a": 1}, "total": {}, "removed": [7], "unknown": {"a": [1]}, "killed": "x", "rows": [{"id": "x"}, 7], "allowed": 1, "steps": [1],
      "kernel_verdict": [], "added": 7, "changed": [[]], "restart_needed": 7})"}) {
    for (const char* verb : {"status", "plan", "apply", "check", "sessions", "kill", "bans", "ban_history", "add_bans",
                             "remove_bans", "audit", "reload"})
      answers(verb, body);
    for (const auto& verb : verbs) EXPECT_NO_THROW(run(verb)) << verb[0] << body;
  }
  for (const char* body : {"[]", "7", "null", "\"x\""}) {
    answers("status", body);
    const auto outcome = run({"status"});
    EXPECT_EQ(outcome.code, exit_failed) << body;
    EXPECT_THAT(outcome.err, HasSubstr("is not understood"));
  }
}

TEST_F(Command, VersionIsTheCommandsOwn) {
  EXPECT_EQ(run({"version"}).out, "gatehouse 9.8.7\n");
  EXPECT_EQ(run({"--version"}).out, "gatehouse 9.8.7\n");
  EXPECT_EQ(json::parse(run({"--json", "version"}).out).at("version"), "9.8.7");
}

}  // namespace
}  // namespace gatehouse::cli
