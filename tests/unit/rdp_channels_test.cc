// Which channels a grant lets through, and the one message of dynamic channels that is looked at.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp/channel_policy.h"
#include "rdp/dynamic_channels.h"

namespace gatehouse::rdp {
namespace {

using policy::Channel;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

policy::Channels set_of(std::initializer_list<Channel> channels) {
  policy::Channels set = 0;
  for (const auto channel : channels) set = static_cast<policy::Channels>(set | static_cast<policy::Channels>(channel));
  return set;
}

TEST(ChannelRules, WithEverythingAllowedNothingIsLookedAt) {
  const auto rules = channel_rules(policy::all_channels);
  EXPECT_THAT(rules.denied_channels, IsEmpty());
  EXPECT_TRUE(allows_dynamic(rules.dynamic_channels, "Something::New"));
}

TEST(ChannelRules, WithNothingAllowedPictureAndInputRemain) {
  const auto rules = channel_rules(0);
  EXPECT_THAT(rules.denied_channels, ElementsAre("cliprdr", "rdpdr", "rdpsnd", "rail", "rail_wi", "rail_ri"));
  for (const auto* name : {"Microsoft::Windows::RDS::Graphics", "Microsoft::Windows::RDS::DisplayControl",
                           "Microsoft::Windows::RDS::Video::Control::v08.01"}) {
    EXPECT_TRUE(allows_dynamic(rules.dynamic_channels, name)) << name;
  }
  for (const auto* name : {"AUDIO_INPUT", "AUDIO_PLAYBACK_DVC", "URBDRC", "RDCamera_Device_Enumerator",
                           "Something::New", "Microsoft::Windows::RDS::Graphics2", "", "PNPDR", "WebAuthN_Channel"}) {
    EXPECT_FALSE(allows_dynamic(rules.dynamic_channels, name)) << name;
  }
}

TEST(ChannelRules, EachWordOpensItsOwnChannels) {
  EXPECT_THAT(channel_rules(set_of({Channel::clipboard})).denied_channels, Not(Contains("cliprdr")));
  EXPECT_THAT(channel_rules(set_of({Channel::audio})).denied_channels, Not(Contains("rdpsnd")));
  EXPECT_TRUE(allows_dynamic(channel_rules(set_of({Channel::audio})).dynamic_channels, "AUDIO_PLAYBACK_LOSSY_DVC"));
  EXPECT_FALSE(allows_dynamic(channel_rules(set_of({Channel::audio})).dynamic_channels, "AUDIO_INPUT"));
  EXPECT_TRUE(allows_dynamic(channel_rules(set_of({Channel::microphone})).dynamic_channels, "AUDIO_INPUT"));
  EXPECT_TRUE(allows_dynamic(channel_rules(set_of({Channel::camera})).dynamic_channels, "RDCamera_Device_7"));
  EXPECT_TRUE(allows_dynamic(channel_rules(set_of({Channel::usb})).dynamic_channels, "URBDRC"));
  EXPECT_THAT(channel_rules(set_of({Channel::remote_apps})).denied_channels, Not(Contains("rail")));
}

TEST(ChannelRules, DynamicChannelsThatTheGrantNamesPassBesides) {
  const std::vector<std::string> named{"Contoso::Meeting", "Contoso::Whiteboard*"};
  const auto rules = channel_rules(set_of({Channel::audio}), named).dynamic_channels;
  for (const auto* name : {"Contoso::Meeting", "Contoso::Whiteboard", "Contoso::Whiteboard::7", "AUDIO_PLAYBACK_DVC",
                           "Microsoft::Windows::RDS::Graphics"}) {
    EXPECT_TRUE(allows_dynamic(rules, name)) << name;
  }
  for (const auto* name : {"Contoso::Meeting2", "Contoso::", "URBDRC", "AUDIO_INPUT"}) {
    EXPECT_FALSE(allows_dynamic(rules, name)) << name;
  }
  EXPECT_TRUE(allows_dynamic(channel_rules(policy::all_channels, named).dynamic_channels, "Something::New"));
}

TEST(ChannelRules, AChannelOfManyPassesWithTheFirstWordOfIt) {
  EXPECT_THAT(channel_rules(0).denied_channels, ::testing::AllOf(Contains("rdpdr"), Contains("cliprdr")));
  for (const auto channel :
       {Channel::drives, Channel::drives_read, Channel::printers, Channel::smartcards, Channel::ports}) {
    EXPECT_THAT(channel_rules(set_of({channel})).denied_channels, Not(Contains("rdpdr"))) << policy::name(channel);
  }
  EXPECT_THAT(channel_rules(set_of({Channel::clipboard_text_to_client})).denied_channels, Not(Contains("cliprdr")));
}

std::vector<std::uint8_t> message(std::initializer_list<int> head, const std::string& text = {}, bool ended = true) {
  std::vector<std::uint8_t> bytes;
  for (const int each : head) bytes.push_back(static_cast<std::uint8_t>(each));
  bytes.insert(bytes.end(), text.begin(), text.end());
  if (ended && !text.empty()) bytes.push_back(0);
  return bytes;
}

TEST(DynamicChannels, ARequestIsReadWithEveryWidthOfItsId) {
  const auto one = read_create_request(message({0x10, 7}, "ECHO"));
  ASSERT_TRUE(one);
  EXPECT_EQ(one->name, "ECHO");
  EXPECT_THAT(one->channel_id, ElementsAre(7));
  const auto two = read_create_request(message({0x11, 7, 1}, "ECHO"));
  ASSERT_TRUE(two);
  EXPECT_THAT(two->channel_id, ElementsAre(7, 1));
  EXPECT_EQ(two->name, "ECHO");
  const auto four = read_create_request(message({0x12, 1, 2, 3, 4}, "ECHO"));
  ASSERT_TRUE(four);
  EXPECT_THAT(four->channel_id, ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(four->name, "ECHO");
}

TEST(DynamicChannels, OtherMessagesAreNone) {
  for (const int header : {0x00, 0x20, 0x30, 0x40, 0x50, 0x60, 0x80, 0x90}) {
    EXPECT_FALSE(read_create_request(message({header, 1}, "ECHO"))) << header;
  }
  EXPECT_FALSE(read_create_request({}));
}

TEST(DynamicChannels, ABrokenRequestHasNoNameAndSoIsNotAllowed) {
  for (const auto& bytes : {message({0x10}), message({0x12, 1, 2}), message({0x10, 1}, "ECHO", false),
                            message({0x10, 1}, std::string(300, 'x'))}) {
    const auto request = read_create_request(bytes);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->name, "");
  }
}

TEST(DynamicChannels, ARefusalNamesTheChannelAndAFailure) {
  const auto request = read_create_request(message({0x19, 7, 1}, "URBDRC"));  // with a priority in bits 2 and 3
  ASSERT_TRUE(request);
  EXPECT_THAT(refusal_of(*request), ElementsAre(0x11, 7, 1, 0x01, 0x00, 0x00, 0xC0));
}

// The gate of dynamic channels, and what it told.
class GateOfDynamicChannels : public ::testing::Test {
 protected:
  Result<bool> take(std::span<const std::uint8_t> piece, std::uint32_t flags, std::size_t total) {
    return gate_.take({piece.data(), piece.size(), flags, total});
  }
  Result<bool> take(const std::vector<std::uint8_t>& message) {
    return take(message, chunk_first | chunk_last, message.size());
  }
  static std::vector<std::uint8_t> wish(std::string_view name) {
    std::vector<std::uint8_t> message{0x10, 7};
    message.insert(message.end(), name.begin(), name.end());
    message.push_back(0);
    return message;
  }

