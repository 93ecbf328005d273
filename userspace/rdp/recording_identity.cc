#include "rdp/recording_identity.h"

#include <nlohmann/json.hpp>

namespace gatehouse::rdp {
namespace {

using nlohmann::json;

std::string canonical(const json& object) {
  return object.dump(-1, ' ', true, json::error_handler_t::replace);
}

std::string statement(const json& unsigned_object) {
  return "gatehouse recording identity\n" + canonical(unsigned_object);
}

}  // namespace

std::string signed_identity(RecordingIdentity identity, const SigningKey& gateway) {
  json object{{"format", recording_format},
              {"session", identity.session},
              {"user", identity.user},
              {"server", identity.server},
              {"service", identity.service},
              {"grant", identity.grant},
              {"client", identity.client},
              {"started", identity.started},
              {"key", hexadecimal(identity.key)},
              {"gateway", hexadecimal(gateway.public_key())}};
  const auto text = statement(object);
  object["signature"] = hexadecimal(gateway.sign(bytes_of(text)));
  return canonical(object) + "\n";
}

Result<RecordingIdentity> read_identity(std::string_view text) {
  const auto bad = [](const std::string& what) { return failure(std::string(identity_file) + " " + what); };
  if (text.size() > longest_identity) return bad("is too long");
  auto object = json::parse(text, nullptr, false);
  if (!object.is_object() || object.size() != 11) return bad("is none that the gateway has written");
  const auto word = [&](const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!object.value("format", json()).is_number_unsigned() || !object.value("session", json()).is_number_unsigned())
    return bad("is none that the gateway has written");
  if (object["format"] != recording_format) {
    return failure(std::string(identity_file) + " is of format " + object["format"].dump() + ", which is not known",
                   "use the command of the version that recorded it");
  }
  const auto key = bytes_of_hexadecimal<32>(word("key"));
  const auto gateway = bytes_of_hexadecimal<32>(word("gateway"));
  const auto signature = bytes_of_hexadecimal<64>(word("signature"));
  for (const auto* each : {"user", "server", "service", "grant", "client", "started"}) {
    if (!object.value(each, json()).is_string()) return bad("is none that the gateway has written");
  }
  if (!key || !gateway || !signature || canonical(object) + "\n" != text)
    return bad("is none that the gateway has written");
  RecordingIdentity identity{.session = object["session"].get<std::uint64_t>(),
                             .user = word("user"),
                             .server = word("server"),
                             .service = word("service"),
                             .grant = word("grant"),
                             .client = word("client"),
                             .started = word("started"),
                             .key = *key,
                             .gateway = *gateway};
  object.erase("signature");
  if (!is_signed_by(*gateway, bytes_of(statement(object)), *signature)) return bad("is not as the gateway signed it");
  return identity;
}

}  // namespace gatehouse::rdp
