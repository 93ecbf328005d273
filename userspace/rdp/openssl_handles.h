// What OpenSSL hands out, freed by itself.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace gatehouse::rdp {

template <auto release>
struct OpensslReleaser {
  template <typename T>
  void operator()(T* pointer) const {
    release(pointer);
  }
};
using OpensslKey = std::unique_ptr<EVP_PKEY, OpensslReleaser<EVP_PKEY_free>>;
using OpensslCertificate = std::unique_ptr<X509, OpensslReleaser<X509_free>>;
using OpensslMemory = std::unique_ptr<BIO, OpensslReleaser<BIO_free_all>>;

// What was written into it.
inline std::string written_to(BIO* memory) {
  const char* data = nullptr;
  const long length = ::BIO_ctrl(memory, BIO_CTRL_INFO, 0, static_cast<void*>(&data));
  return data == nullptr || length <= 0 ? std::string() : std::string(data, static_cast<std::size_t>(length));
}

}  // namespace gatehouse::rdp
