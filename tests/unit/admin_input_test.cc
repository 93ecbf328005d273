// JSON and queries out of bytes that nobody has vouched for.
#include <gtest/gtest.h>

#include "admin/json_input.h"
#include "admin/query.h"

namespace gatehouse::admin {
namespace {

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

TEST(JsonInput, ReadsEveryKindOfValue) {
  const auto document = parse_json(R"({"a": [1, -2, 3.5, true, null, "é\u0000"], "b": {"c": []}, "d": {}})");
  ASSERT_TRUE(document);
  const auto expected = nlohmann::json::parse(R"({"a": [1, -2, 3.5, true, null, "é\u0000"], "b": {"c": []}, "d": {}})");
  EXPECT_EQ(*document, expected);
}

TEST(JsonInput, RefusesMalformedTextAndNamesTheByte) {
  for (const char* text : {"", "{", "{\"a\":1,}", "[1 2]", "{} {}", "nul", "{\"a\"}", "{'a': 1}", "\x80",
                           "\"\xc3\x28\"", "\"\t\"", "{\"a\": 01}", "{\"a\": \"\\ud800\"}"}) {
    const auto document = parse_json(text);
    ASSERT_FALSE(document) << text;
    EXPECT_NE(document.error().what.find("not JSON (at byte"), std::string::npos) << text;
  }
}

TEST(JsonInput, RefusesNestingBeyondTheLimitHoweverDeep) {
  EXPECT_TRUE(parse_json(nested(deepest_json)));
  EXPECT_FALSE(parse_json(nested(deepest_json + 1)));
  EXPECT_FALSE(parse_json(std::string(10'000'000, '[')));
  std::string objects;
  for (int i = 0; i < 1'000'000; ++i) objects += "{\"a\":";
  const auto refused = parse_json(objects);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().what.find("levels deep"), std::string::npos);
}

TEST(JsonInput, RefusesAKeyThatStandsTwiceAtAnyDepth) {
  EXPECT_TRUE(parse_json(R"({"a": {"a": 1}, "b": [{"a": 1}, {"a": 1}]})"));
  for (const char* text : {R"({"a": 1, "a": 1})", R"([{"x": {"a": [], "b": 1, "a": {}}}])"}) {
    const auto refused = parse_json(text);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "the key 'a' stands twice in one object");
  }
}

TEST(JsonInput, RefusesNumbersThatNothingHolds) {
  const auto refused = parse_json("1e999");
  EXPECT_FALSE(refused);
}

TEST(JsonInput, AnObjectsReaderKeepsTheFirstFaultWithItsPlace) {
  const auto value = nlohmann::json::parse(R"({"a": 1, "b": "x", "c": -1, "d": 70000, "e": 1.0})");
  const auto fault_of = [&](auto read) {
    std::optional<Error> fault;
    ObjectReader reader(value, "bans[3]", {"a", "b", "c", "d", "e"}, fault);
    read(reader);
    return fault ? fault->what : "";
  };
  EXPECT_EQ(fault_of([](auto& reader) { reader.text("a"); }), "bans[3].a: is a number");
  EXPECT_EQ(fault_of([](auto& reader) { reader.number("b", 0, 9); }), "bans[3].b: is text");
  EXPECT_EQ(fault_of([](auto& reader) { reader.number("c", 0, 9); }), "bans[3].c: is negative");
  EXPECT_EQ(fault_of([](auto& reader) { reader.number("d", 0, 65535); }), "bans[3].d: is 70000");
  EXPECT_EQ(fault_of([](auto& reader) { reader.number("e", 0, 9); }), "bans[3].e: is a fraction");
  EXPECT_EQ(fault_of([](auto& reader) { reader.list("b", 9); }), "bans[3].b: is text");
  EXPECT_EQ(fault_of([](auto& reader) { reader.text("nothing", true); }), "bans[3].nothing: is missing");
  EXPECT_EQ(fault_of([](auto& reader) {
              reader.text("a");
              reader.number("b", 0, 9);
            }),
            "bans[3].a: is a number");
  EXPECT_EQ(fault_of([](auto& reader) { EXPECT_EQ(reader.text("b"), "x"); }), "");
}

TEST(JsonInput, ALineHasNoControlCharactersAndALength) {
  EXPECT_TRUE(check_line("plain – text", 20));
  EXPECT_FALSE(check_line("", 20));
  EXPECT_FALSE(check_line(std::string(21, 'x'), 20));
  for (const std::string text : {"a\nb", "a\x1b[2J", "a\x7f", "\t"}) EXPECT_FALSE(check_line(text, 20));
  EXPECT_FALSE(check_line(std::string_view("192.0.2.1\0x", 11), 20));
}

TEST(Query, SplitsAndDecodesParameters) {
  EXPECT_EQ(path_of("/v1/audit?since=x"), "/v1/audit");
  EXPECT_EQ(path_of("/v1/audit"), "/v1/audit");
  const auto query = query_of("/v1/audit?since=2026-11-23T18%3A00%3A00%2b01:00&user=a+b&empty=");
  ASSERT_TRUE(query);
  EXPECT_EQ(query->value("since"), "2026-11-23T18:00:00+01:00");
  EXPECT_EQ(query->value("user"), "a+b");
  EXPECT_EQ(query->value("empty"), "");
  EXPECT_EQ(query->value("other"), std::nullopt);
  EXPECT_TRUE(query_of("/v1/status?")->parameters.empty());
}

TEST(Query, RefusesWhatCanBeReadTwoWays) {
  for (const char* target : {"/x?a", "/x?=1", "/x?a=%", "/x?a=%4", "/x?a=%zz", "/x?a=%4g", "/x?a=1&&b=2", "/x?a=1&a=2",
                             "/x?a=1&%61=2", "/x?a=%-1"}) {
    EXPECT_FALSE(query_of(target)) << target;
  }
}

TEST(Query, WhatIsEncodedDecodesToTheSame) {
  std::string every;
  for (int c = 0; c < 256; ++c) every += static_cast<char>(c);
  const auto query = query_of("/x?a=" + percent_encode(every));
  ASSERT_TRUE(query);
  EXPECT_EQ(query->value("a"), every);
}

}  // namespace
}  // namespace gatehouse::admin
