// The metrics: well-formed, named after the conventions, and from the status.
#include "admin/metrics.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>

#include "admin/routes.h"
#include "unit/admin_fake_operations.h"

namespace gatehouse::admin {
namespace {

using nlohmann::json;

json some_status() {
  return {{"version", "1.2\"3\\"},
          {"started", "2026-11-23T18:00:00.500Z"},
          {"uptime_seconds", 12},
          {"policy_version", 7},
          {"users", 3},
          {"services", 2},
          {"grants", 4},
          {"bans", 1'000'000},
          {"sessions_open", 5},
          {"loops", 2},
          {"verdicts", 6},
          {"unaudited_kernel_events", 0},
          {"gate", {{"accepted", 10}, {"denied", 3}, {"bytes_from_client", 100}, {"bytes_to_client", 5'000'000'000}}},
          {"counters", {{"banned_host_dropped", 42}, {"steered", 9}}},
          {"store", {{"queued", 1}, {"queue_capacity", 8192}, {"alarm", true}, {"fault", "disk full"}}},
          {"drift", {{"services", 0}, {"rules", 1}}},
          {"alarms", {{{"name", "store"}, {"what", "x"}, {"mend", "y"}}}}};
}

TEST(Metrics, AreWellFormedAndNamedAfterTheConventions) {
  const std::regex sample(R"(^(gatehouse_[a-z_]+)(\{[a-z]+="([^"\\]|\\.)*"\})? -?[0-9.e+]+$)");
  std::map<std::string, std::string> types;
  std::set<std::string> helped;
  std::string last;
  std::istringstream lines(metrics_of(some_status()));
  std::size_t samples = 0;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash;
    std::string kind;
    std::string name;
    words >> hash >> kind >> name;
    if (hash == "#") {
      if (kind == "HELP") {
        EXPECT_TRUE(helped.insert(name).second) << name << " is there twice";
      }
      if (kind == "TYPE") words >> types[name];
      last = name;
      continue;
    }
    std::smatch match;
    ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
    EXPECT_EQ(match[1], last) << "the samples of a metric stand together, below its type";
    EXPECT_EQ(match[1].str().ends_with("_total"), types.at(match[1]) == "counter") << line;
    ++samples;
  }
  EXPECT_GT(samples, 20U);
}

TEST(Metrics, SayWhatTheStatusSays) {
  const auto text = metrics_of(some_status());
  for (const auto* line :
       {"gatehouse_build_info{version=\"1.2\\\"3\\\\\"} 1\n", "gatehouse_start_time_seconds 1795456800.5\n",
        "gatehouse_sessions 5\n", "gatehouse_bans 1000000\n", "gatehouse_connections_denied_total 3\n",
        "gatehouse_relayed_bytes_total{from=\"backend\"} 5000000000\n",
        "gatehouse_kernel_events_total{event=\"banned_host_dropped\"} 42\n", "gatehouse_store_alarm 1\n",
        "gatehouse_drift{what=\"rules\"} 1\n", "gatehouse_alarm{name=\"store\"} 1\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("disk full"), std::string::npos);
}

TEST(Metrics, LeaveOutWhatIsNotThere) {
  const auto text = metrics_of(json::object());
  EXPECT_EQ(text.find("gatehouse_sessions"), std::string::npos);
  EXPECT_NE(text.find("gatehouse_build_info"), std::string::npos);
}

TEST(Metrics, AreARouteWithItsOwnContentType) {
  test::FakeOperations operations;
  operations.outcomes["status"] = some_status();
  const auto got = answer({"GET", "/metrics", "", {}}, operations);
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(std::string(got.content_type), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_EQ(got.text, metrics_of(some_status()));
}

TEST(Readiness, FailsForWhatKeepsSessionsFromOpeningAndNothingElse) {
  test::FakeOperations operations;
  operations.outcomes["status"] = some_status();
  EXPECT_EQ(answer({"GET", "/readyz", "", {}}, operations).status, 503);
  auto status = some_status();
  status["alarms"] = {{{"name", "sweep"}, {"what", "x"}, {"mend", "y"}}};
  operations.outcomes["status"] = status;
  EXPECT_EQ(answer({"GET", "/readyz", "", {}}, operations).status, 200);
  EXPECT_EQ(answer({"GET", "/healthz", "", {}}, operations).status, 503);
  for (const auto* name : {"store", "steering", "bans", "kernel", "stale_verdicts", "sessions", "descriptors"}) {
    status["alarms"] = {{{"name", name}, {"what", "x"}, {"mend", "y"}}};
    operations.outcomes["status"] = status;
    EXPECT_EQ(answer({"GET", "/readyz", "", {}}, operations).status, 503) << name;
  }
}

}  // namespace
}  // namespace gatehouse::admin
