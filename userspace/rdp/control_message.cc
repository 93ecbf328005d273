#include "rdp/control_message.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <type_traits>

namespace gatehouse::rdp {
namespace {

using nlohmann::json;

constexpr std::size_t most_names = 256;
constexpr std::array<const char*, 3> detail_words{"off", "outline", "full"};

// One pass over the members of a message, in either direction: the same list of members writes and reads.
class Writer {
 public:
  explicit Writer(const char* type) { object_["type"] = type; }

  void member(const char* key, const std::string& value) { object_[key] = value; }
  void member(const char* key, const bool& value) { object_[key] = value; }
  template <typename Number>
    requires(std::is_unsigned_v<Number> && !std::is_same_v<Number, bool>)
  void member(const char* key, const Number& value) {
    object_[key] = value;
  }
  void member(const char* key, const Security& value) { object_[key] = value == Security::nla ? "nla" : "tls"; }
  void member(const char* key, const Detail& value) { object_[key] = detail_words.at(static_cast<std::size_t>(value)); }
  void member(const char* key, const Direction& value) {
    object_[key] = value == Direction::to_server ? "to_server" : "to_client";
  }
  void member(const char* key, const std::vector<std::string>& value) { object_[key] = value; }
  void member(const char* key, const std::optional<std::string>& value) {
    if (value) object_[key] = *value;
  }
  void member(const char* key, const std::optional<Credentials>& value) {
    if (value) object_[key] = {{"user", value->user}, {"domain", value->domain}, {"password", value->password}};
  }
  void member(const char* key, const std::optional<ReconnectCookie>& value) {
    if (value) object_[key] = {{"logon_id", value->logon_id}, {"random", value->random}};
  }
  void member(const char* key, const std::optional<ReconnectProof>& value) {
    if (value) object_[key] = {{"logon_id", value->logon_id}, {"verifier", value->verifier}};
  }
  void member(const char* key, const std::optional<ChannelTerms>& value) {
    if (value) {
      object_[key] = {{"channels", value->channels},
                      {"denied_channels", value->denied_channels},
                      {"dynamic_channels", value->dynamic_channels}};
    }
  }
  // What came from a client may be no UTF-8.
  [[nodiscard]] std::string text() const { return object_.dump(-1, ' ', false, json::error_handler_t::replace); }

 private:
  json object_;
};

class Reader {
 public:
  explicit Reader(json object) : object_(std::move(object)) { object_.erase("type"); }

  void member(const char* key, std::string& value) {
    if (const auto found = take(key, true); found.is_string()) {
      value = found;
    } else {
      complain(key);
    }
  }
  void member(const char* key, bool& value) {
    if (const auto found = take(key, true); found.is_boolean()) {
      value = found;
    } else {
      complain(key);
    }
  }
  template <typename Number>
    requires(std::is_unsigned_v<Number> && !std::is_same_v<Number, bool>)
  void member(const char* key, Number& value) {
    const auto found = take(key, true);
    if (found.is_number_unsigned() && found.get<std::uint64_t>() <= std::numeric_limits<Number>::max()) {
      value = found.get<Number>();
    } else {
      complain(key);
    }
  }
  void member(const char* key, Security& value) {
    const auto found = take(key, true);
    if (found == "nla" || found == "tls") {
      value = found == "nla" ? Security::nla : Security::tls;
    } else {
      complain(key);
    }
  }
  void member(const char* key, Detail& value) {
    const auto found = take(key, true);
    const auto* const at =
        std::find_if(detail_words.begin(), detail_words.end(), [&](const char* word) { return found == word; });
    if (at == detail_words.end()) return complain(key);
    value = static_cast<Detail>(at - detail_words.begin());
  }
  void member(const char* key, Direction& value) {
    const auto found = take(key, true);
    if (found != "to_server" && found != "to_client") return complain(key);
    value = found == "to_server" ? Direction::to_server : Direction::to_client;
  }
  void member(const char* key, std::vector<std::string>& value) {
    const auto found = take(key, true);
    if (!found.is_array() || found.size() > most_names) return complain(key);
    for (const auto& each : found) {
      if (!each.is_string()) return complain(key);
      value.push_back(each);
    }
  }
  void member(const char* key, std::optional<std::string>& value) {
    const auto found = take(key, false);
    if (found.is_null()) return;
    if (!found.is_string()) return complain(key);
    value = found.get<std::string>();
  }
  void member(const char* key, std::optional<Credentials>& value) {
    auto found = take(key, false);
    if (found.is_null()) return;
    if (!found.is_object()) return complain(key);
    Reader inner(std::move(found));
    Credentials read;
    inner.member("user", read.user);
    inner.member("domain", read.domain);
    inner.member("password", read.password);
    if (!inner.finish()) return complain(key);
    value = std::move(read);
  }

