#include "rustdesk/session_requests.h"

#include <sodium.h>

namespace gatehouse::rustdesk {
namespace {

constexpr std::size_t most_requests = 100'000;
constexpr Duration kept = std::chrono::seconds(60);

}  // namespace

SessionRequests::SessionRequests() {
  randombytes_buf(&seed_, sizeof(seed_));
}

std::uint64_t SessionRequests::hash(const Endpoint& endpoint) const {
  return hash_bytes16(endpoint.address.bytes, seed_ + endpoint.port);
}

Slot SessionRequests::slot_of(const Endpoint& endpoint) const {
  return index_.find(hash(endpoint), [&](Slot slot) { return records_[slot].initiator == endpoint; });
}

void SessionRequests::put(const Endpoint& initiator, SessionRequest request) {
  const auto now = request.at;
  auto slot = slot_of(initiator);
  if (slot != no_slot) ages_.remove(records_, &Record::by_age, slot);
  while (slot == no_slot && !ages_.empty()) {
    const auto oldest = ages_.first;
    if (now - records_[oldest].request.at <= kept && records_.size() < most_requests) break;
    index_.erase(hash(records_[oldest].initiator), oldest);
    ages_.remove(records_, &Record::by_age, oldest);
    records_.remove(oldest);
  }
  if (slot == no_slot) {
    slot = records_.add();
    records_[slot].initiator = initiator;
    index_.insert(hash(initiator), slot);
  }
  records_[slot].request = std::move(request);
  ages_.insert(records_, &Record::by_age, slot, no_slot);
}

const SessionRequest* SessionRequests::find(const Endpoint& initiator, WallTime now) const {
  const auto slot = slot_of(initiator);
  return slot == no_slot || now - records_[slot].request.at > kept ? nullptr : &records_[slot].request;
}

}  // namespace gatehouse::rustdesk
