#include "bench/rdp_client.h"

#include <freerdp/addin.h>
#include <freerdp/channels/rdpgfx.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/client/rdpgfx.h>
#include <freerdp/error.h>
#include <freerdp/event.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>
#include <freerdp/input.h>
#include <freerdp/primitives.h>
#include <freerdp/update.h>
#include <winpr/collections.h>
#include <winpr/ssl.h>
#include <winpr/synch.h>
#include <winpr/wlog.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <stdexcept>
#include <utility>

namespace gatehouse::bench {
namespace {

constexpr std::uint32_t loss = 12;             // of a colour, in each of its parts
constexpr std::uint32_t beside_the_click = 8;  // pixels, out from under the pointer

struct Context {
  rdpContext base;
  RdpClient* client;
  pEndPaint end_paint;
};

Context& of(rdpContext* context) {
  return *reinterpret_cast<Context*>(context);
}
bool decodes(rdpContext* context) {
  return of(context).client->target().decode;
}

// ---- what comes

BOOL on_end_paint(rdpContext* context) {
  auto& mine = of(context);
  if (mine.end_paint != nullptr && !mine.end_paint(context)) return FALSE;
  if (decodes(context)) mine.client->saw_picture();
  return TRUE;
}
BOOL on_bitmap(rdpContext* context, const BITMAP_UPDATE* /*bitmap*/) {
  of(context).client->saw_frame();
  return TRUE;
}
BOOL on_resize(rdpContext* context) {
  return context->gdi == nullptr ||
         gdi_resize(context->gdi, freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth),
                    freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight));
}
UINT on_end_frame(RdpgfxClientContext* graphics, const RDPGFX_END_FRAME_PDU* /*frame*/) {
  of(static_cast<rdpContext*>(graphics->custom)).client->saw_frame();
  return 0;
}

void on_channel(void* base, const ChannelConnectedEventArgs* event) {
  auto* context = static_cast<rdpContext*>(base);
  if (std::strcmp(event->name, RDPGFX_DVC_CHANNEL_NAME) != 0) return;
  auto* graphics = static_cast<RdpgfxClientContext*>(event->pInterface);
  if (decodes(context)) {
    gdi_graphics_pipeline_init(context->gdi, graphics);
    return;
  }
  graphics->custom = context;
  graphics->EndFrame = on_end_frame;  // the plug-in acknowledges
}
void on_channel_gone(void* base, const ChannelDisconnectedEventArgs* event) {
  auto* context = static_cast<rdpContext*>(base);
  if (!decodes(context) || std::strcmp(event->name, RDPGFX_DVC_CHANNEL_NAME) != 0) return;
  gdi_graphics_pipeline_uninit(context->gdi, static_cast<RdpgfxClientContext*>(event->pInterface));
}

// ---- the connection

BOOL on_pre_connect(freerdp* instance) {
  PubSub_SubscribeChannelConnected(instance->context->pubSub, on_channel);
  PubSub_SubscribeChannelDisconnected(instance->context->pubSub, on_channel_gone);
  return TRUE;
}
BOOL on_load_channels(freerdp* instance) {
  return freerdp_client_load_addins(instance->context->channels, instance->context->settings);
}
BOOL on_post_connect(freerdp* instance) {
  rdpUpdate* update = instance->context->update;
  if (decodes(instance->context)) {
    if (!gdi_init(instance, PIXEL_FORMAT_BGRX32)) return FALSE;
    of(instance->context).end_paint = update->EndPaint;
  } else {
    update->BitmapUpdate = on_bitmap;
  }
  update->EndPaint = on_end_paint;
  update->DesktopResize = on_resize;
  return TRUE;
}
void on_post_disconnect(freerdp* instance) {
  gdi_free(instance);
}
DWORD on_certificate(freerdp* /*instance*/, const char* /*host*/, UINT16 /*port*/, const char* /*name*/,
                     const char* /*subject*/, const char* /*issuer*/, const char* /*fingerprint*/, DWORD /*flags*/) {
  return 2;  // for this connection
}

bool set(rdpSettings& settings, std::initializer_list<std::pair<FreeRDP_Settings_Keys_Bool, bool>> switches) {
  for (const auto& [key, on] : switches) {
    if (!freerdp_settings_set_bool(&settings, key, on ? TRUE : FALSE)) return false;
  }
  return true;
}

}  // namespace

