// The rules of redirected devices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rdp/device_gate.h"
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
constexpr std::uint32_t drive = 7;

LittleEndianWriter packet(DevicePacket type) {
  LittleEndianWriter writer;
  writer.u32(static_cast<std::uint32_t>(type));
  return writer;
}
Body device(DeviceType type, std::uint32_t id, std::string_view name) {
  auto dos = bytes_of(name);
  dos.resize(8);
  return LittleEndianWriter().u32(static_cast<std::uint32_t>(type)).u32(id).bytes(dos).u32(2).u16(0x6161).take();
}
Body list(std::initializer_list<Body> devices) {
  auto writer = packet(DevicePacket::device_list);
  writer.u32(static_cast<std::uint32_t>(devices.size()));
  for (const auto& each : devices) writer.bytes(each);
  return writer.take();
}
Body request(IoFunction function, std::uint32_t file, std::uint32_t completion, const Body& rest,
             std::uint32_t of = drive) {
  return packet(DevicePacket::io_request)
      .u32(of)
      .u32(file)
      .u32(completion)
      .u32(static_cast<std::uint32_t>(function))
      .u32(0)
      .bytes(rest)
      .take();
}
Body completion(std::uint32_t number, const Body& rest, std::uint32_t status = 0, std::uint32_t of = drive) {
  return packet(DevicePacket::io_completion).u32(of).u32(number).u32(status).bytes(rest).take();
}
Body body_of_number(std::uint32_t value) {
  return LittleEndianWriter().u32(value).take();
}
Body open_file(std::uint32_t number, std::string_view path, std::uint32_t access, std::uint32_t disposition,
               std::uint32_t options = 0) {
  const auto name = utf16_of(path);
  return request(IoFunction::create, 0, number,
                 LittleEndianWriter()
                     .u32(access)
                     .bytes(Body(16))
                     .u32(disposition)
                     .u32(options)
                     .u32(static_cast<std::uint32_t>(name.size()))
                     .bytes(name)
                     .take());
}
Body read_at(std::uint32_t file, std::uint32_t number, std::uint32_t length, std::uint32_t position) {
  return request(IoFunction::read, file, number,
                 LittleEndianWriter().u32(length).u32(position).u32(0).bytes(Body(20)).take());
}
Body write_at(std::uint32_t file, std::uint32_t number, std::uint32_t position, std::string_view text) {
  return request(IoFunction::write, file, number,
                 LittleEndianWriter()
                     .u32(static_cast<std::uint32_t>(text.size()))
                     .u32(position)
                     .u32(0)
                     .bytes(Body(20))
                     .bytes(bytes_of(text))
                     .take());
}
Body set_information(std::uint32_t file, std::uint32_t number, std::uint32_t kind) {
  return request(IoFunction::set_information, file, number,
                 LittleEndianWriter().u32(kind).u32(1).bytes(Body(24)).u8(1).take());
}
std::uint32_t status_of(const Body& message) {
  return read_io_completion(Bytes(message).subspan(4))->status;
}

constexpr std::uint32_t to_read = 0x80000000;
constexpr std::uint32_t to_write = 0x40000000;

class Devices : public ::testing::Test {
 protected:
  void allow(std::initializer_list<Channel> words) {
    policy::Channels channels = 0;
    for (const auto word : words) channels |= static_cast<policy::Channels>(word);
    gate_ = std::make_unique<DeviceGate>(policy::whole_channels(channels), ends_.send(), ends_.tell(), copies_);
    ends_ = {};
  }
  void allow_drive(std::initializer_list<Channel> words) {
    allow(words);
    from_client(list({device(DeviceType::drive, drive, "C")}));
    ends_ = {};
  }
  void from_client(const Body& body) { EXPECT_TRUE(put(*gate_, Direction::to_server, body)); }
  void from_server(const Body& body) { EXPECT_TRUE(put(*gate_, Direction::to_client, body)); }
  // The server asks, and the client answers that it has done so.
  void opened(const Body& request, std::uint32_t number, std::uint32_t file) {
    from_server(request);
    from_client(completion(number, LittleEndianWriter().u32(file).u8(1).take()));
  }
  void closed(std::uint32_t file, std::uint32_t number) {
    from_server(request(IoFunction::close, file, number, Body(32)));
    from_client(completion(number, Body(5)));
  }
  // It was answered here, with that status, and the client never heard of it.
  ::testing::AssertionResult denied(const Body& request, std::uint32_t status = status_access_denied) {
    ends_.at_client.clear();
    ends_.at_server.clear();
    from_server(request);
    if (!ends_.at_client.empty()) return ::testing::AssertionFailure() << "the client was asked";
    if (ends_.at_server.size() != 1) return ::testing::AssertionFailure() << "the server got no answer";
    if (status_of(ends_.at_server[0]) != status) return ::testing::AssertionFailure() << status_of(ends_.at_server[0]);
    return ::testing::AssertionSuccess();
  }
  bool passes(const Body& request) {
    ends_.at_client.clear();
    from_server(request);
    return ends_.at_client.size() == 1 && ends_.at_client[0] == request;
  }

