// Whose recording it is, and by which key: identity.json, which the daemon writes before the worker begins. One line,
//
//   {"client":"192.0.2.10:50120","format":2,"gateway":"<the gateway's public key>","grant":"bob-win1",
//    "key":"<the public key of this recording>","server":"win1","service":"win1-rdp","session":17,
//    "signature":"<of the gateway>","started":"2026-11-23T08:00:00Z","user":"bob"}
//
// with its members by name, no spaces, no other characters than ASCII. The gateway's signature (Ed25519) is of
// "gatehouse recording identity\n" and the object written in the same way without its `signature`. Keys and signatures
// are hexadecimal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "rdp/recording_key.h"

namespace gatehouse::rdp {

inline constexpr const char* identity_file = "identity.json";
inline constexpr std::uint64_t recording_format = 2;  // 1 had no signatures
inline constexpr std::size_t longest_identity = 16384;

struct RecordingIdentity {
  std::uint64_t session = 0;
  std::string user = {};
  std::string server = {};
  std::string service = {};
  std::string grant = {};
  std::string client = {};
  std::string started = {};  // RFC 3339
  PublicKey key{};           // of what signs the pieces
  PublicKey gateway{};
};

// The file's text; `identity.gateway` is taken from the key.
std::string signed_identity(RecordingIdentity identity, const SigningKey& gateway);

// Error: it is no such text, byte by byte, or `gateway` in it has not signed it. Whether that is the right gateway is
// for the caller to judge.
Result<RecordingIdentity> read_identity(std::string_view text);

}  // namespace gatehouse::rdp
