// The certificate of the API and its key, as files in PEM: read, checked against each other, and made into what a TLS
// server needs (TLS 1.2 and 1.3; RFC 5246, RFC 8446).
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace gatehouse::admin {

struct TlsCertificate {
  std::shared_ptr<boost::asio::ssl::context> context;
  WallTime expires;      // of the certificate itself, not of its chain
  std::string identity;  // of what was read: another text, another certificate or key. Not a secret.
};

// `certificate`: the server's own first, then its chain. Error: names the file.
Result<TlsCertificate> read_certificate(const std::filesystem::path& certificate, const std::filesystem::path& key);

}  // namespace gatehouse::admin
