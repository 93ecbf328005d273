// From the bytes of a request to what the daemon is asked.
#include "admin/requests.h"

#include <gtest/gtest.h>

namespace gatehouse::admin {
namespace {

const WallTime morning = *parse_time("2026-11-23T08:00:00Z");

std::string fault_of_bans(const std::string& body) {
  const auto read = read_add_bans(body, morning);
  return read ? "" : read.error().what;
}
std::string fault_of_check(const std::string& body) {
  const auto read = read_check(body);
  return read ? "" : read.error().what;
}
Result<AuditRequest> audit_of(const std::string& target) {
  return read_audit(*query_of(target));
}

TEST(Requests, PolicyFilesKeepTheirOrderAndText) {
  const auto read = read_apply(
      R"({"files": [{"file": "b.yaml", "text": "users: {}\n"}, {"file": "a.yaml", "text": ""}], "expected_version": 7})");
  ASSERT_TRUE(read);
  ASSERT_EQ(read->files.size(), 2U);
  EXPECT_EQ(read->files[0].file, "b.yaml");
  EXPECT_EQ(read->files[0].text, "users: {}\n");
  EXPECT_EQ(read->files[1].text, "");
  EXPECT_EQ(read->expected_version, 7U);
  EXPECT_EQ(read_apply(R"({"files": [{"file": "a", "text": ""}]})")->expected_version, std::nullopt);
}

TEST(Requests, PolicyFaultsNameTheirPlace) {
  const auto fault = [](const char* body) { return read_apply(body).error().what; };
  EXPECT_EQ(fault("[]"), "the body is a list");
  EXPECT_EQ(fault("{}"), "files: is missing");
  EXPECT_EQ(fault(R"({"files": []})"), "files: is empty");
  EXPECT_EQ(fault(R"({"files": {}})"), "files: is an object");
  EXPECT_EQ(fault(R"({"files": ["a"]})"), "files[0] is text");
  EXPECT_EQ(fault(R"({"files": [{"file": "a", "text": ""}, {"file": "b"}]})"), "files[1].text: is missing");
  EXPECT_EQ(fault(R"({"files": [{"file": "a", "text": 1}]})"), "files[0].text: is a number");
  EXPECT_EQ(fault(R"({"files": [{"file": "a\u001b[2J", "text": ""}]})"), "files[0].file: has a control character");
  EXPECT_EQ(fault(R"({"files": [{"file": "a", "text": "", "mode": 1}]})"), "files[0] has the unknown key 'mode'");
  EXPECT_EQ(fault(R"({"files": [{"file": "a", "text": ""}], "expected_version": "7"})"), "expected_version: is text");
  EXPECT_EQ(fault(R"({"files": [{"file": "a", "text": ""}], "force": true})"), "the body has the unknown key 'force'");
}

TEST(Requests, APlanHasNoVersionToExpect) {
  EXPECT_TRUE(read_plan(R"({"files": [{"file": "a", "text": ""}]})"));
  EXPECT_FALSE(read_plan(R"({"files": [{"file": "a", "text": ""}], "expected_version": 7})"));
}

TEST(Requests, ACheckIsReadWhole) {
  const auto read = read_check(
      R"({"source": "2001:db8::7", "destination": "203.0.113.9", "port": 3389, "transport": "udp", "time": "2026-11-23T09:00:00+01:00", "login": "bob"})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->source.text(), "2001:db8::7");
  EXPECT_EQ(read->destination.text(), "203.0.113.9:3389");
  EXPECT_EQ(read->transport, policy::Transport::udp);
  EXPECT_EQ(read->time, morning);
  EXPECT_EQ(read->login, "bob");
}

TEST(Requests, ACheckDefaultsToTcpAndNow) {
  const auto read = read_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 1})");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->transport, policy::Transport::tcp);
  EXPECT_EQ(read->time, std::nullopt);
  EXPECT_EQ(read->login, std::nullopt);
}

TEST(Requests, CheckFaultsNameTheirPlace) {
  EXPECT_EQ(fault_of_check("{}"), "source: is missing");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7"})"), "destination: is missing");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9"})"), "port: is missing");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.256", "destination": "203.0.113.9", "port": 1})"),
            "source: '192.0.2.256' is not an IP address");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.1\u0000", "destination": "203.0.113.9", "port": 1})"),
            "source: has a control character");
  EXPECT_EQ(fault_of_check(R"({"source": 1, "destination": "203.0.113.9", "port": 1})"), "source: is a number");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 0})"), "port: is 0");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 65536})"),
            "port: is 65536");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": "1"})"), "port: is text");
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 1, "transport": "sctp"})"),
            "transport: 'sctp' is no transport");
  EXPECT_NE(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 1, "time": "noon"})")
                .find("time: "),
            std::string::npos);
  EXPECT_EQ(fault_of_check(R"({"source": "192.0.2.7", "destination": "203.0.113.9", "port": 1, "login": ""})"),
            "login: is empty");
}

