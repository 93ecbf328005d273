// The whole command, from its arguments to its exit code, against a daemon that answers what it is told.
#include "cli/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "admin/query.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Test;

class Command : public Test {
 protected:
  struct Outcome {
    int code = -1;
    std::string out;
    std::string err;
  };

  Outcome run(std::vector<std::string> arguments, const std::string& input = {}) {
    arguments.insert(arguments.begin(), {"gatehouse", "--socket", server_.socket().string()});
    return run_bare(arguments, input);
  }
  Outcome run_bare(const std::vector<std::string>& arguments, const std::string& input = {}) {
    std::vector<const char*> argv;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    const Console console{in, out, err, -1, "9.8.7", [this](std::chrono::milliseconds) { return pause(); }};
    const int code = cli::run(static_cast<int>(argv.size()), argv.data(), console);
    return {code, out.str(), err.str()};
  }
  bool pause() {
    if (pauses_.empty()) return false;
    const auto step = pauses_.front();
    pauses_.erase(pauses_.begin());
    step();
    return true;
  }
  std::string write(const std::string& name, const std::string& text) {
    const auto path = server_.directory() / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  test::FakeOperations& daemon() { return server_.operations; }
  void answers(const std::string& verb, const char* text) {
    daemon().outcomes.insert_or_assign(verb, json::parse(text));
  }

  test::RunningServer server_;
  std::vector<std::function<void()>> pauses_;
};

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
                                                    {"audit"},
                                                    {"doctor"},
                                                    {"reload"},
                                                    {"restart"},
                                                    {"watch"},
                                                    {"version"}};
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

TEST_F(Command, StatusShowsWhatThereIsAndAlarmsLast) {
  answers(
      "status",
      R"({"version": "1.2.3", "instance": "default", "started": "2026-11-23T08:00:00.5Z", "uptime_seconds": 3661, "policy_version": 3,
    "users": 4, "services": 5, "grants": 6, "bans": 7, "sessions_open": 8, "loops": 2, "steering": "sk_lookup", "enforcement": "enforce",
    "guards": [{"interface": "eth0", "mode": "native"}], "pins": "/sys/fs/bpf/gatehouse/default", "verdicts": 9,
    "counters": {"steered": 10}, "store": {"queued": 1, "queue_capacity": 8192, "rows_written": 11, "failed_writes": 0, "alarm": false, "fault": ""},
    "features": {"sk_lookup": true, "tcx": false}, "gate": {"accepted": 12, "bytes_from_client": 2048},
    "drift": {"services": 0}, "last_reconciled": null, "alarms": [{"name": "store", "what": "disk full", "mend": "make room"}]})");
  const auto outcome = run({"status"});
  EXPECT_EQ(outcome.code, exit_ok);
  EXPECT_THAT(outcome.out, HasSubstr("1.2.3, instance default, up 1h1m1s since 2026-11-23T08:00:00Z\n"));
  EXPECT_THAT(outcome.out, HasSubstr("version 3: 4 users, 5 services, 6 grants\n"));
  EXPECT_THAT(outcome.out, HasSubstr("eth0 (native)\n"));
  EXPECT_THAT(outcome.out, HasSubstr("2.0 KiB from clients"));
  EXPECT_THAT(outcome.out, HasSubstr("steered     10\n"));
  EXPECT_THAT(outcome.out, HasSubstr("kernel lacks  tcx\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\nALARM store: disk full: make room\n"));
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
      {"audit"},
      {"check", "--source", "192.0.2.7", "--dest", "192.0.2.8", "--port", "1"},
      {"reload"},
      {"watch"}};
  for (
      const char* body :
      {"{}",
       R"({"guards": 7, "counters": "x", "alarms": {"a": 1}, "started": 7, "gate": null, "changes": [7], "policy_version": "x",
      "sessions": [[]], "bans": [null], "total": {}, "removed": [7], "unknown": {"a": [1]}, "killed": "x", "rows": [{"id": "x"}, 7], "allowed": 1, "steps": [1],
      "kernel_verdict": [], "added": 7, "changed": [[]], "restart_needed": 7})"}) {
    for (const char* verb :
         {"status", "plan", "apply", "check", "sessions", "kill", "bans", "add_bans", "remove_bans", "audit", "reload"})
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