  ChannelEnds ends_;
  CopiesInMemory kept_;
  FileCopies* copies_ = nullptr;
  std::unique_ptr<DeviceGate> gate_;
};

TEST_F(Devices, TheServerHearsOnlyOfThoseThatAreAllowed) {
  allow({Channel::printers, Channel::drives_read});
  const auto printer = device(DeviceType::printer, 2, "PRN1");
  const auto disk = device(DeviceType::drive, 3, "C");
  from_client(list({device(DeviceType::smartcard, 1, "SCARD"), printer, disk, device(DeviceType::serial, 4, "COM1"),
                    device(static_cast<DeviceType>(0x77), 5, "NEW")}));
  EXPECT_THAT(ends_.at_server, ElementsAre(list({printer, disk})));
  std::vector<std::string> refused;
  for (const auto& each : ends_.notices<RefusalNotice>()) refused.push_back(each.what);
  EXPECT_THAT(refused, ElementsAre("smartcards", "ports", "drives"));
  EXPECT_TRUE(denied(request(IoFunction::device_control, 0, 1, Body(32), 1), status_no_such_device));
}

TEST_F(Devices, ADeviceThatIsAnnouncedAnewAsAnotherIsNoLongerThere) {
  allow_drive({Channel::drives});
  from_client(list({device(DeviceType::smartcard, drive, "SCARD")}));
  EXPECT_TRUE(denied(request(IoFunction::device_control, 0, 1, Body(32)), status_no_such_device));
}

TEST_F(Devices, AFileThatIsReadIsToldWithItsHashWhenItIsClosed) {
  allow_drive({Channel::drives});
  opened(open_file(1, "\\docs\\plan.txt", to_read, disposition_open), 1, 20);
  from_server(read_at(20, 2, 6, 0));
  from_client(completion(2, LittleEndianWriter().u32(6).bytes(bytes_of("hello ")).take()));
  from_server(read_at(20, 3, 6, 6));
  from_client(completion(3, LittleEndianWriter().u32(5).bytes(bytes_of("world")).take()));
  EXPECT_THAT(ends_.notices<FileNotice>(), IsEmpty());
  closed(20, 4);
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].channel, "drive");
  EXPECT_EQ(notices[0].direction, Direction::to_server);
  EXPECT_EQ(notices[0].name, "C\\docs\\plan.txt");
  EXPECT_EQ(notices[0].bytes, 11U);
  EXPECT_TRUE(notices[0].whole);
  EXPECT_EQ(notices[0].sha256, sha256_of(bytes_of("hello world")));
}

TEST_F(Devices, WhatIsReadAndWrittenIsKeptEachInACopyOfItsOwn) {
  copies_ = &kept_;
  allow_drive({Channel::drives});
  opened(open_file(1, "\\both", to_read | to_write, disposition_open), 1, 20);
  from_server(read_at(20, 2, 6, 0));
  from_client(completion(2, LittleEndianWriter().u32(6).bytes(bytes_of("before")).take()));
  EXPECT_TRUE(passes(write_at(20, 3, 0, "after")));
  opened(open_file(4, "\\empty", to_write, 2), 4, 21);
  closed(21, 5);
  closed(20, 6);
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(3));
  EXPECT_EQ(notices[0].copy, "") << "there is nothing of an empty file";
  EXPECT_EQ(kept_.files[notices[1].copy], bytes_of("before"));
  EXPECT_EQ(kept_.files[notices[2].copy], bytes_of("after"));
  EXPECT_EQ(kept_.ended, 2U);
}

