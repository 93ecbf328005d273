#include "rdp/dynamic_channels.h"

#include <algorithm>
#include <utility>

#include "rdp/channel_policy.h"

namespace gatehouse::rdp {
namespace {

constexpr std::uint8_t create = 1;  // the command: the upper four bits
constexpr std::size_t longest_channel_name = 256;
constexpr std::size_t longest_put_together = 4096;  // to be refused
constexpr std::uint32_t unsuccessful = 0xC0000001;  // STATUS_UNSUCCESSFUL (MS-ERREF 2.3.1)

}  // namespace

std::optional<CreateRequest> read_create_request(std::span<const std::uint8_t> message) {
  if (message.empty() || message[0] >> 4U != create) return std::nullopt;
  CreateRequest request{.header = message[0], .channel_id = {}, .name = {}};
  // cbId, the lowest two bits: 0, 1, 2 for 1, 2, 4 bytes.
  const std::size_t width = std::size_t{1} << std::min<unsigned>(message[0] & 3U, 2);
  if (message.size() < 1 + width) return request;
  const auto id = message.subspan(1, width);
  request.channel_id.assign(id.begin(), id.end());
  const auto text = message.subspan(1 + width);
  const auto end = std::ranges::find(text, std::uint8_t{0});
  if (end == text.end() || static_cast<std::size_t>(end - text.begin()) > longest_channel_name) return request;
  request.name.assign(text.begin(), end);
  return request;
}

std::vector<std::uint8_t> refusal_of(const CreateRequest& request) {
  std::vector<std::uint8_t> message;
  message.push_back(static_cast<std::uint8_t>(create << 4U | (request.header & 3U)));
  message.insert(message.end(), request.channel_id.begin(), request.channel_id.end());
  for (unsigned shift = 0; shift < 32; shift += 8) message.push_back(static_cast<std::uint8_t>(unsuccessful >> shift));
  return message;
}

DynamicChannelGate::DynamicChannelGate(std::vector<std::string> rules, Tell tell)
    : rules_(std::move(rules)), tell_(std::move(tell)), assembler_(longest_put_together) {}

Result<bool> DynamicChannelGate::take(const Chunk& chunk) {
  return assembler_.take(*this, chunk);
}

std::optional<std::vector<std::uint8_t>> DynamicChannelGate::take_refusal() {
  return std::exchange(refusal_, std::nullopt);
}

Handling DynamicChannelGate::begin(Bytes head, std::size_t total) {
  const auto request = read_create_request(head);
  // Nobody cuts a wish into pieces but to hide it.
  if (head.size() != total && (head.empty() || request)) return Handling::whole;
  if (!request) return Handling::pass;
  const bool allowed = allows_dynamic(rules_, request->name);
  tell_(request->name, allowed);
  if (allowed) return Handling::pass;
  refusal_ = refusal_of(*request);
  return Handling::drop;
}

Result<void> DynamicChannelGate::message(Bytes /*message*/) {
  return failure("a request to open a channel comes in pieces");
}

}  // namespace gatehouse::rdp
