// The HTTP API over TLS, for who has a token (admin/token.h): "Authorization: Bearer TOKEN" (RFC 6750 section 2.1) with
// every request, or for recordings the cookie of a browser's login (admin/browser_logins.h). The routes are those of
// the Unix socket, each for tokens whose role suffices (admin/routes.h).
//
// Handshakes, and everything that strangers send, are the business of a thread of its own, so that no flood of them
// holds up the control thread; what a known token asks is posted to that one, and its answer back. Wrong tokens are
// told to the control thread, and limited by source (admin/login_limit.h).
//
// Threads: start(), the setters and the destructor on the control thread, which runs `control`. Limits: 64 connections,
// of them 16 of one source; 10 s for a handshake and 30 s for a request; nobody unknown sends more than a header.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "admin/event_hub.h"
#include "admin/http_connection.h"
#include "admin/operations.h"
#include "admin/tls_certificate.h"
#include "base/address.h"
#include "base/result.h"

namespace gatehouse::admin {

struct FailedLogin {
  Address source;
  std::string detail;  // "unknown token", "the token ci has run out"
};

struct TlsServerOptions {
  std::vector<Endpoint> listen;  // port 0: any free one
  TlsCertificate certificate;
  std::shared_ptr<const TokenTable> tokens;
  std::shared_ptr<EventHub> events;
  std::function<void(FailedLogin)> failed_login;  // on the control thread
  HttpLimits limits = {};
  std::size_t connections_of_a_source = 16;
};

class TlsServer {
 public:
  static Result<std::unique_ptr<TlsServer>> start(boost::asio::io_context& control, TlsServerOptions options,
                                                  Operations& operations);
  ~TlsServer();  // closes everything, and joins
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  void set_certificate(const TlsCertificate& certificate);       // for who comes from now on
  void set_tokens(std::shared_ptr<const TokenTable> tokens);     // for every request from now on, and open streams end
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const;  // with the ports that it got

 private:
  class Impl;
  explicit TlsServer(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace gatehouse::admin
