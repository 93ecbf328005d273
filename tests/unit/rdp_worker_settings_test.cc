// What the backend is told of the client: its sizes, its monitors and how dense they are; and what the client is told
// of the backend's bitmaps.
#include "rdp/worker/settings.h"

#include <freerdp/freerdp.h>
#include <freerdp/settings.h>
#include <gtest/gtest.h>

#include <memory>

namespace gatehouse::rdp {
namespace {

class LegSettings : public testing::Test {
 protected:
  using Owned = std::unique_ptr<rdpSettings, decltype(&freerdp_settings_free)>;
  void set(FreeRDP_Settings_Keys_UInt32 key, std::uint32_t value) {
    ASSERT_TRUE(freerdp_settings_set_uint32(front_.get(), key, value));
  }
  std::uint32_t told(FreeRDP_Settings_Keys_UInt32 key) const { return freerdp_settings_get_uint32(back_.get(), key); }
  bool told(FreeRDP_Settings_Keys_Bool key) const { return freerdp_settings_get_bool(back_.get(), key) == TRUE; }
  void hand_on() {
    Start start;
    start.backend = "win1";
    const auto done = set_up_back(*front_, *back_, start, start.back, std::nullopt, true);
    ASSERT_TRUE(done) << done.error().text();
  }

  Owned front_{freerdp_settings_new(FREERDP_SETTINGS_SERVER_MODE), freerdp_settings_free};
  Owned back_{freerdp_settings_new(0), freerdp_settings_free};
};

TEST_F(LegSettings, SizeAndDensityOfTheClientAreTheBackends) {
  set(FreeRDP_DesktopWidth, 3840);
  set(FreeRDP_DesktopHeight, 2160);
  set(FreeRDP_DesktopPhysicalWidth, 600);
  set(FreeRDP_DesktopPhysicalHeight, 340);
  set(FreeRDP_DesktopScaleFactor, 175);
  set(FreeRDP_DeviceScaleFactor, 140);
  ASSERT_TRUE(freerdp_settings_set_bool(front_.get(), FreeRDP_SupportMonitorLayoutPdu, TRUE));
  ASSERT_TRUE(freerdp_settings_set_uint16(front_.get(), FreeRDP_DesktopOrientation, 90));
  hand_on();
  EXPECT_EQ(told(FreeRDP_DesktopWidth), 3840U);
  EXPECT_EQ(told(FreeRDP_DesktopHeight), 2160U);
  EXPECT_EQ(told(FreeRDP_DesktopPhysicalWidth), 600U);
  EXPECT_EQ(told(FreeRDP_DesktopPhysicalHeight), 340U);
  EXPECT_EQ(told(FreeRDP_DesktopScaleFactor), 175U);
  EXPECT_EQ(told(FreeRDP_DeviceScaleFactor), 140U);
  EXPECT_EQ(freerdp_settings_get_uint16(back_.get(), FreeRDP_DesktopOrientation), 90);
  EXPECT_FALSE(told(FreeRDP_UseMultimon));
  EXPECT_FALSE(told(FreeRDP_SupportMonitorLayoutPdu)) << "a server without it would be waited for";
}

TEST_F(LegSettings, EachMonitorOfTheClientIsTheBackends) {
  const rdpMonitor left{.x = -1920,
                        .y = 0,
                        .width = 1920,
                        .height = 1080,
                        .is_primary = FALSE,
                        .orig_screen = 0,
                        .attributes = {.physicalWidth = 530,
                                       .physicalHeight = 300,
                                       .orientation = 0,
                                       .desktopScaleFactor = 100,
                                       .deviceScaleFactor = 100}};
  const rdpMonitor main{.x = 0,
                        .y = 0,
                        .width = 3840,
                        .height = 2160,
                        .is_primary = TRUE,
                        .orig_screen = 1,
                        .attributes = {.physicalWidth = 600,
                                       .physicalHeight = 340,
                                       .orientation = 90,
                                       .desktopScaleFactor = 200,
                                       .deviceScaleFactor = 180}};
  ASSERT_TRUE(freerdp_settings_set_pointer_array(front_.get(), FreeRDP_MonitorDefArray, 0, &left));
  ASSERT_TRUE(freerdp_settings_set_pointer_array(front_.get(), FreeRDP_MonitorDefArray, 1, &main));
  set(FreeRDP_MonitorCount, 2);
  set(FreeRDP_MonitorAttributeFlags, 0);
  ASSERT_TRUE(freerdp_settings_set_bool(front_.get(), FreeRDP_HasMonitorAttributes, TRUE));
  hand_on();
  EXPECT_EQ(told(FreeRDP_MonitorCount), 2U);
  EXPECT_TRUE(told(FreeRDP_UseMultimon));
  EXPECT_TRUE(told(FreeRDP_HasMonitorAttributes));
  const auto* first =
      static_cast<const rdpMonitor*>(freerdp_settings_get_pointer_array(back_.get(), FreeRDP_MonitorDefArray, 0));
  const auto* second =
      static_cast<const rdpMonitor*>(freerdp_settings_get_pointer_array(back_.get(), FreeRDP_MonitorDefArray, 1));
  EXPECT_EQ(first->x, -1920);
  EXPECT_FALSE(first->is_primary);
  EXPECT_EQ(second->width, 3840);
  EXPECT_EQ(second->attributes.desktopScaleFactor, 200U);
  EXPECT_EQ(second->attributes.orientation, 90U);
}

TEST_F(LegSettings, ThePackingOfBitmapsIsWhatBothHave) {
  ASSERT_TRUE(freerdp_settings_set_bool(front_.get(), FreeRDP_DrawAllowSkipAlpha, TRUE));
  ASSERT_TRUE(freerdp_settings_set_bool(front_.get(), FreeRDP_DrawAllowDynamicColorFidelity, TRUE));
  ASSERT_TRUE(freerdp_settings_set_bool(front_.get(), FreeRDP_DrawAllowColorSubsampling, FALSE));
  ASSERT_TRUE(freerdp_settings_set_bool(back_.get(), FreeRDP_DrawAllowColorSubsampling, TRUE));
  hand_on();
  EXPECT_TRUE(told(FreeRDP_DrawAllowSkipAlpha));
  EXPECT_TRUE(told(FreeRDP_DrawAllowDynamicColorFidelity));
  EXPECT_FALSE(told(FreeRDP_DrawAllowColorSubsampling)) << "the client has it not";
  EXPECT_TRUE(keeps_to_drawing(*back_, *front_));
  // The backend has not all of it; FreeRDP notes that in the settings of its leg.
  ASSERT_TRUE(freerdp_settings_set_bool(back_.get(), FreeRDP_DrawAllowDynamicColorFidelity, FALSE));
  EXPECT_FALSE(keeps_to_drawing(*back_, *front_));
  ASSERT_TRUE(copy_drawing(*back_, *front_));
  EXPECT_TRUE(keeps_to_drawing(*back_, *front_));
  EXPECT_TRUE(freerdp_settings_get_bool(front_.get(), FreeRDP_DrawAllowSkipAlpha));
  EXPECT_FALSE(freerdp_settings_get_bool(front_.get(), FreeRDP_DrawAllowDynamicColorFidelity));
}

}  // namespace
}  // namespace gatehouse::rdp
