#include "admin/routes.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <exception>

#include "admin/device_routes.h"
#include "admin/metrics.h"
#include "admin/openapi.h"
#include "admin/recording_routes.h"
#include "admin/requests.h"

namespace gatehouse::admin {
namespace {

Outcome bad_request(const Error& error) {
  return std::unexpected(Fault{400, error, {}});
}

Outcome get_status(const Request&, const Query&, Operations& operations) {
  return operations.status();
}

Outcome get_health(const Request&, const Query&, Operations& operations) {
  auto status = operations.status();
  if (!status) return status;
  const auto alarms = status->value("alarms", nlohmann::json::array());
  return nlohmann::json{{"healthy", alarms.empty()}, {"alarms", alarms}};
}

// Whether it can do its work: new sessions open, and what is decided is in the kernel. Other alarms are for people.
Outcome get_readiness(const Request&, const Query&, Operations& operations) {
  auto status = operations.status();
  if (!status) return status;
  constexpr std::array<std::string_view, 7> in_the_way{"store",          "steering", "bans",       "kernel",
                                                       "stale_verdicts", "sessions", "descriptors"};
  auto reasons = nlohmann::json::array();
  for (const auto& alarm : status->value("alarms", nlohmann::json::array())) {
    if (std::ranges::find(in_the_way, alarm.value("name", "")) != in_the_way.end()) reasons.push_back(alarm);
  }
  return nlohmann::json{{"ready", reasons.empty()}, {"alarms", std::move(reasons)}};
}

Outcome post_plan(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_plan(request.body);
  return wanted ? operations.plan(wanted->files) : bad_request(wanted.error());
}

Outcome post_apply(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_apply(request.body);
  return wanted ? operations.apply(wanted->files, wanted->expected_version, request.peer) : bad_request(wanted.error());
}

Outcome get_policy(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_policy_version(asked);
  return wanted ? operations.policy_text(*wanted) : bad_request(wanted.error());
}

Outcome get_policy_versions(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_policy_versions(asked);
  return wanted ? operations.policy_versions(*wanted) : bad_request(wanted.error());
}

Outcome post_check(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_check(request.body);
  return wanted ? operations.check(*wanted) : bad_request(wanted.error());
}

Outcome get_sessions(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_sessions(asked);
  return wanted ? operations.sessions(*wanted) : bad_request(wanted.error());
}

Outcome get_visits(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_visits(asked);
  return wanted ? operations.visits(*wanted) : bad_request(wanted.error());
}

Outcome post_kill(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_kill(request.body);
  return wanted ? operations.kill(wanted->ids, wanted->user, request.peer) : bad_request(wanted.error());
}

Outcome get_bans(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_bans(asked);
  return wanted ? operations.bans(*wanted) : bad_request(wanted.error());
}

Outcome get_ban_history(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_ban_history(asked);
  return wanted ? operations.ban_history(*wanted) : bad_request(wanted.error());
}

Outcome post_bans(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_add_bans(request.body, now());
  return wanted ? operations.add_bans(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome post_remove_bans(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_remove_bans(request.body);
  return wanted ? operations.remove_bans(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome get_audit(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_audit(asked);
  return wanted ? operations.audit(*wanted) : bad_request(wanted.error());
}

Outcome get_verification(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_verify(asked);
  return wanted ? operations.verify_audit(*wanted) : bad_request(wanted.error());
}

Outcome get_authority(const Request&, const Query&, Operations& operations) {
  return operations.authority();
}

Outcome post_trust(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_trust(request.body);
  return wanted ? operations.trust_backend(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome post_rotate(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_nothing(request.body);
  return wanted ? operations.rotate_authority(request.peer) : bad_request(wanted.error());
}

Outcome get_accounts(const Request&, const Query&, Operations& operations) {
  return operations.accounts();
}

Outcome post_accounts(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_set_account(request.body);
  return wanted ? operations.set_account(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome post_remove_account(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_remove_account(request.body);
  return wanted ? operations.remove_account(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome get_credentials(const Request&, const Query&, Operations& operations) {
  return operations.credentials();
}

Outcome post_credentials(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_set_credential(request.body);
  return wanted ? operations.set_credential(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome post_remove_credential(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_remove_credential(request.body);
  return wanted ? operations.remove_credential(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome get_recordings(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_recordings(asked);
  return wanted ? operations.recordings(*wanted) : bad_request(wanted.error());
}

Outcome get_recording_search(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_recording_search(asked);
  return wanted ? operations.search_recordings(wanted->where, wanted->text) : bad_request(wanted.error());
}

Outcome get_recording_key(const Request&, const Query&, Operations& operations) {
  return operations.recording_key();
}

Outcome post_prune(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_prune(request.body);
  return wanted ? operations.prune_recordings(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome get_prune(const Request&, const Query& asked, Operations& operations) {
  const auto wanted = read_pass(asked);
  return wanted ? operations.prune_outcome(*wanted) : bad_request(wanted.error());
}

Outcome get_tokens(const Request&, const Query&, Operations& operations) {
  return operations.tokens();
}

Outcome post_tokens(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_add_token(request.body, now());
  return wanted ? operations.add_token(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome post_remove_tokens(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_remove_tokens(request.body);
  return wanted ? operations.remove_tokens(*wanted, request.peer) : bad_request(wanted.error());
}

Outcome get_events(const Request&, const Query& asked, Operations&) {
  const auto wanted = read_events(asked);
  return wanted ? Outcome(nlohmann::json::object()) : bad_request(wanted.error());
}

Outcome get_openapi(const Request&, const Query&, Operations&) {
  return nlohmann::json::parse(openapi_document());
}

Outcome post_reload(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_nothing(request.body);
  return wanted ? operations.reload(request.peer) : bad_request(wanted.error());
}

Outcome post_restart(const Request& request, const Query&, Operations& operations) {
  const auto wanted = read_nothing(request.body);
  return wanted ? operations.restart(request.peer) : bad_request(wanted.error());
}

// A path may have parts in braces, for what is asked for. What does not answer with JSON has `serve` instead, and what
// is for everybody `page`.
struct Route {
  std::string_view method;
  std::string_view path;
  Outcome (*handle)(const Request&, const Query&, Operations&);
  Role role = Role::viewer;
  bool takes_query = false;
  Answer (*serve)(const Request&, Operations&) = nullptr;
  bool takes_cookie = false;
  Answer (*page)(const Request&) = nullptr;
};

constexpr bool query = true;

constexpr bool no_query = false;
constexpr bool with_cookie = true;
constexpr bool not_by_cookie = false;

constexpr std::array<Route, 49> routes{{
    {"GET", "/healthz", get_health, Role::viewer},
    {"GET", "/readyz", get_readiness, Role::viewer},
    {"GET", "/metrics", get_status, Role::viewer},
    {"GET", "/v1/openapi.json", get_openapi, Role::viewer},
    {"GET", "/v1/status", get_status, Role::viewer},
    {"GET", "/v1/events", get_events, Role::viewer, query},
    {"POST", "/v1/policy/plan", post_plan, Role::admin},
    {"POST", "/v1/policy/apply", post_apply, Role::admin},
    {"GET", "/v1/policy", get_policy, Role::viewer, query},
    {"GET", "/v1/policy/versions", get_policy_versions, Role::viewer, query},
    {"POST", "/v1/check", post_check, Role::viewer},
    {"GET", "/v1/sessions", get_sessions, Role::viewer, query},
    {"POST", "/v1/sessions/kill", post_kill, Role::operating},
    {"GET", "/v1/visits", get_visits, Role::viewer, query},
    {"GET", "/v1/bans", get_bans, Role::viewer, query},
    {"POST", "/v1/bans", post_bans, Role::operating},
    {"POST", "/v1/bans/remove", post_remove_bans, Role::operating},
    {"GET", "/v1/bans/history", get_ban_history, Role::viewer, query},
    {"GET", "/v1/devices", get_devices, Role::viewer, query},
    {"GET", "/v1/devices/{id}", get_device, Role::viewer},
    {"POST", "/v1/devices/approve", post_approve, Role::operating},
    {"POST", "/v1/devices/import-bans", post_import_bans, Role::operating},
    {"GET", "/v1/audit", get_audit, Role::viewer, query},
    {"GET", "/v1/audit/verify", get_verification, Role::viewer, query},
    {"GET", "/v1/authority", get_authority, Role::viewer},
    {"POST", "/v1/servers/trust", post_trust, Role::admin},
    {"POST", "/v1/authority/rotate", post_rotate, Role::admin},
    {"GET", "/v1/accounts", get_accounts, Role::admin},
    {"POST", "/v1/accounts", post_accounts, Role::admin},
    {"POST", "/v1/accounts/remove", post_remove_account, Role::admin},
    {"GET", "/v1/credentials", get_credentials, Role::admin},
    {"POST", "/v1/credentials", post_credentials, Role::admin},
    {"POST", "/v1/credentials/remove", post_remove_credential, Role::admin},
    {"GET", "/v1/recordings", get_recordings, Role::viewer, query},
    {"GET", "/v1/recordings/search", get_recording_search, Role::operating, query},
    {"GET", "/v1/recordings/key", get_recording_key, Role::viewer},
    {"POST", "/v1/recordings/prune", post_prune, Role::admin},
    {"GET", "/v1/recordings/prune", get_prune, Role::admin, query},
    {"GET", "/recordings/{id}", nullptr, Role::nobody, no_query, nullptr, not_by_cookie, recording_page},
    {"GET", "/recordings/parts/{name}", nullptr, Role::nobody, no_query, nullptr, not_by_cookie, recording_page_part},
    {"GET", "/v1/recordings/{id}", nullptr, Role::operating, no_query, get_recording, with_cookie},
    {"GET", "/v1/recordings/{id}/files/{name}", nullptr, Role::operating, no_query, get_recording_file, with_cookie},
    {"POST", "/v1/login", nullptr, Role::operating, no_query, post_login},
    {"POST", "/v1/logout", nullptr, Role::operating, no_query, post_logout, with_cookie},
    {"GET", "/v1/tokens", get_tokens, Role::admin},
    {"POST", "/v1/tokens", post_tokens, Role::admin},
    {"POST", "/v1/tokens/remove", post_remove_tokens, Role::admin},
    {"POST", "/v1/reload", post_reload, Role::admin},
    {"POST", "/v1/restart", post_restart, Role::admin},
}};

Answer may_not(const Route& route, const Peer& peer) {
  return {403,
          error_body({std::string(route.method) + " " + std::string(route.path) + " needs the role " +
                          std::string(name(route.role)) + "; this token has " + std::string(name(peer.role)),
                      "use a token with that role"}),
          {}};
}

// HEAD is taken where pages and files are: programs that play or fetch them use it.
bool takes_method(const Route& route, std::string_view method) {
  return method == route.method || (method == "HEAD" && route.method == "GET" && route.handle == nullptr);
}

const Route* route_of(std::string_view method, std::string_view target) {
  const auto path = path_of(target);
  const auto* found = std::ranges::find_if(
      routes, [&](const auto& each) { return takes_method(each, method) && match_path(each.path, path); });
  return found == routes.end() ? nullptr : found;
}

Answer to_answer(Outcome outcome) {
  if (outcome) return {200, std::move(*outcome), {}};
  const auto& fault = outcome.error();
  return {fault.status, error_body(fault.error, fault.issues), {}};
}

// `operations`: may be null for what is for everybody.
Answer handle(const Route& route, const Request& request, Operations* operations) {
  auto asked = query_of(request.target);
  if (!asked) return to_answer(bad_request(asked.error()));
  if (!route.takes_query) {
    if (auto known = asked->only({}); !known) return to_answer(bad_request(known.error()));
  }
  if (route.method == "GET" && !request.body.empty()) {
    return to_answer(bad_request({"a GET request has a body", "put the parameters behind a question mark"}));
  }
  if (route.page != nullptr) return route.page(request);
  if (route.serve != nullptr) return route.serve(request, *operations);
  return to_answer(route.handle(request, *asked, *operations));
}

}  // namespace

nlohmann::json error_body(const Error& error, const std::vector<Issue>& issues) {
  nlohmann::json body{{"error", {{"what", error.what}, {"mend", error.mend}}}};
  for (const auto& issue : issues) {
    body["issues"].push_back({{"file", issue.file}, {"line", issue.line}, {"what", issue.what}, {"mend", issue.mend}});
  }
  return body;
}

std::vector<RouteEntry> route_list() {
  std::vector<RouteEntry> list;
  list.reserve(routes.size());
  for (const auto& route : routes) list.push_back({route.method, route.path, route.role, route.takes_query});
  return list;
}

bool is_public(std::string_view method, std::string_view target) {
  const auto* route = route_of(method, target);
  return route != nullptr && route->page != nullptr;
}

std::optional<Answer> public_answer(const Request& request) {
  const auto* route = route_of(request.method, request.target);
  if (route == nullptr || route->page == nullptr) return std::nullopt;
  return handle(*route, request, nullptr);
}

bool takes_cookie(std::string_view method, std::string_view target) {
  const auto* route = route_of(method, target);
  return route != nullptr && route->takes_cookie;
}

Answer answer(const Request& request, Operations& operations) {
  const auto path = path_of(request.target);
  std::string allow;
  for (const auto& route : routes) {
    if (!match_path(route.path, path)) continue;
    if (!takes_method(route, request.method)) {
      allow += (allow.empty() ? "" : ", ") + std::string(route.method);
      if (takes_method(route, "HEAD")) allow += ", HEAD";
      continue;
    }
    if (request.peer.role < route.role) {
      spdlog::warn("{} was refused {} {}: its role is {}", request.peer.text(), route.method, route.path,
                   name(request.peer.role));
      return may_not(route, request.peer);
    }
    try {
      auto result = handle(route, request, &operations);
      if (result.status != 200) return result;
      if (path == "/healthz" && result.body.at("healthy") == false) result.status = 503;
      if (path == "/readyz" && result.body.at("ready") == false) result.status = 503;
      if (path == "/v1/events") result.events = read_events(*query_of(request.target)).value();
      if (path == "/metrics") {
        result.text = metrics_of(result.body);
        result.content_type = metrics_content_type;
      }
      return result;
    } catch (const std::exception& exception) {
      spdlog::error("{} {} failed: {}", route.method, route.path, exception.what());
      return {500, error_body({"the daemon failed at this request", "its log says why"}), {}};
    }
  }
  if (!allow.empty()) {
    return {405, error_body({"this route does not take " + std::string(request.method), "use " + allow}), allow};
  }
  return {404, error_body({"no such route: " + std::string(path), "docs/api.md lists them"}), {}};
}

}  // namespace gatehouse::admin
