// What the gateway answers in place of hbbs, byte for byte.
#include "rustdesk/refusals.h"

#include <gtest/gtest.h>

#include "rustdesk/frames.h"
#include "rustdesk_bytes.h"

namespace gatehouse::rustdesk {
namespace {

TEST(RustdeskRefusals, OfAPunchAreFailuresAndTexts) {
  EXPECT_EQ(to_hex(punch_failed(PunchHoleFailure::offline)), "5a021802");
  EXPECT_EQ(to_hex(to_frame(punch_failed(PunchHoleFailure::offline))), "105a021802");
  EXPECT_EQ(to_hex(punch_failed(PunchHoleFailure::id_not_exist)), "5a00");
  EXPECT_EQ(to_hex(to_frame(punch_failed(PunchHoleFailure::id_not_exist))), "085a00");
  EXPECT_EQ(to_hex(punch_failed(PunchHoleFailure::license_mismatch)), "5a021803");
  EXPECT_EQ(to_hex(punch_refused("not allowed")), "5a0d3a0b6e6f7420616c6c6f776564");
}

TEST(RustdeskRefusals, OfARelayAreATextAlone) {
  EXPECT_EQ(to_hex(relay_refused("not allowed")), "9a010d320b6e6f7420616c6c6f776564");
}

TEST(RustdeskRefusals, OfARegistrationAreCodes) {
  EXPECT_EQ(to_hex(registration_refused(RegistrationRefusal::too_frequent)), "8201020804");
  EXPECT_EQ(to_hex(registration_refused(RegistrationRefusal::not_support)), "8201020806");
  EXPECT_EQ(to_hex(registration_refused(RegistrationRefusal::server_error)), "8201020807");
  EXPECT_EQ(to_hex(registration_refused(RegistrationRefusal::not_deployed)), "8201020808");
}

TEST(RustdeskTrap1, NoRefusalSaysUuidMismatch) {
  for (int i = 0; i < 256; ++i) {
    const auto bytes = registration_refused(static_cast<RegistrationRefusal>(i));
    const auto message = parse(bytes);
    ASSERT_TRUE(message);
    const auto result = std::get<RegisterPkResponse>(message->body).result;
    EXPECT_NE(result, RegisterPkResult::uuid_mismatch);
    EXPECT_NE(result, RegisterPkResult::ok);
  }
}

TEST(RustdeskRefusals, AHeartbeatIsAnsweredWithOrWithoutTheWishForAKey) {
  EXPECT_EQ(to_hex(heartbeat_answered(true)), "3a021001");
  EXPECT_EQ(to_hex(heartbeat_answered(false)), "3a00");
}

TEST(RustdeskRefusals, ANatTestIsAnsweredWithThePort) {
  EXPECT_EQ(to_hex(nat_test_answered(21116)), "aa010408fca401");
  EXPECT_EQ(to_hex(nat_test_answered(65535)), "aa010408ffff03");
}

}  // namespace
}  // namespace gatehouse::rustdesk
