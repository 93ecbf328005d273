// The one message of dynamic channels that a policy looks at: the backend's wish to open one (DYNVC_CREATE_REQ,
// MS-RDPEDYC 2.2.2.1), and the refusal that a client without such a channel would send (DYNVC_CREATE_RSP, 2.2.2.2).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace gatehouse::rdp {

struct CreateRequest {
  std::uint8_t header = 0;
  std::vector<std::uint8_t> channel_id;  // 1, 2 or 4 bytes, as they came
  std::string name;                      // without its end
};

// What is not one: nullopt. One that is broken (no end of the name, no id) has an empty name.
std::optional<CreateRequest> read_create_request(std::span<const std::uint8_t> message);

std::vector<std::uint8_t> refusal_of(const CreateRequest& request);

}  // namespace gatehouse::rdp
