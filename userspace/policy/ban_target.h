// What a ban is of, in one value for every kind: an address or network, or somebody or something known by name. And how
// it is written, the same on the command line, in lists, in the API and in the audit: "192.0.2.7", "2001:db8::/32",
// "user:bob", "server:win1", "device:123456789". Pure.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/address.h"
#include "base/result.h"
#include "policy/name_bans.h"

namespace gatehouse::policy {

struct NamedTarget {
  Subject subject = Subject::user;
  std::string name;  // of a device: its id, uuid or public key
  friend auto operator<=>(const NamedTarget&, const NamedTarget&) = default;
};
using BanTarget = std::variant<Prefix, NamedTarget>;

// The kinds of bans. The numbers are what the store holds.
enum class BanKind : std::uint8_t { network = 0, user = 1, server = 2, device = 3 };
inline constexpr std::array all_ban_kinds{BanKind::network, BanKind::user, BanKind::server, BanKind::device};

std::string_view name(BanKind kind);  // "network", "user", "server", "device"
std::optional<BanKind> ban_kind_of(std::string_view text);
BanKind kind_of(const BanTarget& target);
Subject subject_of(BanKind kind);  // not of `network`

// Without the kind: "192.0.2.0/24", "bob".
std::string name_of(const BanTarget& target);
// With it where it is a name: "192.0.2.0/24", "user:bob".
std::string text_of(const BanTarget& target);

// A network as parse_network() takes it; the name of a user or a server as a policy may have it; of a device 1 to 128
// printable ASCII characters without blanks; behind "uuid:" and "pk:" base64 (RFC 4648 section 4), since a ban of
// anything else there would be a ban of nothing.
Result<BanTarget> parse_ban_target(BanKind kind, std::string_view text);
// The written form: a word of a kind and a colon in front, or a network.
Result<BanTarget> parse_ban_target(std::string_view text);

}  // namespace gatehouse::policy

template <>
struct std::hash<gatehouse::policy::NamedTarget> {
  std::size_t operator()(const gatehouse::policy::NamedTarget& target) const noexcept {
    return std::hash<std::string>{}(target.name) * 3 + static_cast<std::size_t>(target.subject);
  }
};
