// Addresses as RustDesk mangles them, by vectors and there and back.
#include <gtest/gtest.h>

#include <chrono>
#include <random>

#include "rustdesk/address_mangle.h"
#include "rustdesk_bytes.h"

namespace gatehouse::rustdesk {
namespace {

Endpoint endpoint(const std::string& text) {
  return *Endpoint::parse(text);
}
std::string mangled(const std::string& text, std::uint32_t tm) {
  return to_hex(mangle(endpoint(text), tm).view());
}
std::string unmangled(std::string_view bytes) {
  return unmangle(hex(bytes)).text();
}

constexpr std::uint32_t corners[] = {0, 1, 0xffff, 0x10000, 0x12345678, 0x7fffffff, 0xffff0000, 0xffffffff};

TEST(RustdeskMangle, VectorsReadAndWrite) {
  EXPECT_EQ(mangled("192.168.16.32:21116", 0), "7c520000000080512140");
  EXPECT_EQ(mangled("192.168.16.32:21116", 0x12345678), "f4a8f0ac682470fe8964");
  EXPECT_EQ(mangled("203.0.113.5:65535", 0xffffffff), "feffffffffff9501e20a02");
  EXPECT_EQ(mangled("10.0.0.1:1", 1), "02000200000016000002");
  EXPECT_EQ(unmangled("7c520000000080512140"), "192.168.16.32:21116");
  EXPECT_EQ(unmangled("f4a8f0ac682470fe8964"), "192.168.16.32:21116");
  EXPECT_EQ(unmangled("feffffffffff9501e20a02"), "203.0.113.5:65535");
  EXPECT_EQ(unmangled("02000200000016000002"), "10.0.0.1:1");
}

TEST(RustdeskMangle, TheTimeIsInMicroseconds) {
  const WallTime time(std::chrono::milliseconds(1'764'310'000'123));
  EXPECT_EQ(to_hex(mangle(endpoint("10.0.0.1:1"), time).view()),
            mangled("10.0.0.1:1", static_cast<std::uint32_t>(1'764'310'000'123'000)));
}

TEST(RustdeskTrap11, EveryAddressComesBackAtEveryTime) {
  for (const auto tm : corners) {
    for (const auto* text : {"0.0.0.1:1", "10.0.0.1:1", "127.0.0.1:21116", "192.168.255.0:256", "255.255.255.255:65535",
                             "[2001:db8::1]:21116", "[::1]:65535", "[fe80::ff]:256"}) {
      const auto mixed = mangle(endpoint(text), tm);
      EXPECT_EQ(unmangle(mixed.view()).text(), text) << tm;
      EXPECT_LE(mixed.length, endpoint(text).address.is_v4() ? 11 : 18);
    }
  }
}

TEST(RustdeskTrap11, IPv6IsItsBytesAndThePortLittleEndian) {
  EXPECT_EQ(mangled("[2001:db8::1]:21116", 5),
            "20010db8000000000000000000000001"
            "7c52");
  EXPECT_EQ(mangled("[::1]:1", 5),
            "00000000000000000000000000000001"
            "0100");
}

TEST(RustdeskTrap11, IPv4CompatibleAddressesAreWrittenAsIPv4) {
  EXPECT_EQ(mangled("[::10.0.0.1]:1", 1), mangled("10.0.0.1:1", 1));
}

// The same with numbers of 128 bits, as hbb_common has it.
Endpoint second_unmangle(const Buffer& bytes) {
  __extension__ using Wide = unsigned __int128;
  Wide number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << 8U | bytes[i];
  const auto tm = static_cast<std::uint32_t>(number >> 17U);
  const auto v4 = static_cast<std::uint32_t>((number >> 49U) - tm);
  const auto port = static_cast<std::uint16_t>((number & 0xffffffU) - (tm & 0xffffU));
  return {Address::from_v4(__builtin_bswap32(v4)), port};
}

TEST(RustdeskTrap11, JunkIsSomeAddressAndNeverAnError) {
  std::mt19937 random(11);
  for (std::size_t length = 0; length < 40; ++length) {
    for (int i = 0; i < 200; ++i) {
      Buffer junk(length);
      for (auto& byte : junk) byte = i < 2 ? static_cast<std::uint8_t>(-i) : static_cast<std::uint8_t>(random());
      if (length == 18) {
        EXPECT_EQ(to_hex(unmangle(junk).address.bytes), to_hex(Bytes(junk).first(16)));
      } else if (length > 16) {
        EXPECT_TRUE(is_no_endpoint(unmangle(junk))) << length;
      } else {
        EXPECT_EQ(unmangle(junk), second_unmangle(junk)) << to_hex(junk);
      }
    }
  }
  EXPECT_EQ(unmangled("7c52"), "0.0.0.0:21116");
  EXPECT_EQ(unmangled("0000 feff ff ff 01 00"), "1.0.0.0:1") << "the subtractions wrap";
}

TEST(RustdeskTrap11, NoAddressIsTold) {
  EXPECT_TRUE(is_no_endpoint(unmangle({})));
  EXPECT_TRUE(is_no_endpoint(unmangle(Buffer(18, 0))));
  EXPECT_FALSE(is_no_endpoint(endpoint("0.0.0.0:1")));
  EXPECT_FALSE(is_no_endpoint(endpoint("10.0.0.1:1")));
}

TEST(RustdeskTrap15, BothSpellingsOfAnIPv4AddressAreOneKey) {
  const auto plain = endpoint("203.0.113.5:21116");
  EXPECT_EQ(endpoint("[::ffff:203.0.113.5]:21116"), plain);
  for (const auto tm : corners) {
    EXPECT_EQ(mangled("[::ffff:203.0.113.5]:21116", tm), mangled("203.0.113.5:21116", tm));
    EXPECT_EQ(unmangle(mangle(endpoint("[::ffff:203.0.113.5]:21116"), tm).view()), plain);
  }
  EXPECT_EQ(unmangle(hex("00000000000000000000ffffcb007105 7c52")), plain) << "spelled as IPv6 by the peer";
}

}  // namespace
}  // namespace gatehouse::rustdesk
