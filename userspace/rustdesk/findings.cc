#include "rustdesk/findings.h"

#include <algorithm>

namespace gatehouse::rustdesk {
namespace {

constexpr std::array<std::string_view, check_count> checks{
    "registration", "load", "punch_initiator", "punch_target", "relay_initiator", "relay_target",
    "ticket",       "push", "message"};
constexpr std::array<std::string_view, code_count> codes{
    "allowed",
    "source_banned",
    "id_banned",
    "uuid_banned",
    "pk_banned",
    "machine_banned",
    "device_pending",
    "initiator_banned",
    "initiator_incoming_only",
    "initiator_no_operator",
    "initiator_pending",
    "initiator_known",
    "initiator_ambiguous",
    "initiator_unknown",
    "initiator_without_token",
    "relay_forced",
    "direct_refused",
    "target_banned",
    "target_pending",
    "ticket_missing",
    "ticket_used",
    "ticket_mismatch",
    "ticket_in_use",
    "ticket_limit",
    "answer_unasked",
    "wrong_direction",
    "wrong_port",
    "unreadable_id",
    "unknown_beside",
    "peers_hidden",
    "bans_unavailable",
    "too_many_peers",
};
static_assert(static_cast<std::size_t>(Code::too_many_peers) + 1 == code_count);
static_assert(static_cast<std::size_t>(Check::message) + 1 == check_count);

}  // namespace

std::string_view name(Check check) {
  return checks.at(static_cast<std::size_t>(check));
}
std::string_view name(Code code) {
  return codes.at(static_cast<std::size_t>(code));
}
std::optional<Code> code_of(std::string_view text) {
  const auto* at = std::ranges::find(codes, text);
  if (at == codes.end()) return std::nullopt;
  return static_cast<Code>(at - codes.begin());
}

}  // namespace gatehouse::rustdesk