// Harmless bytes over the whole length, and then others in their place.
TEST_F(Devices, AFileThatIsWrittenOverIsNotToldAsWhole) {
  allow_drive({Channel::drives});
  opened(open_file(1, "\\new.txt", to_write, 2), 1, 20);
  EXPECT_TRUE(passes(write_at(20, 2, 0, "harmless")));
  EXPECT_TRUE(passes(write_at(20, 3, 0, "harmful!")));
  closed(20, 4);
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(1));
  EXPECT_FALSE(ends_.notices<FileNotice>()[0].whole);
}

TEST_F(Devices, NorIsOneWhosePiecesOverlapBeforeTheirTurnHasCome) {
  allow_drive({Channel::drives});
  opened(open_file(1, "\\new.txt", to_write, 2), 1, 20);
  EXPECT_TRUE(passes(write_at(20, 2, 4, "harmless")));
  EXPECT_TRUE(passes(write_at(20, 3, 8, "less, or not")));
  EXPECT_TRUE(passes(write_at(20, 4, 0, "most")));
  closed(20, 5);
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(1));
  EXPECT_EQ(ends_.notices<FileNotice>()[0].bytes, 20U);
  EXPECT_FALSE(ends_.notices<FileNotice>()[0].whole);
}

TEST_F(Devices, AHandleThatIsGivenAgainIsTheEndOfTheFileBefore) {
  allow_drive({Channel::drives});
  opened(open_file(1, "\\a", to_write, 2), 1, 20);
  EXPECT_TRUE(passes(write_at(20, 2, 0, "first")));
  opened(open_file(3, "\\b", to_write, 2), 3, 20);
  closed(20, 4);
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[0].name, "C\\a");
  EXPECT_EQ(notices[0].sha256, sha256_of(bytes_of("first")));
}

TEST_F(Devices, AFileThatIsReadInPartIsToldAsAPart) {
  allow_drive({Channel::drives});
  opened(open_file(1, "\\a", to_read, disposition_open), 1, 20);
  from_server(
      request(IoFunction::query_information, 20, 2, LittleEndianWriter().u32(5).u32(24).bytes(Body(24)).take()));
  from_client(completion(2, LittleEndianWriter().u32(22).bytes(Body(8)).u32(100).u32(0).bytes(Body(6)).take()));
  from_server(read_at(20, 3, 6, 0));
  from_client(completion(3, LittleEndianWriter().u32(6).bytes(bytes_of("hello ")).take()));
  closed(20, 4);
  ASSERT_THAT(ends_.notices<FileNotice>(), SizeIs(1));
  EXPECT_FALSE(ends_.notices<FileNotice>()[0].whole);
}

TEST_F(Devices, AFileThatIsWrittenIsToldAndAnEmptyOneAsWell) {
  allow_drive({Channel::drives});
  opened(open_file(1, "\\new.txt", to_write, 2), 1, 20);
  EXPECT_TRUE(passes(write_at(20, 2, 0, "some text")));
  closed(20, 3);
  opened(open_file(4, "\\empty", to_write, 2), 4, 21);
  closed(21, 5);
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(2));
  EXPECT_EQ(notices[0].direction, Direction::to_client);
  EXPECT_EQ(notices[0].sha256, sha256_of(bytes_of("some text")));
  EXPECT_EQ(notices[1].name, "C\\empty");
  EXPECT_EQ(notices[1].bytes, 0U);
}

TEST_F(Devices, WithoutTheWordToReadNothingIsRead) {
  allow_drive({Channel::drives_write});
  opened(open_file(1, "\\a", to_read, disposition_open), 1, 20);
  EXPECT_TRUE(denied(read_at(20, 2, 10, 0)));
  EXPECT_TRUE(passes(write_at(20, 3, 0, "x")));
}

