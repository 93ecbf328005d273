#include "gate/rdp_audit.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rdp/recording_files.h"

namespace gatehouse::gate {
namespace {

constexpr std::size_t longest_text = 1024;

// What came from a client or a server, so that it is one text, whatever it holds.
std::string quoted(const std::string& text) {
  return nlohmann::json(text.substr(0, longest_text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

const char* word_of(rdp::Direction direction) {
  return direction == rdp::Direction::to_server ? "to_server" : "to_client";
}

RdpAuditRow row_of(const rdp::LogonQuery& logon) {
  return {.action = "rdp_logon",
          .detail = fmt::format("user {}, domain {}, client {}, build {}, {}x{}, {}", quoted(logon.user),
                                quoted(logon.domain), quoted(logon.client_name), logon.client_build, logon.width,
                                logon.height, logon.security == rdp::Security::nla ? "nla" : "tls")};
}

RdpAuditRow row_of(const rdp::ClipboardNotice& notice) {
  auto detail = fmt::format("{} {}, {} bytes", word_of(notice.direction), notice.kind, notice.bytes);
  if (notice.sha256) detail += ", sha256 " + *notice.sha256;
  // Whole: what was copied is what the row is for.
  if (notice.text) {
    detail += ", text " + nlohmann::json(*notice.text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  return {.action = "clipboard_passed", .detail = std::move(detail)};
}

RdpAuditRow row_of(const rdp::FileNotice& file) {
  return {.action = "file_passed",
          .detail = fmt::format("{} {} {}, {} bytes, sha256 {}{}{}", file.channel, word_of(file.direction),
                                quoted(file.name), file.bytes, file.sha256, file.whole ? "" : ", not all of it",
                                rdp::is_recorded_file(file.copy) ? ", kept as " + file.copy : "")};
}

}  // namespace

RdpAuditRow rdp_refused_account(const std::string& account, const std::string& fault) {
  return {.action = "account_refused", .detail = quoted(account) + ": " + fault};
}

std::optional<RdpAuditRow> rdp_audit_row(const rdp::Message& message) {
  if (const auto* logon = std::get_if<rdp::LogonQuery>(&message)) return row_of(*logon);
  if (const auto* notice = std::get_if<rdp::ClipboardNotice>(&message)) return row_of(*notice);
  if (const auto* file = std::get_if<rdp::FileNotice>(&message)) return row_of(*file);
  if (const auto* refusal = std::get_if<rdp::RefusalNotice>(&message)) {
    return RdpAuditRow{.action = "channel_refused",
                       .detail = refusal->channel + ": " + refusal->what + " is not in the grant's channels",
                       .once = true};
  }
  if (const auto* redirection = std::get_if<rdp::Redirection>(&message)) {
    return RdpAuditRow{.action = "redirection_refused", .detail = "to " + quoted(redirection->target)};
  }
  if (const auto* channel = std::get_if<rdp::ChannelNotice>(&message)) {
    return RdpAuditRow{.action = channel->opened ? "channel_opened" : "channel_refused",
                       .detail = quoted(channel->name),
                       .once = true};
  }
  return std::nullopt;
}

}  // namespace gatehouse::gate
