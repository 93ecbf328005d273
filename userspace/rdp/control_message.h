// What the daemon and a worker of an RDP session say to each other, one JSON object a message. Read strictly: an
// unknown type or key, a missing one and a wrong type are faults, for neither side trusts the other.
//
//   daemon                      worker
//     │── start ────────────────▶│   with the client's socket, and the recording's directory if there is one
//     │◀─ account ───────────────│   who logs in at the front (NLA): a reply with the NT hash, or none
//     │◀─ logon ─────────────────│   who it is and what the client can do, before anything reaches a backend: a reply
//     │                          │   with the connected socket of the backend, or with why not
//     │◀─ certificate ───────────│   what the backend shows: a reply whether it is the right one
//     │◀─ fallback ──────────────│   it refuses NLA: a reply with another socket, for TLS, or none
//     │◀─ activation ────────────│   the session begins, or goes on: a reply when its row is written
//     │◀─ active, channel, ... ──│   what happens
//     │── end, warn ────────────▶│
//     │── ping ─────────────────▶│   now and then: the same comes back, or the worker is taken for stuck
//     │◀─ ended ─────────────────│   the last word
//
// Error information: MS-RDPBCGR 2.2.5.1.1 (Set Error Info PDU).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "policy/vocabulary.h"
#include "rdp/message_assembler.h"

namespace gatehouse::rdp {

enum class Security : std::uint8_t { tls, nla };

// How much of what is typed, and of text that goes over the clipboard, is told.
enum class Detail : std::uint8_t {
  off,
  outline,  // of keys: that one was pressed; of text: its length and hash
  full,
};

// Automatic reconnection: what a server gives to its client (MS-RDPBCGR 2.2.4.2) and what that shows when it comes back
// (2.2.4.3). Both secret.
struct ReconnectCookie {
  std::uint32_t logon_id = 0;
  std::string random;  // 32 hexadecimal digits
};
struct ReconnectProof {
  std::uint32_t logon_id = 0;
  std::string verifier;  // 32 hexadecimal digits
};

// ---- to the worker

struct Start {
  std::uint64_t session = 0;
  std::string certificate;  // PEM, of the front
  std::string key;          // PEM
  Security front = Security::tls;
  std::string backend;  // its name, as it is told to it and checked
  Security back = Security::nla;
  bool back_may_fall_back = false;  // to TLS, where the backend refuses NLA
  policy::Channels channels = 0;    // what may go over the channels that pass
  Detail clipboard_text = Detail::outline;
  Detail keys = Detail::off;
  std::vector<std::string> denied_channels;   // static ones, by their names
  std::vector<std::string> dynamic_channels;  // only these (rdp/channel_policy.h); empty: all
  bool recording = false;                     // decode what is passed
  bool keep_files = false;                    // copies of what goes over the channels, in the recording
  std::string recording_key;                  // that signs it: a secret (rdp/recording_key.h); empty without recording
  std::string recording_base;                 // SHA-256 of its identity.json, hexadecimal
  std::uint32_t handshake_seconds = 10;       // of silence, in each phase
  std::uint32_t refusal = 0;                  // error information: who is here is only told why not
};

struct Credentials {
  std::string user;
  std::string domain;
  std::string password;
};

// What may go over the channels of a session.
struct ChannelTerms {
  policy::Channels channels = 0;
  std::vector<std::string> denied_channels;
  std::vector<std::string> dynamic_channels;
};

// To a query; what of it counts depends on that.
struct Reply {
  std::uint64_t number = 0;
  bool accepted = false;
  std::optional<std::string> nt_hash = {};      // 32 hexadecimal digits
  std::optional<Credentials> credentials = {};  // instead of the client's own
  // Of a logon: what the backend is shown, to go on with a session. Of an activation: what the client is given.
  std::optional<ReconnectCookie> cookie = {};
  std::optional<ChannelTerms> terms = {};  // instead of those of the start, now that the login is known
  std::uint32_t error_info = 0;            // why not
};

struct End {
  std::uint32_t error_info = 0;
};

struct Warn {
  std::uint32_t seconds = 0;
};

// ---- from the worker

struct AccountQuery {
  std::uint64_t number = 0;
  std::string user;
  std::string domain;
};

struct LogonQuery {
  std::uint64_t number = 0;
  std::string user;
  std::string domain;
  std::string client_name;
  std::uint32_t client_build = 0;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  Security security = Security::tls;
  std::vector<std::string> channels;
  std::optional<ReconnectProof> reconnect = {};
};

struct ActivationQuery {
  std::uint64_t number = 0;
};

struct BackendCookie {  // that the backend has given
  std::optional<ReconnectCookie> cookie = {};
};

struct FallbackQuery {
  std::uint64_t number = 0;
};

struct CertificateQuery {
  std::uint64_t number = 0;
  std::string fingerprint;  // SHA-256, hexadecimal with colons
  std::string pem;
};

struct Active {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

struct ChannelNotice {
  std::string name;
  bool opened = false;  // otherwise refused
};

// What went over the clipboard, other than files. `text` only where it is wanted, and at most most_text bytes of it.
struct ClipboardNotice {
  static constexpr std::size_t most_text = 16384;
  Direction direction = Direction::to_server;
  std::string kind;  // "text", "image", "other"
  std::uint64_t bytes = 0;
  std::optional<std::string> sha256 = {};
  std::optional<std::string> text = {};
};

// A file that went over a channel. The hash is of its first `bytes` bytes; `whole`: there was no gap, and nothing is
// missing at the end as far as its size is known.
struct FileNotice {
  std::string channel;  // "clipboard", "drive", "printer"
  Direction direction = Direction::to_server;
  std::string name;
  std::uint64_t bytes = 0;
  bool whole = false;
  std::string sha256;
  std::string copy = {};  // the file of the recording that has it; empty: none
};

// What the grant does not allow: told once a session for each.
struct RefusalNotice {
  std::string channel;
  std::string what;  // "clipboard_text_to_server", "drives_write", "printers", ...: the word in the grant that would
};

struct Redirection {  // that the backend asked for, and nobody follows
  std::string target;
};

struct RecordingFailed {
  std::string what;
};

struct Ended {
  std::string reason;  // a word: "client_closed", "backend_closed", "handshake_timeout", ...
  std::string detail;
};

// Both ways: asked for, and as the answer.
struct Ping {};

using Message = std::variant<Start, Reply, End, Warn, AccountQuery, LogonQuery, CertificateQuery, Active, ChannelNotice,
                             ClipboardNotice, FileNotice, RefusalNotice, Redirection, RecordingFailed, Ended,
                             ActivationQuery, BackendCookie, Ping, FallbackQuery>;

std::string encode(const Message& message);
Result<Message> decode(std::string_view text);

}  // namespace gatehouse::rdp
