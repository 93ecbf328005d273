#include "rustdesk/session_requests.h"

namespace gatehouse::rustdesk {
namespace {

constexpr std::size_t most_requests = 100'000;
constexpr Duration kept = std::chrono::seconds(60);

}  // namespace

void SessionRequests::put(const Endpoint& initiator, SessionRequest request) {
  const auto now = request.at;
  while (!ages_.empty() && (now - ages_.front().first > kept || ages_.size() >= most_requests)) {
    const auto [at, old] = ages_.front();
    ages_.pop_front();
    const auto found = requests_.find(old);
    if (found != requests_.end() && found->second.at == at) requests_.erase(found);
  }
  ages_.emplace_back(now, initiator);
  requests_.insert_or_assign(initiator, std::move(request));
}

const SessionRequest* SessionRequests::find(const Endpoint& initiator, WallTime now) const {
  const auto found = requests_.find(initiator);
  return found == requests_.end() || now - found->second.at > kept ? nullptr : &found->second;
}

}  // namespace gatehouse::rustdesk
