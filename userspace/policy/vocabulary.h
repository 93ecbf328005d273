// The words that several rooms share: kinds, reason codes, end reasons. Their spelling (`name(...)`) is what operators
// see in audit rows, JSON and bpftool dumps; it never changes once released. The numbers are stored in the kernel maps:
// append only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace gatehouse::policy {

enum class Transport : std::uint8_t { tcp = 6, udp = 17 };  // IPPROTO_*

// What stands behind a service. A new kind is added here, gets its forwarder in gate/forwarder.h and its line in
// docs/policy.md.
enum class Kind : std::uint8_t { rdp = 1, relay = 2, rustdesk = 3 };

enum class SourceMode : std::uint8_t { gateway, client };  // whose address the backend sees
enum class ProxyProtocol : std::uint8_t { off, v2 };
enum class DenyMode : std::uint8_t { reset, explain };  // how who is denied learns of it

// Of kind rdp. How clients log in at the gateway; nla: with an account that it holds.
enum class Front : std::uint8_t { tls, nla };
// What a server is logged in to with: what the client gave, or what is stored for it.
enum class CredentialSource : std::uint8_t { pass, inject };
// How a server's certificate is known.
enum class CertificateCheck : std::uint8_t { trust_on_first_use, pinned, ca };

// Why a decision is what it is. A new denial code is added at the end here and to `all_reasons` in vocabulary.cc.
enum class Reason : std::uint16_t {
  allowed = 0,
  unknown_source_ip = 1,
  user_inactive = 2,
  server_not_found = 3,
  no_matching_policy = 4,
  policy_expired = 5,
  wrong_source_ip = 6,
  protocol_not_allowed = 7,
  access_revoked = 8,
  outside_schedule = 9,
  login_not_allowed = 10,
  gate_maintenance = 11,
  backend_maintenance = 12,
  maintenance_grace_period = 13,
  internal_error = 14,
  banned_source = 15,
  banned_user = 16,
  banned_backend = 17,
  banned_device = 18,
  denied_by_rule = 19,
  session_limit = 20,
  not_yet_valid = 21,      // only grants that begin later
  store_unavailable = 22,  // allowed, but the audit row could not be written
  out_of_resources = 23,   // allowed, but no descriptor or memory for it
  denied_by_hook = 24,     // the decision hook refused
  hook_failed = 25,        // the decision hook gave no answer that can be used
};

// What an audit row can be about; the store's AuditRow::action.
// One a line, so that changes stand apart.
// clang-format off
inline constexpr std::string_view audit_actions[]{
    "session_allowed",
    "session_denied",
    "session_killed",
    "kernel_denied",
    "policy_applied",
    "ban_added",
    "ban_removed",
    "daemon_started",
    "daemon_stopped",
    "daemon_died",
    "configuration_reloaded",
    "token_added",
    "token_removed",
    "login_failed",
    "retention_removed",
    "backend_trusted",
    "backend_changed",
    "recording_failed",
    "rdp_logon",
    "channel_opened",
    "channel_refused",
    "file_passed",
    "clipboard_passed",
    "connection_allowed",
    "connection_ended",
    "session_continued",
    "redirection_refused",
    "worker_failed",
    "account_set",
    "account_removed",
    "account_refused",
    "credential_set",
    "credential_removed",
    "login_refused",
    "tls_fallback",
    "authority_rotated",
    "recordings_removed",
    "recording_viewed",
    "device_refused",
    "device_let_through",
    "device_approved",
};
// clang-format on
bool is_audit_action(std::string_view text);

// Why a session ended.
enum class EndReason : std::uint16_t {
  none = 0,  // still open
  normal = 1,
  timeout = 2,
  error = 3,
  killed = 4,
  grant_expired = 5,
  grant_revoked = 6,
  inactivity_timeout = 7,
  gate_maintenance = 8,
  forced_disconnect = 9,
  service_restart = 10,
  banned = 11,
  user_inactive = 12,
  service_removed = 13,
  backend_refused = 14,
  backend_unreachable = 15,
  backend_timeout = 16,
  client_reset = 17,
  backend_reset = 18,
  store_unavailable = 19,
  out_of_resources = 20,
};

// Whether an RDP session is recorded, as a grant says it; the numbers are stored. Required: it begins and goes on only
// while it is.
enum class Recording : std::uint8_t { as_configured = 0, required = 1, best_effort = 2, off = 3 };

// What an RDP session may carry besides picture, keyboard and mouse. A set of them is an or of their bits, which are
// stored: append only. `clipboard` and `drives` stand for all that is told apart below them.
enum class Channel : std::uint32_t {
  clipboard = 1U << 0U,
  drives = 1U << 1U,
  printers = 1U << 2U,
  smartcards = 1U << 3U,
  ports = 1U << 4U,
  audio = 1U << 5U,
  microphone = 1U << 6U,
  camera = 1U << 7U,
  usb = 1U << 8U,
  remote_apps = 1U << 9U,
  clipboard_text_to_server = 1U << 10U,
  clipboard_text_to_client = 1U << 11U,
  clipboard_images_to_server = 1U << 12U,
  clipboard_images_to_client = 1U << 13U,
  clipboard_files_to_server = 1U << 14U,
  clipboard_files_to_client = 1U << 15U,
  drives_read = 1U << 16U,   // by the server: from the client's drive
  drives_write = 1U << 17U,  // by the server: onto the client's drive
  drives_delete = 1U << 18U,
  drives_rename = 1U << 19U,
};
using Channels = std::uint32_t;
inline constexpr Channels clipboard_parts = 0x3FU << 10U;
inline constexpr Channels drives_parts = 0xFU << 16U;
inline constexpr Channels all_channels = (1U << 20U) - 1;
inline constexpr bool holds(Channels channels, Channel channel) {
  return (channels & static_cast<Channels>(channel)) != 0;
}
// With the whole where all its parts are, and all parts where the whole is.
Channels whole_channels(Channels channels);

std::string_view name(Channel value);
std::string_view name(Recording value);  // empty for as_configured
std::string_view name(Transport value);
std::string_view name(Kind value);
std::string_view name(SourceMode value);
std::string_view name(ProxyProtocol value);
std::string_view name(DenyMode value);
std::string_view name(Front value);
std::string_view name(CredentialSource value);
std::string_view name(CertificateCheck value);
std::string_view name(Reason value);      // "unknown" for a number that is no reason
std::string_view name(EndReason value);   // "open" for none
std::string_view describe(Reason value);  // one sentence for people, with what to do about it

std::optional<Channel> channel_of(std::string_view text);
std::optional<Recording> recording_of(std::string_view text);
std::optional<Transport> transport_of(std::string_view text);
std::optional<Kind> kind_of(std::string_view text);
std::optional<SourceMode> source_mode_of(std::string_view text);
std::optional<ProxyProtocol> proxy_protocol_of(std::string_view text);
std::optional<DenyMode> deny_mode_of(std::string_view text);
std::optional<Front> front_of(std::string_view text);
std::optional<CredentialSource> credential_source_of(std::string_view text);
std::optional<CertificateCheck> certificate_check_of(std::string_view text);
std::optional<Reason> reason_of(std::string_view text);
std::optional<EndReason> end_reason_of(std::string_view text);

// The end reason of a live session whose decision turned into a denial with this reason.
EndReason end_reason_for(Reason reason);

}  // namespace gatehouse::policy
