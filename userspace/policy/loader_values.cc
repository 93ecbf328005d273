#include "policy/loader_values.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>

namespace gatehouse::policy {

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 63 || std::isalnum(static_cast<unsigned char>(text.front())) == 0) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '@' || c == '-';
  });
}

Result<std::string> parse_protocol(std::string_view text) {
  const bool well_formed = text.size() <= 32 && text.front() >= 'a' && text.front() <= 'z' &&
                           std::all_of(text.begin(), text.end(), [](char c) {
                             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                           });
  if (!well_formed) {
    return failure("'" + std::string(text) + "' is not the name of a protocol",
                   "write a word of at most 32 lower-case letters, digits and '-', like rdp, ssh or vnc");
  }
  return std::string(text);
}

Result<Kind> parse_kind(std::string_view text) {
  const auto kind = kind_of(text);
  if (!kind) return failure("'" + std::string(text) + "' is not a kind of service", "write rdp, rustdesk or relay");
  return *kind;
}

Result<SourceMode> parse_source_mode(std::string_view text) {
  if (const auto mode = source_mode_of(text)) return *mode;
  return failure("'" + std::string(text) + "' is not a source", "write gateway or client");
}

Result<DenyMode> parse_deny_mode(std::string_view text) {
  if (const auto mode = deny_mode_of(text)) return *mode;
  return failure("'" + std::string(text) + "' is no way to deny", "write reset or explain");
}

Result<ProxyProtocol> parse_proxy_protocol(std::string_view text) {
  if (const auto version = proxy_protocol_of(text)) return *version;
  return failure("'" + std::string(text) + "' is not a version of the PROXY protocol", "write off or v2");
}

Result<Front> parse_front(std::string_view text) {
  if (const auto front = front_of(text)) return *front;
  return failure("'" + std::string(text) + "' is no way to log in at the gateway", "write tls or nla");
}

Result<CredentialSource> parse_credential_source(std::string_view text) {
  if (const auto source = credential_source_of(text)) return *source;
  return failure("'" + std::string(text) + "' is no source of credentials", "write pass or inject");
}

Result<CertificateCheck> parse_certificate_check(std::string_view text) {
  if (const auto check = certificate_check_of(text)) return *check;
  return failure("'" + std::string(text) + "' is no way to know a certificate",
                 "write trust_on_first_use, pinned or ca");
}

Result<std::string> parse_fingerprint(std::string_view text) {
  constexpr std::size_t digits_of_sha256 = 64;
  std::string digits;
  for (const char c : text) {
    if (c != ':') digits += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const bool well_formed = digits.size() == digits_of_sha256 && std::ranges::all_of(digits, [](char c) {
                             return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                           });
  if (!well_formed) {
    return failure("'" + std::string(text) + "' is no SHA-256 fingerprint",
                   "write its 64 hexadecimal digits, with or without colons");
  }
  std::string with_colons;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    with_colons.append(i == 0 ? "" : ":").append(digits, i, 2);
  }
  return with_colons;
}

Result<std::string> parse_absolute_path(std::string_view text) {
  if (text.starts_with('/')) return std::string(text);
  return failure("'" + std::string(text) + "' is no absolute path", "write it from / on");
}

Result<WallTime> parse_policy_time(std::string_view text) {
  auto time = parse_time(text);
  if (!time) return time;
  // Beyond these the year no longer has four digits, so that the time could be printed but not be read again.
  constexpr WallTime first = std::chrono::sys_days(std::chrono::year(1970) / 1 / 1);
  constexpr WallTime last = std::chrono::sys_days(std::chrono::year(10000) / 1 / 1);
  if (*time < first || *time >= last) {
    return failure("'" + std::string(text) + "' is not within the years 1970 to 9999",
                   "leave the key out for a period that is open at this side");
  }
  return time;
}

Result<Duration> parse_at_most(std::string_view text, Duration most) {
  auto duration = parse_duration(text);
  if (duration && *duration > most) {
    return failure("'" + std::string(text) + "' is longer than " + format_duration(most), "write a shorter duration");
  }
  return duration;
}

Result<std::uint32_t> parse_session_limit(std::string_view text) {
  std::uint32_t limit = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit < 1 || limit > 10'000) {
    return failure("'" + std::string(text) + "' is not a number of sessions",
                   "write 1 to 10000, or leave the key out for no limit");
  }
  return limit;
}

Result<Recording> parse_recording(std::string_view text) {
  if (const auto recording = recording_of(text)) return *recording;
  return failure("'" + std::string(text) + "' is no way to record", "write required, best_effort or off");
}

Result<Channels> parse_channel(std::string_view text) {
  if (text == "all") return all_channels;
  if (const auto channel = channel_of(text)) return static_cast<Channels>(*channel);
  return failure(
      "'" + std::string(text) + "' is not a channel",
      "write clipboard, clipboard_text_to_server (or _images_, _files_; or _to_client), drives, drives_read, "
      "drives_write, drives_delete, drives_rename, printers, smartcards, ports, audio, microphone, camera, "
      "usb, remote_apps or all");
}

Result<std::string> parse_dynamic_channel(std::string_view text) {
  constexpr std::size_t longest = 255;
  const bool printable = std::ranges::all_of(text, [](char each) { return each > ' ' && each < '\x7f'; });
  const auto star = text.find('*');
  if (text.empty() || text.size() > longest || !printable) {
    return failure("'" + std::string(text.substr(0, longest)) + "' is not the name of a dynamic channel",
                   "write its name as its program has it, without spaces, like Contoso::Meeting");
  }
  if (star == 0 || (star != std::string_view::npos && star + 1 != text.size())) {
    return failure("'" + std::string(text) + "' has a * where none can be",
                   "write the name, or its beginning and a * at the end; for every channel: channels: all");
  }
  return std::string(text);
}

}  // namespace gatehouse::policy
