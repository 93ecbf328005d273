#include "gate/handshake_limit.h"

namespace gatehouse::gate {
namespace {

constexpr std::uint8_t customer_bits = 64;

}  // namespace

std::optional<HandshakeLimit::Place> HandshakeLimit::enter(const Address& source) {
  const auto network = source.is_v4() ? source : Prefix::covering(source, customer_bits).address;
  const std::lock_guard lock(mutex_);
  if (all_ >= in_all_) return std::nullopt;
  auto& count = by_source_[network];
  if (count >= of_a_source_) return std::nullopt;
  ++count;
  ++all_;
  return Place(*this, network);
}

void HandshakeLimit::leave(const Address& source) {
  const std::lock_guard lock(mutex_);
  --all_;
  const auto at = by_source_.find(source);
  if (--at->second == 0) by_source_.erase(at);
}

}  // namespace gatehouse::gate
