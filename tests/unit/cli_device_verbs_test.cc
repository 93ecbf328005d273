// The verbs of RustDesk devices: what is asked of the daemon, and what people see of its answers.
#include "cli/device_view.h"
#include "unit/cli_command.h"

namespace gatehouse::cli {
namespace {

json device(const std::string& id) {
  return {{"id", id},
          {"online", true},
          {"banned", false},
          {"ban_id", 0},
          {"banned_by_what", nullptr},
          {"banned_through", ""},
          {"banned_at", nullptr},
          {"banned_by", ""},
          {"ban_reason", ""},
          {"ban_expires", nullptr},
          {"pending", false},
          {"approved", false},
          {"confirmed", true},
          {"last_address", "192.0.2.7:50120"},
          {"addresses", {"192.0.2.7", "2001:db8::7"}},
          {"uuid", "AAEC"},
          {"public_key", "AwQ="},
          {"first_seen", "2026-11-23T08:00:00Z"},
          {"last_seen", "2026-11-23T09:00:00.5Z"},
          {"same_machine", json::array()}};
}

json banned_device(const std::string& id) {
  auto one = device(id);
  one.update({{"banned", true},
              {"ban_id", 17},
              {"banned_by_what", "machine"},
              {"banned_through", "111"},
              {"banned_at", "2026-11-22T08:00:00Z"},
              {"banned_by", "uid 0 (root)"},
              {"ban_reason", "stolen\u001b"},
              {"ban_expires", "2026-12-01T00:00:00Z"},
              {"online", false},
              {"same_machine", {"111"}}});
  return one;
}

class DeviceVerbs : public Command {
 protected:
  // Two of each page, as long as there are any.
  void knows(const std::vector<json>& devices) {
    daemon().scripts["devices"] = [this, devices]() -> admin::Outcome {
      const auto& asked = daemon().devices_asked;
      auto page = json::array();
      bool more = false;
      for (const auto& one : devices) {
        const auto id = one.at("id").get<std::string>();
        if (id <= asked.after || (asked.id && *asked.id != id)) continue;
        more = page.size() == std::min<std::size_t>(asked.limit, 2);
        if (more) break;
        page.push_back(one);
      }
      return json{{"devices", page}, {"more", more}, {"total", devices.size()}};
    };
  }
  [[nodiscard]] std::vector<std::string> banned() {
    std::vector<std::string> texts;
    for (const auto& ban : daemon().bans_added) texts.push_back(policy::text_of(ban.target));
    return texts;
  }
  [[nodiscard]] std::vector<std::string> lifted() {
    std::vector<std::string> texts;
    for (const auto& target : daemon().bans_removed.targets) texts.push_back(policy::text_of(target));
    return texts;
  }
};

using Texts = std::vector<std::string>;

TEST_F(DeviceVerbs, ListHandsOverItsFiltersAndShowsHowTheyStand) {
  knows({banned_device("222"), device("333")});
  const auto outcome = run({"device", "list", "--online", "--banned", "--pending", "--after", "1&1", "--limit", "9"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  const auto& asked = daemon().devices_asked;
  EXPECT_EQ(asked.online, true);
  EXPECT_EQ(asked.banned, true);
  EXPECT_EQ(asked.pending, true);
  EXPECT_EQ(asked.after, "1&1");
  EXPECT_EQ(asked.limit, 9U);
  EXPECT_THAT(outcome.out, HasSubstr("222  no      banned     192.0.2.7:50120  2026-11-23T09:00:00Z  "
                                     "17, of 111 on the same machine  2026-12-01T00:00:00Z  stolen\\x1b\n"));
  EXPECT_THAT(outcome.out, HasSubstr("333  yes     confirmed  192.0.2.7:50120"));
  EXPECT_EQ(run({"device", "list"}).code, exit_ok);
  EXPECT_EQ(asked.online, std::nullopt);
  EXPECT_EQ(asked.banned, std::nullopt);
  EXPECT_EQ(asked.pending, std::nullopt);
  knows({});
  EXPECT_EQ(run({"device", "list"}).out, "No such devices.\n");
}

TEST_F(DeviceVerbs, ListGoesFromPageToPage) {
  knows({device("1"), device("2"), device("3"), device("4"), device("5")});
  const auto three = run({"device", "list", "--limit", "3"});
  EXPECT_EQ(three.code, exit_ok) << three.err;
  EXPECT_THAT(three.out, HasSubstr("3 of 5 devices; --after '3' goes on, --all shows all\n"));
  const auto rest = run({"device", "list", "--after", "3"});
  EXPECT_EQ(rest.out.find("of 5"), std::string::npos) << rest.out;
  EXPECT_EQ(json::parse(run({"device", "list", "--json"}).out).at("devices").size(), 5U);

  std::istringstream lines(run({"device", "list", "--all", "--json"}).out);
  std::string ids;
  for (std::string line; std::getline(lines, line);) ids += json::parse(line).at("id").get<std::string>();
  EXPECT_EQ(ids, "12345");
  const auto csv = run({"device", "list", "--csv", "--all"}).out;
  EXPECT_THAT(csv, HasSubstr("id,online,banned,ban_id,"));
  EXPECT_EQ(std::ranges::count(csv, '\n'), 6);
}

TEST_F(DeviceVerbs, AListThatDoesNotGetOnEnds) {
  answers("devices", R"({"devices": [], "more": true, "total": 1})");
  const auto outcome = run({"device", "list"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("does not get on"));
}

TEST_F(DeviceVerbs, ShowTellsEverythingOfOne) {
  knows({banned_device("12/3")});
  const auto outcome = run({"device", "show", "12/3"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(daemon().devices_asked.id, "12/3");
  for (const char* line :
       {"device        12/3\n", "state         banned\n", "banned by     17, of 111 on the same machine\n",
        "until         2026-12-01T00:00:00Z\n", "reason        stolen\\x1b\n", "addresses     192.0.2.7, 2001:db8::7\n",
        "uuid          AAEC\n", "public key    AwQ=\n", "same machine  111\n"}) {
    EXPECT_THAT(outcome.out, HasSubstr(line));
  }
  EXPECT_EQ(json::parse(run({"device", "show", "12/3", "--json"}).out).at("ban_id"), 17);
  const auto missing = run({"device", "show", "4"});
  EXPECT_EQ(missing.code, exit_failed);
  EXPECT_THAT(missing.err, HasSubstr("no device '4' is known"));
}

TEST_F(DeviceVerbs, BanTakesIdsUuidsKeysAndLists) {
  answers("add_bans", R"({"added": [{"id": 7, "subject": "device", "device": "123456789"}], "added_count": 1,
                          "sessions_ended": 2, "notes": []})");
  const auto before = now();
  const auto outcome = run(
      {"device", "ban", "123456789", "device:987654321", "uuid:AAEC", "pk:AwQ=", "--reason", "stolen", "--for", "2h"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_EQ(banned(), (Texts{"device:123456789", "device:987654321", "device:uuid:AAEC", "device:pk:AwQ="}));
  EXPECT_EQ(daemon().bans_added[1].reason, "stolen");
  EXPECT_GE(*daemon().bans_added[1].expires, before + std::chrono::hours(2));
  EXPECT_THAT(outcome.out, HasSubstr("Banned device:123456789 until "));
  EXPECT_THAT(outcome.out, HasSubstr("2 sessions ended\n"));

  EXPECT_EQ(run({"device", "ban", "-", "--reason", "list"}, "123456789 its own\ndevice:2 for=1h\n# no more\n").code,
            exit_ok);
  EXPECT_EQ(banned(), (Texts{"device:123456789", "device:2"}));
  EXPECT_EQ(daemon().bans_added[0].reason, "its own");
  EXPECT_EQ(daemon().bans_added[1].reason, "list");
  EXPECT_TRUE(daemon().bans_added[1].expires.has_value());
  EXPECT_EQ(run({"device", "ban", "--file", write("list", "3 lost\n"), "--until", "2126-12-01T00:00:00Z"}).code,
            exit_ok);
  EXPECT_EQ(banned(), Texts{"device:3"});
}

TEST_F(DeviceVerbs, BanOfWhatIsNoDeviceChangesNothing) {
  for (const char* text :
       {"user:bob", "network:192.0.2.7", "192.0.2.7", "device:2001:db8::/32", "a b", "uuid:x", "pk:AB=="}) {
    EXPECT_EQ(run({"device", "ban", text, "--reason", "r"}).code, exit_usage) << text;
    EXPECT_EQ(run({"device", "unban", text}).code, exit_usage) << text;
  }
  EXPECT_THAT(run({"device", "ban", "192.0.2.7", "--reason", "r"}).err, HasSubstr("is an address, not a device"));
  EXPECT_EQ(run({"device", "ban", "1"}).code, exit_usage) << "it needs a reason";
  EXPECT_EQ(run({"device", "ban", "--reason", "r"}).code, exit_usage);
  EXPECT_EQ(run({"device", "ban", "1", "--reason", "r", "--until", "2020-01-01T00:00:00Z"}).code, exit_usage);
  const auto faulty = run({"device", "ban", "-", "--reason", "r"}, "1\n192.0.2.7\nuser:bob\n");
  EXPECT_EQ(faulty.code, exit_failed);
  EXPECT_THAT(faulty.err, HasSubstr("-:2: '192.0.2.7' is an address"));
  EXPECT_THAT(faulty.err, HasSubstr("-:3: 'user:bob' is no device"));
  EXPECT_TRUE(daemon().calls().empty());
}

TEST_F(DeviceVerbs, BanOfAMachineNamesWhatTheDaemonKnowsOfIt) {
  knows({device("1"), device("2")});
  EXPECT_EQ(run({"device", "ban", "1", "2", "--uuid", "--pk", "--reason", "stolen"}).code, exit_ok);
  EXPECT_EQ(banned(), (Texts{"device:1", "device:2", "device:uuid:AAEC", "device:pk:AwQ="})) << "each once";
  EXPECT_EQ(run({"device", "ban", "-", "--uuid"}, "1 for=1h lost\n").code, exit_ok);
  EXPECT_EQ(banned(), (Texts{"device:1", "device:uuid:AAEC"}));
  EXPECT_EQ(daemon().bans_added[1].reason, "lost");
  EXPECT_TRUE(daemon().bans_added[1].expires.has_value());
  answers("remove_bans",
          R"({"removed": ["device:1", "device:uuid:AAEC"], "removed_count": 2, "unknown": [], "unknown_ids": []})");
  EXPECT_EQ(run({"device", "unban", "1", "--uuid"}).code, exit_ok);
  EXPECT_EQ(lifted(), (Texts{"device:1", "device:uuid:AAEC"}));
}

TEST_F(DeviceVerbs, BanOfAMachineThatIsNotKnownChangesNothing) {
  auto keyless = device("2");
  keyless["public_key"] = "";
  knows({device("1"), keyless});
  const auto unknown = run({"device", "ban", "1", "3", "--uuid", "--reason", "r"});
  EXPECT_EQ(unknown.code, exit_failed);
  EXPECT_THAT(unknown.err, HasSubstr("no device '3' is known"));
  const auto without = run({"device", "ban", "1", "2", "--pk", "--reason", "r"});
  EXPECT_EQ(without.code, exit_failed);
  EXPECT_THAT(without.err, HasSubstr("the public key of device 2 is not known, nothing was changed"));
  for (const auto& call : daemon().calls()) EXPECT_EQ(call, "devices");
}

TEST_F(DeviceVerbs, UnbanNamesWhatWasNotBanned) {
  answers("remove_bans",
          R"({"removed": ["device:1"], "removed_count": 1, "unknown": ["device:2"], "unknown_ids": []})");
  const auto outcome = run({"device", "unban", "1", "-"}, "2\n");
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(lifted(), (Texts{"device:1", "device:2"}));
  EXPECT_EQ(outcome.out, "No longer banned: device:1\n");
  EXPECT_THAT(outcome.err, HasSubstr("device:2 is not banned"));
}

TEST_F(DeviceVerbs, ApproveTakesIdsAndListsAndTakesBack) {
  answers("approve_devices", R"({"approved": true, "changed": ["1", "2"], "changed_count": 2, "unchanged_count": 1,
                                 "refused": ["4"], "refused_count": 1})");
  const auto outcome = run({"device", "approve", "1", "device:2", "-"}, "3\n4 of the office\n");
  EXPECT_EQ(outcome.code, exit_failed) << "for one there is no room";
  EXPECT_EQ(daemon().approved.ids, (Texts{"1", "2", "3", "4"}));
  EXPECT_TRUE(daemon().approved.approved);
  EXPECT_EQ(outcome.out, "Approved: 1\nApproved: 2\n1 were approved before\n");
  EXPECT_THAT(outcome.err, HasSubstr("no room for 4"));
  answers("approve_devices", R"({"approved": false, "changed": ["1"], "changed_count": 1, "unchanged_count": 0,
                                 "refused": [], "refused_count": 0})");
  const auto withdrawn = run({"device", "approve", "--withdraw", "1"});
  EXPECT_EQ(withdrawn.code, exit_ok) << withdrawn.err;
  EXPECT_FALSE(daemon().approved.approved);
  EXPECT_EQ(withdrawn.out, "No longer approved: 1\n");
  const auto calls = daemon().calls().size();
  EXPECT_EQ(run({"device", "approve", "uuid:AAEC"}).code, exit_usage);
  EXPECT_EQ(run({"device", "approve"}).code, exit_usage);
  EXPECT_EQ(run({"device", "approve", "-"}, "1\npk:AwQ=\n").code, exit_failed);
  EXPECT_EQ(daemon().calls().size(), calls);
}

TEST_F(DeviceVerbs, ImportNamesTheFileByItsWholePathAndSaysWhatItDid) {
  answers("import_device_bans",
          R"({"dry_run": true, "devices": 9, "banned": 3, "added": ["1"], "added_count": 1, "known_count": 1,
                                    "refused": [{"device": "a b", "why": "has blanks"}], "refused_count": 1, "sessions_ended": 0})");
  const auto outcome = run({"device", "import", "db_v2.sqlite3", "--dry-run"});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_EQ(daemon().imported.path, (std::filesystem::current_path() / "db_v2.sqlite3").string());
  EXPECT_TRUE(daemon().imported.dry_run);
  EXPECT_EQ(outcome.out, "9 devices, of them banned 3; would be banned here: 1, banned before: 1\nWould ban 1\n");
  EXPECT_THAT(outcome.err, HasSubstr("not banned: a b: has blanks"));
  answers("import_device_bans",
          R"({"dry_run": false, "devices": 9, "banned": 1, "added": ["1"], "added_count": 1, "known_count": 0,
                                    "refused": [], "refused_count": 0, "sessions_ended": 2})");
  const auto done = run({"device", "import", "/db"});
  EXPECT_EQ(done.code, exit_ok);
  EXPECT_EQ(daemon().imported.path, "/db");
  EXPECT_FALSE(daemon().imported.dry_run);
  EXPECT_THAT(done.out, HasSubstr("Banned 1\n2 sessions ended\n"));
}

TEST_F(DeviceVerbs, WatchWithoutATerminalPrintsOneFrame) {
  knows({banned_device("222")});
  answers(
      "audit",
      R"({"rows": [{"time": "2026-11-23T08:00:00Z", "source": "192.0.2.9", "service": "desk", "detail": "target 222"}]})");
  answers("ban_history",
          R"({"events": [{"time": "2026-11-22T08:00:00Z", "event": "added", "ban_id": 17, "device": "111",
                             "author": "uid 0", "reason": "stolen", "expires": null}]})");
  const auto outcome = run({"device", "watch"});
  EXPECT_EQ(outcome.code, exit_ok) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("17, of 111 on the same machine"));
  EXPECT_THAT(outcome.out, HasSubstr("192.0.2.9  desk     target 222"));
  EXPECT_THAT(outcome.out, HasSubstr("added   17  111     never"));
  EXPECT_EQ(daemon().audit_asked.reason, policy::Reason::banned_device);
  EXPECT_EQ(daemon().bans_asked.kind, policy::BanKind::device);
  EXPECT_EQ(json::parse(run({"device", "watch", "--json"}).out).at("banned").at(0).at("id"), "222");
  EXPECT_EQ(run({"device", "watch", "--interval", "1ms"}).code, exit_usage);
}

