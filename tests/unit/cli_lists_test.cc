// Lists: filters, pages, and the forms for other programs.
#include "cli/lists.h"

#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

using testing::ElementsAre;

constexpr const char* columns[]{"id", "text", "more"};

TEST(Csv, QuotesWhatNeedsIt) {
  EXPECT_EQ(csv_titles(columns), "id,text,more\r\n");
  EXPECT_EQ(csv_line({{"id", 7}, {"text", "plain"}, {"more", nullptr}}, columns), "7,plain,\r\n");
  EXPECT_EQ(csv_line({{"id", 7}, {"text", "a,b"}, {"more", "say \"x\""}}, columns), "7,\"a,b\",\"say \"\"x\"\"\"\r\n");
  EXPECT_EQ(csv_line({{"text", "two\r\nlines"}, {"more", " blank"}}, columns), ",\"two\r\nlines\",\" blank\"\r\n");
  EXPECT_EQ(csv_line({{"text", 1.5}, {"more", true}}, columns), ",1.5,true\r\n");
  EXPECT_EQ(csv_line(json(7), columns), ",,\r\n");
}

TEST(Csv, LeavesNoFormulaToASpreadsheetAndCanBeTakenBack) {
  for (const std::string text : {"=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "=a,b"}) {
    auto line = csv_line({{"text", text}}, columns);
    line = line.substr(1, line.size() - 4);
    if (line.starts_with('"')) line = line.substr(1, line.size() - 2);
    EXPECT_EQ(line, "'" + text);
  }
  EXPECT_EQ(csv_line({{"text", "\t=1"}}, columns), ",'\t=1,\r\n");
  EXPECT_EQ(csv_line({{"text", "a=1"}}, columns), ",a=1,\r\n");
}

class Lists : public Command {
 protected:
  // Three pages of sessions, of which the second is empty.
  void answer_pages() {
    daemon().scripts["sessions"] = [this]() -> admin::Outcome {
      const auto& asked = daemon().sessions_asked;
      asked_before_.push_back(asked.before_id);
      limits_.push_back(asked.limit);
      if (asked.before_id == 0) {
        return json{{"sessions", {{{"id", 9}, {"user", "bob"}}, {{"id", 8}, {"user", "ann"}}}},
                    {"next", 8},
                    {"complete", false}};
      }
      if (asked.before_id == 8) return json{{"sessions", json::array()}, {"next", 5}, {"complete", false}};
      return json{{"sessions", {{{"id", 2}, {"user", "=eve"}}}}, {"next", 1}, {"complete", true}};
    };
  }
  std::vector<std::uint64_t> asked_before_;
  std::vector<std::size_t> limits_;
};

TEST_F(Lists, GoThroughThePagesUntilTheLimit) {
  answer_pages();
  const auto outcome = run({"sessions", "--limit", "3"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("=eve"));
  EXPECT_THAT(asked_before_, ElementsAre(0, 8, 5));
  EXPECT_THAT(limits_, ElementsAre(3, 1, 1));
  asked_before_.clear();
  EXPECT_EQ(run({"sessions", "--limit", "2"}).code, exit_ok);
  EXPECT_THAT(asked_before_, ElementsAre(0)) << "there are enough";
  const auto whole = json::parse(run({"sessions", "--json", "--limit", "5"}).out);
  EXPECT_EQ(whole.at("sessions").size(), 3U);
  EXPECT_EQ(whole.at("complete"), true);
}

TEST_F(Lists, AreExportedWhole) {
  answer_pages();
  auto outcome = run({"sessions", "--all", "--csv"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_TRUE(outcome.out.starts_with("id,user,server,service,")) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("\r\n9,bob,"));
  EXPECT_THAT(outcome.out, HasSubstr("\r\n2,'=eve,"));
  outcome = run({"--json", "sessions", "--all"});
  std::istringstream lines(outcome.out);
  std::vector<int> ids;
  for (std::string line; std::getline(lines, line);) ids.push_back(json::parse(line).at("id").get<int>());
  EXPECT_THAT(ids, ElementsAre(9, 8, 2));
  EXPECT_EQ(run({"sessions", "--csv", "--json"}).code, exit_usage);
}

TEST_F(Lists, OfTheAuditAreExportedFromTheFirstRowOn) {
  answers("audit", R"({"rows": [{"id": 1, "action": "daemon_started"}], "next": 1, "complete": true})");
  EXPECT_TRUE(run({"audit", "--all", "--csv"}).out.ends_with("\r\n1,,daemon_started,,,,,,,,\r\n"));
  EXPECT_EQ(daemon().audit_asked.after_id, 0U);
  EXPECT_EQ(run({"audit", "--csv"}).code, exit_ok);
  EXPECT_EQ(daemon().audit_asked.after_id, std::nullopt);
  EXPECT_EQ(run({"audit", "--before", "7", "--all"}).code, exit_ok);
  EXPECT_EQ(daemon().audit_asked.before_id, 7U);
}

TEST_F(Lists, HandOverEveryFilter) {
  ASSERT_EQ(
      run({"sessions", "--open",     "--user",    "bob",      "--source", "192.0.2.0/24", "--backend", "2001:db8::1",
           "--server", "win1",       "--service", "win1-rdp", "--reason", "killed",       "--since",   "2026-11-23",
           "--until",  "2026-11-24", "--after",   "0"})
          .code,
      exit_ok);
  const auto& asked = daemon().sessions_asked;
  EXPECT_TRUE(asked.only_open);
  EXPECT_EQ(asked.user, "bob");
  EXPECT_EQ(asked.source->text(), "192.0.2.0/24");
  EXPECT_EQ(asked.backend->text(), "2001:db8::1");
  EXPECT_EQ(asked.server, "win1");
  EXPECT_EQ(asked.service, "win1-rdp");
  EXPECT_EQ(asked.reason, policy::EndReason::killed);
  EXPECT_EQ(asked.since, *parse_time("2026-11-23"));
  EXPECT_EQ(asked.until, *parse_time("2026-11-24"));
  EXPECT_EQ(asked.after_id, 0U);
  ASSERT_EQ(run({"visits", "--source", "192.0.2.7", "--server", "win1", "--reason", "normal", "--before", "4"}).code,
            exit_ok);
  EXPECT_EQ(daemon().visits_asked.server, "win1");
  EXPECT_EQ(daemon().visits_asked.before_id, 4U);
  ASSERT_EQ(run({"audit", "--server", "win1", "--service", "s", "--until", "1h"}).code, exit_ok);
  EXPECT_EQ(daemon().audit_asked.service, "s");
  EXPECT_TRUE(daemon().audit_asked.until);
}

TEST_F(Lists, RefuseWhatCannotBeMeantBeforeTheyAsk) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"sessions", "--source", "192.0.2.7/24"},
                                                                     {"sessions", "--backend", "win1"},
                                                                     {"sessions", "--reason", "policy_expired"},
                                                                     {"visits", "--reason", "x"},
                                                                     {"visits", "--backend", "192.0.2.7"},
                                                                     {"audit", "--reason", "killed"},
                                                                     {"audit", "--until", "soon"},
                                                                     {"audit", "--before", "0"},
                                                                     {"audit", "--before", "3", "--after", "2"},
                                                                     {"audit", "--all", "--limit", "3"},
                                                                     {"audit", "--follow", "--csv"},
                                                                     {"audit", "--follow", "--all"},
                                                                     {"sessions", "--server", "win1", "kill", "3"},
                                                                     {"sessions", "kill", "3", "--server", "win1"}}) {
    EXPECT_EQ(run(arguments).code, exit_usage) << testing::PrintToString(arguments);
  }
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(Lists, DoNotGoInCircles) {
  answers("sessions", R"({"sessions": [], "next": 5, "complete": false})");
  const auto outcome = run({"sessions"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("does not get on"));
}

TEST_F(Lists, TheHistoryOfBansGoesThroughItsPages) {
  daemon().scripts["ban_history"] = [this]() -> admin::Outcome {
    if (daemon().bans_asked.before_id == 0) return json{{"events", json::array()}, {"next", 7}, {"complete", false}};
    return json{{"events", {{{"id", 1}, {"event", "added"}, {"subject", "user"}, {"user", "bob"}}}},
                {"next", 1},
                {"complete", true}};
  };
  const auto outcome = run({"ban", "history", "--network", "192.0.2.0/24"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(daemon().bans_asked.before_id, 7U);
  EXPECT_THAT(outcome.out, HasSubstr("bob"));
}

TEST_F(Lists, AFollowerGoesOnFromWhatWasLookedAt) {
  answers("audit", R"({"rows": [], "next": 0, "complete": true})");
  pauses_.emplace_back([this] {
    daemon().scripts["audit"] = [this]() -> admin::Outcome {
      const auto after = daemon().audit_asked.after_id.value_or(0);
      if (after == 0) return json{{"rows", json::array()}, {"next", 5000}, {"complete", false}};
      return json{{"rows", json::array()}, {"next", 6000}, {"complete", true}};
    };
  });
  EXPECT_EQ(run({"audit", "--follow"}).code, exit_ok);
  EXPECT_EQ(daemon().audit_asked.after_id, 5000U) << "without waiting in between";
}

}  // namespace
}  // namespace gatehouse::cli
