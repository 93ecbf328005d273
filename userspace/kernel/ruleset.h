// The nftables table of the gate, built with libnftnl and sent with libmnl. No `nft` process is involved.
//
//   table inet <table>, comment "gatehouse instance=<instance>"
//     sets pools4, pools6 (interval), services4, services6 ({address . l4proto . port}); each with the suffix _a or _b
//     chain prerouting (hook prerouting, priority mangle):
//       - destination in a pool -> chain pool
//       - TCP and ICMP errors of transparent sockets of ours (backends' answers to `source: client`): mark, accept
//     chain pool:
//       - ICMP, ICMPv6: mark (errors must reach our sockets; the kernel answers neighbour discovery, and echo of IPv6)
//       - TCP or UDP to a service: mark; with tproxy: tproxy to the listener, mark, and a drop behind it for when there
//         is no listener
//       - fragments but the first: mark (they have no port; without a first one that was let in they come to nothing)
//       - TCP of transparent sockets of ours (live sessions of a service that was removed): mark
//       - TCP otherwise: reset or drop
//       - UDP otherwise: ICMP port unreachable
//       - all else: drop (its comment: a digest of the wanted table)
//     chain forward (hook forward, priority filter - 10): destination or source in a pool: drop
//
// Marked packets are delivered locally by the policy route (routes.h).
//
// Replacing: new sets are filled in one transaction, beside those in use; a second one switches all rules over to them
// and removes the old ones. The base chains stay hooked all the time. So a packet meets the old table or the new one,
// and never a half. Deleting and making the table in one transaction would be simpler, but it is whole for listings
// only: measured on Linux 6.18 under a flood, it let about one packet through in each replacement; this way none in
// 4200. That way is taken only when there is no table yet, or one whose comment or chains are not ours.
//
// A socket is looked for only behind the services and never for an opening SYN: that lookup would run the sk_lookup
// program once more for each of them, and count it twice.
//
// The table has no owner: it outlives the daemon, and keeps rejecting. Kernels: 5.10 and later (reject in prerouting
// 5.9, `socket wildcard` and table comments 5.10).
//
// Threads: control thread. Errors name the part the kernel refused; the table then does what it did before.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "kernel/dataplane.h"

namespace gatehouse::kernel {

struct RulesetSpec {
  std::string table = "gatehouse";
  std::string instance;
  std::uint32_t mark = 0;
  RejectMode reject = RejectMode::reset;
  bool tproxy = false;            // else the sk_lookup program assigns the socket
  std::uint16_t tproxy_port = 0;  // of the listener pair (127.0.0.1 and ::1); 0: no listener yet
  // false where the kernel has no nft_socket (NftFeatures::socket): then there is no `source: client`, and removing a
  // service ends its sessions.
  bool socket_match = true;
  std::vector<Prefix> pools;
  std::vector<ServiceBinding> services;  // each inside a pool; empty: everything of the pools is rejected
};

// Replaces the table whatever it held, or makes it. Tens of thousands of services are fine.
Result<void> apply_ruleset(const RulesetSpec& spec);
// Removes the table; absent is fine.
Result<void> remove_ruleset(const std::string& table);

// Whether the table is exactly what apply_ruleset(spec) makes: its comment, chains with hook and priority, every rule
// (but for counters) and every set element. Error: the kernel could not be asked.
Result<bool> ruleset_is_intact(const RulesetSpec& spec);

// The comment of every table of ours is this and the instance.
inline constexpr const char* table_comment_start = "gatehouse instance=";

// The tables of this network namespace that carry such a comment.
struct InstanceTable {
  std::string table;
  std::string instance;
};
Result<std::vector<InstanceTable>> instance_tables();

}  // namespace gatehouse::kernel