TEST(DeviceFrame, NeverOutgrowsTheTerminal) {
  DeviceReading reading{.time = now(),
                        .pending = {{"devices", json::array()}, {"total", 100}},
                        .banned = {},
                        .refusals = {},
                        .changes = {},
                        .fault = {}};
  for (int i = 0; i < 100; ++i) {
    reading.pending["devices"].push_back(device(std::to_string(i) + std::string(50, 'x')));
    reading.refusals.push_back({{"detail", std::string(300, 'r')}});
    reading.changes.push_back({{"ban_id", i}, {"reason", std::string(300, 'r')}});
  }
  reading.banned = reading.pending;
  for (std::size_t rows = 1; rows < 60; ++rows) {
    const auto lines = device_frame_of(reading, {40, rows});
    EXPECT_LE(lines.size(), rows);
    for (const auto& line : lines) EXPECT_LE(line.size(), 60U) << line;
  }
  reading.pending = nullptr;
  reading.fault = "nobody there\x1b";
  EXPECT_EQ(device_frame_of(reading, {}).at(1), "nobody there\\x1b");
}

TEST(DeviceState, IsTheOneThatMattersMost) {
  auto one = device("1");
  EXPECT_EQ(device_state(one), "confirmed");
  one["confirmed"] = false;
  EXPECT_EQ(device_state(one), "claimed");
  one["approved"] = true;
  EXPECT_EQ(device_state(one), "approved");
  one["pending"] = true;
  EXPECT_EQ(device_state(one), "pending");
  one["banned"] = true;
  one["ban_id"] = 3;
  one["banned_by_what"] = "pk";
  EXPECT_EQ(device_state(one), "banned");
  EXPECT_EQ(ban_of_device(one), "3, of its public key");
}

}  // namespace
}  // namespace gatehouse::cli
