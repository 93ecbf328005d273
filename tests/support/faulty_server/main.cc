// An RDP server that does what no good one does, on FreeRDP's server library: to each client, as soon as it is active,
// what it is told on its standard input, one command a line:
//
//   redirect ADDRESS                  a Server Redirection PDU (MS-RDPBCGR 2.2.13)
//   chunk CHANNEL TOTAL FLAGS HEX     a piece of a static channel as it is, whatever its lengths say
//   repeat TIMES CHANNEL TOTAL FLAGS HEX
//   wait MILLISECONDS
//   close                             the connection, without a word
//
// It prints "listening", "active", a line for each command, and "over".
//
//   faulty_server ADDRESS PORT CERTIFICATE KEY
#include <arpa/inet.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/crypto/certificate.h>
#include <freerdp/crypto/privatekey.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
#include <freerdp/redirection.h>
#include <freerdp/settings.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <winpr/ssl.h>
#include <winpr/wlog.h>
#include <winpr/wtsapi.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

void say(const std::string& line) {
  std::cout << line << std::endl;
}

std::vector<BYTE> bytes_of(const std::string& hex) {
  std::vector<BYTE> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<BYTE>(std::stoul(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

bool redirect(freerdp_peer* peer, const std::string& address) {
  rdpRedirection* redirection = redirection_new();
  UINT32 wrong = 0;
  const bool sent =
      redirection_set_flags(redirection, LB_TARGET_NET_ADDRESS) && redirection_set_session_id(redirection, 1) &&
      redirection_set_string_option(redirection, LB_TARGET_NET_ADDRESS, address.c_str()) &&
      redirection_settings_are_valid(redirection, &wrong) && peer->SendServerRedirection(peer, redirection);
  redirection_free(redirection);
  return sent;
}

bool send_chunk(freerdp_peer* peer, std::istringstream& words) {
  std::string channel;
  std::size_t total = 0;
  UINT32 flags = 0;
  std::string hex;
  words >> channel >> total >> flags >> hex;
  const auto id = WTSChannelGetId(peer, channel.c_str());
  const auto data = bytes_of(hex);
  return id != 0 && peer->SendChannelPacket(peer, id, total, flags, data.data(), data.size());
}

// False: the connection is to be closed.
bool obey(freerdp_peer* peer, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  bool done = true;
  if (command == "redirect") {
    std::string address;
    words >> address;
    done = redirect(peer, address);
  } else if (command == "chunk") {
    done = send_chunk(peer, words);
  } else if (command == "repeat") {
    unsigned times = 0;
    words >> times;
    std::string rest;
    std::getline(words, rest);
    for (unsigned i = 0; i < times && done; ++i) {
      std::istringstream again(rest);
      done = send_chunk(peer, again);
    }
  } else if (command == "wait") {
    unsigned milliseconds = 0;
    words >> milliseconds;
    std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
  } else if (command == "close") {
    return false;
  } else {
    done = false;
  }
  say(command + (done ? " done" : " failed"));
  return true;
}

BOOL agree(freerdp_peer* /*peer*/) {
  return TRUE;
}

void serve(int client, const char* certificate, const char* key, const std::vector<std::string>& commands) {
  freerdp_peer* peer = freerdp_peer_new(client);
  if (peer == nullptr || !freerdp_peer_context_new(peer)) return;
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
  peer->PostConnect = agree;
  peer->Activate = agree;
  bool goes_on = peer->Initialize(peer) == TRUE;
  bool obeyed = false;
  while (goes_on) {
    std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
    const DWORD count = peer->GetEventHandles(peer, handles.data(), static_cast<DWORD>(handles.size()));
    if (count == 0) break;
    WaitForMultipleObjects(count, handles.data(), FALSE, INFINITE);
    if (!peer->CheckFileDescriptor(peer)) break;
    if (!peer->activated || obeyed) continue;
    obeyed = true;
    say("active");
    for (const auto& command : commands) goes_on = goes_on && obey(peer, command);
  }
  ::shutdown(client, SHUT_RDWR);
  say("over");
  freerdp_peer_context_free(peer);
  freerdp_peer_free(peer);
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
    std::fprintf(stderr, "faulty_server ADDRESS PORT CERTIFICATE KEY\n");
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
  if (!winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT) || !WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi())) return 1;
  std::vector<std::string> commands;
  for (std::string line; std::getline(std::cin, line);) commands.push_back(line);
  const int listener = listen_at(argv[1], argv[2]);
  if (listener < 0) {
    std::fprintf(stderr, "faulty_server cannot listen there\n");
    return 1;
  }
  say("listening");
  while (true) {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) serve(client, argv[3], argv[4], commands);
  }
}
