#include "rdp/authority.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <system_error>

#include "base/fd.h"
#include "rdp/openssl_handles.h"

namespace gatehouse::rdp {
namespace {

constexpr long authority_days = 3650;
constexpr long service_days = 397;  // what clients take (CA/Browser Forum, Baseline Requirements 6.3.2)
constexpr std::chrono::days renewed_before{30};
constexpr long backdated_seconds = 3600;  // for clocks that are slow

using Extension = std::unique_ptr<X509_EXTENSION, OpensslReleaser<X509_EXTENSION_free>>;

std::string pem_of(const X509* certificate) {
  const OpensslMemory memory(::BIO_new(::BIO_s_mem()));
  ::PEM_write_bio_X509(memory.get(), certificate);
  return written_to(memory.get());
}

std::string pem_of(const EVP_PKEY* key) {
  const OpensslMemory memory(::BIO_new(::BIO_s_secmem()));
  ::PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return written_to(memory.get());
}

OpensslCertificate certificate_of(const std::string& pem) {
  const OpensslMemory memory(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return OpensslCertificate(::PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr));
}

OpensslKey key_of(const std::string& pem) {
  const OpensslMemory memory(::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return OpensslKey(::PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr));
}

WallTime end_of(const X509* certificate) {
  std::tm end{};
  if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &end) != 1) return {};
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::from_time_t(::timegm(&end)));
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context{};
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  return extension && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_name(X509_NAME* name, const std::string& text) {
  return ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(text.data()),
                                      static_cast<int>(text.size()), -1, 0) == 1;
}

// RFC 5280 section 4.1.2.2: positive, at most 20 bytes; ours are random.
bool set_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  if (::RAND_bytes(bytes.data(), bytes.size()) != 1) return false;
  bytes[0] = static_cast<unsigned char>(bytes[0] & 0x7fU);
  const std::unique_ptr<BIGNUM, OpensslReleaser<BN_free>> number(::BN_bin2bn(bytes.data(), bytes.size(), nullptr));
  return number && ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

// Not signed yet. Without an issuer it is its own.
OpensslCertificate make(const std::string& name, EVP_PKEY* key, const X509* issuer, long days) {
  OpensslCertificate certificate(::X509_new());
  if (!certificate || ::X509_set_version(certificate.get(), 2) != 1 || !set_serial(certificate.get())) return nullptr;
  X509* made = certificate.get();
  if (::X509_gmtime_adj(::X509_getm_notBefore(made), -backdated_seconds) == nullptr ||
      ::X509_gmtime_adj(::X509_getm_notAfter(made), days * 86400) == nullptr ||
      !set_name(::X509_get_subject_name(made), name) || ::X509_set_pubkey(made, key) != 1 ||
      ::X509_set_issuer_name(
          made, issuer == nullptr ? ::X509_get_subject_name(made) : ::X509_get_subject_name(issuer)) != 1) {
    return nullptr;
  }
  return certificate;
}

bool sign(X509* certificate, EVP_PKEY* key) {
  return ::X509_sign(certificate, key, ::EVP_sha256()) > 0;
}

OpensslKey make_key() {
  return OpensslKey(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
}

Result<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream.is_open()) return system_failure("the file " + file.string() + " cannot be read", errno);
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

// Whole or not at all: what a death in the middle leaves has another name.
Result<void> write_file(const std::filesystem::path& file, const std::string& text, mode_t mode) {
  const auto aside = file.string() + ".new";
  Fd descriptor(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode));
  if (!descriptor) return system_failure("the file " + aside + " cannot be written", errno);
  if (::fchmod(descriptor.get(), mode) != 0 ||
      ::write(descriptor.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(descriptor.get()) != 0 || ::rename(aside.c_str(), file.c_str()) != 0) {
    return system_failure("the file " + file.string() + " cannot be written", errno, "free space below its directory");
  }
  return {};
}

// Of an authority: the certificate and its key.
struct Pair {
  OpensslCertificate certificate;
  OpensslKey key;
  [[nodiscard]] bool fits() const {
    return certificate && key && ::X509_check_private_key(certificate.get(), key.get()) == 1;
  }
};

