#include "rustdesk/messages.h"

#include <type_traits>

#include "rustdesk/message_fields.h"
#include "rustdesk/utf8.h"
#include "rustdesk/wire.h"

namespace gatehouse::rustdesk {
namespace {

template <typename T>
struct Unwrapped {
  using type = T;
  static constexpr bool is_optional = false;
  static constexpr bool is_list = false;
};
template <typename T>
struct Unwrapped<std::optional<T>> {
  using type = T;
  static constexpr bool is_optional = true;
  static constexpr bool is_list = false;
};
template <typename T>
struct Unwrapped<std::vector<T>> {
  using type = T;
  static constexpr bool is_optional = false;
  static constexpr bool is_list = true;
};

using Failed = std::optional<DecodeError>;

// T: what one occurrence of a field has.
template <typename T>
Failed read_value(const WireField& field, std::size_t longest, T& value) {
  constexpr bool is_text = std::is_same_v<T, std::string_view>;
  if constexpr (is_text || std::is_same_v<T, Bytes>) {
    if (field.type != WireType::length_delimited) return DecodeError::wire_type;
    if (field.content.size() > longest) return DecodeError::name_too_long;
    if constexpr (is_text) {
      if (!is_utf8(field.content)) return DecodeError::text;
      value = as_text(field.content);
    } else {
      value = field.content;
    }
  } else {
    if (field.type != WireType::varint) return DecodeError::wire_type;
    if constexpr (std::is_same_v<T, bool>) {
      if (field.value > 1) return DecodeError::number_range;
      value = field.value == 1;
    } else {
      const auto number = to_int32(field.value);
      if (!number) return number.error();
      value = static_cast<T>(*number);
    }
  }
  return std::nullopt;
}

// `seen`: one bit for each field number.
template <typename M, typename T>
Failed read_field(const FieldOf<M, T>& description, const WireField& field, std::uint32_t& seen, M& message) {
  typename Unwrapped<T>::type value{};
  if constexpr (!Unwrapped<T>::is_list) {
    if ((seen >> description.number & 1U) != 0) return DecodeError::duplicate_field;
    if (description.other != 0 && (seen >> description.other & 1U) != 0) return DecodeError::several_members;
    seen |= 1U << description.number;
  }
  if (const auto failed = read_value(field, description.longest, value)) return failed;
  if constexpr (Unwrapped<T>::is_list) {
    (message.*description.member).push_back(value);
  } else {
    message.*description.member = value;
  }
  return std::nullopt;
}

template <typename M>
Failed read_message(Bytes content, M& message) {
  std::uint32_t seen = 0;
  for (WireReader reader(content); !reader.done();) {
    const auto field = reader.next();
    if (!field) return field.error();
    Failed failed;
    const auto take = [&](const auto& description) {
      if (description.number != field->number) return false;
      failed = read_field(description, *field, seen, message);
      return true;
    };
    const bool known = std::apply([&](const auto&... each) { return (take(each) || ...); }, Description<M>::fields);
    if (failed) return failed;
    if (!known) message.unknown.insert(message.unknown.end(), field->whole.begin(), field->whole.end());
  }
  return std::nullopt;
}

constexpr std::optional<OpaqueKind> opaque_kind(std::uint32_t number) {
  switch (number) {
    case 17:
    case 22:
    case 26:
    case 27:
    case 28:
      return static_cast<OpaqueKind>(number);
    default:
      return std::nullopt;
  }
}

// Calls the function with each message of `Body` that has a Description, until one returns true.
template <typename Function, typename... Ms>
bool for_described(const Function& function, std::type_identity<std::variant<Ms...>> /*body*/) {
  const auto one = [&]<typename M>(std::type_identity<M> type) {
    if constexpr (requires { Description<M>::member; }) return function(type);
    return false;
  };
  return (one(std::type_identity<Ms>{}) || ...);
}

bool is_member(std::uint32_t number) {
  return number >= 6 && number <= 28;
}

Failed read_body(std::uint32_t number, Bytes content, Body& body) {
  if (const auto kind = opaque_kind(number)) {
    body = Opaque{.kind = *kind, .content = content};
    return std::nullopt;
  }
  Failed failed;
  for_described(
      [&]<typename M>(std::type_identity<M>) {
        if (Description<M>::member != number) return false;
        failed = read_message(content, body.emplace<M>());
        return true;
      },
      std::type_identity<Body>{});
  return failed;
}

template <typename T>
void write_value(Buffer& to, std::uint32_t number, const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    put_bytes(to, number, as_bytes(value));
  } else if constexpr (std::is_same_v<T, Bytes>) {
    put_bytes(to, number, value);
  } else {
    put_number(to, number, static_cast<std::int32_t>(value));
  }
}

template <typename T>
bool is_default(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, Bytes>) {
    return value.empty();
  } else {
    return value == T{};
  }
}

