// What the decision hook may answer, and what it is asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gate/decision_hook.h"

namespace gatehouse::gate {
namespace {

using testing::HasSubstr;

std::string fault_of(std::string_view line) {
  const auto answer = parse_hook_answer(line);
  return answer ? "accepted" : answer.error().what;
}

TEST(HookAnswer, AllowsOrRefusesWithWhatBelongsToIt) {
  const auto allowed = parse_hook_answer(R"({"allow": true, "user": "bob", "until": "2026-11-24T18:00:00+01:00"})");
  ASSERT_TRUE(allowed) << allowed.error().text();
  EXPECT_TRUE(allowed->allow);
  EXPECT_EQ(allowed->user, "bob");
  EXPECT_EQ(allowed->until, parse_time("2026-11-24T17:00:00Z").value());
  const auto refused = parse_hook_answer(R"( {"allow": false, "detail": "not today"} )");
  ASSERT_TRUE(refused) << refused.error().text();
  EXPECT_FALSE(refused->allow);
  EXPECT_EQ(refused->detail, "not today");
}

TEST(HookAnswer, IsRefusedUnlessEveryPartOfItIsUnderstood) {
  for (const char* line :
       {"", "true", "[]", "{}", R"({"allow": 1})", R"({"allow": "true"})", R"({"allow": true} {"allow": true})",
        R"({"allow": false, "allow": true})", R"({"allow": true, "user": null})", R"({"allow": true, "until": 5})",
        R"({"allow": true, "until": "tomorrow"})", R"({"allow": false, "user": "bob"})",
        R"({"allow": true, "usr": "bob"})", R"({"allow": false, "detail": "a\nb"})", R"({"allow": true)"}) {
    EXPECT_THAT(fault_of(line), HasSubstr("decision hook's answer")) << line;
  }
  EXPECT_THAT(fault_of(R"({"allow": false, "detail": ")" + std::string(201, 'x') + "\"}"), HasSubstr("200 bytes"));
}

TEST(HookAnswer, IsNotQuotedInItsFault) {
  EXPECT_THAT(fault_of(R"({"allow": true, "password-hunter2": 1})"), testing::Not(HasSubstr("hunter2")));
}

TEST(HookQuestion, IsOneLineThatNamesTheConnectionAndWhatThePolicySays) {
  policy::CompiledUser user{"bob", true};
  policy::CompiledServer server{"win1", true, {}};
  policy::CompiledService service;
  service.name = "win1-rdp";
  service.spec.protocol = "rdp";
  policy::Decision decision;
  decision.user = &user;
  decision.server = &server;
  decision.service = &service;
  const auto text =
      hook_question({Address::parse("192.0.2.7").value(), 50000}, {Address::parse("2001:db8::1").value(), 3389},
                    decision, parse_time("2026-11-24T18:00:00Z").value());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_EQ(nlohmann::json::parse(text),
            nlohmann::json::parse(R"({"version": 1, "time": "2026-11-24T18:00:00Z", "source": "192.0.2.7",
              "source_port": 50000, "destination": "2001:db8::1", "port": 3389, "protocol": "rdp",
              "service": "win1-rdp", "server": "win1", "user": "bob", "grant": null})"));
}

}  // namespace
}  // namespace gatehouse::gate