TEST(Requests, AKillNamesSessionsOrAUser) {
  EXPECT_EQ(read_kill(R"({"ids": [3, 1]})")->ids, (std::vector<std::uint64_t>{3, 1}));
  EXPECT_EQ(read_kill(R"({"ids": [], "user": "bob"})")->user, "bob");
  EXPECT_EQ(read_kill(R"({"user": "bob"})")->user, "bob");
  EXPECT_EQ(read_kill("{}").error().what, "the body has neither ids nor a user");
  EXPECT_EQ(read_kill(R"({"ids": []})").error().what, "the body has neither ids nor a user");
  EXPECT_EQ(read_kill(R"({"ids": [1], "user": "bob"})").error().what, "the body has both ids and a user");
  EXPECT_EQ(read_kill(R"({"ids": [1, -1]})").error().what, "ids[1]: is no session id");
  EXPECT_EQ(read_kill(R"({"ids": [1.5]})").error().what, "ids[0]: is no session id");
  EXPECT_EQ(read_kill(R"({"ids": "1"})").error().what, "ids: is text");
}

TEST(Requests, BansHaveAnEndADurationOrNone) {
  const auto read = read_add_bans(R"({"bans": [
    {"network": "192.0.2.7", "reason": "a"},
    {"network": "2001:db8::/32", "reason": "b", "expires": "2026-11-23T09:00:00Z"},
    {"network": "198.51.100.0/24", "reason": "c", "duration": "90m"},
    {"network": "198.51.100.9", "reason": "d", "duration": 60}]})",
                                  morning);
  ASSERT_TRUE(read);
  ASSERT_EQ(read->size(), 4U);
  EXPECT_EQ(policy::text_of(read->at(0).target), "192.0.2.7");
  EXPECT_EQ(read->at(0).expires, std::nullopt);
  EXPECT_EQ(policy::text_of(read->at(1).target), "2001:db8::/32");
  EXPECT_EQ(read->at(1).expires, morning + std::chrono::hours(1));
  EXPECT_EQ(read->at(2).reason, "c");
  EXPECT_EQ(read->at(2).expires, morning + std::chrono::minutes(90));
  EXPECT_EQ(read->at(3).expires, morning + std::chrono::seconds(60));
}

TEST(Requests, BanFaultsNameTheirPlace) {
  EXPECT_EQ(fault_of_bans("{}"), "bans: is missing");
  EXPECT_EQ(fault_of_bans(R"({"bans": []})"), "bans: is empty");
  EXPECT_EQ(fault_of_bans(R"({"bans": [7]})"), "bans[0] is a number");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "192.0.2.7"}]})"), "bans[0].reason: is missing");
  EXPECT_EQ(fault_of_bans(
                R"({"bans": [{"network": "192.0.2.7", "reason": "a"}, {"network": "192.0.2.7/24", "reason": "a"}]})"),
            "bans[1].network: '192.0.2.7/24' has bits set beyond its prefix length");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "::/0", "reason": "a"}]})"),
            "bans[0].network: '::/0' holds every IPv4 address as well (as ::ffff:0:0/96)");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "192.0.2.7", "reason": "a\nb"}]})"),
            "bans[0].reason: has a control character");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "192.0.2.7", "reason": "a", "expires": "2026-11-23T08:00:00Z"}]})"),
            "bans[0].expires: '2026-11-23T08:00:00Z' has passed");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "192.0.2.7", "reason": "a", "duration": 0}]})"),
            "bans[0].duration: is 0");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "192.0.2.7", "reason": "a", "duration": null}]})"),
            "bans[0].duration: is null");
  EXPECT_EQ(
      fault_of_bans(
          R"({"bans": [{"network": "192.0.2.7", "reason": "a", "duration": "1h", "expires": "2026-11-23T09:00:00Z"}]})"),
      "bans[0].duration: stands beside expires");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"network": "192.0.2.7", "reason": ")" + std::string(1025, 'x') + R"("}]})"),
            "bans[0].reason: is 1025 bytes long");
}

