// Ends, weekdays and proxy addresses, without a daemon.
#include "cli/policy_arguments.h"

#include <gtest/gtest.h>

#include "cli/document_edit.h"
#include "cli/proxy_addresses.h"

namespace gatehouse::cli {
namespace {

WallTime moment(const char* text) {
  return parse_time(text).value();
}

TEST(End, IsATimeADurationAWeekdayOrNone) {
  const auto monday = moment("2026-11-23T18:00:00Z");
  EXPECT_EQ(parse_end("2026-12-24T18:00:00+01:00", monday, "")->value(), moment("2026-12-24T17:00:00Z"));
  EXPECT_EQ(parse_end("2026-12-24", monday, "")->value(), moment("2026-12-24T00:00:00Z"));
  EXPECT_EQ(parse_end("1w3d", monday, "")->value(), monday + std::chrono::days(10));
  EXPECT_EQ(parse_end("1.5h", monday, "")->value(), monday + std::chrono::minutes(90));
  EXPECT_EQ(*parse_end("permanent", monday, ""), std::nullopt);
}

TEST(End, OfAWeekdayIsWhenThatDayIsOverInItsZone) {
  const auto monday = moment("2026-11-23T18:00:00Z");
  EXPECT_EQ(parse_end("friday", monday, "")->value(), moment("2026-11-28T00:00:00Z"));
  EXPECT_EQ(parse_end("Fri", monday, "Europe/Warsaw")->value(), moment("2026-11-27T23:00:00Z"));
  EXPECT_EQ(parse_end("friday 17:30", monday, "Europe/Warsaw")->value(), moment("2026-11-27T16:30:00Z"));
  EXPECT_EQ(parse_end("monday", monday, "")->value(), moment("2026-11-24T00:00:00Z")) << "today counts";
  EXPECT_EQ(parse_end("monday 17:00", monday, "")->value(), moment("2026-11-30T17:00:00Z")) << "has passed today";
  EXPECT_EQ(parse_end("monday 18:00", monday, "")->value(), moment("2026-11-30T18:00:00Z")) << "is just now";
  EXPECT_EQ(parse_end("tuesday", moment("2026-11-23T23:30:00Z"), "Europe/Warsaw")->value(),
            moment("2026-11-24T23:00:00Z"))
      << "in Warsaw it is Tuesday already";
  EXPECT_EQ(parse_end("sunday 02:30", moment("2026-03-27T12:00:00Z"), "Europe/Warsaw")->value(),
            moment("2026-03-29T01:00:00Z"))
      << "an hour that is left out";
}

TEST(End, IsRefusedWhereItCannotBeReadOrHasPassed) {
  const auto monday = moment("2026-11-23T18:00:00Z");
  for (const char* text :
       {"", "soon", "2", "-1h", "1month", "fr", "fridays", "friday17:00", "friday 5pm", "friday 24:01", "friday 1:00",
        "friday  17:00", "2026-11-23", "2026-13-01", "tomorrow", "24-12-2026"}) {
    const auto end = parse_end(text, monday, "");
    EXPECT_FALSE(end) << text;
    EXPECT_TRUE(end || !end.error().mend.empty()) << text;
  }
  EXPECT_FALSE(parse_end("friday", monday, "Mars/Base"));
  EXPECT_FALSE(parse_end(EndOptions{.until = {}, .duration = "friday", .zone = {}}, monday)) << "--for is a duration";
  EXPECT_EQ(*parse_end(EndOptions{}, monday), std::nullopt);
}

TEST(Relay, IsAProtocolWithOneOrTwoPorts) {
  const auto plain = parse_relay("ssh:22");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->protocol, "ssh");
  EXPECT_EQ(plain->backend_port, 22);
  EXPECT_EQ(parse_relay("https:443:8443")->backend_port, 8443);
  for (const char* text : {"", "ssh", ":22", "ssh:", "ssh:0", "SSH:22", "ssh:22:", "ssh:22:0", "ssh:22:22:22"}) {
    EXPECT_FALSE(parse_relay(text)) << text;
  }
}

policy::Document document_with(const std::vector<std::string>& networks, const std::vector<std::string>& taken) {
  policy::Document document;
  for (const auto& text : networks) document.pools["p"].networks.push_back(Prefix::parse(text).value());
  for (const auto& text : taken) document.services["s" + text].proxy_ip = Address::parse(text).value();
  return document;
}
std::string first_free(const std::vector<std::string>& networks, const std::vector<std::string>& taken) {
  const auto address = first_free_address(document_with(networks, taken), "p");
  return address ? address->text() : "none";
}

TEST(FreeAddress, IsTheFirstOfThePoolThatNoServiceHas) {
  EXPECT_EQ(first_free({"198.51.100.0/24"}, {}), "198.51.100.1");
  EXPECT_EQ(first_free({"198.51.100.0/24"}, {"198.51.100.1", "198.51.100.3"}), "198.51.100.2");
  EXPECT_EQ(first_free({"198.51.100.0/30"}, {"198.51.100.1", "198.51.100.2"}), "none") << "not the broadcast address";
  EXPECT_EQ(first_free({"198.51.100.0/30", "2001:db8::/64"}, {"198.51.100.1", "198.51.100.2"}), "2001:db8::1");
  EXPECT_EQ(first_free({"198.51.100.7"}, {}), "198.51.100.7");
  EXPECT_EQ(first_free({"198.51.100.6/31"}, {"198.51.100.6"}), "198.51.100.7");
  EXPECT_EQ(first_free({"2001:db8::/126"}, {"2001:db8::1", "2001:db8::2"}), "2001:db8::3");
  EXPECT_EQ(first_free({"2001:db8::/126"}, {"2001:db8::1", "2001:db8::2", "2001:db8::3"}), "none");
  EXPECT_FALSE(first_free_address(document_with({}, {}), "other"));
}

TEST(FreeAddress, AddressesOfAPoolAreCountedAsTheyAreGiven) {
  const auto size = [](const std::vector<std::string>& networks) {
    return size_of(document_with(networks, {}).pools["p"]);
  };
  EXPECT_EQ(size({"198.51.100.0/24"}), "254");
  EXPECT_EQ(size({"198.51.100.0/31", "198.51.100.9"}), "3");
  EXPECT_EQ(size({"2001:db8::/126"}), "3");
  EXPECT_EQ(size({"2001:db8::/64"}), "many");
}

TEST(FreeName, FitsAndIsNew) {
  policy::Document document;
  document.grants["a-b"];
  document.grants["a-b-2"];
  EXPECT_EQ(free_name(document, grants, "a-b"), "a-b-3");
  EXPECT_EQ(free_name(document, grants, "a:b c"), "a-b-c");
  EXPECT_LE(free_name(document, grants, std::string(200, 'x')).size(), 63U);
}

}  // namespace
}  // namespace gatehouse::cli
