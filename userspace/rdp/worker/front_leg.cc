#include "rdp/worker/front_leg.h"

#include <fcntl.h>
#include <freerdp/channels/channels.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/error.h>
#include <freerdp/freerdp.h>
#include <freerdp/input.h>
#include <freerdp/peer.h>
#include <freerdp/update.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <winpr/ntlm.h>
#include <winpr/string.h>
#include <winpr/synch.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

#include "rdp/worker/channel_relay.h"
#include "rdp/worker/input_notes.h"
#include "rdp/worker/leg_transport.h"
#include "rdp/worker/session.h"
#include "rdp/worker/settings.h"

namespace gatehouse::rdp {
namespace {

constexpr std::chrono::milliseconds longest_farewell{300};  // less than the daemon waits before it cuts
constexpr std::chrono::milliseconds between_looks{5};

struct FrontContext {
  rdpContext base;
  Session* session;
};

Session& session_of(rdpContext* context) {
  return *reinterpret_cast<FrontContext*>(context)->session;
}
Session& session_of(const freerdp_peer* peer) {
  return session_of(peer->context);
}

// ---- what the client types and points at: as it came, to the backend that is there

template <typename Send>
BOOL pass_input(rdpInput* input, Send&& send) {
  rdpContext* back = session_of(input->context).back();
  if (back == nullptr) return TRUE;
  return send(back->input);
}

BOOL on_synchronize(rdpInput* input, UINT32 flags) {
  return pass_input(input, [&](rdpInput* to) { return freerdp_input_send_synchronize_event(to, flags); });
}
BOOL on_keyboard(rdpInput* input, UINT16 flags, UINT8 code) {
  return pass_input(input, [&](rdpInput* to) {
    note_scan_code(session_of(input->context), flags, code);
    return freerdp_input_send_keyboard_event(to, flags, code);
  });
}
BOOL on_unicode(rdpInput* input, UINT16 flags, UINT16 code) {
  return pass_input(input, [&](rdpInput* to) {
    note_unicode(session_of(input->context), flags, code);
    return freerdp_input_send_unicode_keyboard_event(to, flags, code);
  });
}
BOOL on_mouse(rdpInput* input, UINT16 flags, UINT16 x, UINT16 y) {
  return pass_input(input, [&](rdpInput* to) {
    note_mouse(session_of(input->context), flags, x, y);
    return freerdp_input_send_mouse_event(to, flags, x, y);
  });
}
BOOL on_relative_mouse(rdpInput* input, UINT16 flags, INT16 x, INT16 y) {
  return pass_input(input, [&](rdpInput* to) {
    note_relative_mouse(session_of(input->context), flags, x, y);
    return freerdp_input_send_rel_mouse_event(to, flags, x, y);
  });
}
BOOL on_extended_mouse(rdpInput* input, UINT16 flags, UINT16 x, UINT16 y) {
  return pass_input(input, [&](rdpInput* to) {
    note_extended_mouse(session_of(input->context), flags, x, y);
    return freerdp_input_send_extended_mouse_event(to, flags, x, y);
  });
}
BOOL on_focus(rdpInput* input, UINT16 states) {
  return pass_input(input, [&](rdpInput* to) { return freerdp_input_send_focus_in_event(to, states); });
}
BOOL on_pause(rdpInput* input) {
  return pass_input(input, [&](rdpInput* to) { return freerdp_input_send_keyboard_pause_event(to); });
}
BOOL on_qoe(rdpInput* input, UINT32 time) {
  return pass_input(input, [&](rdpInput* to) { return freerdp_input_send_qoe_timestamp(to, time); });
}

BOOL on_refresh(rdpContext* context, BYTE count, const RECTANGLE_16* areas) {
  rdpContext* back = session_of(context).back();
  return back == nullptr || back->update->RefreshRect(back, count, areas) ? TRUE : FALSE;
}
BOOL on_suppress(rdpContext* context, BYTE allow, const RECTANGLE_16* area) {
  rdpContext* back = session_of(context).back();
  return back == nullptr || back->update->SuppressOutput(back, allow, area) ? TRUE : FALSE;
}
BOOL on_frame_acknowledge(rdpContext* context, UINT32 frame) {
  rdpContext* back = session_of(context).back();
  return back == nullptr || back->update->SurfaceFrameAcknowledge(back, frame) ? TRUE : FALSE;
}

// ---- the connection

int digit_of(char each) {
  if (each >= '0' && each <= '9') return each - '0';
  each = static_cast<char>(each | 0x20);
  return each >= 'a' && each <= 'f' ? each - 'a' + 10 : -1;
}

std::string utf8_of(const UINT16* text, std::size_t length) {
  if (text == nullptr || length == 0) return {};
  std::size_t bytes = 0;
  char* converted = ConvertWCharNToUtf8Alloc(reinterpret_cast<const WCHAR*>(text), length, &bytes);
  std::string result = converted == nullptr ? std::string() : std::string(converted, bytes);
  std::free(converted);
  return result;
}

// NTOWFv2 out of the NT hash that the daemon keeps (MS-NLMP 3.3.2). Whatever its type says: 0 refuses, all else is good
// (ntlm_compute.c of WinPR 3.10).
SECURITY_STATUS on_ntlm_hash(void* client, const SEC_WINNT_AUTH_IDENTITY* identity, const SecBuffer* /*proof*/,
                             const BYTE* /*session_key*/, const BYTE* /*mic*/, const SecBuffer* /*mic_value*/,
                             BYTE* hash) {
  constexpr SECURITY_STATUS refused = 0;
  constexpr SECURITY_STATUS good = 1;
  auto& session = session_of(static_cast<freerdp_peer*>(client));
  const auto nt_hash = session.account_hash(utf8_of(identity->User, identity->UserLength),
                                            utf8_of(identity->Domain, identity->DomainLength));
  std::array<BYTE, 16> bytes{};
  if (!nt_hash || nt_hash->size() != bytes.size() * 2) return refused;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit_of((*nt_hash)[2 * i]);
    const int low = digit_of((*nt_hash)[2 * i + 1]);
    if (high < 0 || low < 0) return refused;
    bytes.at(i) = static_cast<BYTE>(high << 4 | low);
  }
  const BOOL made = NTOWFv2FromHashW(bytes.data(), reinterpret_cast<LPWSTR>(identity->User), identity->UserLength * 2,
                                     reinterpret_cast<LPWSTR>(identity->Domain), identity->DomainLength * 2, hash);
  explicit_bzero(bytes.data(), bytes.size());
  return made ? good : refused;
}

// `after_nla`: what the client has delegated stands in the settings, up to its Client Info (nla_read_ts_credentials()
// of FreeRDP 3.10; `identity` is empty). The PIN of a smart card is no password.
BOOL on_logon(freerdp_peer* peer, const SEC_WINNT_AUTH_IDENTITY* /*identity*/, BOOL after_nla) {
  auto& session = session_of(peer);
  session.handshake_went_on();
  if (!after_nla) return TRUE;
  session.has_logged_in();
  const auto* settings = peer->context->settings;
  const auto text = [&](FreeRDP_Settings_Keys_String key) {
    const char* value = freerdp_settings_get_string(settings, key);
    return value == nullptr ? std::string() : std::string(value);
  };
  const bool is_pin = freerdp_settings_get_bool(settings, FreeRDP_PasswordIsSmartcardPin) == TRUE;
  session.take_delegated({.user = text(FreeRDP_Username),
                          .domain = text(FreeRDP_Domain),
                          .password = is_pin ? std::string() : text(FreeRDP_Password)});
  return TRUE;
}
BOOL on_capabilities(freerdp_peer* peer) {
  session_of(peer).handshake_went_on();
  forget_orders(*peer->context->settings);
  return TRUE;
}
BOOL on_post_connect(freerdp_peer* peer) {
  return session_of(peer).connect_back() ? TRUE : FALSE;
}
BOOL on_activate(freerdp_peer* peer) {
  auto& session = session_of(peer);
  return session.front_transport().take_over(*peer->context) && session.open_gate() ? TRUE : FALSE;
}
BOOL on_channel_data(freerdp_peer* peer, UINT16 id, const BYTE* data, size_t size, UINT32 flags, size_t total) {
  return pass_to_back(session_of(peer), id, {data, size, flags, total}) ? TRUE : FALSE;
}

BOOL make_context(freerdp_peer* /*peer*/, rdpContext* /*context*/) {
  return TRUE;
}

}  // namespace