TEST(Requests, NetworksToRemoveAreReadAsTheyWereBanned) {
  const auto read = read_remove_bans(R"({"networks": ["192.0.2.7", "2001:db8::/32"]})");
  ASSERT_TRUE(read);
  EXPECT_EQ(policy::text_of(read->targets.at(1)), "2001:db8::/32");
  EXPECT_EQ(read_remove_bans(R"({"networks": [1]})").error().what, "networks[0]: is not text");
  EXPECT_EQ(read_remove_bans(R"({"networks": []})").error().what, "networks: is empty");
  EXPECT_EQ(read_remove_bans(R"({"networks": ["192.0.2.1\u0000/32"]})").error().what,
            "networks[0]: has a control character");
  EXPECT_EQ(read_remove_bans(R"({"networks": ["x"]})").error().what, "networks[0]: 'x' is not an IP address");
}

TEST(Requests, BansAreOfNamesToo) {
  const auto read = read_add_bans(R"({"bans": [
    {"user": "bob", "reason": "left"},
    {"server": "win1", "reason": "taken over", "duration": "1h"},
    {"device": "wY+k/3=", "reason": "lost"}]})",
                                  morning);
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(policy::text_of(read->at(0).target), "user:bob");
  EXPECT_EQ(policy::text_of(read->at(1).target), "server:win1");
  EXPECT_EQ(read->at(1).expires, morning + std::chrono::hours(1));
  EXPECT_EQ(policy::text_of(read->at(2).target), "device:wY+k/3=");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"user": "b b", "reason": "a"}]})"),
            "bans[0].user: 'b b' is not the name of a user");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"device": "a b", "reason": "a"}]})"), "bans[0].device: 'a b' is not a device");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"user": "bob", "server": "win1", "reason": "a"}]})"),
            "bans[0].server: stands beside another kind");
  EXPECT_EQ(fault_of_bans(R"({"bans": [{"reason": "a"}]})"), "bans[0].network: is missing");
}

TEST(Requests, AListOfBansMaySayReasonAndEndOnce) {
  const auto read = read_add_bans(R"({"reason": "list", "duration": "1h", "bans": [
    "192.0.2.7", "user:bob", {"network": "192.0.2.8"}, {"network": "192.0.2.9", "reason": "own", "duration": "2h"}]})",
                                  morning);
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_EQ(read->size(), 4U);
  EXPECT_EQ(policy::text_of(read->at(1).target), "user:bob");
  EXPECT_EQ(read->at(2).reason, "list");
  EXPECT_EQ(read->at(2).expires, morning + std::chrono::hours(1));
  EXPECT_EQ(read->at(3).reason, "own");
  EXPECT_EQ(read->at(3).expires, morning + std::chrono::hours(2));
  EXPECT_EQ(fault_of_bans(R"({"bans": ["192.0.2.7"]})"), "reason: is missing");
  EXPECT_EQ(fault_of_bans(R"({"reason": "a", "bans": ["192.0.2.7", "192.0.2.x"]})"),
            "bans[1]: '192.0.2.x' is not an IP address");
  EXPECT_EQ(fault_of_bans(R"({"reason": "a", "expires": "2026-11-23T08:00:00Z", "bans": ["192.0.2.7"]})"),
            "expires: '2026-11-23T08:00:00Z' has passed");
}

TEST(Requests, BansAreRemovedByTargetOrNumber) {
  const auto read = read_remove_bans(R"({"bans": ["192.0.2.0/24", "device:7"], "ids": [3, 4]})");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(policy::text_of(read->targets.at(1)), "device:7");
  EXPECT_EQ(read->ids, (std::vector<std::uint64_t>{3, 4}));
  EXPECT_EQ(read_remove_bans("{}").error().what, "bans: is missing");
  EXPECT_EQ(read_remove_bans(R"({"ids": [-1]})").error().what, "ids[0]: is no ban id");
  EXPECT_EQ(read_remove_bans(R"({"bans": ["user:"]})").error().what, "bans[0]: '' is not the name of a user");
}

TEST(Requests, BansAreAskedForByKindAndTarget) {
  const auto read = read_bans(*query_of("/?subject=user&target=user%3Abob"));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->kind, policy::BanKind::user);
  EXPECT_EQ(policy::text_of(*read->target), "user:bob");
  EXPECT_EQ(read->limit, 100U);
  EXPECT_FALSE(read_bans(*query_of("/?subject=group")));
  EXPECT_FALSE(read_bans(*query_of("/?target=x")));
}

