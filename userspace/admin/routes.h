// The routes of the API as a function: what came in, to what goes out. It knows nothing of sockets; an exception out of
// an operation becomes a 500 and a line in the log, so that one bad request never ends the daemon.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

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
};

Answer answer(const Request& request, Operations& operations);

// {"error": {what, mend}}, and {"issues": [...]} where there are some.
nlohmann::json error_body(const Error& error, const std::vector<Issue>& issues = {});

}  // namespace gatehouse::admin