TEST_F(Devices, WithoutTheWordToWriteNothingIsMadeOrChanged) {
  allow_drive({Channel::drives_read, Channel::drives_delete, Channel::drives_rename});
  EXPECT_TRUE(denied(open_file(1, "\\a", to_write, disposition_open)));
  EXPECT_TRUE(denied(open_file(2, "\\a", to_read, 2)));  // FILE_CREATE
  EXPECT_TRUE(denied(open_file(3, "\\a", to_read, 5)));  // FILE_OVERWRITE_IF
  EXPECT_TRUE(denied(write_at(20, 4, 0, "x")));
  EXPECT_TRUE(denied(set_information(20, 5, 20)));  // FileEndOfFileInformation
  EXPECT_TRUE(denied(set_information(20, 6, 4)));   // FileBasicInformation
  EXPECT_TRUE(passes(set_information(20, 7, 13)));
  EXPECT_TRUE(passes(read_at(20, 8, 10, 0)));
  // "Open it or make it" becomes "open it".
  ends_.at_client.clear();
  from_server(open_file(9, "\\a", to_read, disposition_open_if));
  EXPECT_THAT(ends_.at_client, ElementsAre(open_file(9, "\\a", to_read, disposition_open)));
}

TEST_F(Devices, DeletingAndRenamingHaveTheirOwnWords) {
  allow_drive({Channel::drives_read, Channel::drives_write});
  EXPECT_TRUE(denied(set_information(20, 1, 13)));
  EXPECT_TRUE(denied(open_file(2, "\\a", to_write, disposition_open, option_delete_on_close)));
  EXPECT_TRUE(denied(set_information(20, 3, 10)));
  EXPECT_TRUE(denied(set_information(20, 4, 77))) << "what nobody knows needs all of them";
  EXPECT_TRUE(denied(request(IoFunction::device_control, 20, 5, Body(32))));
  allow_drive({Channel::drives_delete});
  EXPECT_TRUE(passes(set_information(20, 1, 13)));
  EXPECT_TRUE(denied(set_information(20, 2, 10)));
  allow_drive({Channel::drives_rename, Channel::drives_write});
  EXPECT_TRUE(passes(set_information(20, 1, 10)));
  allow_drive({Channel::drives_rename});
  ends_.at_client.clear();
  from_server(set_information(20, 1, 10));
  auto without_replacing = set_information(20, 1, 10);
  without_replacing.back() = 0;
  EXPECT_THAT(ends_.at_client, ElementsAre(without_replacing)) << "what is replaced is written over";
  EXPECT_TRUE(denied(set_information(20, 2, 13)));
}

TEST_F(Devices, WhatIsPrintedIsToldAsAFile) {
  allow({Channel::printers});
  from_client(list({device(DeviceType::printer, 9, "PRN1")}));
  ends_ = {};
  from_server(request(IoFunction::create, 0, 1, Body(40), 9));
  from_client(completion(1, body_of_number(30), 0, 9));
  auto first = write_at(30, 2, 0, "page one ");
  auto second = write_at(30, 3, 0, "page two");
  first[4] = second[4] = 9;  // the device
  from_server(first);
  from_server(second);
  from_server(request(IoFunction::close, 30, 4, Body(32), 9));
  from_client(completion(4, Body(4), 0, 9));
  const auto notices = ends_.notices<FileNotice>();
  ASSERT_THAT(notices, SizeIs(1));
  EXPECT_EQ(notices[0].channel, "printer");
  EXPECT_EQ(notices[0].sha256, sha256_of(bytes_of("page one page two")));
}

TEST_F(Devices, BrokenMessagesEndTheSession) {
  allow_drive({Channel::drives});
  EXPECT_FALSE(put(*gate_, Direction::to_server, Body{1, 2}));
  EXPECT_FALSE(put(*gate_, Direction::to_server, packet(DevicePacket::device_list).u32(3).u32(8).take()));
  EXPECT_FALSE(put(*gate_, Direction::to_server, packet(DevicePacket::io_completion).u32(3).take()));
  EXPECT_FALSE(put(*gate_, Direction::to_client, packet(DevicePacket::io_request).u32(3).take()));
  auto create = open_file(1, "\\name", to_read, 1);
  create.resize(create.size() - 4);
  EXPECT_FALSE(put(*gate_, Direction::to_client, create));
  auto write = write_at(1, 2, 0, "text");
  write.resize(write.size() - 1);
  EXPECT_FALSE(put(*gate_, Direction::to_client, write));
}

}  // namespace
}  // namespace gatehouse::rdp