TEST(Requests, SessionsAndBansTakeALimit) {
  EXPECT_TRUE(read_sessions(*query_of("/?open=1&limit=5"))->only_open);
  EXPECT_EQ(read_sessions(*query_of("/?open=1&limit=5"))->limit, 5U);
  EXPECT_FALSE(read_sessions(*query_of("/?open=0"))->only_open);
  EXPECT_EQ(read_sessions(*query_of("/"))->limit, 100U);
  EXPECT_EQ(read_bans(*query_of("/?limit=100000"))->limit, 100000U);
  for (const char* target : {"/?limit=0", "/?limit=100001", "/?limit=-1", "/?limit=1x", "/?limit=", "/?limit=%0a1",
                             "/?limit=99999999999999999999", "/?open=yes", "/?open=2", "/?closed=1"}) {
    EXPECT_FALSE(read_sessions(*query_of(target))) << target;
  }
  EXPECT_FALSE(read_bans(*query_of("/?open=1")));
}

TEST(Requests, VersionsOfThePolicyAreNumbers) {
  EXPECT_EQ(*read_policy_version(*query_of("/")), std::nullopt);
  EXPECT_EQ(*read_policy_version(*query_of("/?version=0")), 0U);
  EXPECT_EQ(*read_policy_version(*query_of("/?version=9223372036854775807")), 9223372036854775807U);
  for (const char* target : {"/?version=-1", "/?version=", "/?version=9223372036854775808", "/?version=1&version=2",
                             "/?version=new", "/?limit=1"}) {
    const auto query = query_of(target);
    EXPECT_FALSE(query && read_policy_version(*query)) << target;
  }
  EXPECT_EQ(read_policy_versions(*query_of("/"))->limit, 100U);
  EXPECT_EQ(read_policy_versions(*query_of("/?before=7&limit=2"))->before, 7U);
  EXPECT_FALSE(read_policy_versions(*query_of("/?before=0")));
  EXPECT_FALSE(read_policy_versions(*query_of("/?version=1")));
}

TEST(Requests, AuditTakesEveryFilter) {
  const auto read = audit_of(
      "/?since=2026-11-23T08:00:00Z&action=session_denied&user=bob&source=2001:db8::1&reason=policy_expired&after="
      "9223372036854775807&limit=7");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->since, morning);
  EXPECT_EQ(read->action, "session_denied");
  EXPECT_EQ(read->user, "bob");
  EXPECT_EQ(read->source->text(), "2001:db8::1");
  EXPECT_EQ(read->reason, policy::Reason::policy_expired);
  EXPECT_EQ(read->after_id, 9223372036854775807U);
  EXPECT_EQ(read->limit, 7U);
  const auto bare = audit_of("/");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->since, std::nullopt);
  EXPECT_EQ(bare->after_id, std::nullopt);
  EXPECT_EQ(bare->before_id, 0U);
  EXPECT_EQ(bare->limit, 100U);
}

TEST(Requests, AuditFaultsNameTheParameter) {
  EXPECT_EQ(audit_of("/?reason=because").error().what, "query parameter reason: 'because' is no reason code");
  EXPECT_EQ(audit_of("/?action=nonsense").error().what, "query parameter action: 'nonsense' is no action of the audit");
  EXPECT_FALSE(audit_of("/?after=9223372036854775808")) << "beyond the store's integers: it would be a negative number";
  EXPECT_EQ(audit_of("/?source=x").error().what, "query parameter source: 'x' is not an IP address");
  EXPECT_EQ(audit_of("/?user=").error().what, "query parameter user: is empty");
  EXPECT_EQ(audit_of("/?user=a%1b").error().what, "query parameter user: has a control character");
  EXPECT_EQ(audit_of("/?who=bob").error().what, "unknown query parameter 'who'");
  EXPECT_NE(audit_of("/?since=2h").error().what.find("query parameter since: "), std::string::npos);
}

TEST(Requests, ListsTakeEveryFilter) {
  const auto read = read_sessions(*query_of(
      "/?open=1&user=bob&source=192.0.2.0/24&backend=2001:db8::/64&server=win1&service=win1-rdp&reason=killed&"
      "since=2026-11-23T08:00:00Z&until=2026-11-24T00:00:00Z&before=7&limit=9"));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(read->only_open);
  EXPECT_EQ(read->user, "bob");
  EXPECT_EQ(read->source->text(), "192.0.2.0/24");
  EXPECT_EQ(read->backend->text(), "2001:db8::/64");
  EXPECT_EQ(read->server, "win1");
  EXPECT_EQ(read->service, "win1-rdp");
  EXPECT_EQ(read->reason, policy::EndReason::killed);
  EXPECT_EQ(read->since, morning);
  EXPECT_EQ(read->until, morning + std::chrono::hours(16));
  EXPECT_EQ(read->before_id, 7U);
  EXPECT_EQ(read->after_id, std::nullopt);
  const auto visits = read_visits(*query_of("/?user=bob&source=192.0.2.7&server=win1&service=s&reason=normal&after=0"));
  ASSERT_TRUE(visits) << visits.error().text();
  EXPECT_EQ(visits->after_id, 0U);
  EXPECT_EQ(audit_of("/?server=win1&service=s&until=2026-11-23T08:00:00Z&before=3")->until, morning);
}

