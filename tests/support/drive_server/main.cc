// A real RDP server without a desktop, on FreeRDP's server library, that uses the drives which its client redirects, as
// it is told on its standard input, one command a line:
//
//   read PATH | write PATH TEXT | delete PATH | rename PATH PATH
//
// They begin when the client has redirected a drive (or has not, for 8 s). Each is answered by a line: "read 00000000
// content", "write c0000022". Devices are lines too: "drive SHARE". A write or a rename
// that succeeds ("write sent") must be the last command.
//
//   drive_server ADDRESS PORT CERTIFICATE KEY
#include <arpa/inet.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
#include <freerdp/server/rdpdr.h>
#include <freerdp/settings.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <winpr/ssl.h>
#include <winpr/wlog.h>
#include <winpr/wtsapi.h>

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>

namespace {

constexpr UINT32 generic_read = 0x80000000;
constexpr UINT32 generic_write = 0x40000000;
constexpr UINT32 only_what_is_there = 1;
constexpr UINT32 or_make_it = 5;

// What the one client of this server has, and what came of the last request to it.
struct Drives {
  std::mutex mutex;
  std::condition_variable changed;
  RdpdrServerContext* channel = nullptr;
  bool has_drive = false;
  UINT32 drive = 0;
  bool answered = false;
  UINT32 status = 0;
  UINT32 file = 0;
  std::string data;

  // Requests and waits.
  template <typename Request>
  UINT32 ask(Request&& request, std::chrono::milliseconds patience = std::chrono::seconds(10)) {
    std::unique_lock lock(mutex);
    answered = false;
    data.clear();
    lock.unlock();
    if (request() != CHANNEL_RC_OK) return 1;
    lock.lock();
    return changed.wait_for(lock, patience, [&] { return answered; }) ? status : 2;
  }
  void answer(UINT32 outcome, UINT32 opened = 0, std::string content = {}) {
    const std::lock_guard lock(mutex);
    answered = true;
    status = outcome;
    if (opened != 0) file = opened;
    data = std::move(content);
    changed.notify_all();
  }
};

Drives& drives_of(RdpdrServerContext* context) {
  return *static_cast<Drives*>(context->data);
}

void say(const std::string& line) {
  std::cout << line << std::endl;
}
std::string word_of(UINT32 status) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08x", status);
  return text.data();
}

// Not OnDriveCreate: FreeRDP 3.10 calls it only where it takes the client's capabilities for its own.
UINT on_device(RdpdrServerContext* context, const RdpdrDevice* device) {
  const bool is_drive = device->DeviceType == RDPDR_DTYP_FILESYSTEM;
  if (is_drive) {
    auto& drives = drives_of(context);
    const std::lock_guard lock(drives.mutex);
    drives.has_drive = true;
    drives.drive = device->DeviceId;
    drives.changed.notify_all();
  }
  say((is_drive ? "drive " : "device ") + std::string(static_cast<const char*>(device->PreferredDosName)));
  return CHANNEL_RC_OK;
}
void on_opened(RdpdrServerContext* context, void* /*data*/, UINT32 status, UINT32 /*device*/, UINT32 file) {
  drives_of(context).answer(status, file);
}
void on_read(RdpdrServerContext* context, void* /*data*/, UINT32 status, const char* buffer, UINT32 length) {
  drives_of(context).answer(status, 0, buffer == nullptr ? "" : std::string(buffer, length));
}
void on_written(RdpdrServerContext* context, void* /*data*/, UINT32 status, UINT32 /*written*/) {
  drives_of(context).answer(status);
}
void on_done(RdpdrServerContext* context, void* /*data*/, UINT32 status) {
  drives_of(context).answer(status);
}

void read_file(Drives& drives, const std::string& path) {
  auto* channel = drives.channel;
  auto status = drives.ask([&] {
    return channel->DriveOpenFile(channel, nullptr, drives.drive, path.c_str(), generic_read, only_what_is_there);
  });
  std::string content;
  if (status == 0) {
    constexpr UINT32 piece = 65536;
    while (true) {
      status = drives.ask([&] {
        return channel->DriveReadFile(channel, nullptr, drives.drive, drives.file, piece,
                                      static_cast<UINT32>(content.size()));
      });
      if (status != 0 || drives.data.empty()) break;
      content += drives.data;
    }
    drives.ask([&] { return channel->DriveCloseFile(channel, nullptr, drives.drive, drives.file); });
  }
  say("read " + word_of(status) + " " + content);
}

// Of a success FreeRDP 3.10 takes the client's answer for broken, and its channel ends: "sent".
void say_outcome(const std::string& command, UINT32 status) {
  say(command + " " + (status == 2 ? "sent" : word_of(status)));
}

void write_file(Drives& drives, const std::string& path, const std::string& text) {
  auto* channel = drives.channel;
  auto status = drives.ask(
      [&] { return channel->DriveOpenFile(channel, nullptr, drives.drive, path.c_str(), generic_write, or_make_it); });
  if (status == 0) {
    status = drives.ask(
        [&] {
          return channel->DriveWriteFile(channel, nullptr, drives.drive, drives.file, text.data(),
                                         static_cast<UINT32>(text.size()), 0);
        },
        std::chrono::seconds(1));
    if (status != 2) drives.ask([&] { return channel->DriveCloseFile(channel, nullptr, drives.drive, drives.file); });
  }
  say_outcome("write", status);
}