Result<Pair> make_authority() {
  Pair pair;
  pair.key = make_key();
  pair.certificate = pair.key ? make("Gatehouse", pair.key.get(), nullptr, authority_days) : nullptr;
  X509* made = pair.certificate.get();
  if (made == nullptr || !add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(made, made, NID_subject_key_identifier, "hash") || !sign(made, pair.key.get())) {
    return failure("no certificate authority can be made");
  }
  return pair;
}

constexpr mode_t for_all = S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH;
constexpr mode_t for_the_daemon = S_IRUSR | S_IWUSR;

// The certificate first: with the key there the authority is whole.
Result<void> write_authority(const Pair& pair, const std::filesystem::path& certificate_file,
                             const std::filesystem::path& key_file) {
  if (auto written = write_file(certificate_file, pem_of(pair.certificate.get()), for_all); !written) return written;
  return write_file(key_file, pem_of(pair.key.get()), for_the_daemon);
}

Result<Pair> read_authority(const std::filesystem::path& certificate_file, const std::filesystem::path& key_file) {
  const auto certificate_text = read_file(certificate_file);
  if (!certificate_text) return std::unexpected(certificate_text.error());
  const auto key_text = read_file(key_file);
  if (!key_text) return std::unexpected(key_text.error());
  Pair pair{certificate_of(*certificate_text), key_of(*key_text)};
  return pair;
}

// A rotation puts the new pair beside the old one, and then each of the two files in its place: what was begun is
// finished.
Result<void> finish_rotation(const std::filesystem::path& directory) {
  std::error_code error;
  for (const auto* const kind : {"crt", "key"}) {
    const auto next = directory / (std::string("ca-next.") + kind);
    if (std::filesystem::exists(next, error))
      std::filesystem::rename(next, directory / (std::string("ca.") + kind), error);
    if (error) return failure("the authority in " + directory.string() + " cannot be rotated: " + error.message());
  }
  return {};
}

}  // namespace

class Authority::Impl {
 public:
  Impl(std::filesystem::path directory, Pair pair)
      : directory_(std::move(directory)), certificate_(std::move(pair.certificate)), key_(std::move(pair.key)) {}

  Result<void> rotate();
  [[nodiscard]] std::optional<std::string> former() const;

  Result<IssuedCertificate> certificate_for(const std::string& service, const Address& proxy);
  template <typename Use>
  auto with_certificate(Use&& use) const {
    const std::lock_guard lock(mutex_);
    return use(certificate_.get());
  }

 private:
  [[nodiscard]] bool is_good(const X509* certificate, const std::string& service, const Address& proxy) const;
  Result<IssuedCertificate> issue(const std::string& service, const Address& proxy);

  const std::filesystem::path directory_;
  OpensslCertificate certificate_;
  OpensslKey key_;
  mutable std::mutex mutex_;
  std::map<std::string, IssuedCertificate> issued_;  // in use, by service
};

bool Authority::Impl::is_good(const X509* certificate, const std::string& service, const Address& proxy) const {
  if (certificate == nullptr || end_of(certificate) < now() + renewed_before) return false;
  X509* mutable_certificate = const_cast<X509*>(certificate);  // which OpenSSL 3.0 asks for and does not change
  return ::X509_verify(mutable_certificate, key_.get()) == 1 &&
         ::X509_check_ip_asc(mutable_certificate, proxy.text().c_str(), 0) == 1 &&
         ::X509_check_host(mutable_certificate, service.c_str(), service.size(), 0, nullptr) == 1;
}

