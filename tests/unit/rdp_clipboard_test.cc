// The clipboard's rules: each kind and each direction for itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp/clipboard_gate.h"
#include "rdp_channel_ends.h"

namespace gatehouse::rdp {
namespace {

using policy::Channel;
using test::bytes_of;
using test::ChannelEnds;
using test::CopiesInMemory;
using test::put;
using test::utf16_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Body = std::vector<std::uint8_t>;
constexpr std::uint32_t unicode_text = 13;
constexpr std::uint32_t bitmap = 8;
constexpr std::uint32_t file_list = 0xC0FE;
constexpr std::uint32_t file_contents = 0xC0FF;

policy::Channels without(std::initializer_list<Channel> denied) {
  auto channels = policy::all_channels & ~static_cast<policy::Channels>(Channel::clipboard);
  for (const auto channel : denied) channels &= ~static_cast<policy::Channels>(channel);
  return channels;
}

Body message(ClipboardMessage type, const Body& body = {}, std::uint16_t flags = 0) {
  return clipboard_message(type, flags, body);
}
Body number(std::uint32_t value) {
  return LittleEndianWriter().u32(value).take();
}
Body formats(std::initializer_list<std::pair<std::uint32_t, const char*>> list) {
  LittleEndianWriter writer;
  for (const auto& [id, name] : list) writer.u32(id).bytes(utf16_of(name));
  return message(ClipboardMessage::format_list, writer.take());
}
Body data(const Body& content) {
  return message(ClipboardMessage::format_data_response, content, clipboard_response_ok);
}
Body ask(std::uint32_t format) {
  return message(ClipboardMessage::format_data_request, number(format));
}
Body files(std::initializer_list<std::pair<const char*, std::uint32_t>> list) {
  LittleEndianWriter writer;
  writer.u32(static_cast<std::uint32_t>(list.size()));
  for (const auto& [name, size] : list) {
    writer.u32(0x40).bytes(Body(32)).u32(0x80).bytes(Body(24)).u32(0).u32(size);
    auto text = utf16_of(name);
    text.resize(520);
    writer.bytes(text);
  }
  return data(writer.take());
}
Body ask_for_file(std::uint32_t stream, std::uint32_t index, std::uint32_t position, std::uint32_t length) {
  return message(ClipboardMessage::file_contents_request,
                 LittleEndianWriter().u32(stream).u32(index).u32(2).u32(position).u32(0).u32(length).take());
}
Body file_piece(std::uint32_t stream, std::string_view content) {
  return message(ClipboardMessage::file_contents_response,
                 LittleEndianWriter().u32(stream).bytes(bytes_of(content)).take(), clipboard_response_ok);
}
Body failed_data() {
  return message(ClipboardMessage::format_data_response, {}, clipboard_response_fail);
}

class Clipboard : public ::testing::Test {
 protected:
  void allow(policy::Channels channels, Detail text = Detail::outline) {
    gate_ = std::make_unique<ClipboardGate>(channels, text, ends_.send(), ends_.tell(), copies_);
    // Both can use long names of formats.
    const auto capabilities =
        message(ClipboardMessage::capabilities, LittleEndianWriter().u16(1).u16(0).u16(1).u16(12).u32(2).u32(2).take());
    from_server(capabilities);
    from_client(capabilities);
    ends_.at_client.clear();
    ends_.at_server.clear();
  }
  void from_client(const Body& body) { EXPECT_TRUE(put(*gate_, Direction::to_server, body)); }
  void from_server(const Body& body) { EXPECT_TRUE(put(*gate_, Direction::to_client, body)); }

