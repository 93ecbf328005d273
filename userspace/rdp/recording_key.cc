#include "rdp/recording_key.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "base/fd.h"
#include "rdp/openssl_handles.h"

namespace gatehouse::rdp {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, OpensslReleaser<EVP_MD_CTX_free>>;

constexpr std::size_t longest_file = 4096;

[[noreturn]] void no_library() {
  throw std::runtime_error("Ed25519 cannot be computed");
}

OpensslKey private_key(const std::array<std::uint8_t, 32>& secret) {
  OpensslKey key(::EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, secret.data(), secret.size()));
  if (!key) no_library();
  return key;
}

Result<SigningKey> make_file(const std::filesystem::path& file) {
  auto made = SigningKey::make();
  const auto secret = bytes_of_hexadecimal<32>(made.secret());
  const OpensslMemory memory(::BIO_new(::BIO_s_secmem()));
  if (!memory ||
      ::PEM_write_bio_PrivateKey(memory.get(), private_key(*secret).get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    no_library();
  auto text = written_to(memory.get());
  // Whole or not at all: what a death in the middle leaves has another name.
  const auto aside = file.string() + ".new";
  const Fd descriptor(::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  const bool written = descriptor && ::fchmod(descriptor.get(), S_IRUSR | S_IWUSR) == 0 &&
                       ::write(descriptor.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       ::fsync(descriptor.get()) == 0 && ::rename(aside.c_str(), file.c_str()) == 0;
  const int error = errno;
  ::explicit_bzero(text.data(), text.size());
  if (!written) {
    return system_failure("the key of the recordings, " + file.string() + ", cannot be written", error,
                          "free space below its directory");
  }
  return made;
}

}  // namespace

SigningKey::SigningKey(const std::array<std::uint8_t, 32>& secret) : secret_(secret) {
  std::size_t length = public_.size();
  if (::EVP_PKEY_get_raw_public_key(private_key(secret_).get(), public_.data(), &length) != 1) no_library();
}

void SigningKey::wipe() {
  ::explicit_bzero(secret_.data(), secret_.size());
}

SigningKey SigningKey::make() {
  const OpensslKey key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  std::array<std::uint8_t, 32> secret{};
  std::size_t length = secret.size();
  if (!key || ::EVP_PKEY_get_raw_private_key(key.get(), secret.data(), &length) != 1) no_library();
  SigningKey made(secret);
  ::explicit_bzero(secret.data(), secret.size());
  return made;
}

Result<SigningKey> SigningKey::of_secret(std::string_view hexadecimal) {
  auto secret = bytes_of_hexadecimal<32>(hexadecimal);
  if (!secret) return failure("what shall sign the recording is no key");
  SigningKey key(*secret);
  ::explicit_bzero(secret->data(), secret->size());
  return key;
}

Result<SigningKey> SigningKey::open(const std::filesystem::path& file) {
  const Fd descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!descriptor && errno == ENOENT) return make_file(file);
  const auto bad = [&](const std::string& what, int error) {
    const std::string mend = "put it back from a backup, or move it away: then a new one is made";
    if (error != 0) return system_failure("the key of the recordings, " + file.string() + ", " + what, error, mend);
    return failure("the key of the recordings, " + file.string() + ", " + what, mend);
  };
  struct stat state{};
  if (!descriptor || ::fstat(descriptor.get(), &state) != 0) return bad("cannot be read", errno);
  if ((state.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failure("the key of the recordings, " + file.string() + ", can be read by others than its owner",
                   "chmod 600 it, and ask yourself who has read it");
  }
  std::string text(longest_file, '\0');
  const auto length = ::read(descriptor.get(), text.data(), text.size());
  if (length < 0) return bad("cannot be read", errno);
  const OpensslMemory memory(::BIO_new_mem_buf(text.data(), static_cast<int>(length)));
  const OpensslKey key(memory ? ::PEM_read_bio_PrivateKey(memory.get(), nullptr, nullptr, nullptr) : nullptr);
  ::explicit_bzero(text.data(), text.size());
  std::array<std::uint8_t, 32> secret{};
  std::size_t size = secret.size();
  if (!key || ::EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519 ||
      ::EVP_PKEY_get_raw_private_key(key.get(), secret.data(), &size) != 1) {
    return bad("is no Ed25519 key in PEM", 0);
  }
  SigningKey read(secret);
  ::explicit_bzero(secret.data(), secret.size());
  return read;
}

Signature SigningKey::sign(std::span<const std::uint8_t> message) const {
  const auto key = private_key(secret_);
  const Context context(::EVP_MD_CTX_new());
  Signature signature{};
  std::size_t length = signature.size();
  if (!context || ::EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      ::EVP_DigestSign(context.get(), signature.data(), &length, message.data(), message.size()) != 1) {
    no_library();
  }
  return signature;
}

std::string SigningKey::secret() const {
  return hexadecimal(secret_);
}

bool is_signed_by(const PublicKey& key, std::span<const std::uint8_t> message, const Signature& signature) {
  const OpensslKey public_half(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(::EVP_MD_CTX_new());
  return public_half && context &&
         ::EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, public_half.get()) == 1 &&
         ::EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

std::string pem_of(const PublicKey& key) {
  const OpensslKey public_half(::EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const OpensslMemory memory(::BIO_new(::BIO_s_mem()));
  if (!public_half || !memory || ::PEM_write_bio_PUBKEY(memory.get(), public_half.get()) != 1) no_library();
  return written_to(memory.get());
}

Result<PublicKey> public_key_of(const std::string& pem) {
  const OpensslMemory memory(::BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), longest_file))));
  const OpensslKey read(memory ? ::PEM_read_bio_PUBKEY(memory.get(), nullptr, nullptr, nullptr) : nullptr);
  PublicKey key{};
  std::size_t length = key.size();
  if (!read || ::EVP_PKEY_get_id(read.get()) != EVP_PKEY_ED25519 ||
      ::EVP_PKEY_get_raw_public_key(read.get(), key.data(), &length) != 1) {
    return failure("this is no public Ed25519 key in PEM", "take what `gatehouse recording key` prints");
  }
  return key;
}

std::string hexadecimal(std::span<const std::uint8_t> bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const auto byte : bytes) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

bool read_hexadecimal(std::string_view text, std::span<std::uint8_t> bytes) {
  static constexpr std::string_view digits = "0123456789abcdef";
  if (text.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto high = digits.find(text[2 * i]);
    const auto low = digits.find(text[2 * i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    bytes[i] = static_cast<std::uint8_t>(high << 4U | low);
  }
  return true;
}

}  // namespace gatehouse::rdp