template <typename M, typename T>
void write_field(Buffer& to, const FieldOf<M, T>& description, const M& message) {
  const auto& value = message.*description.member;
  if constexpr (Unwrapped<T>::is_list) {
    for (const auto& each : value) write_value(to, description.number, each);
  } else if constexpr (Unwrapped<T>::is_optional) {
    if (value) write_value(to, description.number, *value);
  } else {
    if (!is_default(value)) write_value(to, description.number, value);
  }
}

template <typename M>
void write_body(Buffer& to, const M& message) {
  if constexpr (std::is_same_v<M, Opaque>) {
    put_bytes(to, static_cast<std::uint32_t>(message.kind), message.content);
  } else if constexpr (!std::is_same_v<M, UnknownMember>) {
    Buffer content;
    std::apply([&](const auto&... each) { (write_field(content, each, message), ...); }, Description<M>::fields);
    content.insert(content.end(), message.unknown.begin(), message.unknown.end());
    put_bytes(to, Description<M>::member, content);
  }
}

std::string_view name_of(OpaqueKind kind) {
  switch (kind) {
    case OpaqueKind::software_update:
      return "SoftwareUpdate";
    case OpaqueKind::peer_discovery:
      return "PeerDiscovery";
    case OpaqueKind::health_check:
      return "HealthCheck";
    case OpaqueKind::http_proxy_request:
      return "HttpProxyRequest";
    case OpaqueKind::http_proxy_response:
      return "HttpProxyResponse";
  }
  return "unknown";
}

}  // namespace

std::expected<Message, DecodeError> parse(Bytes bytes, std::size_t longest) {
  if (bytes.size() > longest) return std::unexpected(DecodeError::too_long);
  std::expected<Message, DecodeError> message;
  std::optional<WireField> member;
  std::uint32_t first = 0;
  for (WireReader reader(bytes); !reader.done();) {
    const auto field = reader.next();
    if (!field) return std::unexpected(field.error());
    if (first == 0) first = field->number;
    if (!is_member(field->number)) {
      message->unknown.insert(message->unknown.end(), field->whole.begin(), field->whole.end());
      continue;
    }
    if (field->type != WireType::length_delimited) return std::unexpected(DecodeError::wire_type);
    if (member) return std::unexpected(DecodeError::several_members);
    member = *field;
  }
  if (!member) {
    if (first == 0) return std::unexpected(DecodeError::no_member);
    message->body = UnknownMember{first};
  } else if (const auto failed = read_body(member->number, member->content, message->body)) {
    return std::unexpected(*failed);
  }
  return message;
}

Buffer encode(const Message& message) {
  Buffer bytes;
  std::visit([&](const auto& body) { write_body(bytes, body); }, message.body);
  bytes.insert(bytes.end(), message.unknown.begin(), message.unknown.end());
  return bytes;
}

std::string_view name_of(const Body& body) {
  return std::visit(
      []<typename M>(const M& message) -> std::string_view {
        if constexpr (std::is_same_v<M, Opaque>) {
          return name_of(message.kind);
        } else if constexpr (std::is_same_v<M, UnknownMember>) {
          return "unknown";
        } else {
          return Description<M>::proto_name;
        }
      },
      body);
}

}  // namespace gatehouse::rustdesk
