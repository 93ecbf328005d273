#include "rustdesk/secure_tcp.h"

#include <sodium.h>

#include <stdexcept>
#include <utility>

namespace gatehouse::rustdesk {
namespace {

using Nonce = std::array<std::uint8_t, crypto_secretbox_NONCEBYTES>;

constexpr std::size_t signed_key = crypto_sign_BYTES + crypto_box_PUBLICKEYBYTES;
constexpr std::size_t boxed_key = crypto_box_MACBYTES + crypto_secretbox_KEYBYTES;
constexpr std::size_t longest_keep_alive = 1;
// The key in the box is used once, so that its nonce need not change.
constexpr std::array<std::uint8_t, crypto_box_NONCEBYTES> box_nonce{};
constexpr auto ignored = " \t\r\n";
constexpr std::array<std::string_view, secure_error_count> secure_words{"key_exchange", "signature", "box", "frame"};

static_assert(crypto_sign_SECRETKEYBYTES == 64 && crypto_sign_PUBLICKEYBYTES == 32);
static_assert(crypto_box_SECRETKEYBYTES == 32 && crypto_secretbox_KEYBYTES == 32);

void start_sodium() {
  if (::sodium_init() < 0) throw std::runtime_error("libsodium cannot be used");
}

Nonce nonce_of(std::uint64_t count) {
  Nonce nonce{};
  for (std::size_t i = 0; i < sizeof count; ++i) nonce.at(i) = static_cast<std::uint8_t>(count >> 8 * i);
  return nonce;
}

// Whether `text` is the base64 of so many bytes.
bool read_base64(std::string_view text, std::span<std::uint8_t> bytes) {
  std::size_t length = 0;
  const char* end = nullptr;
  return ::sodium_base642bin(bytes.data(), bytes.size(), text.data(), text.size(), ignored, &length, &end,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
         length == bytes.size() && end == text.data() + text.size();
}

Buffer encode_keys(std::vector<Bytes> keys) {
  return encode({.body = KeyExchange{.keys = std::move(keys), .unknown = {}}, .unknown = {}});
}

}  // namespace

void wipe(std::span<std::uint8_t> bytes) {
  ::sodium_memzero(bytes.data(), bytes.size());
}

std::string_view to_text(SecureError error) {
  return secure_words.at(static_cast<std::size_t>(error));
}

Result<PublicKey> parse_public_key(std::string_view text) {
  PublicKey key{};
  if (!read_base64(text, key)) {
    return failure("the server's public key is not the base64 of 32 bytes", "take it from hbbs's file id_ed25519.pub");
  }
  return key;
}

std::string to_text(const PublicKey& key) {
  std::string text(sodium_base64_ENCODED_LEN(key.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  ::sodium_bin2base64(text.data(), text.size(), key.data(), key.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the NUL
  return text;
}

Result<ServerKey> ServerKey::parse(std::string_view text) {
  start_sodium();
  ServerKey key;
  if (!read_base64(text, {key.secret_.data(), key.secret_.size()})) {
    return failure("the server's key is not the base64 of 64 bytes",
                   "take hbbs's file id_ed25519 (not id_ed25519.pub)");
  }
  // Its second half is the public key; one that does not belong to the first would leak it with each signature.
  WipedBytes<32> seed;
  WipedBytes<64> again;
  ::crypto_sign_ed25519_sk_to_seed(seed.data(), key.secret_.data());
  ::crypto_sign_seed_keypair(key.public_key_.data(), again.data(), seed.data());
  if (::sodium_memcmp(again.data(), key.secret_.data(), again.size()) != 0) {
    return failure("the halves of the server's key do not belong together", "take hbbs's file id_ed25519 as it is");
  }
  return key;
}

Buffer SecureChannel::seal(Bytes payload) {
  if (payload.size() <= longest_keep_alive) return {payload.begin(), payload.end()};
  Buffer sealed(payload.size() + crypto_secretbox_MACBYTES);
  const auto nonce = nonce_of(++sealed_);
  ::crypto_secretbox_easy(sealed.data(), payload.data(), payload.size(), nonce.data(), key_.data());
  return sealed;
}

std::expected<Buffer, SecureError> SecureChannel::open(Bytes payload) {
  if (payload.size() <= longest_keep_alive) return Buffer(payload.begin(), payload.end());
  if (payload.size() < crypto_secretbox_MACBYTES) return std::unexpected(SecureError::frame);
  Buffer opened(payload.size() - crypto_secretbox_MACBYTES);
  const auto nonce = nonce_of(++opened_);
  if (::crypto_secretbox_open_easy(opened.data(), payload.data(), payload.size(), nonce.data(), key_.data()) != 0) {
    return std::unexpected(SecureError::frame);
  }
  return opened;
}

ServerHandshake::ServerHandshake(const ServerKey& key) {
  start_sodium();
  std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES> own{};
  ::crypto_box_keypair(own.data(), secret_.data());
  std::array<std::uint8_t, signed_key> with_signature{};
  ::crypto_sign(with_signature.data(), nullptr, own.data(), own.size(), key.secret_.data());
  offer_ = encode_keys({with_signature});
}

std::expected<SecureChannel, SecureError> ServerHandshake::finish(const KeyExchange& answer) const {
  if (answer.keys.size() != 2 || answer.keys[0].size() != crypto_box_PUBLICKEYBYTES ||
      answer.keys[1].size() != boxed_key) {
    return std::unexpected(SecureError::key_exchange);
  }
  SecureChannel channel;
  if (::crypto_box_open_easy(channel.key_.data(), answer.keys[1].data(), boxed_key, box_nonce.data(),
                             answer.keys[0].data(), secret_.data()) != 0) {
    return std::unexpected(SecureError::box);
  }
  return channel;
}

std::expected<ClientHandshake, SecureError> ClientHandshake::answer(const KeyExchange& offer, const PublicKey& server) {
  start_sodium();
  if (offer.keys.size() != 1 || offer.keys[0].size() != signed_key) return std::unexpected(SecureError::key_exchange);
  std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES> theirs{};
  if (::crypto_sign_open(theirs.data(), nullptr, offer.keys[0].data(), signed_key, server.data()) != 0) {
    return std::unexpected(SecureError::signature);
  }
  ClientHandshake handshake;
  auto& key = handshake.channel_.key_;
  ::crypto_secretbox_keygen(key.data());
  std::array<std::uint8_t, crypto_box_PUBLICKEYBYTES> own{};
  WipedBytes<crypto_box_SECRETKEYBYTES> secret;
  ::crypto_box_keypair(own.data(), secret.data());
  std::array<std::uint8_t, boxed_key> boxed{};
  if (::crypto_box_easy(boxed.data(), key.data(), key.size(), box_nonce.data(), theirs.data(), secret.data()) != 0) {
    return std::unexpected(SecureError::box);
  }
  handshake.message_ = encode_keys({own, boxed});
  return handshake;
}

}  // namespace gatehouse::rustdesk
