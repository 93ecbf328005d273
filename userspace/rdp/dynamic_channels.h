// The one message of dynamic channels that a policy looks at: the backend's wish to open one (DYNVC_CREATE_REQ,
// MS-RDPEDYC 2.2.2.1), and the refusal that a client without such a channel would send (DYNVC_CREATE_RSP, 2.2.2.2).
//
// Threads: a gate is the back's. Errors: chunks that contradict each other, and such a wish in several of them, for it
// is shorter than one: the session ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rdp/message_assembler.h"

namespace gatehouse::rdp {

struct CreateRequest {
  std::uint8_t header = 0;
  std::vector<std::uint8_t> channel_id;  // 1, 2 or 4 bytes, as they came
  std::string name;                      // without its end
};

// What is not one: nullopt. One that is broken (no end of the name, no id) has an empty name.
std::optional<CreateRequest> read_create_request(std::span<const std::uint8_t> message);

std::vector<std::uint8_t> refusal_of(const CreateRequest& request);

class DynamicChannelGate final : private MessageHandler {
 public:
  // `rules` as in ChannelRules; `tell`: that one is opened, or refused.
  using Tell = std::function<void(const std::string& name, bool opened)>;
  DynamicChannelGate(std::vector<std::string> rules, Tell tell);

  // Of what the backend sends: whether this chunk goes on to the client.
  Result<bool> take(const Chunk& chunk);
  // What the backend is to be answered to the last chunk, once.
  std::optional<std::vector<std::uint8_t>> take_refusal();

 private:
  Handling begin(Bytes head, std::size_t total) override;
  void piece(Bytes /*piece*/) override {}
  void end() override {}
  Result<void> message(Bytes message) override;

  const std::vector<std::string> rules_;
  const Tell tell_;
  MessageAssembler assembler_;
  std::optional<std::vector<std::uint8_t>> refusal_;
};

}  // namespace gatehouse::rdp
