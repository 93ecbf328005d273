// A real RDP client without a display, on FreeRDP's client library: it logs in, waits for the first picture, does what
// it is told on its standard input, one command a line, and closes; the whole of it as often as it is told.
//
//   chunk CHANNEL TOTAL FLAGS HEX            a piece of a static channel as it is, whatever its lengths say
//   repeat TIMES CHANNEL TOTAL FLAGS HEX
//   wait MILLISECONDS
//   stay                                     until the server closes
//
// It prints "picture" when one has come, a line for each command, and "over ERROR" with what the library says of the
// end (0: nothing). Exit code 1: a session did not come as far as a picture.
//
//   faulty_client ADDRESS PORT USER PASSWORD SESSIONS [CHANNEL...]
#include <freerdp/channels/channels.h>
#include <freerdp/client/channels.h>
#include <freerdp/error.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/settings.h>
#include <freerdp/update.h>
#include <winpr/ssl.h>
#include <winpr/synch.h>
#include <winpr/wlog.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{60};

struct Orders {
  std::vector<std::string> channels;
  std::vector<std::string> commands;
};

struct Context {
  rdpContext base;
  const Orders* orders;
  bool has_picture;
};

Context& context_of(rdpContext* context) {
  return *reinterpret_cast<Context*>(context);
}

void say(const std::string& line) {
  std::cout << line << std::endl;
}

BOOL on_load_channels(freerdp* instance) {
  rdpSettings* settings = instance->context->settings;
  UINT32 count = 0;
  for (const auto& name : context_of(instance->context).orders->channels) {
    CHANNEL_DEF definition{};
    std::strncpy(definition.name, name.c_str(), CHANNEL_NAME_LEN);
    definition.options = CHANNEL_OPTION_INITIALIZED | CHANNEL_OPTION_ENCRYPT_RDP;
    if (!freerdp_settings_set_pointer_array(settings, FreeRDP_ChannelDefArray, count, &definition)) return FALSE;
    ++count;
  }
  return freerdp_settings_set_uint32(settings, FreeRDP_ChannelCount, count);
}
BOOL on_channel_data(freerdp* /*instance*/, UINT16 /*id*/, const BYTE* /*data*/, size_t /*size*/, UINT32 /*flags*/,
                     size_t /*total*/) {
  return TRUE;
}
BOOL on_pre_connect(freerdp* instance) {
  instance->ReceiveChannelData = on_channel_data;
  return TRUE;
}
BOOL on_end_paint(rdpContext* context) {
  context_of(context).has_picture = true;
  return TRUE;
}
BOOL on_resize(rdpContext* context) {
  return gdi_resize(context->gdi, freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopWidth),
                    freerdp_settings_get_uint32(context->settings, FreeRDP_DesktopHeight));
}
BOOL on_post_connect(freerdp* instance) {
  if (!gdi_init(instance, PIXEL_FORMAT_BGRX32)) return FALSE;
  instance->context->update->EndPaint = on_end_paint;
  instance->context->update->DesktopResize = on_resize;
  return TRUE;
}
void on_post_disconnect(freerdp* instance) {
  gdi_free(instance);
}
int on_certificate(freerdp* /*instance*/, const BYTE* /*data*/, size_t /*length*/, const char* /*host*/,
                   UINT16 /*port*/, DWORD /*flags*/) {
  return 2;
}

