// Bans. What is wanted is kept here, by network; the maps are compared with it and only the difference is sent. New
// entries go in before old ones come out: what is banned before and after is never let through in between.
#include <algorithm>

#include "kernel/boot_clock.h"
#include "kernel/kernel_dataplane.h"

namespace gatehouse::kernel {
namespace {

ban_value value_of(std::uint64_t expires_ns, std::uint64_t id, const Prefix& network) {
  ban_value value{};
  value.expires_ns = expires_ns;
  value.ban_id = id;
  value.reason = static_cast<__u32>(policy::Reason::banned_source);
  value.prefix_length = network.length;
  return value;
}

}  // namespace

Result<void> KernelDataplane::put_bans(std::span<const Prefix> networks) {
  const BootClock clock;
  std::vector<HostBanMap::Entry> hosts;
  std::vector<NetBanMap::Entry> nets;
  for (const auto& network : networks) {
    const auto& ban = bans_.at(network);
    const auto value = value_of(clock.expiry(ban.expires), ban.id, network);
    if (network.is_host()) {
      hosts.emplace_back(raw_address(network.address), value);
    } else {
      nets.emplace_back(net_key_of(network), value);
    }
  }
  // Both are tried: a full table of hosts is no reason to let networks in.
  const auto put_hosts = maps_.banned_hosts.put(hosts);
  const auto put_nets = maps_.banned_nets.put(nets);
  return put_hosts ? put_nets : put_hosts;
}

Result<void> KernelDataplane::erase_bans(std::span<const Prefix> networks) {
  std::vector<gatehouse_address> hosts;
  std::vector<net_key> nets;
  for (const auto& network : networks) {
    if (network.is_host()) {
      hosts.push_back(raw_address(network.address));
    } else {
      nets.push_back(net_key_of(network));
    }
  }
  if (auto erased = maps_.banned_hosts.erase(hosts); !erased) return std::unexpected(erased.error());
  if (auto erased = maps_.banned_nets.erase(nets); !erased) return std::unexpected(erased.error());
  return {};
}

// A difference that stays until the next comparison.
Result<void> KernelDataplane::note(Result<void> changed) {
  if (!changed) bans_in_step_ = false;
  return changed;
}

Result<std::size_t> KernelDataplane::apply_ban_difference() {
  bans_in_step_ = false;
  const BootClock clock;
  for (auto& [network, ban] : bans_) ban.in_kernel = false;
  std::vector<Prefix> surplus;
  auto compare = [&](const Prefix& network, const ban_value& value) {
    const auto wanted = bans_.find(network);
    if (wanted == bans_.end()) {
      surplus.push_back(network);
    } else {
      wanted->second.in_kernel =
          is_same(value, value_of(clock.expiry(wanted->second.expires), wanted->second.id, network));
    }
  };
  if (auto read = maps_.banned_hosts.each(
          [&](const gatehouse_address& key, const ban_value& value) { compare(Prefix::host(address_of(key)), value); });
      !read) {
    return std::unexpected(read.error());
  }
  if (auto read =
          maps_.banned_nets.each([&](const net_key& key, const ban_value& value) { compare(network_of(key), value); });
      !read) {
    return std::unexpected(read.error());
  }
  std::vector<Prefix> missing;
  for (const auto& [network, ban] : bans_) {
    if (!ban.in_kernel) missing.push_back(network);
  }
  if (auto put = put_bans(missing); !put) return std::unexpected(put.error());
  if (auto erased = erase_bans(surplus); !erased) return std::unexpected(erased.error());
  bans_in_step_ = true;
  return missing.size() + surplus.size();
}

Result<void> KernelDataplane::sync_bans(std::span<const policy::Ban> bans) {
  const WallTime time = now();
  bans_.clear();
  bans_.reserve(bans.size());
  banned_hosts_ = 0;
  ban_expiries_ = {};
  for (const auto& ban : bans) {
    if (ban.expires && *ban.expires <= time) continue;
    if (bans_.insert_or_assign(ban.network, WantedBan{ban.expires, ban.id}).second && ban.network.is_host())
      ++banned_hosts_;
    if (ban.expires) ban_expiries_.push({*ban.expires, ban.network});
  }
  bans_known_ = true;
  const auto applied = apply_ban_difference();
  if (!applied) return std::unexpected(applied.error());
  return {};
}

Result<void> KernelDataplane::add_bans(std::span<const policy::Ban> bans) {
  const WallTime time = now();
  std::vector<Prefix> networks;
  for (const auto& ban : bans) {
    if (ban.expires && *ban.expires <= time) continue;
    const bool is_new = bans_.insert_or_assign(ban.network, WantedBan{ban.expires, ban.id}).second;
    if (is_new && ban.network.is_host()) ++banned_hosts_;
    if (ban.expires) ban_expiries_.push({*ban.expires, ban.network});
    networks.push_back(ban.network);
  }
  return note(put_bans(networks));
}

Result<void> KernelDataplane::remove_bans(std::span<const Prefix> networks) {
  for (const auto& network : networks) {
    if (bans_.erase(network) > 0 && network.is_host()) --banned_hosts_;
  }
  return note(erase_bans(networks));
}

Result<std::size_t> KernelDataplane::sweep_bans(WallTime time) {
  std::vector<Prefix> over;
  while (!ban_expiries_.empty() && ban_expiries_.top().at <= time) {
    const auto expiry = ban_expiries_.top();
    ban_expiries_.pop();
    // A ban that was replaced meanwhile has an entry of its own.
    const auto ban = bans_.find(expiry.network);
    if (ban == bans_.end() || ban->second.expires != expiry.at) continue;
    bans_.erase(ban);
    if (expiry.network.is_host()) --banned_hosts_;
    over.push_back(expiry.network);
  }
  if (auto erased = note(erase_bans(over)); !erased) return std::unexpected(erased.error());
  return over.size();
}

Result<std::size_t> KernelDataplane::sweep(WallTime now) {
  const BootClock clock;
  const auto bans = sweep_bans(now);
  const auto verdicts = sweep_verdicts(clock.at(now));
  if (!bans) return bans;
  if (!verdicts) return verdicts;
  return *bans + *verdicts;
}

}  // namespace gatehouse::kernel
