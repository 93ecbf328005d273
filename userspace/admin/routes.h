// The routes of the API as a function: what came in, to what goes out. Each route names the role that it needs. It
// knows nothing of sockets; an exception out of an operation becomes a 500 and a line in the log, so that one bad
// request never ends the daemon.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/byte_range.h"
#include "admin/event_hub.h"
#include "admin/operations.h"

namespace gatehouse::admin {

struct Request {
  std::string_view method;
  std::string_view target;
  std::string_view body;
  Peer peer;
  std::string_view range{};  // the header Range
};

// What is sent of a file instead of a body.
struct FilePart {
  Fd file;
  ByteRange part;
};

struct Answer {
  int status = 200;
  nlohmann::json body{};
  std::string allow{};  // the Allow header of a 405
  std::string text{};   // instead of `body`, where `content_type` says what it is
  const char* content_type = "application/json";
  std::string challenge{};              // WWW-Authenticate (RFC 9110 section 11.6.1)
  std::chrono::seconds retry_after{};   // of a 429
  std::optional<EventFilter> events{};  // a stream of these instead of a body
  std::optional<FilePart> file{};
  std::vector<std::pair<const char*, std::string>> headers{};  // more of them
  bool opens_login = false;                                    // a browser's, for the token that was shown
  bool closes_login = false;                                   // the one by which it was asked
};

// A route as others may know it: the documents' tests, and what says who may use it.
struct RouteEntry {
  std::string_view method;
  std::string_view path;
  Role role = Role::viewer;
  bool takes_query = false;
};
std::vector<RouteEntry> route_list();

// What is given to everybody: pages without anything of the gateway's in them. Any thread.
bool is_public(std::string_view method, std::string_view target);
std::optional<Answer> public_answer(const Request& request);
// Whether a browser's cookie is enough for it (it never is for what changes anything).
bool takes_cookie(std::string_view method, std::string_view target);

Answer answer(const Request& request, Operations& operations);

// {"error": {what, mend}}, and {"issues": [...]} where there are some.
nlohmann::json error_body(const Error& error, const std::vector<Issue>& issues = {});

}  // namespace gatehouse::admin
