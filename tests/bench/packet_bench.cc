// What guard and steer cost a packet, by BPF_PROG_TEST_RUN: the real programs on private maps (nothing is pinned or
// attached) with 1,000 to 1,000,000 banned hosts and as many banned networks. Each figure is the median over many
// sources, each of which is run many times over; what a run answers (drop, pass) is checked. Needs root.
//
//   packet_bench [--quick]
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "bench/measuring.h"
#include "contract.h"
#include "guard.skel.h"
#include "steer.skel.h"

namespace gatehouse::bench {
namespace {

constexpr double aim_host_ns = 150;
constexpr double aim_net_ns = 300;
constexpr std::size_t sizes[]{1'000, 100'000, 1'000'000};
constexpr std::size_t services = 10'000;
constexpr std::size_t verdicts = 60'000;
// Of the kernel's <linux/bpf.h>, for the messages and checks here.
constexpr std::uint32_t xdp_drop = 1;
constexpr std::uint32_t xdp_pass = 2;
constexpr std::uint32_t sk_drop = 0;
constexpr std::uint32_t sk_pass = 1;

struct Effort {
  std::size_t sources = 128;
  int repeat = 50'000;
};

using Random = std::mt19937_64;

[[noreturn]] void fail(const std::string& what, int error_number) {
  throw std::runtime_error(what + ": " + std::strerror(error_number));
}

void put(int map, const void* key, const void* value, const char* name) {
  if (::bpf_map_update_elem(map, key, value, BPF_ANY) != 0) fail(std::string("filling the map ") + name, errno);
}

template <typename Key, typename Value>
void put_all(int map, std::span<const Key> keys, std::span<const Value> values, const char* name) {
  constexpr std::size_t chunk = 65'536;
  for (std::size_t at = 0; at < keys.size();) {
    auto count = static_cast<std::uint32_t>(std::min(chunk, keys.size() - at));
    if (::bpf_map_update_batch(map, &keys[at], &values[at], &count, nullptr) != 0)
      fail(std::string("filling the map ") + name, errno);
    at += count;
  }
}

// As with the shipped configuration: everything is enforced, ssh is failsafe, no source is.
void enforce(int mode_map, int failsafe_map) {
  failsafe_key ssh{};
  ssh.port = 22;
  ssh.l4proto = IPPROTO_TCP;
  ssh.kind = FAILSAFE_PORT;
  const failsafe_value value{};
  put(failsafe_map, &ssh, &value, "failsafe");
  const std::uint32_t cell = 0;
  mode_value mode{};
  mode.schema = GATEHOUSE_SCHEMA;
  mode.mode = MODE_ENFORCE;
  mode.steering = STEERING_SK_LOOKUP;
  mode.failsafe_absent = ~(1U << gatehouse_failsafe_class(&ssh));
  put(mode_map, &cell, &mode, "mode");
}

gatehouse_address raw(const Address& address) {
  gatehouse_address bytes{};
  std::memcpy(bytes.bytes, address.bytes.data(), sizeof bytes.bytes);
  return bytes;
}

Address random_address(Random& random, std::uint8_t v4_first, std::uint8_t v6_first) {
  if (random() % 2 == 0)
    return Address::from_v4(std::uint32_t{v4_first} << 24U | static_cast<std::uint32_t>(random() & 0x00ff'ffffU));
  Address address;
  for (auto& byte : address.bytes) byte = static_cast<std::uint8_t>(random());
  address.bytes[0] = v6_first;
  return address;
}

// The lengths of banned networks, of the 16-byte form.
std::span<const std::uint8_t> lengths_of(const Address& address) {
  static constexpr std::array<std::uint8_t, 8> v4{116, 118, 120, 120, 120, 122, 122, 124};
  static constexpr std::array<std::uint8_t, 8> v6{32, 40, 48, 48, 56, 64, 64, 96};
  return address.is_v4() ? v4 : v6;
}

// A SYN to a service, in an Ethernet frame.
std::vector<std::uint8_t> packet_from(const Address& source) {
  constexpr std::array<std::uint8_t, 20> tcp{0x9c, 0x40, 0x0d, 0x3d, 0,    0,    0, 1, 0, 0,
                                             0,    0,    0x50, 0x02, 0xff, 0xff, 0, 0, 0, 0};
  std::vector<std::uint8_t> frame(12, 0x02);
  if (source.is_v4()) {
    frame.insert(frame.end(), {0x08, 0x00, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, IPPROTO_TCP, 0, 0});
    frame.insert(frame.end(), source.bytes.begin() + 12, source.bytes.end());
    frame.insert(frame.end(), {198, 51, 100, 10});
  } else {
    frame.insert(frame.end(), {0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, IPPROTO_TCP, 64});
    frame.insert(frame.end(), source.bytes.begin(), source.bytes.end());
    frame.insert(frame.end(), {0x20, 0x01, 0x0d, 0xb8, 0, 0x64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10});
  }
  frame.insert(frame.end(), tcp.begin(), tcp.end());
  return frame;
}

double frame_ns(int program, std::vector<std::uint8_t> frame, int repeat, std::uint32_t expected) {
  std::array<std::uint8_t, 256> answer{};
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.data_out = answer.data();
  options.data_size_out = answer.size();
  options.repeat = repeat;
  if (::bpf_prog_test_run_opts(program, &options) != 0) fail("running guard", errno);
  if (options.retval != expected) throw std::runtime_error("guard gave " + std::to_string(options.retval));
  return options.duration;
}

double guard_ns(int program, const Address& source, int repeat, std::uint32_t expected) {
  return frame_ns(program, packet_from(source), repeat, expected);
}

double steer_ns(int program, const Address& source, const Endpoint& proxy, int repeat, std::uint32_t expected) {
  bpf_sk_lookup context{};
  context.family = AF_INET;
  context.protocol = IPPROTO_TCP;
  context.remote_ip4 = htonl(source.v4());
  context.remote_port = htons(40'000);
  context.local_ip4 = htonl(proxy.address.v4());
  context.local_port = proxy.port;
  LIBBPF_OPTS(bpf_test_run_opts, options);
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.repeat = repeat;
  if (::bpf_prog_test_run_opts(program, &options) != 0) fail("running steer", errno);
  if (options.retval != expected)
    throw std::runtime_error("steer gave " + std::to_string(options.retval) + " for a connection from " +
                             source.text());
  return options.duration;
}

template <typename Measure>
double median_over(const std::vector<Address>& sources, Measure&& measure) {
  std::vector<double> each;
  each.reserve(sources.size());
  for (const auto& source : sources) each.push_back(measure(source));
  return median(std::move(each));
}

struct GuardClose {
  void operator()(guard_bpf* skeleton) const { guard_bpf__destroy(skeleton); }
};
struct SteerClose {
  void operator()(steer_bpf* skeleton) const { steer_bpf__destroy(skeleton); }
};

void measure_guard(std::size_t count, const Effort& effort) {
  progress("guard: " + count_text(count) + " banned hosts, " + count_text(count) + " banned networks");
  const std::unique_ptr<guard_bpf, GuardClose> skeleton(guard_bpf__open_and_load());
  if (!skeleton) fail("loading guard", errno);
  const int program = ::bpf_program__fd(skeleton->progs.guard);
  enforce(::bpf_map__fd(skeleton->maps.mode), ::bpf_map__fd(skeleton->maps.failsafe));

  Random random(count);
  std::vector<Address> hosts;
  std::vector<gatehouse_address> host_keys;
  std::vector<ban_value> values;
  std::unordered_set<Address> seen;
  while (hosts.size() < count) {
    const auto address = random_address(random, static_cast<std::uint8_t>(128 + random() % 32), 0x2a);
    if (!seen.insert(address).second) continue;
    hosts.push_back(address);
    host_keys.push_back(raw(address));
    ban_value value{};
    // An expiry in one of two, as far off as any: the program then reads the clock.
    value.expires_ns = hosts.size() % 2 == 0 ? 0 : UINT64_MAX;
    value.ban_id = hosts.size();
    value.prefix_length = 128;
    values.push_back(value);
  }
  put_all<gatehouse_address, ban_value>(::bpf_map__fd(skeleton->maps.banned_hosts), host_keys, values, "banned_hosts");

  std::vector<Prefix> nets;
  std::vector<net_key> net_keys;
  std::unordered_set<Prefix> seen_nets;
  while (nets.size() < count) {
    const auto address = random_address(random, static_cast<std::uint8_t>(160 + random() % 64), 0x2b);
    const auto network = Prefix::covering(address, lengths_of(address)[random() % lengths_of(address).size()]);
    if (!seen_nets.insert(network).second) continue;
    net_key key{};
    key.prefix_length = network.length;
    key.address = raw(network.address);
    net_keys.push_back(key);
    values[nets.size()].prefix_length = network.length;
    nets.push_back(network);
  }
  put_all<net_key, ban_value>(::bpf_map__fd(skeleton->maps.banned_nets), net_keys, values, "banned_nets");

  std::vector<Address> banned_hosts;
  std::vector<Address> in_banned_nets;
  std::vector<Address> others;
  for (std::size_t i = 0; i < effort.sources; ++i) {
    banned_hosts.push_back(hosts[random() % hosts.size()]);
    in_banned_nets.push_back(nets[random() % nets.size()].address);
    // From among the banned ones, so that the trie is not left at its first node.
    Address other;
    do {
      other = random_address(random, static_cast<std::uint8_t>(160 + random() % 64), 0x2b);
    } while (std::ranges::any_of(
        lengths_of(other), [&](std::uint8_t length) { return seen_nets.contains(Prefix::covering(other, length)); }));
    others.push_back(other);
  }
  const auto size = count_text(count);
  const auto guard = [&](std::uint32_t expected) {
    return [&, expected](const Address& source) { return guard_ns(program, source, effort.repeat, expected); };
  };
  print({.name = "guard drops a banned host, " + size + " hosts",
         .unit = "ns",
         .ours = median_over(banned_hosts, guard(xdp_drop)),
         .peer = "aim",
         .peer_value = aim_host_ns});
  print({.name = "guard drops out of a banned network, " + size + " networks",
         .unit = "ns",
         .ours = median_over(in_banned_nets, guard(xdp_drop)),
         .peer = "aim",
         .peer_value = aim_net_ns});
  print({.name = "guard passes a packet, " + size + " hosts and networks",
         .unit = "ns",
         .ours = median_over(others, guard(xdp_pass)),
         .peer = "aim",
         .peer_value = aim_net_ns});
}

constexpr std::uint16_t rustdesk_port = 21116;

// RegisterPeer{id} to the proxy IP of packet_from(), over UDP.
std::vector<std::uint8_t> heartbeat_from(const Address& source, const std::string& id) {
  auto frame = packet_from(source);
  const bool v4 = source.is_v4();
  const std::size_t transport = v4 ? 14U + 20U : 14U + 40U;
  const auto length = static_cast<std::uint8_t>(8 + 4 + id.size());
  frame.resize(transport);
  frame[v4 ? 14 + 9 : 14 + 6] = IPPROTO_UDP;
  if (v4) {
    frame[14 + 3] = static_cast<std::uint8_t>(20 + length);
  } else {
    frame[14 + 5] = length;
  }
  frame.insert(frame.end(), {0x9c, 0x40, rustdesk_port >> 8U, rustdesk_port & 0xffU, 0, length, 0, 0});
  frame.insert(frame.end(),
               {0x32, static_cast<std::uint8_t>(id.size() + 2), 0x0a, static_cast<std::uint8_t>(id.size())});
  frame.insert(frame.end(), id.begin(), id.end());
  return frame;
}

void measure_devices(const Effort& effort) {
  constexpr std::size_t count = 1'000'000;
  constexpr double aim_banned_ns = 200;
  constexpr double aim_more_ns = 300;
  progress("guard: 1e6 banned devices");
  const std::unique_ptr<guard_bpf, GuardClose> skeleton(guard_bpf__open_and_load());
  if (!skeleton) fail("loading guard", errno);
  const int program = ::bpf_program__fd(skeleton->progs.guard);
  enforce(::bpf_map__fd(skeleton->maps.mode), ::bpf_map__fd(skeleton->maps.failsafe));
  for (const char* proxy : {"198.51.100.10", "2001:db8:64::10"}) {
    service_key key{};
    key.address = raw(Address::parse(proxy).value());
    key.port = rustdesk_port;
    key.l4proto = IPPROTO_UDP;
    service_value value{};
    value.service_id = 1;
    value.kind = GATEHOUSE_KIND_RUSTDESK;
    put(::bpf_map__fd(skeleton->maps.services), &key, &value, "services");
  }
  std::vector<device_key> keys(count);
  std::vector<ban_value> values(count);
  const auto id_of = [](std::size_t number) { return std::to_string(100'000'000 + number * 7); };
  for (std::size_t i = 0; i < count; ++i) {
    const auto id = id_of(i);
    std::ranges::copy(id, keys[i].id);
    values[i].expires_ns = i % 2 == 0 ? 0 : UINT64_MAX;
    values[i].ban_id = i + 1;
  }
  put_all<device_key, ban_value>(::bpf_map__fd(skeleton->maps.banned_devices), keys, values, "banned_devices");

  Random random(count);
  std::vector<double> banned;
  std::vector<double> passed;
  std::vector<double> plain;
  for (std::size_t i = 0; i < effort.sources; ++i) {
    const auto source = random_address(random, 10, 0x2a);
    const auto number = random() % count;
    banned.push_back(frame_ns(program, heartbeat_from(source, id_of(number)), effort.repeat, xdp_drop));
    const auto allowed = heartbeat_from(source, std::to_string(100'000'001 + number * 7));
    passed.push_back(frame_ns(program, allowed, effort.repeat, xdp_pass));
    // What is not for the service: the price of any packet, as for one that is only forwarded.
    auto other = allowed;
    other[(source.is_v4() ? 14U + 20U : 14U + 40U) + 3] ^= 1U;
    plain.push_back(frame_ns(program, other, effort.repeat, xdp_pass));
  }
  print({.name = "guard drops a heartbeat of a banned device, 1e6 devices",
         .unit = "ns",
         .ours = median(banned),
         .peer = "aim",
         .peer_value = aim_banned_ns});
  print({.name = "guard passes another heartbeat: more than any packet",
         .unit = "ns",
         .ours = median(passed) - median(plain),
         .peer = "aim",
         .peer_value = aim_more_ns});
}

Fd listener() {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.get(), 1) != 0) {
    fail("opening a listening socket", errno);
  }
  return socket;
}

void measure_steer(const Effort& effort) {
  progress("steer: " + count_text(services) + " services, " + std::to_string(verdicts) + " verdicts");
  const std::unique_ptr<steer_bpf, SteerClose> skeleton(steer_bpf__open_and_load());
  if (!skeleton) fail("loading steer", errno);
  const int program = ::bpf_program__fd(skeleton->progs.steer);
  enforce(::bpf_map__fd(skeleton->maps.mode), ::bpf_map__fd(skeleton->maps.failsafe));

  const auto socket = listener();
  const std::uint32_t slot = 0;
  const std::uint64_t descriptor = static_cast<std::uint64_t>(socket.get());
  put(::bpf_map__fd(skeleton->maps.listeners), &slot, &descriptor, "listeners");

  const auto proxy = [](std::size_t service) {
    return Endpoint{Address::from_v4(0x6440'0000U + static_cast<std::uint32_t>(service)), 3389};
  };
  for (std::size_t i = 0; i < services; ++i) {
    service_key key{};
    key.address = raw(proxy(i).address);
    key.port = proxy(i).port;
    key.l4proto = IPPROTO_TCP;
    service_value value{};
    value.service_id = static_cast<std::uint32_t>(i + 1);
    value.kind = 2;
    put(::bpf_map__fd(skeleton->maps.services), &key, &value, "services");
  }
  const auto denied = [](std::size_t flow) {
    return Address::from_v4(0x8000'0000U + static_cast<std::uint32_t>(flow) * 257);
  };
  for (std::size_t i = 0; i < verdicts; ++i) {
    flow_key key{};
    key.source = raw(denied(i));
    key.destination = raw(proxy(i % services).address);
    key.port = proxy(i % services).port;
    key.l4proto = IPPROTO_TCP;
    verdict_value value{};
    value.expires_ns = UINT64_MAX;
    put(::bpf_map__fd(skeleton->maps.denied_flows), &key, &value, "denied_flows");
  }

  Random random(services);
  std::vector<double> handed_over;
  std::vector<double> dropped;
  for (std::size_t i = 0; i < effort.sources; ++i) {
    const auto flow = random() % verdicts;
    const auto client = Address::from_v4(0x0a00'0000U | static_cast<std::uint32_t>(random() & 0x00ff'ffffU));
    handed_over.push_back(steer_ns(program, client, proxy(random() % services), effort.repeat, sk_pass));
    dropped.push_back(steer_ns(program, denied(flow), proxy(flow % services), effort.repeat, sk_drop));
  }
  print({.name = "steer hands a connection over, 1e4 services",
         .unit = "ns",
         .ours = median(handed_over),
         .peer = "aim",
         .peer_value = aim_net_ns});
  print({.name = "steer drops by a verdict, " + std::to_string(verdicts) + " verdicts",
         .unit = "ns",
         .ours = median(dropped),
         .peer = "aim",
         .peer_value = aim_net_ns});
}

}  // namespace
}  // namespace gatehouse::bench

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<std::size_t>(argc));
  const bool quick = arguments.size() == 2 && std::string_view(arguments[1]) == "--quick";
  if (arguments.size() > 1 && !quick) {
    std::cerr << "usage: packet_bench [--quick]\n";
    return 2;
  }
  try {
    const auto effort = quick ? gatehouse::bench::Effort{.sources = 32, .repeat = 10'000} : gatehouse::bench::Effort{};
    for (const auto size : gatehouse::bench::sizes) gatehouse::bench::measure_guard(size, effort);
    gatehouse::bench::measure_devices(effort);
    gatehouse::bench::measure_steer(effort);
  } catch (const std::exception& exception) {
    std::cerr << "packet_bench: " << exception.what() << '\n';
    return 1;
  }
  return 0;
}