void set_up_library() {
  WLog_SetLogLevel(WLog_GetRoot(), std::getenv("WLOG_LEVEL") == nullptr ? WLOG_OFF : WLOG_INFO);
  primitives_set_hints(PRIMITIVES_ONLY_CPU);
  if (!winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT) ||
      freerdp_register_addin_provider(freerdp_channels_load_static_addin_entry, 0) != 0) {
    throw std::runtime_error("FreeRDP cannot be used");
  }
}

RdpClient::RdpClient(const RdpTarget& target) : target_(target) {
  set_up();
  begun_ = Clock::now();
  thread_ = std::thread([this] { run(); });
}

RdpClient::~RdpClient() {
  stopping_ = true;
  freerdp_abort_connect_context(instance_->context);
  thread_.join();
  freerdp_context_free(instance_);
  freerdp_free(instance_);
}

void RdpClient::set_up() {
  instance_ = freerdp_new();
  if (instance_ == nullptr) throw std::runtime_error("no client can be made");
  instance_->ContextSize = sizeof(Context);
  instance_->PreConnect = on_pre_connect;
  instance_->LoadChannels = on_load_channels;
  instance_->PostConnect = on_post_connect;
  instance_->PostDisconnect = on_post_disconnect;
  instance_->VerifyCertificateEx = on_certificate;
  if (!freerdp_context_new(instance_)) throw std::runtime_error("no context can be made");
  of(instance_->context).client = this;
  auto& settings = *instance_->context->settings;
  const bool pipeline = target_.graphics == Graphics::pipeline;
  // What PyRDP 2.1 cannot do (a version above 10.11, joins that are left out, measuring of the line) is off for all.
  const bool done = set(settings, {{FreeRDP_RdpSecurity, false},
                                   {FreeRDP_NlaSecurity, false},
                                   {FreeRDP_TlsSecurity, true},
                                   {FreeRDP_IgnoreCertificate, true},
                                   {FreeRDP_AutoReconnectionEnabled, false},
                                   {FreeRDP_NetworkAutoDetect, false},
                                   {FreeRDP_SupportMultitransport, false},
                                   {FreeRDP_SupportHeartbeatPdu, false},
                                   {FreeRDP_SupportSkipChannelJoin, false},
                                   {FreeRDP_CompressionEnabled, false},
                                   {FreeRDP_SynchronousStaticChannels, true},
                                   {FreeRDP_SynchronousDynamicChannels, true},
                                   {FreeRDP_SupportDynamicChannels, pipeline},
                                   {FreeRDP_SupportGraphicsPipeline, pipeline},
                                   {FreeRDP_GfxH264, pipeline},
                                   {FreeRDP_GfxAVC444, false},
                                   {FreeRDP_RemoteFxCodec, false},
                                   {FreeRDP_NSCodec, false},
                                   {FreeRDP_JpegCodec, false},
                                   {FreeRDP_FastPathInput, true},
                                   {FreeRDP_FastPathOutput, true},
                                   {FreeRDP_SoftwareGdi, true},
                                   {FreeRDP_RedirectClipboard, false},
                                   {FreeRDP_SupportDisplayControl, false},
                                   {FreeRDP_SupportGeometryTracking, false},
                                   {FreeRDP_SupportVideoOptimized, false},
                                   {FreeRDP_SupportEchoChannel, false},
                                   {FreeRDP_DeviceRedirection, false},
                                   {FreeRDP_AudioPlayback, false},
                                   {FreeRDP_AudioCapture, false},
                                   {FreeRDP_DeactivateClientDecoding, !target_.decode}}) &&
                    freerdp_settings_set_string(&settings, FreeRDP_ServerHostname, target_.address.c_str()) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_ServerPort, target_.port) &&
                    freerdp_settings_set_string(&settings, FreeRDP_Username, "bench") &&
                    freerdp_settings_set_string(&settings, FreeRDP_Password, "bench") &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_RdpVersion, RDP_VERSION_10_7) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_ProxyType, PROXY_TYPE_IGNORE) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_MultitransportFlags, 0) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_TcpConnectTimeout, 15000) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_ThreadingFlags, THREADING_FLAGS_DISABLE_THREADS) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_ColorDepth, 32) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_DesktopWidth, 1024) &&
                    freerdp_settings_set_uint32(&settings, FreeRDP_DesktopHeight, 768);
  if (!done) throw std::runtime_error("the client cannot be set up");
}

