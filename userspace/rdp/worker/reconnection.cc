#include "rdp/worker/reconnection.h"

#include <freerdp/freerdp.h>
#include <freerdp/session.h>
#include <freerdp/settings.h>
#include <freerdp/update.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace gatehouse::rdp {
namespace {

constexpr std::size_t digest_bytes = 16;
constexpr std::uint32_t packet_bytes = 28;  // of both packets
constexpr std::uint32_t packet_version = 1;

std::string hexadecimal(const BYTE* bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < digest_bytes; ++i) {
    text += digits[bytes[i] >> 4U];
    text += digits[bytes[i] & 15U];
  }
  return text;
}

// `text` has 32 digits, as the reader of messages has checked.
void put_bytes(const std::string& text, BYTE* bytes) {
  const auto digit = [](char each) { return each <= '9' ? each - '0' : each - 'a' + 10; };
  for (std::size_t i = 0; i < digest_bytes; ++i) {
    bytes[i] = static_cast<BYTE>(digit(text.at(2 * i)) << 4 | digit(text.at(2 * i + 1)));
  }
}

}  // namespace

std::optional<ReconnectProof> proof_of(const rdpSettings& front) {
  const auto* packet = static_cast<const ARC_CS_PRIVATE_PACKET*>(
      freerdp_settings_get_pointer(&front, FreeRDP_ClientAutoReconnectCookie));
  if (packet == nullptr || packet->cbLen != packet_bytes) return std::nullopt;
  return ReconnectProof{.logon_id = packet->logonId, .verifier = hexadecimal(packet->securityVerifier)};
}

bool give_cookie(rdpContext& front, const ReconnectCookie& cookie) {
  if (!freerdp_settings_get_bool(front.settings, FreeRDP_AutoReconnectionPacketSupported)) return true;
  logon_info_ex info{};
  info.haveCookie = TRUE;
  info.LogonId = cookie.logon_id;
  put_bytes(cookie.random, info.ArcRandomBits);
  return front.update->SaveSessionInfo(&front, INFO_TYPE_LOGON_EXTENDED_INF, &info) == TRUE;
}

ReconnectCookie cookie_of(const logon_info_ex& info) {
  return {.logon_id = info.LogonId, .random = hexadecimal(info.ArcRandomBits)};
}

void show_cookie(rdpSettings& back, const ReconnectCookie& cookie) {
  auto* packet = static_cast<ARC_SC_PRIVATE_PACKET*>(
      freerdp_settings_get_pointer_writable(&back, FreeRDP_ServerAutoReconnectCookie));
  if (packet == nullptr) return;
  packet->cbLen = packet_bytes;
  packet->version = packet_version;
  packet->logonId = cookie.logon_id;
  put_bytes(cookie.random, packet->arcRandomBits);
}

}  // namespace gatehouse::rdp
