// The verbs for recordings: what is asked of the daemon, and what is done with the files alone.
#include "unit/cli_command.h"
#include "unit/recording_fixture.h"

#include "support/process.h"

namespace gatehouse::cli {
namespace {

class RecordingVerbs : public Command {
 protected:
  RecordingVerbs() {
    answers("recording_key", json{{"key", rdp::pem_of(gateway_.public_key())},
                                  {"hexadecimal", rdp::hexadecimal(gateway_.public_key())},
                                  {"directory", place().string()}}
                                 .dump()
                                 .c_str());
  }
  test::WrittenRecording written(std::uint64_t session) {
    test::WrittenRecording recording(place(), session, gateway_);
    recording.append("000.mp4", std::string(700, 'x'));
    return recording;
  }
  [[nodiscard]] std::filesystem::path place() const { return server_.directory() / "recordings"; }

  rdp::SigningKey gateway_ = rdp::SigningKey::make();
};

constexpr const char* row = R"("id": 17, "state": "broken_off", "user": "bob", "server": "win1", "service": "win1-rdp",
  "grant": "bob-win1", "client": "192.0.2.10:50120", "started": "2026-11-23T08:00:00Z", "bytes": 2048,
  "last_written": "2026-11-23T09:00:00Z", "fault": null)";

TEST_F(RecordingVerbs, ListAsksForWhatIsWantedAndShowsHowTheyStand) {
  answers("recordings", (R"({"recordings": [{)" + std::string(row) + R"(}], "next": 17, "complete": true})").c_str());
  const auto outcome = run({"recording", "list", "--user", "bob", "--server", "win1", "--since", "2026-11-23",
                            "--until", "2026-11-24", "--open"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("broken off"));
  EXPECT_THAT(outcome.out, HasSubstr("2.0 KiB"));
  EXPECT_EQ(daemon().recordings_asked.user, "bob");
  EXPECT_EQ(daemon().recordings_asked.server, "win1");
  EXPECT_TRUE(daemon().recordings_asked.only_open);
  EXPECT_EQ(daemon().recordings_asked.since, parse_time("2026-11-23").value());
  answers("recordings", R"({"recordings": [], "next": 0, "complete": true})");
  EXPECT_EQ(run({"recording", "list"}).out, "No recordings yet.\n");
}

TEST_F(RecordingVerbs, SearchShowsWhereAndWhenItIs) {
  answers("search_recordings",
          (R"({"recordings": [{)" + std::string(row) +
           R"(, "complete": true, "matches": [{"t": 61000, "event": "file", "text": "payroll\u001b.xlsx"},
                                              {"t": null, "event": "identity", "text": "x"}]}],
               "next": 17, "complete": true})")
              .c_str());
  const auto outcome = run({"recording", "search", "pay roll&x"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(daemon().text_searched, "pay roll&x");
  EXPECT_THAT(outcome.out, HasSubstr("1m1s  file  payroll\\x1b.xlsx"));
  answers("search_recordings", R"({"recordings": [], "next": 0, "complete": true})");
  EXPECT_THAT(run({"recording", "search", "nothing"}).out, HasSubstr("no recording"));
}

TEST_F(RecordingVerbs, PruneWaitsUntilItIsDone) {
  answers("prune_recordings", R"({"pass": 3})");
  answers("prune_outcome",
          R"({"pass": 3, "done": false, "dry_run": true, "removed": [], "removed_count": 0, "removed_bytes": 0})");
  pauses_.push_back([this] {
    answers("prune_outcome", R"({"pass": 3, "done": true, "dry_run": true, "removed": [1, 2], "removed_count": 2,
                                 "removed_bytes": 4096})");
  });
  const auto outcome = run({"recording", "prune", "--older-than", "90d", "--over", "1GiB", "--dry-run"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Would be removed: 2 recordings, 4.0 KiB"));
  EXPECT_EQ(daemon().pruned.older_than, std::chrono::days(90));
  EXPECT_EQ(daemon().pruned.over, 1ULL << 30U);
  EXPECT_TRUE(daemon().pruned.dry_run);
  EXPECT_EQ(daemon().pass_asked, 3U);
}

TEST_F(RecordingVerbs, VerifyByNumberTakesPlaceAndKeyFromTheDaemon) {
  auto recording = written(17);
  recording.end();
  const auto outcome = run({"recording", "verify", "17"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("session 17: user bob, server win1"));
  EXPECT_THAT(outcome.out, HasSubstr("none is missing"));
  EXPECT_THAT(outcome.out, testing::Not(HasSubstr("not checked")));
  std::filesystem::copy(place() / "17", place() / "18");
  EXPECT_THAT(run({"recording", "verify", "18"}).err, HasSubstr("it is the recording of session 17"));
  EXPECT_EQ(run({"recording", "verify", "19"}).code, exit_failed);
}

TEST_F(RecordingVerbs, VerifyOfADirectoryAsksNobodyAndSaysSo) {
  written(17).break_off();
  const auto outcome = run({"recording", "verify", (place() / "17").string() + "/"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("not checked: whether the gateway's key"));
  EXPECT_THAT(outcome.out, HasSubstr("not checked: whether pieces are missing at its end"));
  EXPECT_TRUE(daemon().calls().empty());
  const auto key = write("key.pem", rdp::pem_of(rdp::SigningKey::make().public_key()));
  EXPECT_THAT(run({"recording", "verify", "--key", key, (place() / "17").string()}).err,
              HasSubstr("signed by another gateway"));
  const auto wrong = write("no-key.pem", "nonsense");
  EXPECT_EQ(run({"recording", "verify", "--key", wrong, (place() / "17").string()}).code, exit_failed);
}

TEST_F(RecordingVerbs, AnExportedOneVerifiesWithWhatIsInIt) {
  auto recording = written(17);
  recording.end();
  const auto to = server_.directory() / "copy";
  EXPECT_EQ(run({"recording", "export", "17", "--to", to.string()}).code, 0);
  auto outcome = run_bare({"gatehouse", "--socket", "/absent", "recording", "verify", "--key",
                           (to / "gateway-key.pem").string(), to.string()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::exists(to / "HOW-TO-VERIFY.txt"));
  EXPECT_THAT(run({"recording", "export", "17", "--to", to.string()}).err, HasSubstr("is not empty"));

  const auto tar = server_.directory() / "copy.tar";
  EXPECT_EQ(run({"recording", "export", "17", "--to", tar.string()}).code, 0);
  const auto unpacked = test::run_command({"tar", "-C", server_.directory().string(), "-xvf", tar.string()});
  ASSERT_EQ(unpacked.exit_code, 0) << unpacked.errors;
  outcome = run_bare({"gatehouse", "--socket", "/absent", "recording", "verify", "--key",
                      (server_.directory() / "recording-17/gateway-key.pem").string(),
                      (server_.directory() / "recording-17").string()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("none is missing"));
  EXPECT_EQ(run({"recording", "export", "17", "--to", tar.string()}).code, exit_failed) << "it is there already";
}

TEST_F(RecordingVerbs, ALinkInARecordingIsNotExported) {
  auto recording = written(17);
  recording.end();
  const auto secret = write("secret", "nobody's business");
  std::filesystem::create_symlink(secret, place() / "17/001.mp4");
  const auto to = server_.directory() / "copy";
  const auto outcome = run({"recording", "export", "17", "--to", to.string()});
  EXPECT_EQ(outcome.code, exit_failed);
  EXPECT_THAT(outcome.err, HasSubstr("001.mp4"));
  EXPECT_FALSE(std::filesystem::exists(to)) << "half a copy is left";
}

TEST_F(RecordingVerbs, KeyPrintsIt) {
  EXPECT_EQ(run({"recording", "key"}).out, rdp::pem_of(gateway_.public_key()));
}

}  // namespace
}  // namespace gatehouse::cli
