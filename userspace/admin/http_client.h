// One request to the daemon over its Unix socket, for the command. Blocking.
#pragma once

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace gatehouse::admin {

struct HttpAnswer {
  int status = 0;
  nlohmann::json body;
};

struct RequestError {
  Error error;
  bool reached = false;  // false: no daemon there, or no right to open the socket
};

std::expected<HttpAnswer, RequestError> ask(const std::filesystem::path& socket, const std::string& method,
                                            const std::string& target, const nlohmann::json& body = nullptr,
                                            std::chrono::seconds timeout = std::chrono::seconds(60));

// Error: no daemon there, no right to open the socket, no answer in time, an answer that is not JSON.
Result<HttpAnswer> request(const std::filesystem::path& socket, const std::string& method, const std::string& target,
                           const nlohmann::json& body = nullptr,
                           std::chrono::seconds timeout = std::chrono::seconds(60));

}  // namespace gatehouse::admin
