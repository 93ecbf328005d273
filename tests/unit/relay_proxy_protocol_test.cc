#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "relay/proxy_protocol.h"

namespace gatehouse::relay {
namespace {

using Bytes = std::vector<std::uint8_t>;

Endpoint endpoint(const std::string& address, std::uint16_t port) {
  return {Address::parse(address).value(), port};
}

// Written out by hand from the specification, section 2.2.
const Bytes header_v4{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,  // signature
                      0x21, 0x11, 0x00, 0x0C,                                                  // PROXY, TCP4, 12 bytes
                      192,  0,    2,    7,    198,  51,   100,  9,                             // source, destination
                      0xD4, 0x31, 0x0D, 0x3D};                                                 // 54321, 3389
const Bytes header_v6{0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A,  //
                      0x21, 0x21, 0x00, 0x24,                                                  // PROXY, TCP6, 36 bytes
                      0x20, 0x01, 0x0D, 0xB8, 0,    0,    0,    0,    0,    0,    0,    0,
                      0,    0,    0,    0x01, 0x20, 0x01, 0x0D, 0xB8, 0,    0,    0,    0,
                      0,    0,    0,    0,    0,    0,    0,    0x02, 0xD4, 0x31, 0x00, 0x16};  // 54321, 22

Bytes with(Bytes bytes, std::size_t at, std::uint8_t value) {
  bytes.at(at) = value;
  return bytes;
}
Bytes joined(Bytes bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
  return bytes;
}

TEST(ProxyHeader, IsWrittenAsTheSpecificationSaysForIpv4) {
  EXPECT_EQ(proxy_header_v2(endpoint("192.0.2.7", 54321), endpoint("198.51.100.9", 3389)), header_v4);
}

TEST(ProxyHeader, IsWrittenAsTheSpecificationSaysForIpv6) {
  EXPECT_EQ(proxy_header_v2(endpoint("2001:db8::1", 54321), endpoint("2001:db8::2", 22)), header_v6);
}

TEST(ProxyHeader, WritesMixedFamiliesAsIpv6) {
  const Bytes header = proxy_header_v2(endpoint("192.0.2.7", 54321), endpoint("2001:db8::2", 22));
  Bytes expected = header_v6;
  const Bytes mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 7};
  std::copy(mapped.begin(), mapped.end(), expected.begin() + 16);
  EXPECT_EQ(header, expected);
}

TEST(ProxyHeader, IsReadAsItWasWritten) {
  for (const auto& [bytes, source, destination] :
       {std::tuple(header_v4, endpoint("192.0.2.7", 54321), endpoint("198.51.100.9", 3389)),
        std::tuple(header_v6, endpoint("2001:db8::1", 54321), endpoint("2001:db8::2", 22))}) {
    const auto parsed = parse_proxy_header_v2(bytes);
    ASSERT_TRUE(parsed) << parsed.error().text();
    ASSERT_TRUE(*parsed);
    EXPECT_FALSE((*parsed)->local);
    EXPECT_EQ((*parsed)->source, source);
    EXPECT_EQ((*parsed)->destination, destination);
    EXPECT_EQ((*parsed)->length, bytes.size());
  }
}

TEST(ProxyHeader, EveryTruncationAsksForMore) {
  for (const auto& whole : {header_v4, header_v6}) {
    for (std::size_t length = 0; length < whole.size(); ++length) {
      // A copy of exactly that size, so that a read beyond it is seen by the address sanitizer.
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
      const auto parsed = parse_proxy_header_v2(part);
      ASSERT_TRUE(parsed) << length << ": " << parsed.error().text();
      EXPECT_FALSE(*parsed) << length;
    }
  }
}

TEST(ProxyHeader, LeavesWhatFollowsItAlone) {
  const auto parsed = parse_proxy_header_v2(joined(header_v4, {'G', 'E', 'T'}));
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->length, header_v4.size());
}

