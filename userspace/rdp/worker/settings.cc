#include "rdp/worker/settings.h"

#include <freerdp/channels/wtsvc.h>
#include <freerdp/codec/region.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
#include <freerdp/settings.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "rdp/worker/reconnection.h"

namespace gatehouse::rdp {
namespace {

constexpr std::uint32_t largest_request = 16U << 20U;  // of a client's fragments
// CHANNEL_CHUNK_LENGTH, what every backend takes (MS-RDPBCGR 2.2.7.1.10): the client's chunks go on as they come, and
// when it is told how long they may be the backend has not said yet what it takes.
constexpr std::uint32_t chunk_length = 1600;

constexpr std::array drawing{FreeRDP_DrawAllowSkipAlpha, FreeRDP_DrawAllowColorSubsampling,
                             FreeRDP_DrawAllowDynamicColorFidelity};

struct Switch {
  FreeRDP_Settings_Keys_Bool key;
  bool on;
};

bool set_switches(rdpSettings& settings, std::initializer_list<Switch> switches) {
  for (const auto& each : switches) {
    if (!freerdp_settings_set_bool(&settings, each.key, each.on ? TRUE : FALSE)) return false;
  }
  return true;
}

bool copy_switches(const rdpSettings& from, rdpSettings& to, std::initializer_list<FreeRDP_Settings_Keys_Bool> keys) {
  for (const auto key : keys) {
    if (!freerdp_settings_set_bool(&to, key, freerdp_settings_get_bool(&from, key))) return false;
  }
  return true;
}

bool copy_numbers(const rdpSettings& from, rdpSettings& to, std::initializer_list<FreeRDP_Settings_Keys_UInt32> keys) {
  for (const auto key : keys) {
    if (!freerdp_settings_set_uint32(&to, key, freerdp_settings_get_uint32(&from, key))) return false;
  }
  return true;
}

std::string text_of(const rdpSettings& settings, FreeRDP_Settings_Keys_String key) {
  const char* text = freerdp_settings_get_string(&settings, key);
  return text == nullptr ? std::string() : std::string(text);
}

// The client's monitors, and how dense each is; one alone is the desktop itself. Only of several the server shall tell
// the layout: FreeRDP waits for that before it goes on, and not every server has it.
bool copy_monitors(const rdpSettings& from, rdpSettings& to) {
  const auto count = freerdp_settings_get_uint32(&from, FreeRDP_MonitorCount);
  if (count < 2) return set_switches(to, {{FreeRDP_UseMultimon, false}, {FreeRDP_SupportMonitorLayoutPdu, false}});
  return freerdp_settings_set_pointer_len(&to, FreeRDP_MonitorDefArray,
                                          freerdp_settings_get_pointer(&from, FreeRDP_MonitorDefArray), count) &&
         freerdp_settings_set_bool(&to, FreeRDP_UseMultimon, TRUE) &&
         freerdp_settings_set_bool(&to, FreeRDP_SpanMonitors, FALSE) &&
         copy_switches(from, to, {FreeRDP_HasMonitorAttributes, FreeRDP_SupportMonitorLayoutPdu}) &&
         copy_numbers(from, to, {FreeRDP_MonitorCount, FreeRDP_MonitorFlags, FreeRDP_MonitorAttributeFlags});
}

// Kerberos would ask the network, which a worker has not; and at the front it would take for an account who is none.
bool only_ntlm(rdpSettings& settings) {
  return freerdp_settings_set_string(&settings, FreeRDP_AuthenticationPackageList, "!kerberos") == TRUE;
}

}  // namespace

bool announces_graphics(const rdpSettings& settings) {
  return freerdp_settings_get_bool(&settings, FreeRDP_SupportGraphicsPipeline) == TRUE;
}

void forget_orders(rdpSettings& settings) {
  void* orders = freerdp_settings_get_pointer_writable(&settings, FreeRDP_OrderSupport);
  std::memset(orders, 0, 32);
}

Result<void> set_up_front(rdpSettings& settings, const Start& start) {
  rdpPrivateKey* key = freerdp_key_new_from_pem(start.key.c_str());
  rdpCertificate* certificate = freerdp_certificate_new_from_pem(start.certificate.c_str());
  // The settings own them from here on.
  if (key == nullptr || certificate == nullptr ||
      !freerdp_settings_set_pointer_len(&settings, FreeRDP_RdpServerRsaKey, key, 1) ||
      !freerdp_settings_set_pointer_len(&settings, FreeRDP_RdpServerCertificate, certificate, 1)) {
    return failure("the certificate of the front cannot be used");
  }
  const bool nla = start.front == Security::nla;
  const bool set =
      set_switches(settings, {{FreeRDP_RdpSecurity, false},
                              {FreeRDP_TlsSecurity, !nla},
                              {FreeRDP_NlaSecurity, nla},
                              {FreeRDP_NetworkAutoDetect, false},
                              {FreeRDP_SupportMultitransport, false},
                              {FreeRDP_SupportGraphicsPipeline, true},
                              {FreeRDP_RemoteFxCodec, true},
                              {FreeRDP_NSCodec, true},
                              {FreeRDP_SurfaceFrameMarkerEnabled, true},
                              {FreeRDP_FrameMarkerCommandEnabled, true},
                              {FreeRDP_RefreshRect, true},
                              {FreeRDP_SuppressOutput, true},
                              {FreeRDP_SupportMonitorLayoutPdu, true},  // as far as the client takes it
                              {FreeRDP_UnicodeInput, true},
                              {FreeRDP_HasHorizontalWheel, true},
                              {FreeRDP_HasExtendedMouseEvent, true},
                              {FreeRDP_AutoReconnectionPacketSupported, true},
                              {FreeRDP_AutoReconnectionEnabled, false}}) &&
      freerdp_settings_set_uint32(&settings, FreeRDP_ColorDepth, 32) &&
      freerdp_settings_set_uint32(&settings, FreeRDP_MultifragMaxRequestSize, largest_request) &&
      freerdp_settings_set_uint32(&settings, FreeRDP_VCChunkSize, chunk_length) &&
      freerdp_settings_set_uint32(&settings, FreeRDP_LargePointerFlag,
                                  LARGE_POINTER_FLAG_96x96 | LARGE_POINTER_FLAG_384x384) &&
      freerdp_settings_set_uint32(&settings, FreeRDP_EncryptionLevel, ENCRYPTION_LEVEL_CLIENT_COMPATIBLE) &&
      freerdp_settings_set_uint16(&settings, FreeRDP_TLSMinVersion, 0x0303 /* 1.2 */);
  forget_orders(settings);
  if (!set || !only_ntlm(settings)) return failure("the settings of the front cannot be made");
  return {};
}

Result<void> set_up_back(const rdpSettings& front, rdpSettings& back, const Start& start, Security security,
                         const std::optional<Credentials>& credentials, bool decode) {
  const bool nla = security == Security::nla;
  const bool graphics = announces_graphics(front);
  bool set = freerdp_settings_set_string(&back, FreeRDP_ServerHostname, start.backend.c_str()) &&
             freerdp_settings_set_uint32(&back, FreeRDP_ServerPort, 3389) &&
             freerdp_settings_set_string(
                 &back, FreeRDP_Username,
                 credentials ? credentials->user.c_str() : freerdp_settings_get_string(&front, FreeRDP_Username)) &&
             freerdp_settings_set_string(
                 &back, FreeRDP_Domain,
                 credentials ? credentials->domain.c_str() : freerdp_settings_get_string(&front, FreeRDP_Domain)) &&
             freerdp_settings_set_string(
                 &back, FreeRDP_Password,
                 credentials ? credentials->password.c_str() : freerdp_settings_get_string(&front, FreeRDP_Password)) &&
             freerdp_settings_set_string(&back, FreeRDP_ClientHostname,
                                         freerdp_settings_get_string(&front, FreeRDP_ClientHostname));
  set = set && set_switches(back, {{FreeRDP_RdpSecurity, false},
                                   {FreeRDP_ExtSecurity, false},
                                   {FreeRDP_AadSecurity, false},
                                   {FreeRDP_TlsSecurity, !nla},
                                   {FreeRDP_NlaSecurity, nla},
                                   {FreeRDP_NegotiateSecurityLayer, true},
                                   {FreeRDP_Authentication, true},
                                   {FreeRDP_AutoLogonEnabled, true},
                                   {FreeRDP_ExternalCertificateManagement, true},
                                   {FreeRDP_IgnoreCertificate, false},
                                   {FreeRDP_AutoReconnectionEnabled, false},
                                   {FreeRDP_SynchronousStaticChannels, true},
                                   {FreeRDP_SynchronousDynamicChannels, true},
                                   {FreeRDP_SupportDynamicChannels, true},
                                   {FreeRDP_SoftwareGdi, true},
                                   {FreeRDP_DeactivateClientDecoding, !decode || graphics},
                                   {FreeRDP_SupportGraphicsPipeline, graphics},
                                   {FreeRDP_GfxH264, decode},
                                   {FreeRDP_GfxAVC444, decode},
                                   {FreeRDP_GfxAVC444v2, decode},
                                   {FreeRDP_GfxProgressive, decode},
                                   {FreeRDP_BitmapCacheEnabled, false},
                                   {FreeRDP_BitmapCachePersistEnabled, false},
                                   {FreeRDP_NetworkAutoDetect, false},
                                   {FreeRDP_SupportHeartbeatPdu, false},
                                   {FreeRDP_SupportMultitransport, false},
                                   {FreeRDP_CompressionEnabled, false},
                                   {FreeRDP_RedirectClipboard, false},
                                   {FreeRDP_SupportDisplayControl, false},
                                   {FreeRDP_SupportGeometryTracking, false},
                                   {FreeRDP_SupportVideoOptimized, false},
                                   {FreeRDP_SupportEchoChannel, false},
                                   {FreeRDP_DeviceRedirection, false},
                                   {FreeRDP_AudioPlayback, false},
                                   {FreeRDP_AudioCapture, false},
                                   {FreeRDP_RemoteApplicationMode, false}});
  set = set && freerdp_settings_set_uint32(&back, FreeRDP_MultitransportFlags, 0) &&
        freerdp_settings_set_uint32(&back, FreeRDP_ProxyType, PROXY_TYPE_IGNORE) &&
        freerdp_settings_set_uint32(&back, FreeRDP_GlyphSupportLevel, GLYPH_SUPPORT_NONE) &&
        freerdp_settings_set_uint32(&back, FreeRDP_ThreadingFlags, THREADING_FLAGS_DISABLE_THREADS) &&
        freerdp_settings_set_uint16(&back, FreeRDP_TLSMinVersion, 0x0303 /* 1.2 */) &&
        freerdp_settings_set_uint32(&back, FreeRDP_ColorDepth, 32);
  set = set && copy_numbers(front, back,
                            {FreeRDP_KeyboardLayout, FreeRDP_KeyboardType, FreeRDP_KeyboardSubType,
                             FreeRDP_KeyboardFunctionKey, FreeRDP_ConnectionType, FreeRDP_MultifragMaxRequestSize,
                             FreeRDP_FrameAcknowledge, FreeRDP_LargePointerFlag, FreeRDP_ClientBuild,
                             FreeRDP_PerformanceFlags, FreeRDP_DesktopPhysicalWidth, FreeRDP_DesktopPhysicalHeight,
                             FreeRDP_DesktopScaleFactor, FreeRDP_DeviceScaleFactor, FreeRDP_SurfaceCommandsSupported});
  set = set && freerdp_settings_set_uint16(&back, FreeRDP_DesktopOrientation,
                                           freerdp_settings_get_uint16(&front, FreeRDP_DesktopOrientation));
  set = set &&
        copy_switches(front, back,
                      {FreeRDP_RemoteFxCodec, FreeRDP_NSCodec, FreeRDP_NSCodecAllowDynamicColorFidelity,
                       FreeRDP_NSCodecAllowSubsampling, FreeRDP_SurfaceFrameMarkerEnabled,
                       FreeRDP_FrameMarkerCommandEnabled, FreeRDP_SurfaceCommandsEnabled, FreeRDP_RemoteConsoleAudio,
                       FreeRDP_ConsoleSession, FreeRDP_UnicodeInput, FreeRDP_HasHorizontalWheel,
                       FreeRDP_HasExtendedMouseEvent, FreeRDP_HasRelativeMouseEvent, FreeRDP_HasQoeEvent});
  set = set && copy_size(front, back) && copy_drawing(front, back) && copy_monitors(front, back) && only_ntlm(back);
  forget_orders(back);
  if (!set) return failure("the settings of the leg to the backend cannot be made");
  return {};
}

std::vector<std::string> accepted_channels(freerdp_peer* peer) {
  std::size_t count = 0;
  char** names = WTSGetAcceptedChannelNames(peer, &count);
  std::vector<std::string> list;
  list.reserve(count);
  for (std::size_t i = 0; i < count; ++i) list.emplace_back(names[i]);
  std::free(static_cast<void*>(names));
  return list;
}

LogonQuery logon_of(const rdpContext& front, std::vector<std::string> channels, Security security) {
  const auto& settings = *front.settings;
  return {.number = 0,
          .user = text_of(settings, FreeRDP_Username),
          .domain = text_of(settings, FreeRDP_Domain),
          .client_name = text_of(settings, FreeRDP_ClientHostname),
          .client_build = freerdp_settings_get_uint32(&settings, FreeRDP_ClientBuild),
          .width = freerdp_settings_get_uint32(&settings, FreeRDP_DesktopWidth),
          .height = freerdp_settings_get_uint32(&settings, FreeRDP_DesktopHeight),
          .security = security,
          .channels = std::move(channels),
          .reconnect = proof_of(settings)};
}

bool same_size(const rdpSettings& one, const rdpSettings& other) {
  for (const auto key : {FreeRDP_DesktopWidth, FreeRDP_DesktopHeight}) {
    if (freerdp_settings_get_uint32(&one, key) != freerdp_settings_get_uint32(&other, key)) return false;
  }
  return true;
}

bool keeps_to_drawing(const rdpSettings& back, const rdpSettings& front) {
  return std::ranges::all_of(drawing, [&](const auto key) {
    return freerdp_settings_get_bool(&back, key) || !freerdp_settings_get_bool(&front, key);
  });
}

bool copy_drawing(const rdpSettings& from, rdpSettings& to) {
  return std::ranges::all_of(drawing, [&](const auto key) {
    return freerdp_settings_set_bool(&to, key, freerdp_settings_get_bool(&from, key)) == TRUE;
  });
}

bool copy_size(const rdpSettings& from, rdpSettings& to) {
  return copy_numbers(from, to, {FreeRDP_DesktopWidth, FreeRDP_DesktopHeight});
}

}  // namespace gatehouse::rdp