FrontLeg::FrontLeg(Session& session, Fd client)
    : session_(session),
      client_(::fcntl(client.get(), F_DUPFD_CLOEXEC, 0)),
      woken_(CreateEventA(nullptr, TRUE, FALSE, nullptr)) {
  peer_ = freerdp_peer_new(client.get());
  if (peer_ != nullptr) client.release();
}

FrontLeg::~FrontLeg() {
  if (peer_ != nullptr) {
    freerdp_peer_context_free(peer_);
    freerdp_peer_free(peer_);
  }
  CloseHandle(woken_);
}

Result<void> FrontLeg::prepare() {
  if (peer_ == nullptr) return failure("no peer for the client can be made");
  peer_->ContextSize = sizeof(FrontContext);
  peer_->ContextNew = make_context;
  if (!freerdp_peer_context_new(peer_)) return failure("no context for the client can be made");
  reinterpret_cast<FrontContext*>(peer_->context)->session = &session_;
  if (auto set = set_up_front(*peer_->context->settings, session_.start()); !set) return set;
  peer_->Logon = on_logon;
  peer_->Capabilities = on_capabilities;
  peer_->PostConnect = on_post_connect;
  peer_->Activate = on_activate;
  peer_->ReceiveChannelData = on_channel_data;
  peer_->SspiNtlmHashCallback = on_ntlm_hash;
  rdpInput* input = peer_->context->input;
  input->SynchronizeEvent = on_synchronize;
  input->KeyboardEvent = on_keyboard;
  input->UnicodeKeyboardEvent = on_unicode;
  input->MouseEvent = on_mouse;
  input->RelMouseEvent = on_relative_mouse;
  input->ExtendedMouseEvent = on_extended_mouse;
  input->FocusInEvent = on_focus;
  input->KeyboardPauseEvent = on_pause;
  input->QoEEvent = on_qoe;
  rdpUpdate* update = peer_->context->update;
  update->autoCalculateBitmapData = FALSE;
  update->RefreshRect = on_refresh;
  update->SuppressOutput = on_suppress;
  update->SurfaceFrameAcknowledge = on_frame_acknowledge;
  if (!peer_->Initialize(peer_)) return failure("the leg to the client cannot be initialised");
  return {};
}

