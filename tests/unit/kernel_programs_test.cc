#include "unit/kernel_programs.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <netinet/in.h>

#include <cerrno>
#include <numeric>
#include <ostream>
#include <system_error>

namespace gatehouse::kernel::test {
namespace {

Programs loaded() {
  route_libbpf_messages();
  return require(load_programs({}, true));
}

void run(int program, bpf_test_run_opts& options) {
  if (::bpf_prog_test_run_opts(program, &options) != 0)
    throw std::system_error(errno, std::generic_category(), "BPF_PROG_TEST_RUN");
}

}  // namespace

std::ostream& operator<<(std::ostream& out, Fate fate) {
  return out << (fate == Fate::dropped ? "dropped" : fate == Fate::passed ? "passed" : "neither dropped nor passed");
}

LoadedPrograms::LoadedPrograms()
    : programs(loaded()),
      maps(KernelMaps::of(std::move(programs.maps))),
      events_(require(DenyEvents::open(maps.deny_events.get()))) {
  set_mode(MODE_ENFORCE);
}

Fate LoadedPrograms::guard(const std::vector<std::uint8_t>& frame) const {
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.repeat = 1;
  run(programs.guard.get(), options);
  switch (options.retval) {
    case XDP_DROP:
      return Fate::dropped;
    case XDP_PASS:
      return Fate::passed;
    default:
      return Fate::other;
  }
}

std::uint32_t LoadedPrograms::guard_nanoseconds(const std::vector<std::uint8_t>& frame, unsigned repeat) const {
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.data_in = frame.data();
  options.data_size_in = static_cast<std::uint32_t>(frame.size());
  options.repeat = static_cast<int>(repeat);
  run(programs.guard.get(), options);
  return options.duration;
}

LookupOutcome LoadedPrograms::steer(const std::string& source, const std::string& destination, std::uint16_t port,
                                    policy::Transport transport) const {
  const Address from = address(source);
  const Address to = address(destination);
  bpf_sk_lookup context{};
  context.protocol = static_cast<std::uint32_t>(transport);
  context.remote_port = htons(40000);
  context.local_port = port;
  if (to.is_v4()) {
    context.family = AF_INET;
    context.remote_ip4 = htonl(from.v4());
    context.local_ip4 = htonl(to.v4());
  } else {
    context.family = AF_INET6;
    std::memcpy(context.remote_ip6, from.bytes.data(), sizeof context.remote_ip6);
    std::memcpy(context.local_ip6, to.bytes.data(), sizeof context.local_ip6);
  }
  bpf_sk_lookup chosen{};
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.ctx_in = &context;
  options.ctx_size_in = sizeof context;
  options.ctx_out = &chosen;
  options.ctx_size_out = sizeof chosen;
  options.repeat = 1;
  run(programs.steer.get(), options);
  LookupOutcome outcome;
  outcome.fate = options.retval == SK_PASS ? Fate::passed : options.retval == SK_DROP ? Fate::dropped : Fate::other;
  outcome.cookie = chosen.cookie;
  return outcome;
}

void LoadedPrograms::set_mode(gatehouse_mode mode, gatehouse_steering steering) const {
  require(maps.write_mode({GATEHOUSE_SCHEMA, static_cast<__u32>(mode), static_cast<__u32>(steering), absent_, 0}));
}

void LoadedPrograms::ban(const std::string& text, std::uint64_t expires_ns, std::uint64_t id) const {
  const Prefix prefix = network(text);
  const ban_value value{expires_ns, id, static_cast<__u32>(policy::Reason::banned_source), prefix.length, {}};
  if (prefix.is_host()) {
    require(maps.banned_hosts.put(raw_address(prefix.address), value));
  } else {
    require(maps.banned_nets.put(net_key_of(prefix), value));
  }
}

void LoadedPrograms::deny(const std::string& source, const std::string& destination, std::uint16_t port,
                          std::uint64_t expires_ns, policy::Transport transport) const {
  flow_key key{};
  key.source = raw_address(address(source));
  key.destination = raw_address(address(destination));
  key.port = port;
  key.l4proto = static_cast<__u8>(transport);
  require(maps.denied_flows.put(
      key, verdict_value{expires_ns, 4711, 0, static_cast<__u32>(policy::Reason::no_matching_policy), 0}));
}

void LoadedPrograms::set_failsafe(const Failsafe& failsafe) {
  for (const auto& key : failsafe_keys_of(failsafe)) require(maps.failsafe.put(key, failsafe_value{}));
  absent_ = failsafe_absent_of(failsafe);
  auto cell = require(maps.read_mode());
  cell.failsafe_absent = absent_;
  require(maps.write_mode(cell));
}

std::uint64_t LoadedPrograms::counter(gatehouse_counter counter) const {
  std::vector<std::uint64_t> cells(static_cast<std::size_t>(libbpf_num_possible_cpus()));
  const auto index = static_cast<std::uint32_t>(counter);
  if (::bpf_map_lookup_elem(maps.counters.get(), &index, cells.data()) != 0) {
    throw std::system_error(errno, std::generic_category(), "counters");
  }
  return std::accumulate(cells.begin(), cells.end(), std::uint64_t{0});
}

std::vector<deny_event> LoadedPrograms::events() {
  std::vector<deny_event> all;
  events_.drain([&all](const deny_event& event) { all.push_back(event); },
                GATEHOUSE_EVENT_RING_BYTES / sizeof(deny_event));
  return all;
}

}  // namespace gatehouse::kernel::test
