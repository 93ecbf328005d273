// Daemon: the API over TLS. It is not what the gateway is there for: what is wrong with its certificate or its address
// is an alarm, tried again with each comparison with the kernel, and keeps nobody out.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"

namespace gatehouse::daemon {
namespace {

constexpr std::chrono::hours expiry_warning{14 * 24};

}  // namespace

void Daemon::follow_remote_api() {
  if (!configuration_.api) {
    tls_server_.reset();
    alarms_.clear("api");
    alarms_.clear("api_certificate");
    return;
  }
  const auto& wanted = *configuration_.api;
  auto certificate = admin::read_certificate(wanted.certificate, wanted.key);
  if (!certificate) {
    // With the former one it goes on.
    alarms_.raise(tls_server_ ? "api_certificate" : "api", certificate.error());
    return;
  }
  if (!tls_server_) {
    auto server = admin::TlsServer::start(
        context_,
        {.listen = wanted.listen,
         .certificate = *certificate,
         .tokens = tokens_,
         .events = events_->hub(),
         .failed_login = [this](const admin::FailedLogin& login) { record_failed_login(login); }},
        *this);
    alarms_.follow("api", server);
    if (!server) return;
    tls_server_ = std::move(*server);
    for (const auto& endpoint : tls_server_->endpoints()) spdlog::info("the API listens on {}", endpoint.text());
  } else if (certificate->identity != api_certificate_) {
    tls_server_->set_certificate(*certificate);
    spdlog::info("the API's certificate was read anew; it ends at {}", format_time(certificate->expires));
  }
  api_certificate_ = certificate->identity;
  if (certificate->expires < now() + expiry_warning) {
    alarms_.raise("api_certificate", {"the certificate " + wanted.certificate.string() + " of the API ends at " +
                                          format_time(certificate->expires),
                                      "put a new one in its place; it is read by itself"});
  } else {
    alarms_.clear("api_certificate");
  }
}

}  // namespace gatehouse::daemon
