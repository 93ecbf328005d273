// What a worker that was taken over could say, and what a server could send over drdynvc: nothing is taken that does
// not come back as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "rdp/channel_policy.h"
#include "rdp/control_message.h"
#include "rdp/dynamic_channels.h"

namespace rdp = gatehouse::rdp;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto message = rdp::decode({reinterpret_cast<const char*>(data), size});
  if (message) {
    const auto again = rdp::decode(rdp::encode(*message));
    if (!again || again->index() != message->index()) std::abort();
  } else if (message.error().what.empty()) {
    std::abort();
  }
  const auto request = rdp::read_create_request({data, size});
  if (!request) return 0;
  if (data[0] >> 4U != 1) std::abort();
  const auto rules = rdp::channel_rules(0);
  if (rdp::allows_dynamic(rules.dynamic_channels, request->name) && request->name.empty()) std::abort();
  if (rdp::refusal_of(*request).size() != 1 + request->channel_id.size() + 4) std::abort();
  return 0;
}
