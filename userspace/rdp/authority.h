// The gateway's own certificate authority: what RDP clients see as the server's certificate is issued by it, one for
// each service, with the service's proxy IP and name. People install its certificate once; nobody has to click a
// warning away after that.
//
// Files below its directory: ca.crt, ca.key, and NAME.pem for each service (certificate and key); after a rotation
// ca-former.crt, the certificate of before. All but certificates are readable by the daemon's user alone. Keys are
// ECDSA P-256 (FIPS 186-4); X.509 as in RFC 5280. A service's certificate is made anew 30 days before its end, and when
// its proxy IP or name is another.
//
// Threads: any; calls wait for each other. Errors name the file.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/address.h"
#include "base/result.h"
#include "base/time.h"

namespace gatehouse::rdp {

struct IssuedCertificate {
  std::string certificate;  // PEM
  std::string key;          // PEM; a secret
};

class Authority {
 public:
  // Makes the directory and the authority where there is none yet.
  static Result<std::unique_ptr<Authority>> open(const std::filesystem::path& directory);
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  Result<IssuedCertificate> certificate_for(const std::string& service, const Address& proxy);

  // A new authority in the place of this one. Every service gets a new certificate with its next session; who trusts
  // the former authority has to be given the new one. A death in the middle leaves one of the two, whole.
  Result<void> rotate();

  [[nodiscard]] std::string certificate() const;  // of the authority itself, PEM
  [[nodiscard]] std::string fingerprint() const;  // SHA-256 of it, hexadecimal with colons
  [[nodiscard]] WallTime expires() const;
  [[nodiscard]] std::optional<std::string> former() const;  // the certificate of before the last rotation, PEM

 private:
  class Impl;
  explicit Authority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace gatehouse::rdp
