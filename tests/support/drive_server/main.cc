// A real RDP server without a desktop, on FreeRDP's server library, that uses the drives which its client redirects, as
// it is told on its standard input, one command a line:
//
//   read PATH | write PATH TEXT | get PATH FILE | put FILE PATH | delete PATH | rename PATH PATH
//   channel NAME: opens a dynamic channel, "channel 00000000" where the client has it and it is let
//
// FILE is a file here. They begin when the client has redirected a drive (or has not, for 8 s). Each is answered by a
// line with the client's status: "read 00000000 content", "write c0000022". Drives are lines too: "drive SHARE".
//
//   drive_server ADDRESS PORT CERTIFICATE KEY
#include <arpa/inet.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
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
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "drives.h"

namespace {

using drive_server::Drives;

void say(const std::string& line) {
  std::cout << line << std::endl;
}
std::string word_of(std::uint32_t status) {
  if (status == drive_server::no_answer) return "unanswered";
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08x", status);
  return text.data();
}

std::string content_of(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

std::string obey(Drives& drives, const std::string& command, const std::string& path, const std::string& rest) {
  std::string content;
  if (command == "read") {
    const auto status = drives.read(path, content);
    return word_of(status) + " " + content;
  }
  if (command == "get") {
    const auto status = drives.read(path, content);
    std::ofstream(rest, std::ios::binary) << content;
    return word_of(status);
  }
  if (command == "write") return word_of(drives.write(path, rest));
  if (command == "put") return word_of(drives.write(rest, content_of(path)));
  if (command == "delete") return word_of(drives.remove(path));
  if (command == "rename") return word_of(drives.rename(path, rest));
  return "unknown";
}

// MS-RDPEDYC 2.2.2.2: what the client answers to a wish to open a dynamic channel.
struct Opening {
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<std::uint32_t> status;
};
Opening opening;

BOOL on_dynamic_channel(void* /*data*/, UINT32 /*channel*/, INT32 status) {
  const std::lock_guard lock(opening.mutex);
  opening.status = static_cast<std::uint32_t>(status);
  opening.changed.notify_all();
  return TRUE;
}

DWORD session_of(HANDLE channels) {
  char* number = nullptr;
  DWORD bytes = 0;
  if (!WTSQuerySessionInformationA(channels, WTS_CURRENT_SESSION, WTSSessionId, &number, &bytes)) return 0;
  DWORD session = 0;
  std::memcpy(&session, number, sizeof session);
  WTSFreeMemory(number);
  return session;
}

std::string open_dynamic(HANDLE channels, const std::string& name) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (WTSVirtualChannelManagerGetDrdynvcState(channels) != DRDYNVC_STATE_READY) {
    if (std::chrono::steady_clock::now() > until) return "none";
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  {
    const std::lock_guard lock(opening.mutex);
    opening.status.reset();
  }
  WTSVirtualChannelManagerSetDVCCreationCallback(channels, on_dynamic_channel, nullptr);
  const auto* channel =
      WTSVirtualChannelOpenEx(session_of(channels), const_cast<char*>(name.c_str()), WTS_CHANNEL_OPTION_DYNAMIC);
  if (channel == nullptr) return "none";
  std::unique_lock lock(opening.mutex);
  opening.changed.wait_until(lock, until, [] { return opening.status.has_value(); });
  return opening.status ? word_of(*opening.status) : "unanswered";
}

// Until it is told nothing more; what it has opened stays so, for the session goes on.
void obey_all(HANDLE channels, bool joined) {
  std::unique_ptr<Drives> drives;
  std::optional<std::string> name;
  if (joined) {
    drives = std::make_unique<Drives>(channels);
    name = drives->wait(std::chrono::seconds(8));
  }
  if (name) say("drive " + *name);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    std::string path;
    words >> command >> path;
    std::string rest;
    std::getline(words >> std::ws, rest);
    if (command == "channel") {
      say("channel " + open_dynamic(channels, path) + " " + path);
    } else {
      say(command + " " + (name ? obey(*drives, command, path, rest) : "none"));
    }
  }
  static_cast<void>(drives.release());  // its channel is the peer's, which ends this process
}

// ---- the session

BOOL on_activate(freerdp_peer* /*peer*/) {
  return TRUE;
}
BOOL on_post_connect(freerdp_peer* /*peer*/) {
  return TRUE;
}

int serve(int client, const char* certificate, const char* key) {
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
  std::thread commands;
  int code = 0;
  while (true) {
    std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
    DWORD count = peer->GetEventHandles(peer, handles.data(), static_cast<DWORD>(handles.size() - 1));
    if (count == 0) code = 1;
    if (count == 0) break;
    handles.at(count++) = WTSVirtualChannelManagerGetEventHandle(channels);
    WaitForMultipleObjects(count, handles.data(), FALSE, INFINITE);
    if (!peer->CheckFileDescriptor(peer)) break;
    // It opens drdynvc at its first call and never again: not before the client has joined it.
    if (peer->activated && !WTSVirtualChannelManagerCheckFileDescriptor(channels)) break;
    if (peer->activated && !commands.joinable()) {
      const bool joined = WTSVirtualChannelManagerIsChannelJoined(channels, "rdpdr") == TRUE;
      commands = std::thread([channels, joined] { obey_all(channels, joined); });
    }
  }
  if (commands.joinable()) commands.detach();  // it may wait for an answer that never comes
  return code;
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
  const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  const int code = client < 0 ? 1 : serve(client, argv[3], argv[4]);
  say("over");
  std::cout.flush();
  std::_Exit(code);
}
