#include "policy/vocabulary.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace gatehouse::policy {
namespace {

template <typename Enum>
struct Word {
  Enum value;
  std::string_view name;
};

constexpr std::array<Word<Channel>, 20> channel_words{
    {{Channel::clipboard, "clipboard"},
     {Channel::drives, "drives"},
     {Channel::printers, "printers"},
     {Channel::smartcards, "smartcards"},
     {Channel::ports, "ports"},
     {Channel::audio, "audio"},
     {Channel::microphone, "microphone"},
     {Channel::camera, "camera"},
     {Channel::usb, "usb"},
     {Channel::remote_apps, "remote_apps"},
     {Channel::clipboard_text_to_server, "clipboard_text_to_server"},
     {Channel::clipboard_text_to_client, "clipboard_text_to_client"},
     {Channel::clipboard_images_to_server, "clipboard_images_to_server"},
     {Channel::clipboard_images_to_client, "clipboard_images_to_client"},
     {Channel::clipboard_files_to_server, "clipboard_files_to_server"},
     {Channel::clipboard_files_to_client, "clipboard_files_to_client"},
     {Channel::drives_read, "drives_read"},
     {Channel::drives_write, "drives_write"},
     {Channel::drives_delete, "drives_delete"},
     {Channel::drives_rename, "drives_rename"}}};
constexpr std::array<Word<Transport>, 2> all_transports{{{Transport::tcp, "tcp"}, {Transport::udp, "udp"}}};
constexpr std::array<Word<Kind>, 3> all_kinds{
    {{Kind::rdp, "rdp"}, {Kind::relay, "relay"}, {Kind::rustdesk, "rustdesk"}}};
constexpr std::array<Word<SourceMode>, 2> all_source_modes{
    {{SourceMode::gateway, "gateway"}, {SourceMode::client, "client"}}};
constexpr std::array<Word<ProxyProtocol>, 2> all_proxy_protocols{
    {{ProxyProtocol::off, "off"}, {ProxyProtocol::v2, "v2"}}};
constexpr std::array<Word<DenyMode>, 2> all_deny_modes{{{DenyMode::reset, "reset"}, {DenyMode::explain, "explain"}}};
constexpr std::array<Word<Front>, 2> all_fronts{{{Front::tls, "tls"}, {Front::nla, "nla"}}};
constexpr std::array<Word<CredentialSource>, 2> all_credential_sources{
    {{CredentialSource::pass, "pass"}, {CredentialSource::inject, "inject"}}};
constexpr std::array<Word<CertificateCheck>, 3> all_certificate_checks{
    {{CertificateCheck::trust_on_first_use, "trust_on_first_use"},
     {CertificateCheck::pinned, "pinned"},
     {CertificateCheck::ca, "ca"}}};

struct ReasonWord {
  Reason value;
  std::string_view name;
  std::string_view sentence;
};

constexpr std::array<ReasonWord, 26> all_reasons{{
    {Reason::allowed, "allowed", "A grant allows this connection."},
    {Reason::unknown_source_ip, "unknown_source_ip",
     "No user has this source address; add the address or its network to the sources of a user."},
    {Reason::user_inactive, "user_inactive",
     "The user of this source address is not active; set active: true if the user shall have access."},
    {Reason::server_not_found, "server_not_found",
     "There is no service on this address and port, or its server is not active; check services and servers."},
    {Reason::no_matching_policy, "no_matching_policy",
     "No grant lets this user reach this server; add one if the user shall."},
    {Reason::policy_expired, "policy_expired",
     "Every grant of this user for this server has ended; give one a later end or add a new one."},
    {Reason::wrong_source_ip, "wrong_source_ip",
     "The grants of this user for this server are bound to other source addresses; connect from one of those."},
    {Reason::protocol_not_allowed, "protocol_not_allowed",
     "The grants of this user for this server name other protocols; add a grant for this one if the user shall use "
     "it."},
    {Reason::access_revoked, "access_revoked",
     "The grants of this user for this server were revoked (active: false); ask whoever revoked them."},
    {Reason::outside_schedule, "outside_schedule",
     "The grants of this user for this server do not cover this hour; connect within their schedule."},
    {Reason::login_not_allowed, "login_not_allowed",
     "The grants of this user for this server do not allow this login name; use one that they allow."},
    {Reason::gate_maintenance, "gate_maintenance", "The gateway is in maintenance; connect when it is over."},
    {Reason::backend_maintenance, "backend_maintenance", "The server is in maintenance; connect when it is over."},
    {Reason::maintenance_grace_period, "maintenance_grace_period",
     "Maintenance is about to begin and no new connection is let in; connect when it is over."},
    {Reason::internal_error, "internal_error",
     "The gateway could not decide and therefore denied; its log says what went wrong."},
    {Reason::banned_source, "banned_source",
     "The source address or its network is banned; wait for the end of the ban, or remove it with gatehouse ban "
     "remove."},
    {Reason::banned_user, "banned_user", "The user is banned; remove the ban if access shall be given."},
    {Reason::banned_backend, "banned_backend", "The server is banned; remove the ban if access shall be given."},
    {Reason::banned_device, "banned_device", "The device is banned; remove the ban if access shall be given."},
    {Reason::denied_by_rule, "denied_by_rule", "A rule denies this connection; change the rule if it is wrong."},
    {Reason::session_limit, "session_limit",
     "The user has as many sessions open as the grants allow; end one first, or raise the limit."},
    {Reason::not_yet_valid, "not_yet_valid",
     "The grants of this user for this server begin later; wait, or give one an earlier start."},
    {Reason::store_unavailable, "store_unavailable",
     "Access is granted, but the audit row could not be written; mend the store (disk full?), see gatehouse status."},
    {Reason::out_of_resources, "out_of_resources",
     "Access is granted, but the gateway has no descriptor or memory left for it; end sessions or raise its limits."},
    {Reason::denied_by_hook, "denied_by_hook",
     "The decision hook refused the connection; ask whoever keeps what it knows."},
    {Reason::hook_failed, "hook_failed",
     "The decision hook did not answer in time, or not with what can be used; see whether its program runs."},
}};

constexpr std::array<Word<EndReason>, 21> all_end_reasons{{
    {EndReason::none, "open"},
    {EndReason::normal, "normal"},
    {EndReason::timeout, "timeout"},
    {EndReason::error, "error"},
    {EndReason::killed, "killed"},
    {EndReason::grant_expired, "grant_expired"},
    {EndReason::grant_revoked, "grant_revoked"},
    {EndReason::inactivity_timeout, "inactivity_timeout"},
    {EndReason::gate_maintenance, "gate_maintenance"},
    {EndReason::forced_disconnect, "forced_disconnect"},
    {EndReason::service_restart, "service_restart"},
    {EndReason::banned, "banned"},
    {EndReason::user_inactive, "user_inactive"},
    {EndReason::service_removed, "service_removed"},
    {EndReason::backend_refused, "backend_refused"},
    {EndReason::backend_unreachable, "backend_unreachable"},
    {EndReason::backend_timeout, "backend_timeout"},
    {EndReason::client_reset, "client_reset"},
    {EndReason::backend_reset, "backend_reset"},
    {EndReason::store_unavailable, "store_unavailable"},
    {EndReason::out_of_resources, "out_of_resources"},
}};

constexpr std::array<Word<Recording>, 4> recording_words{{{Recording::as_configured, ""},
                                                          {Recording::required, "required"},
                                                          {Recording::best_effort, "best_effort"},
                                                          {Recording::off, "off"}}};

template <typename Words, typename Enum>
std::string_view name_in(const Words& words, Enum value) {
  const auto at = std::find_if(words.begin(), words.end(), [&](const auto& word) { return word.value == value; });
  return at == words.end() ? "unknown" : at->name;
}

template <typename Enum, typename Words>
std::optional<Enum> value_in(const Words& words, std::string_view text) {
  const auto at = std::find_if(words.begin(), words.end(), [&](const auto& word) { return word.name == text; });
  if (at == words.end()) return std::nullopt;
  return at->value;
}

}  // namespace

