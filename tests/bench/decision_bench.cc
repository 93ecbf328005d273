// How long a decision takes: policies of 100 to 100,000 grants with 10,000 services and as many users, and 1,000 to
// 1,000,000 bans, hosts and networks of several lengths in both families. The questions are many and in random order,
// so that most of what an answer reads is not in the nearest caches; each is put only when the one before it is
// answered, so that the time is that of an answer and not that of several at once. Every answer is checked against what
// it must be, once, before it is measured.
//
//   decision_bench [--quick]
#include <chrono>
#include <cstdint>
#include <iostream>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "bench/measuring.h"
#include "policy/engine.h"

namespace gatehouse::bench {
namespace {

using policy::Reason;

constexpr std::size_t services = 10'000;  // each on a server of its own
constexpr std::size_t users = 10'000;
constexpr std::size_t batch = 256;  // answers between two looks at the clock
constexpr double aim_ns = 1000;

struct Case {
  std::size_t bans;
  std::size_t grants;
};
constexpr Case cases[]{{1'000, 100},     {1'000, 10'000},     {1'000, 100'000},
                       {100'000, 100},   {100'000, 10'000},   {100'000, 100'000},
                       {1'000'000, 100}, {1'000'000, 10'000}, {1'000'000, 100'000}};

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t limit) {
  return std::uniform_int_distribution<std::size_t>(0, limit - 1)(random);
}

Address v6(std::uint64_t high, std::uint64_t low) {
  Address address;
  for (std::size_t i = 0; i < 8; ++i) {
    address.bytes[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    address.bytes[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return address;
}

// Users live in 10.0.0.0/9 (hosts, and every tenth a /28) and, the odd ones, in /64 networks of 2001:db8::/32.
Prefix source_of(std::size_t user) {
  if (user % 2 == 1) return Prefix::covering(v6(0x2001'0db8'0000'0000ULL + user, 0), 64);
  const auto address = Address::from_v4(0x0a00'0000U + static_cast<std::uint32_t>(user) * 64);
  return user % 10 == 0 ? Prefix::covering(address, 124) : Prefix::host(address);
}

Address address_in(const Prefix& network, Random& random) {
  if (network.is_host()) return network.address;
  Address address = network.address;
  const std::uint8_t host_bits = static_cast<std::uint8_t>(std::min(128 - network.length, 8));
  address.bytes[15] = static_cast<std::uint8_t>(address.bytes[15] | below(random, std::size_t{1} << host_bits));
  return address;
}

Endpoint proxy_of(std::size_t service) {
  const auto number = static_cast<std::uint32_t>(service);
  if (service % 2 == 1) return {v6(0x2001'0db8'ffff'0000ULL, number), 3389};
  return {Address::from_v4(0x6440'0000U + number), 3389};
}

std::string user_name(std::size_t user) {
  return "user" + std::to_string(user);
}
std::string server_name(std::size_t server) {
  return "server" + std::to_string(server);
}

// Which server a grant is for: spread over all, never the same one twice for a user.
struct Granted {
  std::size_t user;
  std::size_t server;
};
Granted granted(std::size_t grant) {
  return {grant % users, (grant * 7919 + grant / users) % services};
}

policy::Document document_with(std::size_t grants) {
  policy::Document document;
  document.pools["four"].networks.push_back(*Prefix::parse("100.64.0.0/16"));
  document.pools["six"].networks.push_back(*Prefix::parse("2001:db8:ffff::/64"));
  for (std::size_t i = 0; i < users; ++i) document.users[user_name(i)].sources.push_back(source_of(i));
  for (std::size_t i = 0; i < services; ++i) {
    document.servers[server_name(i)].address = Address::from_v4(0xac10'0000U + static_cast<std::uint32_t>(i));
    policy::Service service;
    service.server = server_name(i);
    service.proxy_ip = proxy_of(i).address;
    service.port = 3389;
    service.backend_port = 3389;
    service.kind = policy::Kind::rdp;
    service.protocol = "rdp";
    document.services["service" + std::to_string(i)] = service;
  }
  const auto end = now() + std::chrono::hours(24);
  for (std::size_t i = 0; i < grants; ++i) {
    policy::Grant grant;
    grant.user = user_name(granted(i).user);
    grant.server = server_name(granted(i).server);
    if (i % 2 == 0) grant.protocol = "rdp";
    if (i % 3 == 0) grant.end = end;
    document.grants["grant" + std::to_string(i)] = grant;
  }
  return document;
}

// Half are hosts, half networks; none holds a user. Hosts of 10.128.0.0/9 stand in the users' neighbourhood.
Prefix banned_network(std::size_t number, Random& random) {
  constexpr std::uint8_t v4_lengths[]{112, 116, 118, 120, 120, 120, 122, 124};
  constexpr std::uint8_t v6_lengths[]{32, 40, 48, 48, 56, 64, 64, 96};
  const auto bits = random();
  const bool host = number % 2 == 0;
  if (number % 4 < 2) {
    const auto low = static_cast<std::uint32_t>(bits);
    if (host)
      return Prefix::host(
          Address::from_v4(number % 40 == 0 ? 0x0a80'0000U | (low & 0x007f'ffffU) : 0x8000'0000U | low));
    return Prefix::covering(Address::from_v4(0x8000'0000U | low), v4_lengths[below(random, std::size(v4_lengths))]);
  }
  const auto address = v6(0x2a00'0000'0000'0000ULL | (bits >> 8U), random());
  return host ? Prefix::host(address) : Prefix::covering(address, v6_lengths[below(random, std::size(v6_lengths))]);
}

std::vector<policy::Ban> bans_of(std::size_t count, Random& random) {
  std::vector<policy::Ban> bans;
  bans.reserve(count);
  std::unordered_set<Prefix> seen;
  const auto end = now() + std::chrono::hours(24);
  while (bans.size() < count) {
    const auto network = banned_network(bans.size(), random);
    if (!seen.insert(network).second) continue;
    policy::Ban ban{.id = bans.size() + 1, .network = network, .expires = std::nullopt};
    if (bans.size() % 3 == 0) ban.expires = end;
    bans.push_back(ban);
  }
  return bans;
}

struct Asked {
  policy::Question question;
  Reason expected;
};

// Of ten: six allowed, one without a grant, one from nowhere, one from a banned host, one out of a banned network.
std::vector<Asked> questions_for(std::size_t count, std::size_t grants, std::span<const policy::Ban> bans,
                                 Random& random) {
  std::vector<Asked> asked;
  asked.reserve(count);
  const auto time = now();
  for (std::size_t i = 0; i < count; ++i) {
    const auto grant = granted(below(random, grants));
    Address source = address_in(source_of(grant.user), random);
    std::size_t service = grant.server;
    Reason expected = Reason::allowed;
    switch (below(random, 10)) {
      case 0:
        // Nobody has grants for two servers so far apart.
        service = (service + services / 2) % services;
        expected = Reason::no_matching_policy;
        break;
      case 1:
        source = Address::from_v4(0x0b00'0000U | static_cast<std::uint32_t>(random() & 0x00ff'ffffU));
        expected = Reason::unknown_source_ip;
        break;
      case 2:
      case 3:
        source = address_in(bans[below(random, bans.size())].network, random);
        expected = Reason::banned_source;
        break;
      default:
        break;
    }
    const auto proxy = proxy_of(service);
    asked.push_back({{source, proxy.address, proxy.port, policy::Transport::tcp, time, std::nullopt}, expected});
  }
  return asked;
}

void check(const policy::Snapshot& snapshot, const std::vector<Asked>& asked) {
  for (const auto& one : asked) {
    const auto reason = policy::decide(snapshot, one.question).reason;
    if (reason == one.expected) continue;
    throw std::runtime_error("a question from " + one.question.source.text() + " to " +
                             one.question.destination.text() + " gave '" + std::string(name(reason)) +
                             "' instead of '" + std::string(name(one.expected)) + "'");
  }
}

// `answer(i)` answers question i of `count` and gives a number below 2^63. The next question depends on it, so that the
// processor cannot begin it early.
template <typename Answer>
double median_ns(std::size_t count, std::size_t batches, Answer&& answer) {
  std::vector<double> each;
  each.reserve(batches);
  std::size_t at = 0;
  for (std::size_t i = 0; i < batches; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    for (std::size_t j = 0; j < batch; ++j) {
      at += 1 + static_cast<std::size_t>(answer(at) >> 63U);
      if (at >= count) at = 0;
    }
    // Says that the answers are wanted: without it a compiler that sees through `answer` leaves the whole batch out.
    asm volatile("" : : "r"(at) : "memory");
    const auto end = std::chrono::steady_clock::now();
    each.push_back(std::chrono::duration<double, std::nano>(end - begin).count() / static_cast<double>(batch));
  }
  return median(std::move(each));
}

// How much slower one look-up in the standard hash table becomes between the fewest and the most bans: what the caches
// alone do to a structure that takes the same steps at any size.
double map_ns(std::span<const policy::Ban> bans, std::size_t working_set, std::size_t batches, Random& random) {
  std::unordered_map<Prefix, std::uint64_t> map;
  for (const auto& ban : bans) map.emplace(ban.network, ban.id);
  std::vector<Prefix> asked;
  asked.reserve(working_set);
  for (std::size_t i = 0; i < working_set; ++i) asked.push_back(bans[below(random, bans.size())].network);
  return median_ns(asked.size(), batches, [&](std::size_t at) { return map.find(asked[at])->second; });
}

void run(bool quick) {
  const std::size_t working_set = quick ? 65'536 : 262'144;
  const std::size_t batches = quick ? 800 : 4'000;
  std::vector<double> ours;
  std::vector<double> maps;
  std::vector<policy::Ban> bans;
  policy::Snapshot snapshot;
  for (const auto& [ban_count, grant_count] : cases) {
    Random random(ban_count * 31 + grant_count);
    progress("decision: " + count_text(ban_count) + " bans, " + count_text(grant_count) + " grants");
    if (ban_count != bans.size()) {
      bans = bans_of(ban_count, random);
      snapshot.bans = std::make_shared<policy::BanTable>(bans);
      maps.push_back(map_ns(bans, working_set, batches, random));
    }
    snapshot.policy = policy::Policy::compile(document_with(grant_count), 1);
    const auto asked = questions_for(working_set, grant_count, bans, random);
    check(snapshot, asked);
    ours.push_back(median_ns(asked.size(), batches, [&](std::size_t at) {
      const auto decision = policy::decide(snapshot, asked[at].question);
      return decision.ban_id + static_cast<std::uint64_t>(decision.reason);
    }));
    print({.name = "decision, " + count_text(ban_count) + " bans, " + count_text(grant_count) + " grants",
           .unit = "ns",
           .ours = ours.back(),
           .peer = "aim",
           .peer_value = aim_ns});
  }
  print({.name = "decision, growth from the smallest to the largest",
         .unit = "x",
         .ours = ours.back() / ours.front(),
         .peer = "std::unordered_map",
         .peer_value = maps.back() / maps.front()});
}

}  // namespace
}  // namespace gatehouse::bench

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const bool quick = arguments.size() == 2 && std::string_view(arguments[1]) == "--quick";
  if (arguments.size() > 1 && !quick) {
    std::cerr << "usage: decision_bench [--quick]\n";
    return 2;
  }
  try {
    gatehouse::bench::run(quick);
  } catch (const std::exception& exception) {
    std::cerr << "decision_bench: " << exception.what() << '\n';
    return 1;
  }
  return 0;
}
