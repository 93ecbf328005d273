// status, sessions, ban, audit, reload, restart, watch and doctor.
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

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
  EXPECT_EQ(policy::text_of(daemon().bans_added[1].target), "2001:db8::/32");
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
  EXPECT_EQ(daemon().bans_asked.limit, 1U);
}

TEST_F(Command, BanRemoveNamesWhatWasNotBanned) {
  answers("remove_bans", R"({"removed": ["192.0.2.7"], "unknown": ["192.0.2.8"]})");
  const auto outcome = run({"ban", "remove", "192.0.2.7", "192.0.2.8"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.out, "No longer banned: 192.0.2.7\n");
  EXPECT_THAT(outcome.err, HasSubstr("192.0.2.8 is not banned"));
  EXPECT_EQ(daemon().bans_removed.targets.size(), 2U);
}

TEST_F(Command, BanAddTakesNamesAndEndsOfTheirOwn) {
  answers("add_bans", R"({"added": [{"id": 7, "subject": "user", "user": "bob"}], "added_count": 1, "sessions_ended": 1,
    "notes": ["the policy has no user bob"]})");
  const auto outcome = run({"ban", "add", "--user", "bob", "--server", "win1", "--device", "1 2"});
  EXPECT_EQ(outcome.code, exit_usage) << "a device has no blanks";
  const auto done = run({"ban", "add", "--user", "bob", "--server", "win1", "--device", "123456789", "user:eve",
                         "--reason", "left", "--for", "permanent"});
  EXPECT_EQ(done.code, exit_ok) << done.err;
  EXPECT_THAT(done.out, HasSubstr("Banned user:bob for ever (ban 7)\n"));
  EXPECT_THAT(done.err, HasSubstr("note: the policy has no user bob"));
  ASSERT_EQ(daemon().bans_added.size(), 4U);
  EXPECT_EQ(policy::text_of(daemon().bans_added[0].target), "user:eve");
  EXPECT_EQ(policy::text_of(daemon().bans_added[3].target), "device:123456789");
  EXPECT_EQ(daemon().bans_added[3].expires, std::nullopt);

  EXPECT_EQ(run({"ban", "add", "-", "--reason", "all", "--for", "2h"}, "user:bob\nserver:win1 for=1h own\n").code,
            exit_ok);
  ASSERT_EQ(daemon().bans_added.size(), 2U);
  EXPECT_EQ(daemon().bans_added[0].reason, "all");
  EXPECT_EQ(daemon().bans_added[1].reason, "own");
  EXPECT_LT(*daemon().bans_added[1].expires, *daemon().bans_added[0].expires);
}

TEST_F(Command, BanRemoveTakesNamesNumbersAndLists) {
  answers("remove_bans", R"({"removed": ["user:bob"], "removed_count": 1, "unknown": [], "unknown_ids": [9]})");
  const auto outcome = run({"ban", "remove", "--user", "bob", "--id", "9", "--file", "-"}, "192.0.2.7 whatever\n");
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(outcome.out, "No longer banned: user:bob\n");
  EXPECT_THAT(outcome.err, HasSubstr("there is no ban 9"));
  ASSERT_EQ(daemon().bans_removed.targets.size(), 2U);
  EXPECT_EQ(policy::text_of(daemon().bans_removed.targets[0]), "user:bob");
  EXPECT_EQ(policy::text_of(daemon().bans_removed.targets[1]), "192.0.2.7");
  EXPECT_EQ(daemon().bans_removed.ids, std::vector<std::uint64_t>{9});
}

TEST_F(Command, BanListAndHistoryHandOverTheirFilters) {
  EXPECT_EQ(run({"ban", "list", "--user"}).out, "No bans.\n");
  EXPECT_EQ(daemon().bans_asked.kind, policy::BanKind::user);
  EXPECT_EQ(daemon().bans_asked.target, std::nullopt);
  answers("ban_history", R"json({"events": [
    {"id": 2, "ban_id": 1, "event": "removed", "subject": "user", "user": "bob", "reason": "r", "author": "uid 0 (root)",
     "time": "2026-11-23T08:00:01Z", "expires": null},
    {"id": 1, "ban_id": 1, "event": "added", "subject": "user", "user": "bob", "reason": "r", "author": "uid 0 (root)",
     "time": "2026-11-23T08:00:00Z", "expires": null}]})json");
  const auto outcome = run({"ban", "history", "--user", "bob", "--limit", "7"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(policy::text_of(*daemon().bans_asked.target), "user:bob");
  EXPECT_EQ(daemon().bans_asked.limit, 7U);
  EXPECT_LT(outcome.out.find("added"), outcome.out.find("removed")) << "the newest last";
  EXPECT_EQ(run({"ban", "history", "--network", "192.0.2.0/24"}).code, exit_ok);
  EXPECT_EQ(policy::text_of(*daemon().bans_asked.target), "192.0.2.0/24");
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
