#include "policy/ban_target.h"

#include <algorithm>

#include "policy/loader_values.h"

namespace gatehouse::policy {
namespace {

constexpr std::array<std::string_view, all_ban_kinds.size()> words_of_ban_kinds{"network", "user", "server", "device"};
constexpr std::size_t longest_device = 128;

bool is_device(std::string_view text) {
  const auto is_printable = [](char c) { return c > ' ' && c < 0x7f; };
  return !text.empty() && text.size() <= longest_device && std::all_of(text.begin(), text.end(), is_printable);
}

// RFC 4648 section 4, with padding, without bits beyond the last byte.
bool is_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() % 4 != 0) return false;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);
  if (text.find_first_not_of(digits) != std::string_view::npos) return false;
  const std::size_t beyond = padding == 2 ? 15 : padding == 1 ? 3 : 0;
  return (digits.find(text.back()) & beyond) == 0;
}

bool has_broken_bytes(std::string_view device) {
  for (const std::string_view prefix : {"uuid:", "pk:"}) {
    if (device.starts_with(prefix)) return !is_base64(device.substr(prefix.size()));
  }
  return false;
}

}  // namespace

std::string_view name(BanKind kind) {
  return words_of_ban_kinds.at(static_cast<std::size_t>(kind));
}

std::optional<BanKind> ban_kind_of(std::string_view text) {
  for (const auto kind : all_ban_kinds) {
    if (name(kind) == text) return kind;
  }
  return std::nullopt;
}

BanKind kind_of(const BanTarget& target) {
  const auto* named = std::get_if<NamedTarget>(&target);
  if (named == nullptr) return BanKind::network;
  switch (named->subject) {
    case Subject::user:
      return BanKind::user;
    case Subject::server:
      return BanKind::server;
    case Subject::device:
      break;
  }
  return BanKind::device;
}

Subject subject_of(BanKind kind) {
  return kind == BanKind::user ? Subject::user : kind == BanKind::server ? Subject::server : Subject::device;
}

std::string name_of(const BanTarget& target) {
  if (const auto* network = std::get_if<Prefix>(&target)) return network->text();
  return std::get<NamedTarget>(target).name;
}

std::string text_of(const BanTarget& target) {
  if (const auto* network = std::get_if<Prefix>(&target)) return network->text();
  return std::string(name(kind_of(target))) + ":" + std::get<NamedTarget>(target).name;
}

Result<BanTarget> parse_ban_target(BanKind kind, std::string_view text) {
  if (kind == BanKind::network) {
    auto network = parse_network(text);
    if (!network) return std::unexpected(network.error());
    return *network;
  }
  if (kind == BanKind::device && !is_device(text)) {
    return failure("'" + std::string(text) + "' is not a device",
                   "write its id, uuid or public key: 1 to 128 printable characters without blanks");
  }
  if (kind == BanKind::device && has_broken_bytes(text)) {
    return failure("'" + std::string(text) + "' names no bytes",
                   "write them in base64 with its padding, as `gatehouse device show` prints them");
  }
  if (kind != BanKind::device && !is_name(text)) {
    return failure("'" + std::string(text) + "' is not the name of a " + std::string(name(kind)),
                   "write it as the policy has it");
  }
  return NamedTarget{subject_of(kind), std::string(text)};
}

Result<BanTarget> parse_ban_target(std::string_view text) {
  // No address begins with one of these words: they have letters beyond f.
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (const auto kind = ban_kind_of(text.substr(0, colon))) return parse_ban_target(*kind, text.substr(colon + 1));
  }
  auto network = parse_network(text);
  if (network) return *network;
  Error error = network.error();
  if (text.find_first_of(".:/") == std::string_view::npos)
    error.mend += "; a name with its kind: user:" + std::string(text);
  return std::unexpected(std::move(error));
}

}  // namespace gatehouse::policy
