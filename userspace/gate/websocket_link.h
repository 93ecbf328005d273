// A RustDesk connection over WebSocket (RFC 6455): each message is one binary WebSocket message. The gateway is a
// server towards the client and a client towards hbbs or hbbr, with a request of its own: what a client says of its
// address in X-Real-IP or X-Forwarded-For, which hbbs believes, never gets there.
//
// Threads, ends: as MessageLink.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <optional>
#include <string>

#include "gate/message_link.h"

namespace gatehouse::gate {

// What a client's upgrade request says that its server may want to know.
struct WebSocketRequest {
  std::string target = "/";
  std::string host = {};
};

class WebSocketLink final : public MessageLink {
 public:
  WebSocketLink(relay::Socket& socket, std::size_t longest_message);

  // As the server of a client that connects. nullopt: what came is no such request.
  Task<std::optional<WebSocketRequest>> accept();
  // As the client of a server.
  Task<bool> connect(WebSocketRequest request);

  Task<std::optional<rustdesk::Buffer>> read() override;
  [[nodiscard]] std::optional<relay::SteadyTime> incomplete_since() const override { return incomplete_since_; }

 private:
  Task<bool> put(rustdesk::Buffer message) override;

  boost::beast::websocket::stream<relay::Socket&> stream_;
  boost::beast::flat_buffer buffer_;
  std::optional<relay::SteadyTime> incomplete_since_;
};

}  // namespace gatehouse::gate
