#include "rustdesk/device_names.h"

#include <sodium.h>

namespace gatehouse::rustdesk {

std::string base64(Bytes bytes) {
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // libsodium ends it with a zero
  return text;
}

std::string uuid_name(Bytes uuid) {
  return std::string(uuid_prefix) + base64(uuid);
}
std::string pk_name(Bytes pk) {
  return std::string(pk_prefix) + base64(pk);
}

std::optional<IdentityName> parse_identity_name(std::string_view name) {
  const bool is_pk = name.starts_with(pk_prefix);
  if (!is_pk && !name.starts_with(uuid_prefix)) return std::nullopt;
  name.remove_prefix((is_pk ? pk_prefix : uuid_prefix).size());
  IdentityName identity{is_pk, Buffer(name.size())};
  std::size_t size = 0;
  if (sodium_base642bin(identity.bytes.data(), identity.bytes.size(), name.data(), name.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      size == 0) {
    return std::nullopt;
  }
  identity.bytes.resize(size);
  return identity;
}

}  // namespace gatehouse::rustdesk