TEST(Requests, ListsRefuseWhatCannotBeMeant) {
  const auto sessions = [](const char* target) { return read_sessions(*query_of(target)).error().what; };
  EXPECT_EQ(sessions("/?source=192.0.2.7/24"),
            "query parameter source: '192.0.2.7/24' has bits set beyond its prefix length");
  EXPECT_EQ(sessions("/?reason=policy_expired"), "query parameter reason: 'policy_expired' is no reason for an end");
  EXPECT_EQ(sessions("/?before=3&after=2"), "query parameter after: stands beside before");
  EXPECT_EQ(sessions("/?since=2026-11-23T08:00:00Z&until=2026-11-23T08:00:00Z"),
            "query parameter until: is not after since");
  for (const char* target : {"/?before=0", "/?after=-1", "/?backend=win1", "/?server=", "/?until=soon", "/?action=x"}) {
    EXPECT_FALSE(read_sessions(*query_of(target))) << target;
  }
  EXPECT_FALSE(read_visits(*query_of("/?backend=192.0.2.7"))) << "a visit has no backend";
  EXPECT_FALSE(audit_of("/?backend=192.0.2.7"));
  EXPECT_FALSE(audit_of("/?open=1"));
  EXPECT_FALSE(read_bans(*query_of("/?before=3")));
  EXPECT_EQ(read_ban_history(*query_of("/?before=3&subject=user"))->before_id, 3U);
}

TEST(Requests, AVerbWithoutInputTakesNothingOrAnEmptyObject) {
  EXPECT_TRUE(read_nothing(""));
  EXPECT_TRUE(read_nothing("{}"));
  EXPECT_FALSE(read_nothing(R"({"force": true})"));
  EXPECT_FALSE(read_nothing("[]"));
  EXPECT_FALSE(read_nothing("now"));
}

TEST(Requests, AboutRecordingsComeOverAsTheyWereMeant) {
  const auto list = read_recordings(
      *query_of("/?open=1&user=bob&server=win1&service=win1-rdp&since=2026-11-23&until=2026-11-24&before=9&limit=3"));
  ASSERT_TRUE(list) << list.error().text();
  EXPECT_TRUE(list->only_open);
  EXPECT_EQ(list->user, "bob");
  EXPECT_EQ(list->server, "win1");
  EXPECT_EQ(list->service, "win1-rdp");
  EXPECT_EQ(list->since, parse_time("2026-11-23").value());
  EXPECT_EQ(list->until, parse_time("2026-11-24").value());
  EXPECT_EQ(list->before_id, 9U);
  EXPECT_EQ(list->limit, 3U);
  const auto search = read_recording_search(*query_of("/?text=pay%20roll&user=bob"));
  ASSERT_TRUE(search) << search.error().text();
  EXPECT_EQ(search->text, "pay roll");
  EXPECT_EQ(search->where.user, "bob");
  const auto prune = read_prune(R"({"older_than": "90d", "over": 1024, "dry_run": true})");
  ASSERT_TRUE(prune) << prune.error().text();
  EXPECT_EQ(prune->older_than, std::chrono::days(90));
  EXPECT_EQ(prune->over, 1024U);
  EXPECT_TRUE(prune->dry_run);
  EXPECT_EQ(read_pass(*query_of("/?pass=7")).value(), 7U);
}

TEST(Requests, AboutRecordingsRefuseWhatCannotBeMeant) {
  for (const char* target : {"/?after=3", "/?source=192.0.2.7", "/?open=2", "/?since=2026-11-23&until=2026-11-23"}) {
    EXPECT_FALSE(read_recordings(*query_of(target))) << target;
  }
  EXPECT_EQ(read_recording_search(*query_of("/?user=bob")).error().what, "query parameter text: is missing");
  for (const char* body :
       {"", "[]", R"({"older_than": 90})", R"({"over": -1})", R"({"dry_run": 1})", R"({"all": true})"}) {
    EXPECT_FALSE(read_prune(body)) << body;
  }
  EXPECT_FALSE(read_pass(*query_of("/")));
  EXPECT_FALSE(read_pass(*query_of("/?pass=0")));
}

}  // namespace
}  // namespace gatehouse::admin