Channels whole_channels(Channels channels) {
  for (const auto& [whole, parts] : {std::pair{Channel::clipboard, clipboard_parts}, {Channel::drives, drives_parts}}) {
    if (holds(channels, whole)) channels |= parts;
    if ((channels & parts) == parts) channels |= static_cast<Channels>(whole);
  }
  return channels;
}

std::string_view name(Channel value) {
  return name_in(channel_words, value);
}
std::string_view name(Recording value) {
  return name_in(recording_words, value);
}
std::string_view name(Transport value) {
  return name_in(all_transports, value);
}
std::string_view name(Kind value) {
  return name_in(all_kinds, value);
}
std::string_view name(SourceMode value) {
  return name_in(all_source_modes, value);
}
std::string_view name(ProxyProtocol value) {
  return name_in(all_proxy_protocols, value);
}
std::string_view name(DenyMode value) {
  return name_in(all_deny_modes, value);
}
std::string_view name(Front value) {
  return name_in(all_fronts, value);
}
std::string_view name(CredentialSource value) {
  return name_in(all_credential_sources, value);
}
std::string_view name(CertificateCheck value) {
  return name_in(all_certificate_checks, value);
}
std::string_view name(Reason value) {
  return name_in(all_reasons, value);
}
std::string_view name(EndReason value) {
  return name_in(all_end_reasons, value);
}