  ChannelEnds ends_;
  CopiesInMemory kept_;
  FileCopies* copies_ = nullptr;
  std::unique_ptr<ClipboardGate> gate_;
};

TEST_F(Clipboard, PassesAndTellsTextWithItsHash) {
  allow(policy::all_channels);
  from_client(formats({{unicode_text, ""}}));
  from_server(ask(unicode_text));
  from_client(data(utf16_of("secret plans")));
  ASSERT_THAT(ends_.at_server, SizeIs(2));
  EXPECT_EQ(ends_.at_server[1], data(utf16_of("secret plans")));
  ASSERT_THAT(ends_.told, SizeIs(1));
  const auto notice = ends_.notices<ClipboardNotice>().at(0);
  EXPECT_EQ(notice.direction, Direction::to_server);
  EXPECT_EQ(notice.kind, "text");
  EXPECT_EQ(notice.bytes, 12U);
  EXPECT_EQ(notice.sha256, sha256_of(bytes_of("secret plans")));
  EXPECT_EQ(notice.text, std::nullopt);
}

TEST_F(Clipboard, TellsTextItselfOrNothingOfItAsWished) {
  for (const auto detail : {Detail::off, Detail::full}) {
    ends_ = {};
    allow(policy::all_channels, detail);
    from_server(formats({{unicode_text, ""}}));
    from_client(ask(unicode_text));
    from_server(data(utf16_of("words")));
    const auto notices = ends_.notices<ClipboardNotice>();
    if (detail == Detail::off) {
      EXPECT_THAT(notices, IsEmpty());
    } else {
      ASSERT_THAT(notices, SizeIs(1));
      EXPECT_EQ(notices[0].direction, Direction::to_client);
      EXPECT_EQ(notices[0].text, "words");
    }
    EXPECT_THAT(ends_.at_client, SizeIs(2));
  }
}

TEST_F(Clipboard, TakesOutOfTheListWhatMayNotGoThatWay) {
  allow(without({Channel::clipboard_text_to_server}));
  from_client(formats({{unicode_text, ""}, {bitmap, ""}, {0xC001, "HTML Format"}, {0xC002, "image/png"}}));
  EXPECT_THAT(ends_.at_server, ElementsAre(formats({{bitmap, ""}, {0xC002, "image/png"}})));
  from_server(formats({{unicode_text, ""}}));
  EXPECT_THAT(ends_.at_client, ElementsAre(formats({{unicode_text, ""}}))) << "the other direction is another word";
  const auto refusals = ends_.notices<RefusalNotice>();
  ASSERT_THAT(refusals, SizeIs(1)) << "told once";
  EXPECT_EQ(refusals[0].what, "clipboard_text_to_server");
}

TEST_F(Clipboard, WhatNobodyKnowsPassesOnlyWhereNothingIsDenied) {
  const auto odd = formats({{0xC123, "Something New"}});
  allow(policy::all_channels);
  from_client(odd);
  EXPECT_THAT(ends_.at_server, ElementsAre(odd));
  allow(without({Channel::clipboard_files_to_server}));
  from_client(odd);
  EXPECT_THAT(ends_.at_server, ElementsAre(formats({})));
}

TEST_F(Clipboard, WhoAsksForWhatIsDeniedIsAnsweredAndTheOwnerNeverHears) {
  allow(without({Channel::clipboard_images_to_client}));
  from_server(formats({{bitmap, ""}, {unicode_text, ""}}));
  ends_.at_client.clear();
  from_client(ask(bitmap));
  EXPECT_THAT(ends_.at_server, IsEmpty());
  EXPECT_THAT(ends_.at_client, ElementsAre(failed_data()));
  from_server(data(bytes_of("an image that nobody asked for")));
  EXPECT_THAT(ends_.at_client, SizeIs(1)) << "an answer without a question passes";
}

TEST_F(Clipboard, AFileIsToldWhenAllOfItHasGone) {
  allow(policy::all_channels);
  from_server(formats({{file_list, "FileGroupDescriptorW"}, {file_contents, "FileContents"}}));
  from_client(ask(file_list));
  from_server(files({{"dir\\a.txt", 11}, {"b.txt", 4}}));
  from_client(ask_for_file(7, 0, 0, 6));
  from_server(file_piece(7, "hello "));
  EXPECT_THAT(ends_.notices<FileNotice>(), IsEmpty());
  from_client(ask_for_file(8, 0, 6, 100));
  from_server(file_piece(8, "world"));
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].channel, "clipboard");
  EXPECT_EQ(notices[0].direction, Direction::to_client);
  EXPECT_EQ(notices[0].name, "dir\\a.txt");
  EXPECT_EQ(notices[0].bytes, 11U);
  EXPECT_TRUE(notices[0].whole);
  EXPECT_EQ(notices[0].sha256, sha256_of(bytes_of("hello world")));
}

