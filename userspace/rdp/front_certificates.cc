#include "rdp/front_certificates.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <system_error>

#include "rdp/openssl_handles.h"

namespace gatehouse::rdp {
namespace {

Result<std::string> text_of(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream.is_open() || stream.bad()) {
    return failure("the file " + file.string() + " cannot be read",
                   "check the path under `certificates` of `rdp`, and its rights");
  }
  return text;
}

Result<void> check_pair(const CertificateFiles& files, const IssuedCertificate& pair) {
  const OpensslMemory certificate_text(
      ::BIO_new_mem_buf(pair.certificate.data(), static_cast<int>(pair.certificate.size())));
  const OpensslCertificate certificate(::PEM_read_bio_X509(certificate_text.get(), nullptr, nullptr, nullptr));
  const OpensslMemory key_text(::BIO_new_mem_buf(pair.key.data(), static_cast<int>(pair.key.size())));
  // Never asks for a passphrase on some terminal.
  const auto no_passphrase = [](char*, int, int, void*) { return -1; };
  const OpensslKey key(::PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr));
  const bool fits = certificate && key && ::X509_check_private_key(certificate.get(), key.get()) == 1;
  ::ERR_clear_error();
  if (!certificate) return failure(files.certificate.string() + " has no certificate", "write it as PEM");
  if (!key)
    return failure(files.key.string() + " has no key that can be used", "write it as PEM, without a passphrase");
  if (!fits) {
    return failure(files.key.string() + " is not the key of " + files.certificate.string(),
                   "the service's own certificate stands first in the file; give the key that belongs to it");
  }
  return {};
}

}  // namespace

FrontCertificates::FrontCertificates(Authority& authority, std::map<std::string, CertificateFiles> files)
    : authority_(authority) {
  for (auto& [service, each] : files) own_[service].files = std::move(each);
}

Result<void> FrontCertificates::read(Own& own) {
  std::error_code error;
  // Before the reading: what changes meanwhile is read once more.
  const auto certificate_time = std::filesystem::last_write_time(own.files.certificate, error);
  const auto key_time = std::filesystem::last_write_time(own.files.key, error);
  auto certificate = text_of(own.files.certificate);
  if (!certificate) return std::unexpected(certificate.error());
  auto key = text_of(own.files.key);
  if (!key) return std::unexpected(key.error());
  IssuedCertificate pair{std::move(*certificate), std::move(*key)};
  if (auto checked = check_pair(own.files, pair); !checked) return checked;
  own.certificate_time = certificate_time;
  own.key_time = key_time;
  own.read = std::move(pair);
  return {};
}

Result<void> FrontCertificates::load() {
  const std::lock_guard lock(mutex_);
  for (auto& [service, own] : own_) {
    if (auto done = read(own); !done) {
      return failure("the certificate of service " + service + ": " + done.error().what, done.error().mend);
    }
  }
  return {};
}

Result<IssuedCertificate> FrontCertificates::certificate_for(const std::string& service, const Address& proxy) {
  const std::lock_guard lock(mutex_);
  const auto found = own_.find(service);
  if (found == own_.end()) return authority_.certificate_for(service, proxy);
  auto& own = found->second;
  std::error_code error;
  if (std::filesystem::last_write_time(own.files.certificate, error) != own.certificate_time ||
      std::filesystem::last_write_time(own.files.key, error) != own.key_time) {
    static_cast<void>(read(own));  // or the one of before
  }
  return own.read;
}

}  // namespace gatehouse::rdp