std::vector<BYTE> bytes_of(const std::string& hex) {
  std::vector<BYTE> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<BYTE>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

bool send_chunk(freerdp* instance, std::istringstream& words) {
  std::string channel;
  std::size_t total = 0;
  UINT32 flags = 0;
  std::string hex;
  words >> channel >> total >> flags >> hex;
  const auto id = freerdp_channels_get_id_by_name(instance, channel.c_str());
  const auto data = bytes_of(hex);
  return id != 0 && id != UINT16_MAX &&
         instance->SendChannelPacket(instance, id, total, flags, data.data(), data.size());
}

// What comes, until `enough` or the time is over; false: the connection has ended.
template <typename Enough>
bool pump(freerdp* instance, std::chrono::milliseconds time, Enough&& enough) {
  const auto until = Clock::now() + time;
  while (!enough() && Clock::now() < until) {
    std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
    const DWORD count =
        freerdp_get_event_handles(instance->context, handles.data(), static_cast<DWORD>(handles.size()));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    if (count == 0 ||
        WaitForMultipleObjects(count, handles.data(), FALSE, static_cast<DWORD>(std::max<long>(left.count(), 0))) ==
            WAIT_FAILED ||
        !freerdp_check_event_handles(instance->context) || freerdp_shall_disconnect_context(instance->context)) {
      return false;
    }
  }
  return true;
}

bool obey(freerdp* instance, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  const auto never = [] { return false; };
  bool done = true;
  if (command == "chunk") {
    done = send_chunk(instance, words);
  } else if (command == "repeat") {
    unsigned times = 0;
    words >> times;
    std::string rest;
    std::getline(words, rest);
    for (unsigned i = 0; i < times && done; ++i) {
      std::istringstream again(rest);
      done = send_chunk(instance, again);
    }
  } else if (command == "wait") {
    unsigned milliseconds = 0;
    words >> milliseconds;
    done = pump(instance, std::chrono::milliseconds(milliseconds), never);
  } else if (command == "stay") {
    done = pump(instance, patience, never);
  } else {
    done = false;
  }
  say(command + (done ? " done" : " failed"));
  return done;
}

bool set_up(rdpSettings* settings, char** argv) {
  bool set = freerdp_settings_set_string(settings, FreeRDP_ServerHostname, argv[1]) &&
             freerdp_settings_set_uint32(settings, FreeRDP_ServerPort, static_cast<UINT32>(std::atoi(argv[2]))) &&
             freerdp_settings_set_string(settings, FreeRDP_Username, argv[3]) &&
             freerdp_settings_set_string(settings, FreeRDP_Password, argv[4]) &&
             freerdp_settings_set_uint32(settings, FreeRDP_DesktopWidth, 1024) &&
             freerdp_settings_set_uint32(settings, FreeRDP_DesktopHeight, 768) &&
             freerdp_settings_set_uint32(settings, FreeRDP_ColorDepth, 32) &&
             freerdp_settings_set_uint32(settings, FreeRDP_ThreadingFlags, THREADING_FLAGS_DISABLE_THREADS);
  set = set && freerdp_settings_set_bool(settings, FreeRDP_TlsSecurity, TRUE);
  for (const auto key : {FreeRDP_NlaSecurity, FreeRDP_RdpSecurity, FreeRDP_ExtSecurity, FreeRDP_SupportGraphicsPipeline,
                         FreeRDP_NetworkAutoDetect, FreeRDP_SupportMultitransport, FreeRDP_CompressionEnabled,
                         FreeRDP_DeviceRedirection, FreeRDP_RedirectClipboard}) {
    set = set && freerdp_settings_set_bool(settings, key, FALSE);
  }
  for (const auto key : {FreeRDP_ExternalCertificateManagement, FreeRDP_SoftwareGdi, FreeRDP_AutoLogonEnabled}) {
    set = set && freerdp_settings_set_bool(settings, key, TRUE);
  }
  return set;
}

// Whether it came as far as a picture.
bool hold_session(char** argv, const Orders& orders) {
  freerdp* instance = freerdp_new();
  if (instance == nullptr) return false;
  instance->ContextSize = sizeof(Context);
  instance->PreConnect = on_pre_connect;
  instance->LoadChannels = on_load_channels;
  instance->PostConnect = on_post_connect;
  instance->PostDisconnect = on_post_disconnect;
  instance->VerifyX509Certificate = on_certificate;
  bool has_picture = false;
  if (freerdp_context_new(instance)) {
    auto& context = context_of(instance->context);
    context.orders = &orders;
    if (set_up(instance->context->settings, argv) && freerdp_connect(instance)) {
      pump(instance, patience, [&] { return context.has_picture; });
      has_picture = context.has_picture;
      if (has_picture) say("picture");
      for (const auto& command : orders.commands) {
        if (!has_picture || !obey(instance, command)) break;
      }
      freerdp_disconnect(instance);
    }
    const auto info = freerdp_error_info(instance);
    say("over " + std::to_string(info != 0 ? info : freerdp_get_last_error(instance->context)));
    freerdp_context_free(instance);
  }
  freerdp_free(instance);
  return has_picture;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr, "faulty_client ADDRESS PORT USER PASSWORD SESSIONS [CHANNEL...]\n");
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
  if (!winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT)) return 1;
  Orders orders;
  for (int i = 6; i < argc; ++i) orders.channels.emplace_back(argv[i]);
  for (std::string line; std::getline(std::cin, line);) orders.commands.push_back(line);
  bool good = true;
  for (int i = 0; i < std::atoi(argv[5]); ++i) good = hold_session(argv, orders) && good;
  return good ? 0 : 1;
}