void FrontLeg::run() {
  std::array<HANDLE, MAXIMUM_WAIT_OBJECTS> handles{};
  while (!session_.is_ending()) {
    handles[0] = woken_;
    const DWORD count = peer_->GetEventHandles(peer_, &handles[1], static_cast<DWORD>(handles.size() - 1));
    if (count == 0) return;
    session_.front_pulse().waiting();
    if (WaitForMultipleObjects(count + 1, handles.data(), FALSE, INFINITE) == WAIT_FAILED) return;
    if (session_.is_ending()) return;
    session_.front_pulse().working();
    if (take_what_waits()) continue;
    session_.front_has_failed();
    return;
  }
}

bool FrontLeg::take_what_waits() {
  const LegTransport::Batch together(session_.back_transport());
  for (int taken = 0; taken < LegTransport::most_at_once; ++taken) {
    if (!peer_->CheckFileDescriptor(peer_)) return false;
    if (!session_.front_transport().brought_one() || session_.is_ending()) break;
  }
  return true;
}

void FrontLeg::wake(bool hears) {
  SetEvent(woken_);
  if (hears) return;
  // What waits for the client to send waits no more; what there is to tell it still goes.
  ::shutdown(client_.get(), SHUT_RD);
}

void FrontLeg::send_error_info(std::uint32_t code) {
  freerdp_set_error_info(peer_->context->rdp, code);
  if (!freerdp_send_error_info(peer_->context->rdp)) return;
  // A socket that is closed with unread bytes in it is reset, and what the client has not read by then is lost to it.
  // So the end is announced first, and what the client still says is taken away until it closes as well.
  ::shutdown(client_.get(), SHUT_WR);
  std::array<char, 4096> ignored{};
  for (const auto until = std::chrono::steady_clock::now() + longest_farewell;
       std::chrono::steady_clock::now() < until;) {
    tcp_info state{};
    socklen_t length = sizeof state;
    while (::recv(client_.get(), ignored.data(), ignored.size(), MSG_DONTWAIT) > 0) {
    }
    if (::getsockopt(client_.get(), IPPROTO_TCP, TCP_INFO, &state, &length) != 0 ||
        (state.tcpi_state != TCP_FIN_WAIT1 && state.tcpi_state != TCP_FIN_WAIT2)) {
      return;
    }
    std::this_thread::sleep_for(between_looks);
  }
}

void FrontLeg::close() {
  if (peer_ == nullptr || peer_->context == nullptr) return;
  peer_->Disconnect(peer_);
  ::shutdown(client_.get(), SHUT_RDWR);
}

}  // namespace gatehouse::rdp
