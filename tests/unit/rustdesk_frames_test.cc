// Frames of RustDesk over TCP: headers at every border, pieces of any size, and what a peer may announce.
#include <gtest/gtest.h>

#include <stdexcept>

#include "rustdesk/frames.h"
#include "rustdesk_bytes.h"

namespace gatehouse::rustdesk {
namespace {

std::string header_of(std::size_t length) {
  const auto header = frame_header(length);
  return to_hex(Bytes(header.bytes).first(header.size));
}

// What the reader makes of `pieces`: the payloads, and "!" for an error.
std::vector<std::string> read_all(FrameReader& reader, const std::vector<Buffer>& pieces) {
  std::vector<std::string> payloads;
  for (const auto& piece : pieces) {
    for (Bytes input = piece;;) {
      const auto frame = reader.next(input);
      if (!frame) {
        payloads.push_back("!" + std::string(to_text(frame.error())));
        return payloads;
      }
      if (!*frame) break;
      payloads.push_back(to_hex((*frame)->payload));
    }
  }
  return payloads;
}
std::vector<std::string> read_all(const std::vector<Buffer>& pieces) {
  FrameReader reader;
  return read_all(reader, pieces);
}

std::vector<Buffer> byte_by_byte(const Buffer& bytes) {
  std::vector<Buffer> pieces;
  for (const auto byte : bytes) pieces.push_back({byte});
  return pieces;
}

TEST(RustdeskFrameHeader, IsTheShortestAtEveryBorder) {
  EXPECT_EQ(header_of(0), "00");
  EXPECT_EQ(header_of(1), "04");
  EXPECT_EQ(header_of(63), "fc");
  EXPECT_EQ(header_of(64), "0101");
  EXPECT_EQ(header_of(300), "b104");
  EXPECT_EQ(header_of(16383), "fdff");
  EXPECT_EQ(header_of(16384), "020001");
  EXPECT_EQ(header_of(4194303), "feffff");
  EXPECT_EQ(header_of(4194304), "03000001");
  EXPECT_EQ(header_of((1U << 30U) - 1), "ffffffff");
  EXPECT_THROW(frame_header(1U << 30U), std::length_error);
}

TEST(RustdeskFrames, AreReadAsTheyWereWritten) {
  for (const std::size_t length : {0U, 1U, 63U, 64U, 300U, 16383U, 16384U, 65536U}) {
    const Buffer payload(length, 0xa5);
    EXPECT_EQ(read_all({to_frame(payload)}), std::vector{to_hex(payload)}) << length;
  }
}

TEST(RustdeskFrames, AnEmptyFrameIsAFrame) {
  EXPECT_EQ(read_all({hex("00 04aa 00 00")}), (std::vector<std::string>{"", "aa", "", ""}));
}

TEST(RustdeskFrames, WholeOnesAreNotCopied) {
  const auto bytes = joined({to_frame(hex("010203")), to_frame(hex("0405"))});
  FrameReader reader;
  Bytes input = bytes;
  const auto first = reader.next(input);
  ASSERT_TRUE(first && *first);
  EXPECT_EQ((*first)->payload.data(), bytes.data() + 1);
  EXPECT_EQ(reader.held(), 0U);
}

TEST(RustdeskFrames, WhatFollowsTheFrameThatWasAskedForStays) {
  const auto frame = to_frame(hex("010203"));
  const auto raw = hex("ffffffffffff");
  for (std::size_t split = 0; split <= frame.size(); ++split) {
    const auto all = joined({frame, raw});
    FrameReader reader;
    Bytes input = Bytes(all).first(split);
    auto read = reader.next(input);
    ASSERT_TRUE(read);
    if (!*read) {
      ASSERT_TRUE(input.empty());
      input = Bytes(all).subspan(split);
      read = reader.next(input);
      ASSERT_TRUE(read && *read);
      EXPECT_EQ(to_hex(input), to_hex(raw)) << split;
    }
    EXPECT_EQ(to_hex((*read)->payload), "010203") << split;
    EXPECT_EQ(to_hex((*read)->whole), to_hex(frame)) << split;
  }
}

TEST(RustdeskTrap7, AFrameMayComeByteByByte) {
  const Buffer longer(300, 7);
  const auto bytes = joined({to_frame(hex("010203")), to_frame(longer), to_frame({}), to_frame(hex("04"))});
  EXPECT_EQ(read_all(byte_by_byte(bytes)), (std::vector<std::string>{"010203", to_hex(longer), "", "04"}));
}

TEST(RustdeskTrap7, ASmallFrameMayHaveAHeaderOfFourBytes) {
  for (const auto* header : {"14", "1500", "160000", "17000000"}) {
    const auto frame = joined({hex(header), hex("0102030405")});
    EXPECT_EQ(read_all({frame}), std::vector<std::string>{"0102030405"}) << header;
    EXPECT_EQ(read_all(byte_by_byte(frame)), std::vector<std::string>{"0102030405"}) << header;
    FrameReader reader;
    Bytes input = frame;
    EXPECT_EQ(to_hex((*reader.next(input))->whole), to_hex(frame));
  }
  EXPECT_EQ(read_all({hex("03000000")}), std::vector<std::string>{""});
}

TEST(RustdeskTrap7, ALengthOverTheCapIsRefusedWithItsHeader) {
  EXPECT_EQ(read_all({hex("ffffffff")}), std::vector<std::string>{"!too_long"});
  EXPECT_EQ(read_all(byte_by_byte(hex("ffffffff"))), std::vector<std::string>{"!too_long"});
  FrameReader reader(10);
  EXPECT_EQ(read_all(reader, {to_frame(Buffer(10, 1)), to_frame(Buffer(11, 1))}),
            (std::vector<std::string>{to_hex(Buffer(10, 1)), "!too_long"}));
  EXPECT_EQ(read_all(reader, {hex("00")}), std::vector<std::string>{""}) << "nothing of the refused frame is held";
}

TEST(RustdeskTrap7, TwoFramesOfOneSegmentAreTwoMessages) {
  EXPECT_EQ(read_all({hex("0801020c030405")}), (std::vector<std::string>{"0102", "030405"}));
}

TEST(RustdeskFrames, NothingIsHeldForWhatIsOnlyAnnounced) {
  FrameReader reader;
  EXPECT_TRUE(read_all(reader, {hex("020004")}).empty());
  EXPECT_EQ(reader.held(), 3U);
  EXPECT_TRUE(read_all(reader, {hex("0102")}).empty());
  EXPECT_EQ(reader.held(), 5U);
}

}  // namespace
}  // namespace gatehouse::rustdesk
