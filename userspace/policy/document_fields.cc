#include "policy/document_fields.h"

#include <utility>

#include "policy/schedule_text.h"

namespace gatehouse::policy {
namespace {

Field text_field(std::string_view key, const std::string& value) {
  if (value.empty()) return {key, {}, Field::Shape::text, true};
  return {key, {value}};
}

Field list_field(std::string_view key, const std::vector<Prefix>& networks) {
  Field field{key, {}, Field::Shape::list, networks.empty()};
  for (const auto& network : networks) field.values.push_back(network.text());
  return field;
}

Field names_field(std::string_view key, const std::vector<std::string>& names) {
  return {key, names, Field::Shape::list, names.empty()};
}

// One that is true unless it is said.
Field truth_field(std::string_view key, bool truth) {
  return {key, {truth ? "true" : "false"}, Field::Shape::literal, truth};
}

Field active_field(bool active) {
  return truth_field("active", active);
}

Field channels_field(Channels channels) {
  Field field{"channels", {}, Field::Shape::list, channels == 0};
  Channels said = whole_channels(channels);
  if (holds(said, Channel::clipboard)) said &= ~clipboard_parts;
  if (holds(said, Channel::drives)) said &= ~drives_parts;
  for (Channels bit = 1; bit <= all_channels; bit <<= 1U) {
    const auto channel = static_cast<Channel>(bit);
    if (holds(said, channel)) field.values.emplace_back(name(channel));
  }
  return field;
}

Field time_field(std::string_view key, std::optional<WallTime> time) {
  return text_field(key, time ? format_time(*time) : std::string());
}

Field duration_field(std::string_view key, std::optional<Duration> duration) {
  return text_field(key, duration ? format_duration(*duration) : std::string());
}

}  // namespace

std::string_view default_protocol(Kind kind) {
  if (kind == Kind::rustdesk) return "rustdesk";
  return kind == Kind::rdp ? "rdp" : "tcp";
}

SourceMode default_source(Kind kind) {
  return kind == Kind::rustdesk ? SourceMode::client : SourceMode::gateway;
}

std::vector<Field> fields_of(const Pool& pool) {
  return {list_field("networks", pool.networks)};
}

std::vector<Field> fields_of(const User& user) {
  return {active_field(user.active), text_field("full_name", user.full_name), list_field("sources", user.sources)};
}

std::vector<Field> fields_of(const Server& server) {
  return {
      active_field(server.active),
      {"address", {server.address.text()}},
      text_field("description", server.description),
      {"credentials",
       {std::string(name(server.credentials))},
       Field::Shape::text,
       server.credentials == CredentialSource::pass},
      {"allow_tls_backend",
       {server.allow_tls_backend ? "true" : "false"},
       Field::Shape::literal,
       !server.allow_tls_backend},
      {"backend_certificate",
       {std::string(name(server.backend_certificate))},
       Field::Shape::text,
       server.backend_certificate == CertificateCheck::trust_on_first_use},
      text_field("fingerprint", server.fingerprint),
      text_field("ca", server.ca),
  };
}

std::vector<Field> fields_of(const Service& service) {
  std::vector<Field> fields{
      {"server", {service.server}},
      {"proxy_ip", {service.proxy_ip.text()}},
      {"port", {std::to_string(service.port)}},
      {"kind", {std::string(name(service.kind))}},
      {"protocol", {service.protocol}, Field::Shape::text, service.protocol == default_protocol(service.kind)},
      {"backend_port",
       {std::to_string(service.backend_port)},
       Field::Shape::text,
       service.backend_port == service.port},
      {"source",
       {std::string(name(service.source))},
       Field::Shape::text,
       service.source == default_source(service.kind)},
      {"proxy_protocol",
       {std::string(name(service.proxy_protocol))},
       Field::Shape::text,
       service.proxy_protocol == ProxyProtocol::off},
      duration_field("connect_timeout", service.connect_timeout),
      duration_field("idle_timeout", service.idle_timeout),
      time_field("until", service.until),
      {"deny", {std::string(name(service.deny))}, Field::Shape::text, service.deny == DenyMode::reset},
      {"front", {std::string(name(service.front))}, Field::Shape::text, service.front == Front::tls},
  };
  for (const auto& [key, is_list] : rustdesk_keys) {
    auto values = values_of(service.rustdesk, key);
    const bool is_default = values.empty();
    fields.push_back({key, std::move(values), is_list ? Field::Shape::list : Field::Shape::text, is_default});
  }
  return fields;
}

std::vector<Field> fields_of(const UserGroup& group) {
  return {text_field("description", group.description), names_field("users", group.users),
          names_field("groups", group.groups)};
}

std::vector<Field> fields_of(const ServerGroup& group) {
  return {text_field("description", group.description), names_field("servers", group.servers),
          names_field("groups", group.groups)};
}

std::vector<Field> fields_of(const Schedule& schedule) {
  Field rules{"rules", {}, Field::Shape::maps};
  for (const auto& rule : schedule.rules) rules.values.push_back(text_of(rule));
  return {text_field("description", schedule.description), {"zone", {schedule.zone}}, rules};
}

std::vector<Field> fields_of(const Maintenance& maintenance) {
  return {
      Field{"gate", {maintenance.of_gate() ? "true" : "false"}, Field::Shape::literal, !maintenance.of_gate()},
      text_field("server", maintenance.server),
      text_field("server_group", maintenance.server_group),
      time_field("start", maintenance.start),
      time_field("end", maintenance.end),
      Field{"grace", {format_duration(maintenance.grace)}, Field::Shape::text, maintenance.grace == Duration::zero()},
      names_field("exempt_users", maintenance.exempt_users),
      names_field("exempt_user_groups", maintenance.exempt_user_groups),
      text_field("reason", maintenance.reason),
  };
}

std::vector<Field> fields_of(const Grant& grant) {
  return {
      text_field("user", grant.user),
      text_field("user_group", grant.user_group),
      text_field("server", grant.server),
      text_field("server_group", grant.server_group),
      text_field("service", grant.service),
      active_field(grant.active),
      text_field("protocol", grant.protocol),
      list_field("sources", grant.sources),
      time_field("start", grant.start),
      time_field("end", grant.end),
      names_field("schedules", grant.schedules),
      names_field("logins", grant.logins),
      duration_field("idle_timeout", grant.idle_timeout),
      text_field("session_limit", grant.session_limit ? std::to_string(*grant.session_limit) : std::string()),
      text_field("recording", std::string(name(grant.recording))),
      channels_field(grant.channels),
      names_field("dynamic_channels", grant.dynamic_channels),
      text_field("reason", grant.reason),
  };
}

std::vector<Field> fields_of(const Denial& denial) {
  return {
      text_field("user", denial.user),       text_field("user_group", denial.user_group),
      text_field("server", denial.server),   text_field("server_group", denial.server_group),
      text_field("service", denial.service), text_field("protocol", denial.protocol),
      list_field("sources", denial.sources), time_field("start", denial.start),
      time_field("end", denial.end),         names_field("schedules", denial.schedules),
      names_field("logins", denial.logins),  text_field("reason", denial.reason),
  };
}

}  // namespace gatehouse::policy