  void member(const char* key, std::optional<ReconnectCookie>& value) { pair(key, "random", value); }
  void member(const char* key, std::optional<ReconnectProof>& value) { pair(key, "verifier", value); }
  void member(const char* key, std::optional<ChannelTerms>& value) {
    auto found = take(key, false);
    if (found.is_null()) return;
    if (!found.is_object()) return complain(key);
    Reader inner(std::move(found));
    ChannelTerms read;
    inner.member("channels", read.channels);
    inner.member("denied_channels", read.denied_channels);
    inner.member("dynamic_channels", read.dynamic_channels);
    if (!inner.finish()) return complain(key);
    value = std::move(read);
  }

  // Empty: everything was there and nothing else.
  [[nodiscard]] Result<void> finish() {
    if (fault_.empty() && !object_.empty()) fault_ = "unknown key '" + object_.begin().key() + "'";
    if (!fault_.empty()) return failure("a message between daemon and worker: " + fault_);
    return {};
  }

 private:
  // Of automatic reconnection: a number and 16 bytes.
  template <typename Pair>
  void pair(const char* key, const char* bytes, std::optional<Pair>& value) {
    auto found = take(key, false);
    if (found.is_null()) return;
    if (!found.is_object()) return complain(key);
    Reader inner(std::move(found));
    Pair read;
    auto& [logon_id, digits] = read;
    inner.member("logon_id", logon_id);
    inner.member(bytes, digits);
    if (!inner.finish() || digits.size() != 32 || digits.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return complain(key);
    }
    value = std::move(read);
  }
  json take(const char* key, bool required) {
    const auto found = object_.find(key);
    if (found == object_.end()) {
      if (required) complain(key);
      return nullptr;
    }
    json value = std::move(*found);
    object_.erase(found);
    return value;
  }
  void complain(const char* key) {
    if (fault_.empty()) fault_ = "'" + std::string(key) + "' is missing or wrong";
  }

