// A certificate and its key for a test's server, made by openssl(1).
#pragma once

#include <filesystem>
#include <string>

namespace gatehouse::test {

struct CertificateFiles {
  std::filesystem::path certificate;
  std::filesystem::path key;  // mode 0600
};

// Self-signed, for the addresses (like "127.0.0.1", "2001:db8::1"), valid for so many days. `name` begins the files'
// names and is the subject's.
CertificateFiles make_certificate(const std::filesystem::path& directory, const std::string& name,
                                  const std::string& addresses, int days = 30);

}  // namespace gatehouse::test
