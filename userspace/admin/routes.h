// The routes of the API as a function: what came in, to what goes out. Each route names the role that it needs. It
// knows nothing of sockets; an exception out of an operation becomes a 500 and a line in the log, so that one bad
// request never ends the daemon.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/event_hub.h"
#include "admin/operations.h"

namespace gatehouse::admin {

struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view body;
  Peer peer;
};

struct Answer {
  int status = 200;
  nlohmann::json body;
  std::string allow{};  // the Allow header of a 405
  std::string text{};   // instead of `body`, where `content_type` says what it is
  const char* content_type = "application/json";
  std::string challenge{};              // WWW-Authenticate (RFC 9110 section 11.6.1)
  std::chrono::seconds retry_after{};   // of a 429
  std::optional<EventFilter> events{};  // a stream of these instead of a body
};

// A route as others may know it: the documents' tests, and what says who may use it.
struct RouteEntry {
  std::string_view method;
  std::string_view path;
  Role role = Role::viewer;
  bool takes_query = false;
};
std::vector<RouteEntry> route_list();

Answer answer(const Request& request, Operations& operations);

// {"error": {what, mend}}, and {"issues": [...]} where there are some.
nlohmann::json error_body(const Error& error, const std::vector<Issue>& issues = {});

}  // namespace gatehouse::admin
