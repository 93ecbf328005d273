#include "rdp/secret_box.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/fd.h"

namespace gatehouse::rdp {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == 32);

const unsigned char* unsigned_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Result<void> check(const Fd& file, const std::filesystem::path& path) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return system_failure("the key " + path.string() + " cannot be read", errno);
  if (!S_ISREG(status.st_mode)) return failure("the key " + path.string() + " is no plain file", "put the key back");
  if (status.st_uid != ::geteuid()) {
    return failure("the key " + path.string() + " belongs to another user", "chown it to the daemon's");
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failure("the key " + path.string() + " is open to others than its owner",
                   "chmod 600 " + path.string() + "; if others may have read it, store the secrets anew");
  }
  return {};
}

// Whole or not at all, also where power is lost: beside it first, then with its name. A key that came up meanwhile
// stays.
Result<void> make_key(const std::filesystem::path& path) {
  std::array<unsigned char, 32> key{};
  ::randombytes_buf(key.data(), key.size());
  const auto aside = path.string() + ".new";
  ::unlink(aside.c_str());
  Fd file(::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR));
  const bool written = file && ::fchmod(file.get(), S_IRUSR | S_IWUSR) == 0 &&
                       ::write(file.get(), key.data(), key.size()) == static_cast<ssize_t>(key.size()) &&
                       ::fsync(file.get()) == 0;
  const int error = errno;
  ::sodium_memzero(key.data(), key.size());
  if (!written) return system_failure("the key " + path.string() + " cannot be written", error);
  const bool named = ::link(aside.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const int naming_error = errno;
  ::unlink(aside.c_str());
  if (!named) return system_failure("the key " + path.string() + " cannot be written", naming_error);
  const Fd directory(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory) ::fsync(directory.get());
  return {};
}

}  // namespace

void Secret::wipe() {
  // The capacity, for a shorter text may have taken the place of a longer one.
  text_.resize(text_.capacity());
  ::sodium_memzero(text_.data(), text_.size());
  text_.clear();
}

// A short text is not moved but copied: what is left behind is wiped all the same.
Secret::Secret(Secret&& other) noexcept {
  text_.swap(other.text_);
  other.wipe();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    text_ = other.text_;
    other.wipe();
  }
  return *this;
}

SecretBox::~SecretBox() {
  ::sodium_memzero(key_.data(), key_.size());
}

SecretBox::SecretBox(SecretBox&& other) noexcept : key_(other.key_), file_(std::move(other.file_)) {
  ::sodium_memzero(other.key_.data(), other.key_.size());
}

Result<SecretBox> SecretBox::open(const std::filesystem::path& key_file) {
  if (::sodium_init() < 0) return failure("libsodium cannot be used");
  Fd file(::open(key_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file && errno == ENOENT) {
    if (auto made = make_key(key_file); !made) return std::unexpected(made.error());
    file.reset(::open(key_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  }
  if (!file) return system_failure("the key " + key_file.string() + " cannot be opened", errno);
  if (auto sound = check(file, key_file); !sound) return std::unexpected(sound.error());
  SecretBox box;
  box.file_ = key_file;
  std::uint8_t beyond = 0;
  if (::read(file.get(), box.key_.data(), box.key_.size()) != static_cast<ssize_t>(box.key_.size()) ||
      ::read(file.get(), &beyond, 1) != 0) {
    return failure("the key " + key_file.string() + " has not 32 bytes",
                   "put it back from a backup; or move it away, and store the secrets anew");
  }
  return box;
}

std::string SecretBox::seal(std::string_view secret, std::string_view context) const {
  std::string sealed(nonce_bytes + secret.size() + tag_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  ::randombytes_buf(out, nonce_bytes);
  ::crypto_aead_xchacha20poly1305_ietf_encrypt(out + nonce_bytes, nullptr, unsigned_bytes(secret), secret.size(),
                                               unsigned_bytes(context), context.size(), nullptr, out, key_.data());
  return sealed;
}

Result<Secret> SecretBox::open_sealed(const std::string& sealed, std::string_view context) const {
  const auto fault = [&] {
    return failure("what is stored for " + std::string(context.substr(0, context.find('\0'))) +
                       " cannot be opened with the key " + file_.string(),
                   "put the key back that it was stored with, or store it anew");
  };
  if (sealed.size() < nonce_bytes + tag_bytes) return fault();
  std::string opened(sealed.size() - nonce_bytes - tag_bytes, '\0');
  const auto* in = unsigned_bytes(sealed);
  if (::crypto_aead_xchacha20poly1305_ietf_decrypt(reinterpret_cast<unsigned char*>(opened.data()), nullptr, nullptr,
                                                   in + nonce_bytes, sealed.size() - nonce_bytes,
                                                   unsigned_bytes(context), context.size(), in, key_.data()) != 0) {
    return fault();
  }
  Secret secret(std::move(opened));
  return secret;
}

}  // namespace gatehouse::rdp