Result<IssuedCertificate> Authority::Impl::issue(const std::string& service, const Address& proxy) {
  const auto key = make_key();
  auto made = key ? make(service, key.get(), certificate_.get(), service_days) : nullptr;
  if (!made || !add_extension(made.get(), certificate_.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(made.get(), certificate_.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(made.get(), certificate_.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(made.get(), certificate_.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(made.get(), certificate_.get(), NID_subject_alt_name, "IP:" + proxy.text() + ",DNS:" + service) ||
      !sign(made.get(), key_.get())) {
    return failure("no certificate can be made for the service " + service);
  }
  return IssuedCertificate{pem_of(made.get()), pem_of(key.get())};
}

Result<IssuedCertificate> Authority::Impl::certificate_for(const std::string& service, const Address& proxy) {
  const std::lock_guard lock(mutex_);
  if (const auto found = issued_.find(service); found != issued_.end()) {
    if (is_good(certificate_of(found->second.certificate).get(), service, proxy)) return found->second;
  }
  // Names of services have neither slashes nor dots in front (policy/loader_text.cc).
  const auto file = directory_ / (service + ".pem");
  if (const auto text = read_file(file)) {
    const auto kept = certificate_of(*text);
    const auto key = key_of(*text);
    if (key && is_good(kept.get(), service, proxy) && ::X509_check_private_key(kept.get(), key.get()) == 1) {
      return issued_[service] = {pem_of(kept.get()), pem_of(key.get())};
    }
  }
  auto made = issue(service, proxy);
  if (!made) return made;
  if (auto written = write_file(file, made->certificate + made->key, S_IRUSR | S_IWUSR); !written) {
    return std::unexpected(written.error());
  }
  return issued_[service] = *made;
}

Result<std::unique_ptr<Authority>> Authority::open(const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
  if (error) return failure("the directory " + directory.string() + " cannot be used: " + error.message());
  const auto certificate_file = directory / "ca.crt";
  const auto key_file = directory / "ca.key";
  // Both new files are there only while they take their places.
  if (std::filesystem::exists(directory / "ca-next.key")) {
    const auto next_certificate = directory / "ca-next.crt";
    const auto next = read_authority(std::filesystem::exists(next_certificate) ? next_certificate : certificate_file,
                                     directory / "ca-next.key");
    if (next && next->fits()) {
      if (auto finished = finish_rotation(directory); !finished) return std::unexpected(finished.error());
    }
  }
  if (std::filesystem::exists(key_file)) {
    auto pair = read_authority(certificate_file, key_file);
    if (!pair) return std::unexpected(pair.error());
    if (!pair->fits()) {
      return failure(certificate_file.string() + " and " + key_file.string() + " are no certificate and its key",
                     "put them back from a backup, or move both away: then a new authority is made");
    }
    return std::unique_ptr<Authority>(new Authority(std::make_unique<Impl>(directory, std::move(*pair))));
  }
  auto pair = make_authority();
  if (!pair) return std::unexpected(pair.error());
  if (auto written = write_authority(*pair, certificate_file, key_file); !written)
    return std::unexpected(written.error());
  return std::unique_ptr<Authority>(new Authority(std::make_unique<Impl>(directory, std::move(*pair))));
}

Result<void> Authority::Impl::rotate() {
  auto pair = make_authority();
  if (!pair) return std::unexpected(pair.error());
  const std::lock_guard lock(mutex_);
  if (auto kept = write_file(directory_ / "ca-former.crt", pem_of(certificate_.get()), for_all); !kept) return kept;
  if (auto written = write_authority(*pair, directory_ / "ca-next.crt", directory_ / "ca-next.key"); !written) {
    return written;
  }
  if (auto finished = finish_rotation(directory_); !finished) return finished;
  certificate_ = std::move(pair->certificate);
  key_ = std::move(pair->key);
  issued_.clear();  // theirs on the disk no longer fit the key
  return {};
}

std::optional<std::string> Authority::Impl::former() const {
  const std::lock_guard lock(mutex_);
  auto text = read_file(directory_ / "ca-former.crt");
  return text ? std::optional(std::move(*text)) : std::nullopt;
}

Authority::Authority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Authority::~Authority() = default;

Result<IssuedCertificate> Authority::certificate_for(const std::string& service, const Address& proxy) {
  return impl_->certificate_for(service, proxy);
}

Result<void> Authority::rotate() {
  return impl_->rotate();
}

std::optional<std::string> Authority::former() const {
  return impl_->former();
}

std::string Authority::certificate() const {
  return impl_->with_certificate([](const X509* certificate) { return pem_of(certificate); });
}

std::string Authority::fingerprint() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned length = 0;
  const bool made = impl_->with_certificate(
      [&](const X509* certificate) { return ::X509_digest(certificate, ::EVP_sha256(), bytes.data(), &length) == 1; });
  if (!made) return {};
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    if (i > 0) text += ':';
    text += digits[bytes.at(i) >> 4U];
    text += digits[bytes.at(i) & 15U];
  }
  return text;
}

WallTime Authority::expires() const {
  return impl_->with_certificate([](const X509* certificate) { return end_of(certificate); });
}

}  // namespace gatehouse::rdp
