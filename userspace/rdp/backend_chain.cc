#include "rdp/backend_chain.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <memory>

#include "rdp/openssl_handles.h"

namespace gatehouse::rdp {
namespace {

struct ChainReleaser {
  void operator()(STACK_OF(X509) * chain) const { sk_X509_pop_free(chain, X509_free); }
};
using Chain = std::unique_ptr<STACK_OF(X509), ChainReleaser>;

}  // namespace

Result<void> verify_backend(const std::string& shown, const std::filesystem::path& authorities, const std::string& name,
                            const Address& address) {
  const OpensslMemory memory(::BIO_new_mem_buf(shown.data(), static_cast<int>(shown.size())));
  const OpensslCertificate own(::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  const Chain others(sk_X509_new_null());
  if (!own || !others) return failure("what the server shows is no certificate");
  while (X509* next = ::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) {
    if (sk_X509_push(others.get(), next) == 0) ::X509_free(next);
  }
  ::ERR_clear_error();  // of the end of the text
  const std::unique_ptr<X509_STORE, OpensslReleaser<X509_STORE_free>> trusted(::X509_STORE_new());
  if (!trusted || ::X509_STORE_load_file(trusted.get(), authorities.c_str()) != 1) {
    ::ERR_clear_error();
    return failure("the file " + authorities.string() + " has no certificate of an authority",
                   "write the path of a PEM file as `ca` of the server");
  }
  const std::unique_ptr<X509_STORE_CTX, OpensslReleaser<X509_STORE_CTX_free>> check(::X509_STORE_CTX_new());
  if (!check || ::X509_STORE_CTX_init(check.get(), trusted.get(), own.get(), others.get()) != 1 ||
      ::X509_STORE_CTX_set_default(check.get(), "ssl_server") != 1) {
    return failure("the server's certificate cannot be checked");
  }
  ::X509_VERIFY_PARAM_set_flags(::X509_STORE_CTX_get0_param(check.get()), X509_V_FLAG_PARTIAL_CHAIN);
  if (::X509_verify_cert(check.get()) != 1) {
    ::ERR_clear_error();
    return failure(::X509_verify_cert_error_string(::X509_STORE_CTX_get_error(check.get())));
  }
  constexpr unsigned flags = X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;
  if (::X509_check_host(own.get(), name.data(), name.size(), flags, nullptr) == 1 ||
      ::X509_check_ip_asc(own.get(), address.text().c_str(), 0) == 1) {
    return {};
  }
  return failure("it names neither " + name + " nor " + address.text());
}

}  // namespace gatehouse::rdp
