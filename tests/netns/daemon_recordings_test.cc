// Recordings as the daemon keeps them: listed, searched, vouched for, and removed when they are due. The recordings are
// made by the test, with the gateway's own key; sessions that make their own are in tests/e2e.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp/recordings.h"
#include "support/gateway.h"
#include "support/patience.h"
#include "unit/recording_fixture.h"

namespace gatehouse::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DaemonRecordings : public ::testing::Test {
 protected:
  DaemonRecordings() { gateway_.start(); }

  WrittenRecording written(std::uint64_t session, const std::string& user = "bob") {
    const auto key = rdp::SigningKey::open(gateway_.state_dir() / "recording.key");
    return {recordings_.path(), session, *key, user};
  }
  void ended(std::uint64_t session, const std::string& user = "bob", std::chrono::hours ago = std::chrono::hours(0)) {
    auto recording = written(session, user);
    recording.append("000.mp4", std::string(1000, 'x'));
    recording.append(rdp::events_file, R"({"event":"clipboard","t":1500,"text":"the secret of )" + user + "\"}\n");
    recording.end();
    for (const auto& file : std::filesystem::directory_iterator(recording.place())) {
      std::filesystem::last_write_time(file, std::filesystem::file_time_type::clock::now() - ago);
    }
  }
  std::vector<std::uint64_t> there() { return rdp::recorded_sessions(recordings_.path()).value(); }
  std::vector<std::uint64_t> listed(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"recording", "list"});
    std::vector<std::uint64_t> ids;
    const auto answer = gateway_.json(more);
    for (const auto& row : answer.at("recordings")) ids.push_back(row.at("id"));
    return ids;
  }
  std::string rows() {
    std::string details;
    const auto found = gateway_.json({"audit", "--action", "recordings_removed"});
    for (const auto& row : found.at("rows")) {
      details += row.at("author").get<std::string>() + " " + row.at("detail").get<std::string>() + "\n";
    }
    return details;
  }
  // An answer of the API, compared with the document that describes it.
  void compare(const std::string& method, const std::string& target, const std::string& body = {}) {
    const auto ask = [&](std::vector<std::string> more) {
      more.insert(more.begin(), {"curl", "--silent", "--unix-socket", gateway_.socket().string()});
      return run_command(more).output;
    };
    const auto document = directory_.write("openapi.json", ask({"http://gatehouse/v1/openapi.json"})).string();
    std::vector<std::string> request{"http://gatehouse" + target};
    if (method == "POST") request.insert(request.end(), {"--data", body});
    const auto answer = ask(request);
    const auto compared = run_command({GATEHOUSE_SOURCE_DIR "/tests/support/check_answer.py", document, method,
                                       target.substr(0, target.find('?')), "200"},
                                      {.input = answer});
    EXPECT_EQ(compared.exit_code, 0) << compared.output << compared.errors << answer;
  }

  Network network_;
  TemporaryDirectory directory_;
  TemporaryDirectory recordings_;
  Gateway gateway_{network_, {{"rdp", "{ recordings: " + recordings_.path().string() + " }"}}};
};

