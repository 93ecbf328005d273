// guard alone, and the frames that its tests are about.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "base/time.h"
#include "unit/kernel_programs.h"

namespace gatehouse::kernel::test {

using gatehouse::test::Next;
using gatehouse::test::PacketBuilder;
using gatehouse::test::tcp_ack;
using gatehouse::test::tcp_syn;

inline constexpr const char* v4_client = "192.0.2.7";
inline constexpr const char* v4_proxy = "198.51.100.20";
inline constexpr const char* v6_client = "2001:db8:1::7";
inline constexpr const char* v6_proxy = "2001:db8:64::20";
inline constexpr std::uint16_t rdp = 3389;
inline constexpr std::uint64_t long_ago = 1;

inline PacketBuilder v4() {
  return PacketBuilder().v4(v4_client, v4_proxy);
}
inline PacketBuilder v6() {
  return PacketBuilder().v6(v6_client, v6_proxy);
}

inline std::uint64_t in_one_hour() {
  return boot_time_ns() + 3'600'000'000'000ULL;
}

class Guard : public testing::Test {
 protected:
  LoadedPrograms kernel;
};

}  // namespace gatehouse::kernel::test
