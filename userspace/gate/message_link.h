// One side of a RustDesk connection as a stream of messages, whatever carries them: frames over TCP
// (rustdesk/frames.h), sealed ones once a channel is there (rustdesk/secure_tcp.h), or binary messages of a WebSocket
// (gate/websocket_link.h). Nothing is looked into here.
//
// Threads: everything of a link happens on the loop of its socket. One read may be under way at a time; writes take
// turns.
// Ends: a read without a value, a write that is false. close() makes both end soon; safe at any moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "relay/loop.h"
#include "relay/tcp_relay.h"
#include "rustdesk/bytes.h"
#include "rustdesk/frames.h"
#include "rustdesk/secure_tcp.h"

namespace gatehouse::gate {

using relay::Task;

class MessageLink {
 public:
  virtual ~MessageLink() = default;
  MessageLink(const MessageLink&) = delete;
  MessageLink& operator=(const MessageLink&) = delete;

  virtual Task<std::optional<rustdesk::Buffer>> read() = 0;
  Task<bool> write(rustdesk::Buffer message);
  // Nothing more will be written.
  void finish();
  void close(bool reset);
  // Since when a message is under way that is not whole; nullopt: none.
  [[nodiscard]] virtual std::optional<relay::SteadyTime> incomplete_since() const = 0;
  // Why reading ended, where it was not the peer's own end.
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

 protected:
  explicit MessageLink(relay::Socket& socket)
      : socket_(socket), turn_(socket.get_executor(), relay::SteadyTime::max()) {}
  virtual Task<bool> put(rustdesk::Buffer message) = 0;

  relay::Socket& socket_;
  std::string fault_;
  std::uint64_t bytes_read_ = 0;
  std::uint64_t bytes_written_ = 0;

 private:
  relay::Timer turn_;  // never expires: cancelled when a write is done
  bool writing_ = false;
};

class FrameLink final : public MessageLink {
 public:
  explicit FrameLink(relay::Socket& socket) : MessageLink(socket) {}

  Task<std::optional<rustdesk::Buffer>> read() override;
  [[nodiscard]] std::optional<relay::SteadyTime> incomplete_since() const override { return incomplete_since_; }

  // Messages are sealed and opened with it from now on.
  void secure(rustdesk::SecureChannel channel) { channel_.emplace(std::move(channel)); }
  // What has come behind the last message that was read.
  [[nodiscard]] rustdesk::Bytes rest() const { return input_; }

 private:
  Task<bool> put(rustdesk::Buffer message) override;

  rustdesk::FrameReader reader_;
  std::array<std::uint8_t, 4096> buffer_{};
  rustdesk::Bytes input_;  // in buffer_
  std::optional<relay::SteadyTime> incomplete_since_;
  std::optional<rustdesk::SecureChannel> channel_;
};

}  // namespace gatehouse::gate