std::string_view describe(Reason value) {
  const auto* at =
      std::find_if(all_reasons.begin(), all_reasons.end(), [&](const ReasonWord& word) { return word.value == value; });
  return at == all_reasons.end() ? "This version does not know the reason; a newer one wrote it." : at->sentence;
}

std::optional<Channel> channel_of(std::string_view text) {
  return value_in<Channel>(channel_words, text);
}
std::optional<Recording> recording_of(std::string_view text) {
  return text.empty() ? std::nullopt : value_in<Recording>(recording_words, text);
}
std::optional<Transport> transport_of(std::string_view text) {
  return value_in<Transport>(all_transports, text);
}
std::optional<Kind> kind_of(std::string_view text) {
  return value_in<Kind>(all_kinds, text);
}
std::optional<SourceMode> source_mode_of(std::string_view text) {
  return value_in<SourceMode>(all_source_modes, text);
}
std::optional<ProxyProtocol> proxy_protocol_of(std::string_view text) {
  return value_in<ProxyProtocol>(all_proxy_protocols, text);
}
std::optional<DenyMode> deny_mode_of(std::string_view text) {
  return value_in<DenyMode>(all_deny_modes, text);
}
std::optional<Front> front_of(std::string_view text) {
  return value_in<Front>(all_fronts, text);
}
std::optional<CredentialSource> credential_source_of(std::string_view text) {
  return value_in<CredentialSource>(all_credential_sources, text);
}
std::optional<CertificateCheck> certificate_check_of(std::string_view text) {
  return value_in<CertificateCheck>(all_certificate_checks, text);
}
std::optional<Reason> reason_of(std::string_view text) {
  return value_in<Reason>(all_reasons, text);
}
std::optional<EndReason> end_reason_of(std::string_view text) {
  return value_in<EndReason>(all_end_reasons, text);
}

bool is_audit_action(std::string_view text) {
  return std::ranges::find(audit_actions, text) != std::end(audit_actions);
}

EndReason end_reason_for(Reason reason) {
  switch (reason) {
    case Reason::allowed:
      return EndReason::none;
    case Reason::user_inactive:
      return EndReason::user_inactive;
    case Reason::server_not_found:
      return EndReason::service_removed;
    case Reason::policy_expired:
    case Reason::outside_schedule:
      return EndReason::grant_expired;
    case Reason::unknown_source_ip:
    case Reason::no_matching_policy:
    case Reason::wrong_source_ip:
    case Reason::protocol_not_allowed:
    case Reason::access_revoked:
    case Reason::login_not_allowed:
    case Reason::denied_by_rule:
    case Reason::not_yet_valid:
      return EndReason::grant_revoked;
    case Reason::gate_maintenance:
    case Reason::backend_maintenance:
    case Reason::maintenance_grace_period:
      return EndReason::gate_maintenance;
    case Reason::banned_source:
    case Reason::banned_user:
    case Reason::banned_backend:
    case Reason::banned_device:
      return EndReason::banned;
    case Reason::session_limit:
    case Reason::denied_by_hook:
    case Reason::hook_failed:
      return EndReason::forced_disconnect;
    case Reason::store_unavailable:
      return EndReason::store_unavailable;
    case Reason::out_of_resources:
      return EndReason::out_of_resources;
    case Reason::internal_error:
      return EndReason::error;
  }
  return EndReason::error;
}

}  // namespace gatehouse::policy