TEST_F(Command, ApplyYesWithoutADifferenceAppliesNothing) {
  answers("plan", R"({"policy_version": 3, "changes": [], "text": ""})");
  const auto outcome = run({"apply", "--yes", write("p.yaml", "")});
  EXPECT_EQ(outcome.code, exit_ok);
  EXPECT_THAT(outcome.out, HasSubstr("already so (version 3)"));
  EXPECT_EQ(daemon().calls(), std::vector<std::string>{"plan"});
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

TEST_F(Command, SessionsAreATable) {
  answers(
      "sessions",
      R"({"sessions": [{"id": 12, "user": "eve\u001b[2J", "service": "s", "client": "192.0.2.7:5000", "proxy": "203.0.113.9:3389",
    "backend": "10.0.0.1:3389", "started": "2026-11-23T08:00:00.1Z", "ended": null, "duration_seconds": 61.5, "bytes_from_client": 1536,
    "bytes_to_client": 3, "end_reason": "open", "end_detail": ""}]})");
  for (const auto& verb : std::vector<std::vector<std::string>>{{"sessions", "--open", "--limit", "5"},
                                                                {"sessions", "list", "--open", "--limit", "5"}}) {
    const auto outcome = run(verb);
    EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
    EXPECT_THAT(outcome.out, HasSubstr("ID  USER"));
    EXPECT_THAT(
        outcome.out,
        HasSubstr("12  eve\\x1b[2J  s        192.0.2.7:5000  203.0.113.9:3389  10.0.0.1:3389  2026-11-23T08:00:00Z"));
    EXPECT_THAT(outcome.out, HasSubstr("1.5 KiB"));
    EXPECT_TRUE(daemon().sessions_asked.only_open);
    EXPECT_EQ(daemon().sessions_asked.limit, 5U);
  }
  answers("sessions", R"({"sessions": []})");
  EXPECT_EQ(run({"sessions"}).out, "No sessions yet.\n");
  EXPECT_FALSE(daemon().sessions_asked.only_open);
}

