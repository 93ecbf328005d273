#include "gate/signal_security.h"

#include <utility>

#include "rustdesk/messages.h"

namespace gatehouse::gate {

using policy::SecureTcp;

rustdesk::Buffer SignalSecurity::offer() {
  handshake_.emplace(*key_);
  const auto bytes = handshake_->offer();
  return {bytes.begin(), bytes.end()};
}

SignalSecurity::Taken SignalSecurity::from_client(rustdesk::Bytes message, FrameLink& client) {
  if (unread_) return Taken::unread;
  if (!handshake_ || client_answered_) return Taken::judge;
  client_answered_ = true;
  const auto parsed = rustdesk::parse(message);
  const auto* answer = parsed ? std::get_if<rustdesk::KeyExchange>(&parsed->body) : nullptr;
  if (answer == nullptr) return Taken::judge;
  auto channel = handshake_->finish(*answer);
  if (!channel) {
    fault_ = "client: the key exchange failed: " + std::string(rustdesk::to_text(channel.error()));
    return Taken::failed;
  }
  client.secure(std::move(*channel));
  return Taken::consumed;
}

SignalSecurity::Taken SignalSecurity::from_server(rustdesk::Bytes message, rustdesk::Buffer& reply) {
  if (unread_) return Taken::unread;
  if (std::exchange(server_spoke_, true)) return Taken::judge;
  const auto parsed = rustdesk::parse(message);
  const auto* offered = parsed ? std::get_if<rustdesk::KeyExchange>(&parsed->body) : nullptr;
  if (offered == nullptr) return Taken::judge;
  if (mode_ == SecureTcp::pass) {
    unread_ = true;
    return Taken::unread;
  }
  if (mode_ == SecureTcp::deny || !key_) {
    fault_ = "the server encrypts, and what is encrypted cannot be judged";
    return Taken::failed;
  }
  auto handshake = rustdesk::ClientHandshake::answer(*offered, key_->public_key());
  if (!handshake) {
    fault_ = "backend: the key exchange failed: " + std::string(rustdesk::to_text(handshake.error()));
    return Taken::failed;
  }
  const auto bytes = handshake->message();
  reply.assign(bytes.begin(), bytes.end());
  server_channel_ = std::move(*handshake).finish();
  return Taken::consumed;
}

void SignalSecurity::secure(FrameLink& server) {
  if (server_channel_) server.secure(std::move(*server_channel_));
  server_channel_.reset();
}

}  // namespace gatehouse::gate
