// Lists of bans: our own, and those that others publish.
#include "cli/ban_lines.h"

#include <gtest/gtest.h>

namespace gatehouse::cli {
namespace {

const WallTime noon = parse_time("2026-11-23T12:00:00Z").value();

std::vector<std::string> read(std::string_view text) {
  const auto lines = parse_ban_lines("list", text, false, noon);
  std::vector<std::string> texts;
  if (!lines) {
    for (const auto& issue : lines.error().list()) texts.push_back(std::to_string(issue.line) + ": " + issue.what);
    return texts;
  }
  for (const auto& line : *lines) {
    texts.push_back(policy::text_of(line.target) + (line.expires ? " until " + format_time(*line.expires) : "") +
                    (line.reason.empty() ? "" : " because " + line.reason));
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(BanLines, HaveATargetAndMayHaveAReason) {
  EXPECT_EQ(read("# a list\n\n192.0.2.7\n 2001:db8::/32 \t port scans, often \r\n198.51.100.0/24 #7"),
            (Texts{"192.0.2.7", "2001:db8::/32 because port scans, often", "198.51.100.0/24 because #7"}));
  EXPECT_EQ(read("192.0.2.7,guessing\n192.0.2.8, \"scans, often\"\n"),
            (Texts{"192.0.2.7 because guessing", "192.0.2.8 because scans, often"}));
  EXPECT_EQ(read(""), Texts{});
}

TEST(BanLines, NameUsersServersAndDevices) {
  EXPECT_EQ(read("user:bob has left\nserver:win1\ndevice:123456789,stolen\n"),
            (Texts{"user:bob because has left", "server:win1", "device:123456789 because stolen"}));
}

TEST(BanLines, MayHaveAnEndOfTheirOwn) {
  EXPECT_EQ(read("192.0.2.7 for=2h guessing\n192.0.2.8,expires=2026-12-01,ticket 7\nuser:bob for=1w\n"),
            (Texts{"192.0.2.7 until 2026-11-23T14:00:00Z because guessing",
                   "192.0.2.8 until 2026-12-01T00:00:00Z because ticket 7", "user:bob until 2026-11-30T12:00:00Z"}));
}

TEST(BanLines, OfPublishedListsAreTakenAsTheyAre) {
  EXPECT_EQ(read("; Spamhaus DROP List\n; Expires: Tue, 24 Nov 2026\n1.10.16.0/20 ; SBL256894\n"),
            Texts{"1.10.16.0/20 because SBL256894"});
  EXPECT_EQ(read("#\n# firehol_level1\n#\n1.10.16.0/20 # twice seen\n5.134.128.0/19\t#\n"),
            (Texts{"1.10.16.0/20", "5.134.128.0/19"}));
  EXPECT_EQ(read("# hosts.deny\nALL: 192.0.2.7\nALL:2001:db8::1\n"), (Texts{"192.0.2.7", "2001:db8::1"}));
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "192.0.2.7\r\n192.0.2.8\r\n"),
            (Texts{"192.0.2.7", "192.0.2.8"}));
}

TEST(BanLines, EveryFaultIsNamedWithItsLine) {
  EXPECT_EQ(read("192.0.2.300\nuser:b/b why\n\n192.0.2.7/24\n192.0.2.7 for=2\n192.0.2.7 expires=2020-01-01\nbob\n"),
            (Texts{"1: '192.0.2.300' is not an IP address", "2: 'b/b' is not the name of a user",
                   "4: '192.0.2.7/24' has bits set beyond its prefix length", "5: " + parse_duration("2").error().what,
                   "6: '2020-01-01' has passed", "7: 'bob' is not an IP address"}));
  EXPECT_EQ(read("192.0.2.7 " + std::string(1025, 'x')), Texts{"1: the reason is 1025 bytes long"});
  const auto lines = parse_ban_lines("list", "192.0.2.7 why\n192.0.2.8 for=1h\n", true, noon);
  ASSERT_FALSE(lines);
  EXPECT_EQ(lines.error().list().at(0).line, 2);
  EXPECT_EQ(lines.error().list().at(0).what, "the ban has no reason");
}

}  // namespace
}  // namespace gatehouse::cli