TEST_F(Command, KillNamesWhatWasNotThere) {
  answers("kill", R"({"killed": [1], "unknown": [2]})");
  const auto outcome = run({"sessions", "kill", "1", "2"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.out, "Killed: 1\n");
  EXPECT_EQ(outcome.err, "gatehouse: not open: 2\n");
  EXPECT_EQ(daemon().ids, (std::vector<std::uint64_t>{1, 2}));
  answers("kill", R"({"killed": [3, 4], "unknown": []})");
  EXPECT_EQ(run({"sessions", "kill", "--user", "bob"}).code, exit_ok);
  EXPECT_EQ(daemon().user, "bob");
  EXPECT_TRUE(daemon().ids.empty());
}

TEST_F(Command, BanAddTakesArgumentsFilesAndTheStandardInput) {
  answers("add_bans", R"({"added": [{"id": 7, "network": "192.0.2.7"}], "sessions_ended": 3})");
  const auto before = now();
  const auto outcome = run({"ban", "add", "192.0.2.7", "2001:db8::/32", "--reason", "guessing", "--for", "2h"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Banned 192.0.2.7 until "));
  EXPECT_THAT(outcome.out, HasSubstr("3 sessions ended\n"));
  ASSERT_EQ(daemon().bans_added.size(), 2U);
  EXPECT_EQ(daemon().bans_added[1].network.text(), "2001:db8::/32");
  EXPECT_EQ(daemon().bans_added[1].reason, "guessing");
  EXPECT_GE(*daemon().bans_added[1].expires, before + std::chrono::hours(2));
  EXPECT_LE(*daemon().bans_added[1].expires, now() + std::chrono::hours(2));

  EXPECT_EQ(run({"ban", "add", "--file", write("list", "# mine\n192.0.2.8\n192.0.2.9 its own\n"), "--reason", "list",
                 "--permanent"})
                .code,
            exit_ok);
  ASSERT_EQ(daemon().bans_added.size(), 2U);
  EXPECT_EQ(daemon().bans_added[0].reason, "list");
  EXPECT_EQ(daemon().bans_added[1].reason, "its own");
  EXPECT_EQ(daemon().bans_added[1].expires, std::nullopt);

  EXPECT_EQ(run({"ban", "add", "--file", "-"}, "192.0.2.10 from a pipe").code, exit_ok);
  EXPECT_EQ(daemon().bans_added.at(0).reason, "from a pipe");
}

TEST_F(Command, BanAddWithAFaultyListBansNothing) {
  const auto outcome = run({"ban", "add", "--file", "-"}, "192.0.2.7 fine\n192.0.2.8\nnonsense x\n");
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("-:2: the ban has no reason"));
  EXPECT_THAT(outcome.err, HasSubstr("-:3: 'nonsense' is not an IP address"));
  EXPECT_EQ(run({"ban", "add", "--file", "-"}, "# nothing\n").code, exit_failed);
  EXPECT_EQ(run({"ban", "add", "--file", server_.directory().string()}).code, exit_failed);
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(Command, BanListSaysWhenThereAreMore) {
  answers("bans", R"json({"bans": [{"id": 1, "network": "192.0.2.7", "reason": "r\n", "author": "uid 0 (root)",
    "created": "2026-11-23T08:00:00Z", "expires": null}], "total": 5})json");
  const auto outcome = run({"ban", "list", "--limit", "1"});
  EXPECT_EQ(outcome.code, exit_ok);
  EXPECT_THAT(outcome.out, HasSubstr(" 1  192.0.2.7  never    2026-11-23T08:00:00Z  uid 0 (root)  r\\n\n"));
  EXPECT_THAT(outcome.out, HasSubstr("1 of 5; --limit shows more\n"));
  EXPECT_EQ(daemon().bans_limit, 1U);
}