TEST_F(Clipboard, AFileThatIsKeptIsCopiedInOrderAndNamedWhereItIsTold) {
  copies_ = &kept_;
  allow(policy::all_channels);
  from_server(formats({{file_list, "FileGroupDescriptorW"}}));
  from_client(ask(file_list));
  from_server(files({{"a.txt", 11}, {"b.txt", 4}}));
  from_client(ask_for_file(7, 0, 6, 5));
  from_server(file_piece(7, "world"));
  EXPECT_THAT(kept_.files, IsEmpty()) << "what comes before it is missing";
  from_client(ask_for_file(8, 0, 0, 6));
  from_server(file_piece(8, "hello "));
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(kept_.flushed, 1U) << "all of it is on its way to the disk when it is told";
  EXPECT_EQ(kept_.files[notices[0].copy], bytes_of("hello world"));
  from_client(ask_for_file(9, 1, 0, 2));
  from_server(file_piece(9, "of"));
  gate_->close();
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(2));
  EXPECT_EQ(kept_.files[ends_.notices<FileNotice>()[1].copy], bytes_of("of")) << "what broke off, as far as it came";
}

TEST_F(Clipboard, AFileThatIsLongerThanItsOwnerSaidIsToldAgain) {
  copies_ = &kept_;
  allow(policy::all_channels);
  from_server(formats({{file_list, "FileGroupDescriptorW"}}));
  from_client(ask(file_list));
  from_server(files({{"a.txt", 5}}));
  from_client(ask_for_file(7, 0, 0, 100));
  from_server(file_piece(7, "hello"));
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(1));
  from_client(ask_for_file(8, 0, 5, 100));
  from_server(file_piece(8, " and more"));
  gate_->close();
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[1].bytes, 14U);
  EXPECT_EQ(notices[1].sha256, sha256_of(bytes_of("hello and more")));
  EXPECT_EQ(kept_.files[notices[1].copy], bytes_of("hello and more"));
}

// xrdp sends four bytes more than it says.
TEST_F(Clipboard, WhatComesBehindTheEndOfAPieceIsNoneOfTheFile) {
  allow(policy::all_channels);
  from_server(formats({{file_list, "FileGroupDescriptorW"}}));
  from_client(ask(file_list));
  from_server(files({{"a.txt", 5004}}));
  const std::string first(5000, 'a');
  from_client(ask_for_file(1, 0, 0, 5000));
  auto padded = file_piece(1, first);
  padded.resize(padded.size() + 4);
  from_server(padded);
  EXPECT_EQ(ends_.at_client.back(), padded);
  from_client(ask_for_file(2, 0, 5000, 100));
  padded = file_piece(2, "last");
  padded.resize(padded.size() + 4);
  from_server(padded);
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].bytes, 5004U);
  EXPECT_EQ(notices[0].sha256, sha256_of(bytes_of(first + "last")));
}

TEST_F(Clipboard, AFileThatBreaksOffIsToldAtTheEndAsFarAsItCame) {
  allow(policy::all_channels);
  from_client(formats({{file_list, "FileGroupDescriptorW"}}));
  from_server(ask(file_list));
  from_client(files({{"a.txt", 11}}));
  from_server(ask_for_file(1, 0, 0, 6));
  from_client(file_piece(1, "hello "));
  gate_->close();
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].direction, Direction::to_server);
  EXPECT_EQ(notices[0].bytes, 6U);
  EXPECT_FALSE(notices[0].whole);
}

