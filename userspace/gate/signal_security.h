// How a connection to hbbs is encrypted (rustdesk/secure_tcp.h), and what the gateway does about it (secure_tcp of the
// service). Terminate: it gives the channel that clients who are logged in wait for and that hbbs of the open-source
// edition does not have, by hbbs's own key, and opens one to a server that begins with KeyExchange itself; so every
// message is read. Pass: an encrypted connection passes unread. Deny: it ends.
//
// Clients that wait say nothing: a client that has been silent for a moment gets the offer. One without a token skips
// it and goes on in plaintext, which is as good here.
//
// Threads: the loop of its connection.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "gate/message_link.h"
#include "policy/rustdesk_options.h"
#include "rustdesk/secure_tcp.h"

namespace gatehouse::gate {

// Whether the server of a service begins connections with KeyExchange, as was seen of those before. Shared by them.
enum class ServerBegins : std::uint8_t { unknown, never, always };
using ServerHabit = std::atomic<ServerBegins>;

class SignalSecurity {
 public:
  static constexpr std::chrono::milliseconds silence{400};
  // A server that begins is waited for before a client's first message goes on: it would not take it in plaintext.
  static constexpr std::chrono::milliseconds longest_beginning{3000};

  // `key`: of terminate; nullptr where it cannot be read: nothing is offered then.
  SignalSecurity(policy::SecureTcp mode, std::shared_ptr<const rustdesk::ServerKey> key)
      : mode_(mode), key_(std::move(key)) {}

  [[nodiscard]] bool terminates() const { return mode_ == policy::SecureTcp::terminate && key_; }
  [[nodiscard]] bool server_spoke() const { return server_spoke_; }
  [[nodiscard]] bool can_offer() const { return mode_ == policy::SecureTcp::terminate && key_ && !handshake_; }
  // To the client, once.
  rustdesk::Buffer offer();

  enum class Taken : std::uint8_t {
    judge,     // a message like others
    consumed,  // part of the handshake
    unread,    // from now on nothing can be read, and everything passes
    failed,    // the connection ends: `fault()`
  };
  Taken from_client(rustdesk::Bytes message, FrameLink& client);
  // `reply` is for the server, before its channel is used.
  Taken from_server(rustdesk::Bytes message, rustdesk::Buffer& reply);
  // After the reply is written.
  void secure(FrameLink& server);
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  policy::SecureTcp mode_;
  std::shared_ptr<const rustdesk::ServerKey> key_;
  std::optional<rustdesk::ServerHandshake> handshake_;  // offered
  std::optional<rustdesk::SecureChannel> server_channel_;
  bool client_answered_ = false;
  bool server_spoke_ = false;
  bool unread_ = false;
  std::string fault_;
};

}  // namespace gatehouse::gate
