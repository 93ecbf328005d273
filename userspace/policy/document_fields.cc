#include "policy/document_fields.h"

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

Field active_field(bool active) {
  return {"active", {active ? "true" : "false"}, Field::Shape::literal, active};
}

Field time_field(std::string_view key, std::optional<WallTime> time) {
  return text_field(key, time ? format_time(*time) : std::string());
}

Field duration_field(std::string_view key, std::optional<Duration> duration) {
  return text_field(key, duration ? format_duration(*duration) : std::string());
}

}  // namespace

std::string_view default_protocol(Kind kind) {
  return kind == Kind::rdp ? "rdp" : "tcp";
}

std::vector<Field> fields_of(const Pool& pool) {
  return {list_field("networks", pool.networks)};
}

std::vector<Field> fields_of(const User& user) {
  return {active_field(user.active), text_field("full_name", user.full_name), list_field("sources", user.sources)};
}

std::vector<Field> fields_of(const Server& server) {
  return {
      active_field(server.active), {"address", {server.address.text()}}, text_field("description", server.description)};
}

std::vector<Field> fields_of(const Service& service) {
  return {
      {"server", {service.server}},
      {"proxy_ip", {service.proxy_ip.text()}},
      {"port", {std::to_string(service.port)}},
      {"kind", {std::string(name(service.kind))}},
      {"protocol", {service.protocol}, Field::Shape::text, service.protocol == default_protocol(service.kind)},
      {"backend_port",
       {std::to_string(service.backend_port)},
       Field::Shape::text,
       service.backend_port == service.port},
      {"source", {std::string(name(service.source))}, Field::Shape::text, service.source == SourceMode::gateway},
      {"proxy_protocol",
       {std::string(name(service.proxy_protocol))},
       Field::Shape::text,
       service.proxy_protocol == ProxyProtocol::off},
      duration_field("connect_timeout", service.connect_timeout),
      duration_field("idle_timeout", service.idle_timeout),
  };
}

std::vector<Field> fields_of(const Grant& grant) {
  return {{"user", {grant.user}},           {"server", {grant.server}},   text_field("protocol", grant.protocol),
          time_field("start", grant.start), time_field("end", grant.end), text_field("reason", grant.reason)};
}

}  // namespace gatehouse::policy