void RdpClient::run() {
  const bool connected = freerdp_connect(instance_) == TRUE;
  if (connected) {
    const std::lock_guard lock(mutex_);
    active_ = Clock::now();
    alive_ = true;
    changed_.notify_all();
  }
  std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
  while (connected && !stopping_ && !freerdp_shall_disconnect_context(instance_->context)) {
    const DWORD count =
        freerdp_get_event_handles(instance_->context, handles.data(), static_cast<DWORD>(handles.size()));
    if (count == 0 || WaitForMultipleObjects(count, handles.data(), FALSE, INFINITE) == WAIT_FAILED) break;
    if (!freerdp_check_event_handles(instance_->context)) break;
  }
  alive_ = false;
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  if (connected) freerdp_disconnect(instance_);
}

void RdpClient::saw_frame() {
  if (frames_++ != 0) return;
  const std::lock_guard lock(mutex_);
  first_frame_ = Clock::now();
  changed_.notify_all();
}

void RdpClient::saw_picture() {
  const std::lock_guard lock(mutex_);
  picture_ = Clock::now();
  changed_.notify_all();
}

Counts RdpClient::counts() {
  UINT64 in = 0;
  UINT64 out = 0;
  UINT64 packets_in = 0;
  UINT64 packets_out = 0;
  freerdp_get_stats(instance_->context->rdp, &in, &out, &packets_in, &packets_out);
  return {.frames = frames_, .bytes = in};
}

const char* RdpClient::error() const {
  return freerdp_get_last_error_name(freerdp_get_last_error(instance_->context));
}

std::optional<double> RdpClient::active(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return active_ || ended_; });
  return active_ ? std::optional(since_start(*active_)) : std::nullopt;
}

std::optional<double> RdpClient::first_frame(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, patience, [this] { return first_frame_ || ended_; });
  return first_frame_ ? std::optional(since_start(*first_frame_)) : std::nullopt;
}

// Read beside the drawing: of a pixel that is being drawn either value is right.
std::uint32_t RdpClient::colour_at(std::uint32_t x, std::uint32_t y) const {
  const rdpGdi* gdi = instance_->context->gdi;
  if (gdi == nullptr || gdi->primary_buffer == nullptr) return 0xFF000000;
  std::uint32_t colour = 0;
  std::memcpy(&colour, gdi->primary_buffer + std::size_t{gdi->stride} * y + std::size_t{4} * x, sizeof colour);
  return colour & 0xFFFFFF;
}

namespace {
bool is_like(std::uint32_t one, std::uint32_t other) {
  for (const unsigned shift : {0U, 8U, 16U, 24U}) {
    const auto a = static_cast<int>(one >> shift & 0xFFU);
    const auto b = static_cast<int>(other >> shift & 0xFFU);
    if (static_cast<std::uint32_t>(std::abs(a - b)) > loss) return false;
  }
  return true;
}
}  // namespace

std::optional<double> RdpClient::pixel(std::uint32_t x, std::uint32_t y, std::uint32_t colour,
                                       std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, patience, [&] { return ended_ || is_like(colour_at(x, y), colour); });
  return came && !ended_ && picture_ ? std::optional(since_start(*picture_)) : std::nullopt;
}

std::optional<double> RdpClient::click(std::uint32_t x, std::uint32_t y, std::chrono::milliseconds patience) {
  const auto before = colour_at(x + beside_the_click, y + beside_the_click);
  const auto clicked = Clock::now();
  auto* input = instance_->context->input;
  const auto at_x = static_cast<UINT16>(x);
  const auto at_y = static_cast<UINT16>(y);
  if (!freerdp_input_send_mouse_event(input, PTR_FLAGS_MOVE, at_x, at_y) ||
      !freerdp_input_send_mouse_event(input, PTR_FLAGS_DOWN | PTR_FLAGS_BUTTON1, at_x, at_y) ||
      !freerdp_input_send_mouse_event(input, PTR_FLAGS_BUTTON1, at_x, at_y)) {
    return std::nullopt;
  }
  std::unique_lock lock(mutex_);
  const bool came = changed_.wait_for(lock, patience, [&] {
    return ended_ || !is_like(colour_at(x + beside_the_click, y + beside_the_click), before);
  });
  if (!came || ended_) return std::nullopt;
  return std::chrono::duration<double, std::milli>(*picture_ - clicked).count();
}

}  // namespace gatehouse::bench