  std::vector<std::string> told_;
  DynamicChannelGate gate_{{"Good"}, [this](const std::string& name, bool opened) {
                             told_.push_back((opened ? "opened " : "refused ") + name);
                           }};
};

TEST_F(GateOfDynamicChannels, OneThatIsAllowedPassesAndAnotherIsAnsweredByAClientThatHasItNot) {
  EXPECT_EQ(*take(wish("Good")), true);
  EXPECT_EQ(gate_.take_refusal(), std::nullopt);
  EXPECT_EQ(*take(wish("Bad")), false);
  EXPECT_EQ(gate_.take_refusal(), (std::vector<std::uint8_t>{0x10, 7, 1, 0, 0, 0xC0}));
  EXPECT_EQ(gate_.take_refusal(), std::nullopt);
  EXPECT_THAT(told_, ElementsAre("opened Good", "refused Bad"));
}

TEST_F(GateOfDynamicChannels, DataPassesInHoweverManyPieces) {
  const std::vector<std::uint8_t> data(3000, 0x30);
  EXPECT_EQ(*take(std::span(data).first(1600), chunk_first, data.size()), true);
  EXPECT_EQ(*take(std::span(data).subspan(1600), chunk_last, data.size()), true);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(GateOfDynamicChannels, AWishInPiecesEndsTheSession) {
  const auto message = wish("Bad");
  for (const std::size_t cut : {std::size_t{0}, std::size_t{1}, message.size() - 1}) {
    DynamicChannelGate gate({"Good"}, [](const std::string& /*name*/, bool /*opened*/) {});
    EXPECT_FALSE(gate.take({message.data(), cut, chunk_first, message.size()}).value_or(false)) << cut;
    EXPECT_FALSE(gate.take({message.data() + cut, message.size() - cut, chunk_last, message.size()})) << cut;
  }
}

TEST_F(GateOfDynamicChannels, ChunksThatContradictEachOtherEndTheSession) {
  EXPECT_FALSE(take(wish("Good"), chunk_first | chunk_last | chunk_compressed, 7)) << "nobody offers compression";
  EXPECT_FALSE(take(wish("Good"), chunk_last, 7)) << "a piece of nothing";
  EXPECT_FALSE(take(wish("Good"), chunk_first, 4)) << "longer than it says";
}

}  // namespace
}  // namespace gatehouse::rdp
