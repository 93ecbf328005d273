// How bans name devices (policy::Subject::device): "123456789" is an id, "uuid:BASE64" and "pk:BASE64" are the bytes of
// RegisterPk.uuid and RegisterPk.pk of rendezvous.proto, in standard base64 with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "rustdesk/bytes.h"

namespace gatehouse::rustdesk {

// Bytes of an id, and of a uuid or public key, that a ban can still name (128 characters); stock ones have 6 to 16, 16
// to 64 and 32.
inline constexpr std::size_t longest_id = 128;
inline constexpr std::size_t longest_identity = 90;

inline constexpr std::string_view uuid_prefix = "uuid:";
inline constexpr std::string_view pk_prefix = "pk:";

std::string base64(Bytes bytes);
std::string uuid_name(Bytes uuid);
std::string pk_name(Bytes pk);

struct IdentityName {
  bool is_pk = false;
  Buffer bytes;
};
// Of a uuid or a public key; nullopt for an id, and for what is no base64.
std::optional<IdentityName> parse_identity_name(std::string_view name);

// What hbbs sends to itself each second to see whether it still works; without an answer it exits (hbbs 1.1.x).
inline constexpr std::string_view self_test_id = "(:test_hbbs:)";

}  // namespace gatehouse::rustdesk
