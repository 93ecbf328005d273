// The HTTP API on a Unix socket: HTTP/1.1, JSON in and out, one route a verb of Operations (docs/api.md). Whoever may
// open the socket may use it: root, the daemon's own user, and the members of the configured group (mode 0660); the
// peer's credentials are read from the socket and become the author of what is changed.
//
// Threads: everything on the given io_context (the control thread's). Limits: 64 connections at once, 64 MiB a body, 30
// s for a request to arrive.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "admin/event_hub.h"
#include "admin/http_connection.h"
#include "admin/operations.h"
#include "base/result.h"

namespace gatehouse::admin {

struct HttpServerOptions {
  std::filesystem::path socket;
  std::optional<unsigned> group;
  HttpLimits limits = {};
  std::shared_ptr<EventHub> events = std::make_shared<EventHub>(0);
};

class HttpServer {
 public:
  // Replaces a socket left by a dead daemon; refuses when a live one answers there, or when something that is no socket
  // is in the way. Two daemons that start at the same moment are kept apart by the lock of their instance
  // (kernel/dataplane.h), not here.
  static Result<std::unique_ptr<HttpServer>> start(boost::asio::io_context& context, const HttpServerOptions& options,
                                                   Operations& operations);
  ~HttpServer();  // closes the socket and its connections and removes the socket file, if it is still this server's
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

 private:
  class Impl;
  explicit HttpServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace gatehouse::admin