TEST_F(DaemonRecordings, AreListedNewestFirstByWhatIsAskedFor) {
  ended(1, "bob");
  ended(2, "eve");
  written(3, "bob").break_off();
  const auto open = written(4, "bob");
  EXPECT_THAT(listed(), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(listed({"--user", "bob"}), ElementsAre(4, 3, 1));
  EXPECT_THAT(listed({"--open"}), ElementsAre(4));
  EXPECT_THAT(listed({"--server", "win2"}), IsEmpty());
  EXPECT_THAT(listed({"--since", "2026-11-23T08:00:01Z"}), IsEmpty());
  EXPECT_THAT(listed({"--until", "2026-11-24"}), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(listed({"--limit", "2"}), ElementsAre(4, 3));
  EXPECT_THAT(listed({"--before", "3", "--limit", "1"}), ElementsAre(2));
  const auto rows = gateway_.json({"recording", "list"}).at("recordings");
  EXPECT_EQ(rows[0].at("state"), "open");
  EXPECT_EQ(rows[1].at("state"), "broken_off");
  EXPECT_EQ(rows[2].at("state"), "ended");
  compare("GET", "/v1/recordings");
  compare("GET", "/v1/recordings/key");
}

TEST_F(DaemonRecordings, AreFoundByWhatIsInThem) {
  ended(1, "bob");
  ended(2, "eve");
  const auto found = gateway_.json({"recording", "search", "SECRET of eve"}).at("recordings");
  ASSERT_EQ(found.size(), 1U) << found;
  EXPECT_EQ(found[0].at("id"), 2);
  EXPECT_EQ(found[0].at("matches")[0].at("t"), 1500);
  EXPECT_EQ(gateway_.json({"recording", "search", "secret", "--user", "bob"}).at("recordings").size(), 1U);
  EXPECT_TRUE(gateway_.json({"recording", "search", "nothing"}).at("recordings").empty());
  compare("GET", "/v1/recordings/search?text=secret");
}

TEST_F(DaemonRecordings, VerifyWithTheKeyOfTheDaemonAndElsewhereWithTheExportedOne) {
  ended(1);
  EXPECT_EQ(gateway_.cli({"recording", "verify", "1"}).exit_code, 0);
  const auto key = directory_.write("key.pem", gateway_.cli({"recording", "key"}).output).string();
  const auto tar = (directory_.path() / "one.tar").string();
  ASSERT_EQ(gateway_.cli({"recording", "export", "1", "--to", tar}).exit_code, 0);
  gateway_.stop();
  ASSERT_EQ(run_command({"tar", "-C", directory_.path().string(), "-xf", tar}).exit_code, 0);
  const auto copy = (directory_.path() / "recording-1").string();
  const auto verified = gateway_.cli({"recording", "verify", "--key", key, copy});
  EXPECT_EQ(verified.exit_code, 0) << verified.errors;
  EXPECT_EQ(verified.output.find("not checked"), std::string::npos) << verified.output;
}

TEST_F(DaemonRecordings, PruneRemovesWhatIsOldAndSaysSoInTheAudit) {
  ended(1, "bob", std::chrono::hours(72));
  ended(2, "bob", std::chrono::hours(1));
  const auto would = gateway_.json({"recording", "prune", "--older-than", "2d", "--dry-run"});
  EXPECT_EQ(would.at("removed"), nlohmann::json::array({1}));
  EXPECT_THAT(there(), ElementsAre(2, 1));
  EXPECT_EQ(rows(), "");
  const auto done = gateway_.cli({"recording", "prune", "--older-than", "2d"});
  EXPECT_EQ(done.exit_code, 0) << done.errors;
  EXPECT_THAT(there(), ElementsAre(2));
  EXPECT_THAT(rows(), HasSubstr("uid 0 (root) 1 recordings, "));
  EXPECT_THAT(rows(), HasSubstr("of the sessions 1;"));
  EXPECT_THAT(gateway_.cli({"recording", "prune"}).errors, HasSubstr("nothing says which recordings shall go"));
  compare("POST", "/v1/recordings/prune", R"({"older_than": "2d"})");
  compare("GET", "/v1/recordings/prune?pass=1");
}

TEST_F(DaemonRecordings, AreRemovedByTheRulesOfTheConfigurationWithoutARestart) {
  ended(1, "bob", std::chrono::hours(72));
  ended(2);
  const auto open = written(3);
  std::filesystem::create_directory(recordings_.path() / ".removed-0");  // of a death in the middle
  gateway_.set("rdp", "{ recordings: " + recordings_.path().string() + ", keep_recordings: { age: 2d } }");
  const auto reloaded = gateway_.json({"reload"});
  EXPECT_EQ(reloaded.at("changed"), nlohmann::json::array({"rdp"}));
  EXPECT_EQ(reloaded.at("restart_needed"), nlohmann::json::array());
  EXPECT_TRUE(eventually([&] { return there() == std::vector<std::uint64_t>{3, 2}; }));
  EXPECT_THAT(rows(), HasSubstr("of the sessions 1; kept are those of 2d"));
  EXPECT_FALSE(std::filesystem::exists(recordings_.path() / ".removed-0"));
  gateway_.set("rdp", "{ recordings: " + recordings_.path().string() + ", keep_recordings: { size: 1KiB } }");
  gateway_.restart();
  EXPECT_TRUE(eventually([&] { return there() == std::vector<std::uint64_t>{3}; })) << "one that goes on stays";
}

TEST_F(DaemonRecordings, ADirectoryThatIsGoneIsAnAlarmUntilItIsBack) {
  ended(1, "bob", std::chrono::hours(72));
  const auto elsewhere = recordings_.path().string() + ".elsewhere";
  std::filesystem::rename(recordings_.path(), elsewhere);
  gateway_.set("rdp", "{ recordings: " + recordings_.path().string() + ", keep_recordings: { age: 2d } }");
  EXPECT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  EXPECT_TRUE(eventually(
      [&] { return gateway_.json({"status"}).at("alarms").dump().find("\"recordings\"") != std::string::npos; }));
  EXPECT_EQ(rows(), "");
  std::filesystem::rename(elsewhere, recordings_.path());
  EXPECT_EQ(gateway_.cli({"reload"}).exit_code, 0);
  EXPECT_TRUE(eventually([&] { return there().empty(); }));
  EXPECT_TRUE(eventually(
      [&] { return gateway_.json({"status"}).at("alarms").dump().find("\"recordings\"") == std::string::npos; }));
}

}  // namespace
}  // namespace gatehouse::test
