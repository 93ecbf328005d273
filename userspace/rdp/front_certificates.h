// The certificate that clients of a service see: the operator's, where the configuration names one for the service, or
// one that the gateway's own authority issues.
//
// The operator's is a PEM file with the service's certificate first and after it what leads to the authority, and a PEM
// file with its key. Both are read when the daemon starts, and again when they have changed; a changed pair that does
// not fit is left until it does (they are rarely replaced in one moment), and the one of before goes on.
//
// Threads: any; calls wait for each other. Errors name the file.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>

#include "rdp/authority.h"

namespace gatehouse::rdp {

struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;
  friend bool operator==(const CertificateFiles&, const CertificateFiles&) = default;
};

class FrontCertificates {
 public:
  // `files` by the service's name. `authority` outlives this.
  FrontCertificates(Authority& authority, std::map<std::string, CertificateFiles> files);

  // Reads all of the operator's.
  Result<void> load();
  Result<IssuedCertificate> certificate_for(const std::string& service, const Address& proxy);

 private:
  struct Own {
    CertificateFiles files;
    std::filesystem::file_time_type certificate_time;
    std::filesystem::file_time_type key_time;
    IssuedCertificate read;
  };
  static Result<void> read(Own& own);

  Authority& authority_;
  std::mutex mutex_;
  std::map<std::string, Own> own_;
};

}  // namespace gatehouse::rdp
