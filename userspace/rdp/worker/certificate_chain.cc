#include "rdp/worker/certificate_chain.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "rdp/openssl_handles.h"

namespace gatehouse::rdp {
namespace {

// For the life of the process, which is that of one session.
std::vector<OpensslCertificate>& chain() {
  static std::vector<OpensslCertificate> certificates;
  return certificates;
}

void on_new_context(void* parent, void* /*pointer*/, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*number*/,
                    void* /*argument*/) {
  for (const auto& each : chain()) {
    // The context owns what it takes.
    ::X509_up_ref(each.get());
    if (::SSL_CTX_add_extra_chain_cert(static_cast<SSL_CTX*>(parent), each.get()) != 1) ::X509_free(each.get());
  }
}

}  // namespace

Result<void> send_chain_of(const std::string& pem) {
  const OpensslMemory memory(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const OpensslCertificate own(::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
  while (X509* next = ::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)) chain().emplace_back(next);
  ::ERR_clear_error();  // of the end of the text
  if (chain().empty()) return {};
  if (::SSL_CTX_get_ex_new_index(0, nullptr, on_new_context, nullptr, nullptr) < 0) {
    return failure("the chain of the front's certificate cannot be sent");
  }
  return {};
}

}  // namespace gatehouse::rdp
