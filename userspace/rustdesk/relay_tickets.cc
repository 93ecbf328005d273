#include "rustdesk/relay_tickets.h"

#include <utility>

namespace gatehouse::rustdesk {

RelayTickets::Mint RelayTickets::mint(Ticket ticket, WallTime now) {
  expire(now);
  const auto found = tickets_.find(ticket.uuid);
  if (found != tickets_.end()) {
    auto& old = found->second;
    const bool same =
        old.initiator == ticket.initiator && old.target == ticket.target && old.service == ticket.service && old.minted;
    if (!same || old.used()) return Mint::in_use;
    if (!ticket.answerer) ticket.answerer = old.answerer;
    ticket.since = now;
    old = std::move(ticket);
    return Mint::renewed;
  }
  const auto unused = unused_.find(ticket.initiator);
  if (tickets_.size() >= limits_.tickets || (unused != unused_.end() && unused->second >= limits_.unused_of_address)) {
    return Mint::full;
  }
  ticket.since = now;
  ages_.emplace_back(now, ticket.uuid);
  count_unused(ticket.initiator, 1);
  auto uuid = ticket.uuid;
  tickets_.emplace(std::move(uuid), std::move(ticket));
  return Mint::minted;
}

Ticket* RelayTickets::find(std::string_view uuid, WallTime now) {
  expire(now);
  const auto found = tickets_.find(uuid);
  if (found == tickets_.end()) return nullptr;
  auto& ticket = found->second;
  return !ticket.used() && now - ticket.since >= limits_.unused ? nullptr : &ticket;
}

bool RelayTickets::join(Ticket& ticket, RelaySide side, std::uint64_t connection) {
  auto& own = ticket.sides.at(static_cast<std::size_t>(side));
  if (own.connection != 0 || by_connection_.contains(connection)) return false;
  if (!ticket.used()) count_unused(ticket.initiator, -1);
  own.connection = connection;
  by_connection_[connection] = tickets_.find(ticket.uuid);
  return true;
}

void RelayTickets::closed(std::uint64_t connection) {
  const auto found = by_connection_.find(connection);
  if (found == by_connection_.end()) return;
  const auto at = found->second;
  by_connection_.erase(found);
  bool all_left = true;
  for (auto& side : at->second.sides) {
    if (side.connection == connection) side.left = true;
    all_left = all_left && (side.connection == 0 || side.left);
  }
  if (all_left) tickets_.erase(at);
}

void RelayTickets::expire(WallTime now) {
  while (!ages_.empty() && now - ages_.front().first >= limits_.unused) {
    auto [since, uuid] = std::move(ages_.front());
    ages_.pop_front();
    const auto found = tickets_.find(uuid);
    // Used, gone, or another one with the same uuid, which has its own place further back.
    if (found == tickets_.end() || found->second.used()) continue;
    if (now - found->second.since < limits_.unused) {
      if (since != found->second.since) ages_.emplace_back(found->second.since, std::move(uuid));
      continue;
    }
    count_unused(found->second.initiator, -1);
    tickets_.erase(found);
  }
}

void RelayTickets::count_unused(const Address& address, int difference) {
  auto& count = unused_[address];
  count += static_cast<std::size_t>(difference);
  if (count == 0) unused_.erase(address);
}

}  // namespace gatehouse::rustdesk
