// What daemon and worker say to each other: every message comes back as it was, and nothing else is taken.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "rdp/control_channel.h"
#include "rdp/control_message.h"

namespace gatehouse::rdp {
namespace {

using nlohmann::json;

std::vector<Message> one_of_each() {
  Start start;
  start.session = 17;
  start.certificate = "-----BEGIN CERTIFICATE-----";
  start.key = "-----BEGIN PRIVATE KEY-----";
  start.front = Security::nla;
  start.backend = "win1";
  start.back = Security::tls;
  start.back_may_fall_back = true;
  start.channels = 0x10;
  start.clipboard_text = Detail::full;
  start.keys = Detail::outline;
  start.denied_channels = {"rdpdr"};
  start.dynamic_channels = {"AUDIO_INPUT"};
  start.recording = true;
  start.recording_key = "00ff";
  start.recording_base = "ff00";
  start.handshake_seconds = 3;
  LogonQuery logon;
  logon.number = 4;
  logon.user = "bob";
  logon.channels = {"cliprdr", "drdynvc"};
  return {
      start,
      Reply{
          .number = 1, .accepted = true, .nt_hash = "00ff", .credentials = Credentials{"u", "d", "p"}, .error_info = 7},
      Reply{.number = 2},
      Reply{.number = 3,
            .accepted = true,
            .terms = ChannelTerms{.channels = 3, .denied_channels = {"rdpdr"}, .dynamic_channels = {"AUDIO_INPUT"}}},
      End{.error_info = 3},
      Warn{.seconds = 60},
      AccountQuery{.number = 5, .user = "eve", .domain = "D"},
      logon,
      CertificateQuery{.number = 6, .fingerprint = "aa:bb", .pem = "PEM"},
      FallbackQuery{.number = 8},
      Active{.width = 1024, .height = 768},
      ChannelNotice{.name = "cliprdr", .opened = true},
      ClipboardNotice{.direction = Direction::to_client, .kind = "text", .bytes = 5, .sha256 = "ab", .text = "hello"},
      ClipboardNotice{.direction = Direction::to_server, .kind = "image", .bytes = 5},
      FileNotice{.channel = "drive",
                 .direction = Direction::to_server,
                 .name = "C\\a.txt",
                 .bytes = 5,
                 .whole = true,
                 .sha256 = "ab"},
      RefusalNotice{.channel = "devices", .what = "printers"},
      Redirection{.target = "192.0.2.9"},
      RecordingFailed{.what = "disk full"},
      Ended{.reason = "client_closed", .detail = ""},
      ActivationQuery{.number = 7},
      BackendCookie{.cookie = ReconnectCookie{.logon_id = 3, .random = std::string(32, 'a')}},
      Ping{}};
}

TEST(ControlMessages, ComeBackAsTheyWere) {
  std::size_t kinds = 0;
  for (const auto& message : one_of_each()) {
    const auto text = encode(message);
    const auto again = decode(text);
    ASSERT_TRUE(again) << text << again.error().text();
    EXPECT_EQ(again->index(), message.index()) << text;
    EXPECT_EQ(encode(*again), text);
    kinds |= std::size_t{1} << message.index();
  }
  EXPECT_EQ(kinds, (std::size_t{1} << std::variant_size_v<Message>)-1) << "a kind of message has no example here";
}

TEST(ControlMessages, WithAMemberTooManyOrTooFewOrOfAnotherTypeAreRefused) {
  for (const auto& message : one_of_each()) {
    const auto good = json::parse(encode(message));
    auto extended = good;
    extended["more"] = 1;
    EXPECT_FALSE(decode(extended.dump())) << extended;
    for (const auto& [key, value] : good.items()) {
      auto changed = good;
      changed[key] = json::array({json::object()});
      EXPECT_FALSE(decode(changed.dump())) << changed;
      if (key == "nt_hash" || key == "credentials") continue;  // which may be absent
      if (key == "cookie" || key == "reconnect" || key == "terms") continue;
      if (good.at("type") == "clipboard" && (key == "sha256" || key == "text")) continue;
      auto shortened = good;
      shortened.erase(key);
      EXPECT_FALSE(decode(shortened.dump())) << shortened;
    }
  }
  for (const auto* text :
       {"", "{", "[]", "null", R"({"type": 1})", R"({"type": "other"})", R"({"type": "end", "error_info": -1})",
        R"({"type": "end", "error_info": 4294967296})", R"({"type": "end", "error_info": 1.5})"}) {
    EXPECT_FALSE(decode(text)) << text;
  }
}

TEST(ControlMessages, WhatAClientSentAsNoUtf8StillGoesThrough) {
  LogonQuery query;
  query.user = "b\xff\xfe";
  const auto again = decode(encode(query));
  ASSERT_TRUE(again);
  EXPECT_EQ(std::get<LogonQuery>(*again).user, "b\xEF\xBF\xBD\xEF\xBF\xBD");
}

class ControlChannel : public testing::Test {
 protected:
  ControlChannel() {
    auto made = make_channel();
    if (!made) throw std::runtime_error(made.error().text());
    near_ = std::move(made->first);
    far_ = std::move(made->second);
  }
  Fd near_;
  Fd far_;
};

TEST_F(ControlChannel, KeepsMessagesApartAndTakesDescriptorsAlong) {
  int ends[2]{};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  ASSERT_TRUE(send_packet(near_, "first", {writer.get()}));
  ASSERT_TRUE(send_packet(near_, "second"));
  writer.reset();
  auto first = receive_packet(far_);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->text, "first");
  ASSERT_EQ((*first)->descriptors.size(), 1U);
  EXPECT_NE(::fcntl((*first)->descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0) << "it would reach another program";
  EXPECT_EQ(::write((*first)->descriptors[0].get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(reader.get(), &byte, 1), 1);
  auto second = receive_packet(far_);
  ASSERT_TRUE(second && *second);
  EXPECT_EQ((*second)->text, "second");
  EXPECT_TRUE((*second)->descriptors.empty());
}

TEST_F(ControlChannel, SaysWhenThereIsNothingAndWhenTheOtherSideIsGone) {
  auto nothing = receive_packet(far_);
  ASSERT_TRUE(nothing);
  EXPECT_FALSE(nothing->has_value());
  near_.reset();
  EXPECT_FALSE(receive_packet(far_));
  EXPECT_FALSE(send_packet(far_, "x"));
}

// A worker that ends while the daemon asks it something: its last word counts.
TEST_F(ControlChannel, GivesTheLastWordOfASideThatWentWithSomethingUnread) {
  ASSERT_TRUE(send_packet(far_, "unread"));
  ASSERT_TRUE(send_packet(near_, "why it ended"));
  near_.reset();
  auto last = receive_packet(far_);
  ASSERT_TRUE(last && *last) << last.error().text();
  EXPECT_EQ((*last)->text, "why it ended");
  EXPECT_FALSE(receive_packet(far_));
}

TEST_F(ControlChannel, RefusesWhatIsTooLong) {
  EXPECT_FALSE(send_packet(near_, std::string(longest_message + 1, 'x')));
  EXPECT_TRUE(send_packet(near_, std::string(longest_message, 'x')));
  auto whole = receive_packet(far_);
  ASSERT_TRUE(whole && *whole);
  EXPECT_EQ((*whole)->text.size(), longest_message);
}

}  // namespace
}  // namespace gatehouse::rdp
