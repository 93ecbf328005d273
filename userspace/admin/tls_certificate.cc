#include "admin/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>

#include "admin/token.h"

namespace gatehouse::admin {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

constexpr std::uintmax_t largest_pem = 1U << 20U;

Result<std::string> read_pem(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream.is_open()) {
    return system_failure("the file " + file.string() + " cannot be read", errno,
                          "check `certificate` and `key` of `api` in the configuration");
  }
  std::string text;
  for (std::istreambuf_iterator<char> at(stream), end; at != end && text.size() <= largest_pem; ++at) text += *at;
  if (text.empty() || text.size() > largest_pem) {
    return failure("the file " + file.string() + " is empty or larger than 1 MiB", "put PEM there");
  }
  return text;
}

Result<void> nobody_else_reads(const std::filesystem::path& file) {
  struct stat found{};
  if (::stat(file.c_str(), &found) == 0 && (found.st_mode & S_IRWXO) != 0) {
    return failure("everybody may read the key " + file.string(), "chmod o= " + file.string());
  }
  return {};
}

Result<WallTime> expiry_of(SSL_CTX* context, const std::filesystem::path& file) {
  const X509* certificate = ::SSL_CTX_get0_certificate(context);
  std::tm end{};
  if (certificate == nullptr || ::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &end) != 1) {
    return failure("the certificate " + file.string() + " has no readable end", "make it anew");
  }
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::from_time_t(::timegm(&end)));
}

// One protocol, so that nobody waits for another (RFC 7301).
int choose_http(SSL*, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
                void*) {
  static constexpr unsigned char http[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (::SSL_select_next_proto(&chosen, out_length, http, sizeof http, in, in_length) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<TlsCertificate> read_certificate(const std::filesystem::path& certificate, const std::filesystem::path& key) {
  const auto chain_text = read_pem(certificate);
  if (!chain_text) return std::unexpected(chain_text.error());
  if (auto guarded = nobody_else_reads(key); !guarded) return std::unexpected(guarded.error());
  const auto key_text = read_pem(key);
  if (!key_text) return std::unexpected(key_text.error());

  TlsCertificate made{std::make_shared<ssl::context>(ssl::context::tls_server), {}, {}};
  auto& context = *made.context;
  context.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                      ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET |
                      SSL_OP_CIPHER_SERVER_PREFERENCE);
  ::SSL_CTX_set_session_cache_mode(context.native_handle(), SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_alpn_select_cb(context.native_handle(), choose_http, nullptr);
  // A key with a passphrase would have it asked for on a terminal.
  context.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); });
  error_code error;
  context.use_certificate_chain(boost::asio::buffer(*chain_text), error);
  if (error) {
    return failure("there is no usable certificate in " + certificate.string() + ": " + error.message(),
                   "put PEM there: the server's certificate first, then its chain");
  }
  context.use_private_key(boost::asio::buffer(*key_text), ssl::context::pem, error);
  if (error) {
    return failure(
        "there is no usable key for " + certificate.string() + " in " + key.string() + ": " + error.message(),
        "put the certificate's own key there, in PEM and without a passphrase");
  }
  const auto expires = expiry_of(context.native_handle(), certificate);
  if (!expires) return std::unexpected(expires.error());
  made.expires = *expires;
  const auto identity = hash_of(*chain_text + *key_text);
  made.identity.assign(identity.begin(), identity.end());
  return made;
}

}  // namespace gatehouse::admin