void obey(Drives& drives) {
  {
    std::unique_lock lock(drives.mutex);
    drives.changed.wait_for(lock, std::chrono::seconds(8), [&] { return drives.has_drive; });
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::string path;
    words >> command >> path;
    std::string rest;
    std::getline(words >> std::ws, rest);
    auto* channel = drives.channel;
    if (channel == nullptr || !drives.has_drive) {
      say(command + " none");
    } else if (command == "read") {
      read_file(drives, path);
    } else if (command == "write") {
      write_file(drives, path, rest);
    } else if (command == "delete") {
      say_outcome(command,
                  drives.ask([&] { return channel->DriveDeleteFile(channel, nullptr, drives.drive, path.c_str()); }));
    } else if (command == "rename") {
      say_outcome(
          command,
          drives.ask(
              [&] { return channel->DriveRenameFile(channel, nullptr, drives.drive, path.c_str(), rest.c_str()); },
              std::chrono::seconds(1)));
    } else {
      say("unknown " + command);
    }
  }
}

// ---- the session

BOOL on_activate(freerdp_peer* /*peer*/) {
  return TRUE;
}
BOOL on_post_connect(freerdp_peer* /*peer*/) {
  return TRUE;
}

bool open_channel(freerdp_peer* peer, HANDLE channels, Drives& drives) {
  auto* context = rdpdr_server_context_new(channels);
  if (context == nullptr) return false;
  context->rdpcontext = peer->context;
  context->data = &drives;
  context->supported = RDPDR_DTYP_FILESYSTEM | RDPDR_DTYP_PRINT;
  context->ReceiveDeviceAnnounce = on_device;
  context->OnDriveOpenFileComplete = on_opened;
  context->OnDriveReadFileComplete = on_read;
  context->OnDriveWriteFileComplete = on_written;
  context->OnDriveCloseFileComplete = on_done;
  context->OnDriveDeleteFileComplete = on_done;
  context->OnDriveRenameFileComplete = on_done;
  if (context->Start(context) != CHANNEL_RC_OK) return false;
  drives.channel = context;
  return true;
}

int serve(int client, const char* certificate, const char* key, Drives& drives) {
  freerdp_peer* peer = freerdp_peer_new(client);
  if (peer == nullptr || !freerdp_peer_context_new(peer)) return 1;
  rdpSettings* settings = peer->context->settings;
  freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerRsaKey, freerdp_key_new_from_file(key), 1);
  freerdp_settings_set_pointer_len(settings, FreeRDP_RdpServerCertificate,
                                   freerdp_certificate_new_from_file(certificate), 1);
  freerdp_settings_set_bool(settings, FreeRDP_RdpSecurity, FALSE);
  freerdp_settings_set_bool(settings, FreeRDP_NlaSecurity, FALSE);
  freerdp_settings_set_bool(settings, FreeRDP_TlsSecurity, TRUE);
  freerdp_settings_set_uint32(settings, FreeRDP_ColorDepth, 32);
  freerdp_settings_set_bool(settings, FreeRDP_SupportMultitransport, FALSE);
  freerdp_settings_set_bool(settings, FreeRDP_NetworkAutoDetect, FALSE);
  peer->PostConnect = on_post_connect;
  peer->Activate = on_activate;
  if (!peer->Initialize(peer)) return 1;
  HANDLE channels = WTSOpenServerA(reinterpret_cast<LPSTR>(peer->context));
  while (true) {
    std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
    DWORD count = peer->GetEventHandles(peer, handles.data(), static_cast<DWORD>(handles.size() - 1));
    if (count == 0) return 1;
    handles.at(count++) = WTSVirtualChannelManagerGetEventHandle(channels);
    WaitForMultipleObjects(count, handles.data(), FALSE, INFINITE);
    if (!peer->CheckFileDescriptor(peer) || !WTSVirtualChannelManagerCheckFileDescriptor(channels)) return 0;
    if (peer->activated && drives.channel == nullptr && WTSVirtualChannelManagerIsChannelJoined(channels, "rdpdr")) {
      if (!open_channel(peer, channels, drives)) return 1;
    }
  }
}

int listen_at(const char* address, const char* port) {
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (::inet_pton(AF_INET, address, &place.sin_addr) != 1) return -1;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(socket, reinterpret_cast<const sockaddr*>(&place), sizeof place) != 0 || ::listen(socket, 8) != 0)
    return -1;
  return socket;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "drive_server ADDRESS PORT CERTIFICATE KEY\n");
    return 2;
  }
  WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
  if (!winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT) || !WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi())) return 1;
  const int listener = listen_at(argv[1], argv[2]);
  if (listener < 0) {
    std::fprintf(stderr, "drive_server cannot listen there\n");
    return 1;
  }
  say("listening");
  Drives drives;
  const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  std::thread commands([&] { obey(drives); });
  const int code = client < 0 ? 1 : serve(client, argv[3], argv[4], drives);
  say("over");
  std::cout.flush();
  commands.detach();  // it waits for a line that never comes
  std::_Exit(code);
}