TEST_F(Clipboard, ALargePieceOfAFilePassesChunkByChunkAndIsHashed) {
  allow(policy::all_channels);
  from_server(formats({{file_list, "FileGroupDescriptorW"}}));
  from_client(ask(file_list));
  const std::string content(100'000, 'z');
  from_server(files({{"a.bin", 100'000}}));
  from_client(ask_for_file(1, 0, 0, 100'000));
  from_server(file_piece(1, content));
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(1));
  EXPECT_EQ(ends_.notices<FileNotice>()[0].sha256, sha256_of(bytes_of(content)));
  EXPECT_EQ(ends_.at_client.back(), file_piece(1, content));
}

TEST_F(Clipboard, FilesThatMayNotGoThatWayCannotBeAskedFor) {
  allow(without({Channel::clipboard_files_to_client}));
  from_server(formats({{file_list, "FileGroupDescriptorW"}, {unicode_text, ""}}));
  EXPECT_THAT(ends_.at_client, ElementsAre(formats({{unicode_text, ""}})));
  ends_.at_client.clear();
  from_client(ask(file_list));
  from_client(ask_for_file(3, 0, 0, 10));
  EXPECT_THAT(ends_.at_server, IsEmpty());
  EXPECT_THAT(ends_.at_client, ElementsAre(failed_data(), message(ClipboardMessage::file_contents_response, number(3),
                                                                  clipboard_response_fail)));
}

TEST_F(Clipboard, ALockedListIsStillReadAfterAnotherWasAnnounced) {
  allow(policy::all_channels);
  from_server(formats({{file_list, "FileGroupDescriptorW"}}));
  from_client(ask(file_list));
  from_server(files({{"old.txt", 3}}));
  from_client(message(ClipboardMessage::lock, number(5)));
  from_server(formats({{unicode_text, ""}}));
  auto request = ask_for_file(9, 0, 0, 3);
  const auto id = number(5);
  request.insert(request.end(), id.begin(), id.end());
  request[4] += 4;  // its length
  from_client(request);
  from_server(file_piece(9, "abc"));
  from_client(message(ClipboardMessage::unlock, number(5)));
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(1));
  EXPECT_EQ(ends_.notices<FileNotice>()[0].name, "old.txt");
  EXPECT_TRUE(ends_.notices<FileNotice>()[0].whole);
}

TEST_F(Clipboard, ShortNamesAreReadWhereNotBothCanUseLongOnes) {
  gate_ = std::make_unique<ClipboardGate>(without({Channel::clipboard_text_to_client}), Detail::off, ends_.send(),
                                          ends_.tell());
  LittleEndianWriter list;
  auto name = utf16_of("HTML Format");
  name.resize(32);
  list.u32(0xC001).bytes(name).u32(bitmap).bytes(Body(32));
  from_server(message(ClipboardMessage::format_list, list.take()));
  EXPECT_THAT(ends_.at_client, ElementsAre(message(ClipboardMessage::format_list,
                                                   LittleEndianWriter().u32(bitmap).bytes(Body(32)).take())));
}

TEST_F(Clipboard, AnAnswerOfTheGateWaitsUntilTheMessageThatPassesHasEnded) {
  allow(without({Channel::clipboard_text_to_client}));
  from_server(formats({{bitmap, ""}, {unicode_text, ""}}));
  from_client(ask(bitmap));
  ends_.at_client.clear();
  const auto image = data(Body(3000, 'i'));
  const auto half = Chunk{image.data(), 1600, chunk_first, image.size()};
  ASSERT_TRUE(gate_->take(Direction::to_client, half));
  from_client(ask(unicode_text));  // refused, here
  ASSERT_THAT(ends_.at_client, SizeIs(1)) << "the refusal stands in the middle of an image";
  ASSERT_TRUE(gate_->take(Direction::to_client, {image.data() + 1600, image.size() - 1600, chunk_last, image.size()}));
  EXPECT_THAT(ends_.at_client, ElementsAre(image, failed_data()));
}

TEST_F(Clipboard, BrokenMessagesEndTheSession) {
  const Body broken[]{
      {1, 2, 3},
      LittleEndianWriter().u16(2).u16(0).u32(100).u32(1).take(),      // says more than there is
      message(ClipboardMessage::format_list, {1, 2, 3, 4, 5, 6, 7}),  // a name without an end
      message(ClipboardMessage::format_data_request, {1, 2}),
      message(ClipboardMessage::file_contents_request, {1, 2, 3, 4, 5, 6, 7, 8}),
      message(ClipboardMessage::lock, {1}),
  };
  for (const auto& each : broken) {
    allow(policy::all_channels);
    EXPECT_FALSE(put(*gate_, Direction::to_server, each)) << each.size() << " bytes";
    EXPECT_THAT(ends_.at_server, IsEmpty());
  }
}

}  // namespace
}  // namespace gatehouse::rdp
