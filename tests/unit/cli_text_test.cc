// What is shown on a terminal, and what is read from the command line.
#include "cli/text.h"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/arguments.h"
#include "cli/table.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

const WallTime morning = *parse_time("2026-11-23T08:00:00Z");

TEST(Escape, LeavesPlainTextOfAnyLanguageAlone) {
  for (const char* text : {"", "bob", "CORP\\bob", "Grüße", "日本語", "🙂 ok", "a  b"}) EXPECT_EQ(escape(text), text);
}

TEST(Escape, TakesTheTerminalOutOfTheHandsOfATextsAuthor) {
  EXPECT_EQ(escape("\x1b[2J\x1b]0;owned\x07"), "\\x1b[2J\\x1b]0;owned\\x07");
  EXPECT_EQ(escape("a\r\nb\tc"), "a\\r\\nb\\tc");
  EXPECT_EQ(escape("\x7f\b"), "\\x7f\\x08");
  EXPECT_EQ(escape(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(escape("\xc2\x9b"
                   "31m"),
            "\\u{9b}31m");  // CSI as one C1 character
  EXPECT_EQ(escape("\xe2\x80\xae"
                   "drow"),
            "\\u{202e}drow");  // right-to-left override
  EXPECT_EQ(escape("\xe2\x80\xa8"), "\\u{2028}");
  EXPECT_EQ(escape("\xef\xbb\xbf"), "\\u{feff}");
  EXPECT_EQ(escape("\xf3\xa0\x81\x81"), "\\u{e0041}");
}

TEST(Escape, ShowsBrokenUtf8ByteByByte) {
  EXPECT_EQ(escape("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(escape("\x9b[2J"), "\\x9b[2J");  // C1 in an 8-bit terminal
  EXPECT_EQ(escape("\xc3"), "\\xc3");        // cut off
  EXPECT_EQ(escape("\xc3("), "\\xc3(");
  EXPECT_EQ(escape("\xc0\x9b"), "\\xc0\\x9b");  // overlong
  EXPECT_EQ(escape("\xe0\x80\x9b"), "\\xe0\\x80\\x9b");
  EXPECT_EQ(escape("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // surrogate
  EXPECT_EQ(escape("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Escape, NothingThatComesOutIsAControlCharacter) {
  std::string every;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) every += {static_cast<char>(a), static_cast<char>(b)};
  }
  for (const char c : escape(every)) {
    const auto byte = static_cast<unsigned char>(c);
    ASSERT_TRUE(byte >= 0x20 && byte != 0x7f);
  }
}

TEST(Text, IsMeasuredAndCutInCharacters) {
  EXPECT_EQ(width("Grüße"), 5U);
  EXPECT_EQ(cut("Grüße", 5), "Grüße");
  EXPECT_EQ(cut("Grüße", 4), "Grü…");
  EXPECT_EQ(cut("Grüße", 1), "…");
  EXPECT_EQ(cut("Grüße", 0), "");
}

TEST(Text, AmountsAreShort) {
  EXPECT_EQ(show_bytes(0), "0 B");
  EXPECT_EQ(show_bytes(1023), "1023 B");
  EXPECT_EQ(show_bytes(1536), "1.5 KiB");
  EXPECT_EQ(show_bytes(1024.0 * 1024 * 1024 * 3), "3.0 GiB");
  EXPECT_EQ(show_seconds(0.2), "0s");
  EXPECT_EQ(show_seconds(7384.4), "2h3m4s");
  EXPECT_EQ(show_seconds(std::numeric_limits<double>::infinity()), "-");
  EXPECT_EQ(show_seconds(std::numeric_limits<double>::quiet_NaN()), "-");
  EXPECT_EQ(show_time("2026-11-23T08:00:00.123Z"), "2026-11-23T08:00:00Z");
  EXPECT_EQ(show_time("2026-11-23T09:00:00+01:00"), "2026-11-23T08:00:00Z");
  EXPECT_EQ(show_time("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(show_time(""), "-");
}

TEST(Text, MembersOfAnAnswerMayBeMissingOrOfAnotherKind) {
  const auto answer =
      json::parse(R"({"text": "a\u001b", "number": 7, "yes": true, "nothing": null, "empty": "", "list": [1]})");
  EXPECT_EQ(show(answer, "text"), "a\\x1b");
  EXPECT_EQ(show(answer, "number"), "7");
  EXPECT_EQ(show(answer, "yes"), "true");
  EXPECT_EQ(show(answer, "nothing"), "-");
  EXPECT_EQ(show(answer, "empty"), "-");
  EXPECT_EQ(show(answer, "missing"), "-");
  EXPECT_EQ(show(answer, "list"), "[1]");
  EXPECT_EQ(show(json("text"), "x"), "-");
  EXPECT_EQ(number(answer, "text"), 0);
  EXPECT_EQ(number(answer, "number"), 7);
  EXPECT_EQ(member(answer, "list").size(), 1U);
  EXPECT_TRUE(member(answer, "text").empty());
  EXPECT_TRUE(member(json(), "text").empty());
}

TEST(TableOfText, AlignsColumnsAndLeavesNoSpacesAtTheEnd) {
  Table table({{"ID", Table::Align::right}, {"NAME"}, {"REASON"}});
  table.add({"7", "Grüße", ""});
  table.add({"1234", "b", "why"});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(),
            "  ID  NAME   REASON\n"
            "   7  Grüße\n"
            "1234  b      why\n");
}

TEST(Arguments, SinceIsATimeOrHowLongAgo) {
  EXPECT_EQ(*parse_since("2h", morning), morning - std::chrono::hours(2));
  EXPECT_EQ(*parse_since("2026-11-23T08:00:00Z", {}), morning);
  EXPECT_EQ(*parse_since("2026-11-23", {}), morning - std::chrono::hours(8));
  for (const char* text : {"", "2", "yesterday", "-2h", "2h ago"}) EXPECT_FALSE(parse_since(text, morning)) << text;
}

TEST(Arguments, ASessionIdIsAPlainNumber) {
  EXPECT_EQ(*parse_session_id("17"), 17U);
  EXPECT_EQ(*parse_session_id("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "0", "-1", "+1", "1.5", "0x1", " 1", "1 ", "18446744073709551616", "x"}) {
    EXPECT_FALSE(parse_session_id(text)) << text;
  }
}

TEST(Arguments, ABanEndsOrDoesNot) {
  EXPECT_EQ(*parse_ban_end("90m", "", morning), morning + std::chrono::minutes(90));
  EXPECT_EQ(*parse_ban_end("", "2026-11-23T09:00:00Z", morning), morning + std::chrono::hours(1));
  EXPECT_EQ(*parse_ban_end("", "", morning), std::nullopt);
  EXPECT_EQ(*parse_ban_end("permanent", "", morning), std::nullopt);
  EXPECT_FALSE(parse_ban_end("90", "", morning));
  EXPECT_FALSE(parse_ban_end("", "2026-11-23T08:00:00Z", morning));
  EXPECT_FALSE(parse_ban_end("", "tomorrow", morning));
}

}  // namespace
}  // namespace gatehouse::cli
