#include "support/certificate.h"

#include <sstream>
#include <stdexcept>

#include "support/process.h"

namespace gatehouse::test {

CertificateFiles make_certificate(const std::filesystem::path& directory, const std::string& name,
                                  const std::string& addresses, int days) {
  const CertificateFiles files{directory / (name + ".crt"), directory / (name + ".key")};
  std::string names;
  std::istringstream list(addresses);
  for (std::string address; list >> address;) names += (names.empty() ? "IP:" : ",IP:") + address;
  const auto made = run_command({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                                 "-nodes", "-keyout", files.key.string(), "-out", files.certificate.string(), "-subj",
                                 "/CN=" + name, "-days", std::to_string(days), "-addext", "subjectAltName=" + names});
  if (made.exit_code != 0) throw std::runtime_error("openssl made no certificate: " + made.errors);
  std::filesystem::permissions(files.key, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return files;
}

}  // namespace gatehouse::test