  json object_;
  std::string fault_;
};

template <typename Pass, typename Body>
void pass(Pass& to, Body& body) {
  using Type = std::remove_const_t<Body>;
  if constexpr (std::is_same_v<Type, Start>) {
    to.member("session", body.session);
    to.member("certificate", body.certificate);
    to.member("key", body.key);
    to.member("front", body.front);
    to.member("backend", body.backend);
    to.member("back", body.back);
    to.member("back_may_fall_back", body.back_may_fall_back);
    to.member("channels", body.channels);
    to.member("clipboard_text", body.clipboard_text);
    to.member("keys", body.keys);
    to.member("denied_channels", body.denied_channels);
    to.member("dynamic_channels", body.dynamic_channels);
    to.member("recording", body.recording);
    to.member("keep_files", body.keep_files);
    to.member("recording_key", body.recording_key);
    to.member("recording_base", body.recording_base);
    to.member("handshake_seconds", body.handshake_seconds);
    to.member("refusal", body.refusal);
  } else if constexpr (std::is_same_v<Type, Reply>) {
    to.member("number", body.number);
    to.member("accepted", body.accepted);
    to.member("nt_hash", body.nt_hash);
    to.member("credentials", body.credentials);
    to.member("cookie", body.cookie);
    to.member("terms", body.terms);
    to.member("error_info", body.error_info);
  } else if constexpr (std::is_same_v<Type, End>) {
    to.member("error_info", body.error_info);
  } else if constexpr (std::is_same_v<Type, Warn>) {
    to.member("seconds", body.seconds);
  } else if constexpr (std::is_same_v<Type, AccountQuery>) {
    to.member("number", body.number);
    to.member("user", body.user);
    to.member("domain", body.domain);
  } else if constexpr (std::is_same_v<Type, LogonQuery>) {
    to.member("number", body.number);
    to.member("user", body.user);
    to.member("domain", body.domain);
    to.member("client_name", body.client_name);
    to.member("client_build", body.client_build);
    to.member("width", body.width);
    to.member("height", body.height);
    to.member("security", body.security);
    to.member("channels", body.channels);
    to.member("reconnect", body.reconnect);
  } else if constexpr (std::is_same_v<Type, ActivationQuery> || std::is_same_v<Type, FallbackQuery>) {
    to.member("number", body.number);
  } else if constexpr (std::is_same_v<Type, BackendCookie>) {
    to.member("cookie", body.cookie);
  } else if constexpr (std::is_same_v<Type, CertificateQuery>) {
    to.member("number", body.number);
    to.member("fingerprint", body.fingerprint);
    to.member("pem", body.pem);
  } else if constexpr (std::is_same_v<Type, Active>) {
    to.member("width", body.width);
    to.member("height", body.height);
  } else if constexpr (std::is_same_v<Type, ChannelNotice>) {
    to.member("name", body.name);
    to.member("opened", body.opened);
  } else if constexpr (std::is_same_v<Type, ClipboardNotice>) {
    to.member("direction", body.direction);
    to.member("kind", body.kind);
    to.member("bytes", body.bytes);
    to.member("sha256", body.sha256);
    to.member("text", body.text);
  } else if constexpr (std::is_same_v<Type, FileNotice>) {
    to.member("channel", body.channel);
    to.member("direction", body.direction);
    to.member("name", body.name);
    to.member("bytes", body.bytes);
    to.member("whole", body.whole);
    to.member("sha256", body.sha256);
    to.member("copy", body.copy);
  } else if constexpr (std::is_same_v<Type, RefusalNotice>) {
    to.member("channel", body.channel);
    to.member("what", body.what);
  } else if constexpr (std::is_same_v<Type, Redirection>) {
    to.member("target", body.target);
  } else if constexpr (std::is_same_v<Type, RecordingFailed>) {
    to.member("what", body.what);
  } else if constexpr (std::is_same_v<Type, Ended>) {
    to.member("reason", body.reason);
    to.member("detail", body.detail);
  } else {
    static_assert(std::is_same_v<Type, Ping>);
  }
}

constexpr const char* types[]{"start",
                              "reply",
                              "end",
                              "warn",
                              "account",
                              "logon",
                              "certificate",
                              "active",
                              "channel",
                              "clipboard",
                              "file",
                              "refusal",
                              "redirection",
                              "recording_failed",
                              "ended",
                              "activation",
                              "backend_cookie",
                              "ping",
                              "fallback"};
static_assert(std::size(types) == std::variant_size_v<Message>);

template <std::size_t index = 0>
Result<Message> decode_as(const std::string& type, const json& object) {
  if constexpr (index == std::variant_size_v<Message>) {
    return failure("a message between daemon and worker has the unknown type '" + type.substr(0, 64) + "'");
  } else {
    if (type != types[index]) return decode_as<index + 1>(type, object);
    std::variant_alternative_t<index, Message> body;
    Reader reader(object);
    pass(reader, body);
    if (auto finished = reader.finish(); !finished) return std::unexpected(finished.error());
    return body;
  }
}

}  // namespace

std::string encode(const Message& message) {
  Writer writer(types[message.index()]);
  std::visit([&](const auto& body) { pass(writer, body); }, message);
  return writer.text();
}

Result<Message> decode(std::string_view text) {
  auto object = json::parse(text, nullptr, false);
  if (!object.is_object() || !object.contains("type") || !object["type"].is_string()) {
    return failure("a message between daemon and worker is no JSON object with a type");
  }
  const std::string type = object["type"];
  return decode_as(type, object);
}

}  // namespace gatehouse::rdp