TEST_F(Command, BanRemoveNamesWhatWasNotBanned) {
  answers("remove_bans", R"({"removed": ["192.0.2.7"], "unknown": ["192.0.2.8"]})");
  const auto outcome = run({"ban", "remove", "192.0.2.7", "192.0.2.8"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.out, "No longer banned: 192.0.2.7\n");
  EXPECT_THAT(outcome.err, HasSubstr("192.0.2.8 is not banned"));
  EXPECT_EQ(daemon().bans_removed.size(), 2U);
}

TEST_F(Command, AuditHandsOverEveryFilterAndPrintsInTheOrderOfTime) {
  answers(
      "audit",
      R"({"rows": [{"id": 2, "time": "2026-11-23T08:00:01Z", "action": "session_denied", "reason": "policy_expired", "user": "a&b=c", "source": "192.0.2.7",
    "destination": null, "service": "", "session_id": 0, "author": "", "detail": "\u001b]0;x"}, {"id": 1, "time": "2026-11-23T08:00:00Z", "action": "daemon_started"}]})");
  const auto outcome = run({"audit", "--since", "2h", "--action", "session_denied", "--user", "a&b=c", "--source",
                            "192.0.2.7", "--reason", "policy_expired", "--limit", "9"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_LT(outcome.out.find("daemon_started"), outcome.out.find("session_denied"));
  EXPECT_THAT(outcome.out, HasSubstr("\\x1b]0;x"));
  const auto& asked = daemon().audit_asked;
  EXPECT_EQ(asked.user, "a&b=c");
  EXPECT_EQ(asked.action, "session_denied");
  EXPECT_EQ(asked.source->text(), "192.0.2.7");
  EXPECT_EQ(asked.reason, policy::Reason::policy_expired);
  EXPECT_EQ(asked.limit, 9U);
  EXPECT_LT(now() - *asked.since - std::chrono::hours(2), std::chrono::minutes(1));
}

TEST_F(Command, AuditFollowsFromTheLastRowAndOverARestart) {
  answers("audit", R"({"rows": [{"id": 5, "action": "daemon_started"}]})");
  pauses_.emplace_back([this] {
    answers("audit", R"({"rows": [{"id": 6, "action": "ban_added"}, {"id": 7, "action": "ban_removed"}]})");
  });
  pauses_.emplace_back([this] {
    EXPECT_EQ(daemon().audit_asked.after_id, 5U);
    answers("audit", R"({"rows": []})");
  });
  pauses_.emplace_back([this] {
    EXPECT_EQ(daemon().audit_asked.after_id, 7U);
    server_.stop();
  });
  pauses_.emplace_back([] {});
  const auto outcome = run({"audit", "--follow", "--json"});
  EXPECT_EQ(outcome.code, exit_ok);
  std::istringstream lines(outcome.out);
  std::vector<int> ids;
  for (std::string line; std::getline(lines, line) && line.starts_with("{\"a");)
    ids.push_back(json::parse(line).at("id").get<int>());
  EXPECT_EQ(ids, (std::vector<int>{5, 6, 7}));
}

TEST_F(Command, ReloadSaysWhatNeedsARestart) {
  answers("reload", R"({"changed": ["log_level"], "restart_needed": ["pools"]})");
  const auto outcome = run({"reload"});
  EXPECT_EQ(outcome.code, exit_ok);
  EXPECT_EQ(outcome.out, "Changed: log_level\nNeeds `gatehouse restart`: pools\n");
}

TEST_F(Command, RestartWaitsUntilTheNewDaemonAnswers) {
  answers("status", R"({"version": "1", "started": "2026-11-23T08:00:00Z"})");
  pauses_.emplace_back([] {});
  pauses_.emplace_back(
      [this] { answers("status", R"({"version": "2", "started": "2026-11-23T08:00:05Z", "sessions_open": 0})"); });
  const auto outcome = run({"restart"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("version 2, since 2026-11-23T08:00:05Z"));
  EXPECT_EQ(daemon().calls(), (std::vector<std::string>{"status", "restart", "status", "status"}));
  pauses_ = {[] {}};
  EXPECT_EQ(run({"restart"}).code, exit_failed);
}

TEST_F(Command, WatchWithoutATerminalPrintsOneFrame) {
  answers("status", R"({"version": "1", "instance": "default", "gate": {"accepted": 7}, "counters": {"steered": 8}})");
  answers("sessions", R"({"sessions": [{"id": 12, "user": "bob"}]})");
  answers(
      "audit",
      R"({"rows": [{"id": 3, "action": "kernel_denied", "source": "192.0.2.7", "time": "2026-11-23T08:00:00Z", "reason": "banned_source"}]})");
  const auto outcome = run({"watch"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("bob"));
  EXPECT_THAT(outcome.out, HasSubstr("banned_source"));
  EXPECT_EQ(outcome.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(json::parse(run({"watch", "--json"}).out).at("sessions").at(0).at("id"), 12);
}

TEST_F(Command, VersionIsTheCommandsOwn) {
  EXPECT_EQ(run({"version"}).out, "gatehouse 9.8.7\n");
  EXPECT_EQ(run({"--version"}).out, "gatehouse 9.8.7\n");
  EXPECT_EQ(json::parse(run({"--json", "version"}).out).at("version"), "9.8.7");
}

TEST_F(Command, DoctorNeedsNoDaemon) {
  const auto outcome = run_bare({"gatehouse", "--json", "--socket", "/nowhere", "doctor"});
  const auto report = json::parse(outcome.out);
  EXPECT_EQ(outcome.code, report.at("fit") == true ? exit_ok : exit_failed);
  ASSERT_FALSE(report.at("findings").empty());
  bool failed = false;
  for (const auto& finding : report.at("findings")) {
    EXPECT_FALSE(finding.at("subject").get<std::string>().empty());
    failed = failed || finding.at("level") == "failure";
  }
  EXPECT_EQ(report.at("fit"), !failed);
}

}  // namespace
}  // namespace gatehouse::cli
