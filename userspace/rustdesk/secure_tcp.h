// RustDesk's encryption of TCP connections to hbbs (KeyExchange of rendezvous.proto, FramedStream of hbb_common), both
// sides of it. The server begins: a box key of its own for this connection, signed with its long-term key; the client
// checks the signature and answers with a box key of its own and, boxed, the key of the connection. From then on each
// frame's payload is a crypto_secretbox of libsodium.
//
// What it is worth: the server is authenticated, the client is not. Both directions use one key and count from 1, so
// that the first frames of both share a nonce; that is the protocol.
//
// Secrets are wiped when done with. Errors say which check failed, never what it was about. Objects are not for several
// threads at once, but ServerKey, which does not change.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rustdesk/bytes.h"
#include "rustdesk/messages.h"
#include "rustdesk/wiped_bytes.h"

namespace gatehouse::rustdesk {

enum class SecureError : std::uint8_t {
  key_exchange,  // not the keys that belong into the message
  signature,     // not signed with the server's key
  box,           // the connection's key cannot be unboxed: made for another server, or damaged
  frame,         // a frame was not sealed with the key of the connection, or not in this place
};
inline constexpr std::size_t secure_error_count = 4;
std::string_view to_text(SecureError error);  // the word of the enumerator

using PublicKey = std::array<std::uint8_t, 32>;  // Ed25519

// The "key" that clients are configured with: standard base64 of 32 bytes.
Result<PublicKey> parse_public_key(std::string_view text);
std::string to_text(const PublicKey& key);

// The server's key pair, as hbbs keeps it in the file id_ed25519.
class ServerKey {
 public:
  // The content of the file: standard base64 of the 64 bytes of an Ed25519 secret key; white space around it is no
  // matter. Errors do not repeat it.
  static Result<ServerKey> parse(std::string_view text);

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }

 private:
  friend class ServerHandshake;
  ServerKey() = default;

  WipedBytes<64> secret_;
  PublicKey public_key_{};
};

// An encrypted connection, after the handshake.
class SecureChannel {
 public:
  // A frame's payload, sealed. One of at most one byte is a keep-alive and stays as it is.
  Buffer seal(Bytes payload);
  // The reverse. After an error the connection is of no more use.
  std::expected<Buffer, SecureError> open(Bytes payload);

 private:
  friend class ServerHandshake;
  friend class ClientHandshake;
  SecureChannel() = default;

  WipedBytes<32> key_;
  std::uint64_t sealed_ = 0;
  std::uint64_t opened_ = 0;
};

// Towards a client: what hbbs would do.
class ServerHandshake {
 public:
  explicit ServerHandshake(const ServerKey& key);

  // The first message, not framed. Clients without a token skip it and go on in plaintext, so that an answer of another
  // kind than KeyExchange is such a client's first message.
  [[nodiscard]] Bytes offer() const { return offer_; }
  std::expected<SecureChannel, SecureError> finish(const KeyExchange& answer) const;

 private:
  WipedBytes<32> secret_;
  Buffer offer_;
};

// Towards a server that encrypts by itself: what a client does.
class ClientHandshake {
 public:
  static std::expected<ClientHandshake, SecureError> answer(const KeyExchange& offer, const PublicKey& server);

  [[nodiscard]] Bytes message() const { return message_; }  // for the server, not framed
  SecureChannel finish() && { return std::move(channel_); }

 private:
  ClientHandshake() = default;

  SecureChannel channel_;
  Buffer message_;
};

}  // namespace gatehouse::rustdesk