TEST(ProxyHeader, PassesOverAdditionalFields) {
  // PP2_TYPE_NOOP (0x04) with three bytes, counted in the length.
  const Bytes bytes = joined(with(header_v4, 15, 12 + 6), {0x04, 0x00, 0x03, 1, 2, 3});
  const auto parsed = parse_proxy_header_v2(bytes);
  ASSERT_TRUE(parsed && *parsed);
  EXPECT_EQ((*parsed)->length, bytes.size());
  EXPECT_EQ((*parsed)->source, endpoint("192.0.2.7", 54321));
  const auto part = parse_proxy_header_v2(Bytes(bytes.begin(), bytes.end() - 1));
  ASSERT_TRUE(part);
  EXPECT_FALSE(*part);
}

TEST(ProxyHeader, AWrongSignatureIsRefusedAtItsFirstWrongByte) {
  for (std::size_t at = 0; at < 12; ++at) {
    Bytes bytes = with(header_v4, at, static_cast<std::uint8_t>(header_v4[at] ^ 0x01));
    EXPECT_FALSE(parse_proxy_header_v2(bytes)) << at;
    bytes.resize(at + 1);
    EXPECT_FALSE(parse_proxy_header_v2(bytes)) << at;
  }
  const std::string version_1 = "PROXY TCP4 192.0.2.7 198.51.100.9 54321 3389\r\n";
  EXPECT_FALSE(parse_proxy_header_v2(Bytes(version_1.begin(), version_1.end())));
}

TEST(ProxyHeader, OtherVersionsCommandsAndFamiliesAreRefused) {
  for (const int value : {0x01, 0x11, 0x31, 0xF1, 0x22, 0x2F}) {
    EXPECT_FALSE(parse_proxy_header_v2(with(header_v4, 12, static_cast<std::uint8_t>(value)))) << value;
  }
  for (const int value : {0x00, 0x10, 0x12, 0x13, 0x22, 0x31, 0x41, 0xFF}) {
    EXPECT_FALSE(parse_proxy_header_v2(with(header_v4, 13, static_cast<std::uint8_t>(value)))) << value;
  }
}

TEST(ProxyHeader, ALengthTooShortForTheAddressesIsRefused) {
  for (std::uint8_t length = 0; length < 12; ++length) EXPECT_FALSE(parse_proxy_header_v2(with(header_v4, 15, length)));
  for (std::uint8_t length = 0; length < 36; ++length) EXPECT_FALSE(parse_proxy_header_v2(with(header_v6, 15, length)));
}

TEST(ProxyHeader, AHugeLengthOnlyAsksForMore) {
  const auto parsed = parse_proxy_header_v2(with(with(header_v4, 14, 0xFF), 15, 0xFF));
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(*parsed);
}

TEST(ProxyHeader, LocalHasNoAddresses) {
  for (const int family : {0x00, 0x11, 0x21, 0xFF}) {
    Bytes bytes = with(with(header_v4, 12, 0x20), 13, static_cast<std::uint8_t>(family));
    auto parsed = parse_proxy_header_v2(bytes);
    ASSERT_TRUE(parsed && *parsed) << family;
    EXPECT_TRUE((*parsed)->local);
    EXPECT_EQ((*parsed)->length, 28U);
    EXPECT_EQ((*parsed)->source, Endpoint{});
    bytes = with(bytes, 15, 0);
    parsed = parse_proxy_header_v2(bytes);
    ASSERT_TRUE(parsed && *parsed);
    EXPECT_EQ((*parsed)->length, 16U);
  }
}

TEST(ProxyHeader, ARefusalSaysWhatToDo) {
  const auto parsed = parse_proxy_header_v2(with(header_v4, 12, 0x11));
  ASSERT_FALSE(parsed);
  EXPECT_FALSE(parsed.error().what.empty());
  EXPECT_FALSE(parsed.error().mend.empty());
}

}  // namespace
}  // namespace gatehouse::relay
