#include "policy/rustdesk_options.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/address.h"

namespace gatehouse::policy {
namespace {

template <typename Value>
using WordOf = std::pair<Value, std::string_view>;

constexpr std::array<WordOf<InitiatorRule>, 4> initiator_words{{{InitiatorRule::allow, "allow"},
                                                                {InitiatorRule::deny, "deny"},
                                                                {InitiatorRule::force_relay, "force_relay"},
                                                                {InitiatorRule::require_token, "require_token"}}};
constexpr std::array<WordOf<RelayTickets>, 2> ticket_words{
    {{RelayTickets::strict, "strict"}, {RelayTickets::off, "off"}}};
constexpr std::array<WordOf<Enrolment>, 2> enrolment_words{
    {{Enrolment::open, "open"}, {Enrolment::approve, "approve"}}};
constexpr std::array<WordOf<SecureTcp>, 3> secure_words{
    {{SecureTcp::deny, "deny"}, {SecureTcp::pass, "pass"}, {SecureTcp::terminate, "terminate"}}};

constexpr std::size_t longest_refusal = 200;

template <typename Value, std::size_t count>
std::string_view word_of(const std::array<WordOf<Value>, count>& words, Value value) {
  const auto at = std::ranges::find(words, value, &WordOf<Value>::first);
  return at == words.end() ? std::string_view() : at->second;
}

template <typename Value, std::size_t count>
Result<void> put_word(const std::array<WordOf<Value>, count>& words, std::string_view text, Value& into) {
  const auto at = std::ranges::find(words, text, &WordOf<Value>::second);
  if (at != words.end()) {
    into = at->first;
    return {};
  }
  std::string mend = "write ";
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) mend += i + 1 == count ? " or " : ", ";
    mend += words[i].second;
  }
  return failure("'" + std::string(text) + "' is not one of its values", std::move(mend));
}

Result<void> put_id(std::vector<std::string>& ids, std::string_view text) {
  if (!is_device_id(text)) {
    return failure("'" + std::string(text) + "' is not the id of a device",
                   "write it as the client shows it, without blanks");
  }
  const auto at = std::ranges::lower_bound(ids, text);
  if (at == ids.end() || *at != text) ids.insert(at, std::string(text));
  return {};
}

Result<void> put_refusal(RustDeskOptions& options, std::string_view text) {
  if (text.size() > longest_refusal) {
    return failure("the text has more than " + std::to_string(longest_refusal) + " bytes", "write a shorter one");
  }
  options.refusal_text = text;
  return {};
}

Result<void> put_key_path(RustDeskOptions& options, std::string_view text) {
  if (!text.starts_with('/')) return failure("'" + std::string(text) + "' is no absolute path", "write it from / on");
  options.server_key = text;
  return {};
}

Result<void> put_relay_port(RustDeskOptions& options, std::string_view text) {
  const auto port = parse_port(text);
  if (!port) return std::unexpected(port.error());
  options.relay_port = *port;
  return {};
}

template <typename Value>
std::vector<std::string> unless_default(Value value, Value usual) {
  if (value == usual) return {};
  return {std::string(name(value))};
}

std::vector<std::string> unless_empty(const std::string& text) {
  if (text.empty()) return {};
  return {text};
}

}  // namespace

std::string_view name(InitiatorRule value) {
  return word_of(initiator_words, value);
}
std::string_view name(RelayTickets value) {
  return word_of(ticket_words, value);
}
std::string_view name(Enrolment value) {
  return word_of(enrolment_words, value);
}
std::string_view name(SecureTcp value) {
  return word_of(secure_words, value);
}

bool is_device_id(std::string_view text) {
  constexpr std::size_t longest = 64;
  const auto is_printable = [](char c) { return c > ' ' && c < '\x7f'; };
  return !text.empty() && text.size() <= longest && std::ranges::all_of(text, is_printable);
}

std::vector<std::string> values_of(const RustDeskOptions& options, std::string_view key) {
  const RustDeskOptions usual;
  if (key == "relay_port" && options.relay_port != 0) return {std::to_string(options.relay_port)};
  if (key == "initiator_known") return unless_default(options.initiator_known, usual.initiator_known);
  if (key == "initiator_ambiguous") return unless_default(options.initiator_ambiguous, usual.initiator_ambiguous);
  if (key == "initiator_unknown") return unless_default(options.initiator_unknown, usual.initiator_unknown);
  if (key == "relay_tickets") return unless_default(options.relay_tickets, usual.relay_tickets);
  if (key == "enrolment") return unless_default(options.enrolment, usual.enrolment);
  if (key == "incoming_only") return options.incoming_only;
  if (key == "operators") return options.operators;
  if (key == "watched") return options.watched;
  if (key == "refusal_text") return unless_empty(options.refusal_text);
  if (key == "secure_tcp") return unless_default(options.secure_tcp, usual.secure_tcp);
  if (key == "server_key") return unless_empty(options.server_key);
  return {};
}

Result<void> put_value(RustDeskOptions& options, std::string_view key, std::string_view value) {
  if (key == "relay_port") return put_relay_port(options, value);
  if (key == "initiator_known") return put_word(initiator_words, value, options.initiator_known);
  if (key == "initiator_ambiguous") return put_word(initiator_words, value, options.initiator_ambiguous);
  if (key == "initiator_unknown") return put_word(initiator_words, value, options.initiator_unknown);
  if (key == "relay_tickets") return put_word(ticket_words, value, options.relay_tickets);
  if (key == "enrolment") return put_word(enrolment_words, value, options.enrolment);
  if (key == "incoming_only") return put_id(options.incoming_only, value);
  if (key == "operators") return put_id(options.operators, value);
  if (key == "watched") return put_id(options.watched, value);
  if (key == "refusal_text") return put_refusal(options, value);
  if (key == "secure_tcp") return put_word(secure_words, value, options.secure_tcp);
  if (key == "server_key") return put_key_path(options, value);
  return failure("'" + std::string(key) + "' is no option of a RustDesk service", "take it out");
}

}  // namespace gatehouse::policy
