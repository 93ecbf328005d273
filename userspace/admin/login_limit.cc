#include "admin/login_limit.h"

#include <algorithm>
#include <cmath>

namespace gatehouse::admin {
namespace {

constexpr std::uint8_t customer_bits = 64;

}  // namespace

Address LoginLimit::network_of(const Address& source) {
  return source.is_v4() ? source : Prefix::covering(source, customer_bits).address;
}

double LoginLimit::left(const Count& count, Time now) {
  const std::chrono::duration<double> passed = now - count.last;
  return std::max(0.0, count.failures - passed / std::chrono::duration<double>(one_more_each));
}

std::chrono::seconds LoginLimit::wait_of(const Address& source, Time now) const {
  const auto found = counts_.find(network_of(source));
  if (found == counts_.end()) return std::chrono::seconds::zero();
  const double over = left(found->second, now) - (in_a_row - 1);
  if (over <= 0) return std::chrono::seconds::zero();
  return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(over * static_cast<double>(one_more_each.count()))));
}

void LoginLimit::failed(const Address& source, Time now) {
  const auto network = network_of(source);
  if (counts_.size() >= most_sources && !counts_.contains(network)) {
    std::erase_if(counts_, [now](const auto& entry) { return left(entry.second, now) <= 0; });
    if (counts_.size() >= most_sources) {
      counts_.erase(std::ranges::min_element(counts_, {}, [](const auto& entry) { return entry.second.last; }));
    }
  }
  auto& count = counts_[network];
  count.failures = std::min(left(count, now) + 1, in_a_row);
  count.last = now;
}

}  // namespace gatehouse::admin
