// The kernel's part of the gate behind one door: BPF programs and pinned maps, the nftables table, policy routes.
// Nobody else in the daemon talks to the kernel about packets.
//
// Life: open() takes the instance's lock, loads the programs or takes over their pins, and from then on traffic of the
// pools is never forwarded. set_services() and set_listeners() let it reach the daemon. stop() takes down what the
// configuration says; a destructor without stop() (and a killed daemon) leaves everything that denies in place: bans,
// verdicts, and the table, whose services then find no listener.
//
// Threads: put_verdict() and counters() from any thread; everything else from the control thread only.
// Errors: every call that changes something either did all of it or says what it did not do; the caller raises an
// alarm.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/result.h"
#include "contract.h"
#include "kernel/features.h"
#include "policy/bans.h"
#include "policy/vocabulary.h"

namespace gatehouse::kernel {

enum class XdpMode { automatic, native, generic, off };    // automatic: native, else generic
enum class SteeringMode { automatic, sk_lookup, tproxy };  // automatic: sk_lookup where the kernel has it
enum class RejectMode { reset, drop };                     // TCP to a proxy IP without a service
enum class OnStop { closed, open };  // open: take everything down, the pools are routed like any other address
enum class Enforcement : std::uint32_t { off = MODE_OFF, observe = MODE_OBSERVE, enforce = MODE_ENFORCE };

struct Failsafe {
  std::vector<Address> sources;
  std::vector<std::uint16_t> tcp_ports;
};

struct DataplaneOptions {
  std::string instance = "default";             // [a-z0-9-]{1,32}; names the pin directory and the table's comment
  std::filesystem::path bpffs = "/sys/fs/bpf";  // must be a mounted bpffs
  std::vector<std::string> interfaces;          // guard is attached to these
  XdpMode xdp = XdpMode::automatic;
  SteeringMode steering = SteeringMode::automatic;
  Enforcement enforcement = Enforcement::enforce;
  RejectMode reject = RejectMode::reset;
  OnStop on_stop = OnStop::closed;
  Failsafe failsafe;
  std::string table = "gatehouse";  // nftables table of family inet
  std::uint32_t mark = 0x6a7e;      // firewall mark of steered packets
  std::uint32_t route_table = 27262;
  std::uint32_t rule_priority = 2726;
  std::optional<unsigned> pin_group;  // gid that may read the maps
};

struct ServiceBinding {
  Endpoint proxy;
  policy::Transport transport = policy::Transport::tcp;
  std::uint32_t service_id = 0;
  policy::Kind kind = policy::Kind::relay;
  std::uint32_t listener_slot = 0;
  // What the server behind a service over UDP sends, to whatever address: `proxy` is the server's own endpoint then.
  bool from_server = false;
};

// A pair of listening sockets (loopback addresses of both families, IP_TRANSPARENT, the same port). With SO_REUSEPORT
// each of them may be the first of a group: sk_lookup and tproxy both spread over the group.
struct ListenerPair {
  std::uint32_t slot = 0;  // even; IPv6 takes slot + 1
  int v4 = -1;             // borrowed
  int v6 = -1;
  std::uint16_t port = 0;
};

struct Verdict {
  Address source;
  Endpoint destination;
  policy::Transport transport = policy::Transport::tcp;
  WallTime expires;
  std::uint64_t audit_id = 0;
  policy::Reason reason = policy::Reason::internal_error;
  std::uint64_t hits = 0;  // filled by verdicts()
};

// Of a RustDesk device, by its id. What is no key of the kernel's map (longer than 16 bytes) is enforced by the daemon
// alone.
struct DeviceBan {
  std::string id;
  std::optional<WallTime> expires;
  std::uint64_t ban_id = 0;
  friend bool operator==(const DeviceBan&, const DeviceBan&) = default;
};

// What is wanted otherwise than before. Each id stands in one of the two.
struct DeviceBanChanges {
  std::vector<DeviceBan> put{};  // new, or another ban of the same id
  std::vector<std::string> gone{};
  [[nodiscard]] bool empty() const { return put.empty() && gone.empty(); }
};

struct Counters {
  std::vector<std::pair<std::string, std::uint64_t>>
      values;  // in the order of the contract, with the names of the contract in lower case
  [[nodiscard]] std::uint64_t of(gatehouse_counter counter) const;
};

struct AttachedGuard {
  std::string interface;
  std::string mode;  // "native", "generic"
};

struct DataplaneStatus {
  std::string steering;  // "sk_lookup", "tproxy"
  std::string enforcement;
  std::vector<AttachedGuard> guards;
  std::filesystem::path pins;
  std::size_t services = 0;
  std::size_t banned_hosts = 0;
  std::size_t banned_nets = 0;
  std::size_t verdicts = 0;  // live ones at the last sweep or listing
  bool reused_pins = false;
  bool bans_in_step = true;  // false: the maps lack some, or have some too many; reconcile() tries again
};

// What reconcile() found different from what is wanted, and mended.
struct Drift {
  std::size_t services = 0;
  std::size_t bans = 0;
  std::size_t rules = 0;   // the nftables table or policy routes were changed or gone
  std::size_t guards = 0;  // an interface lost its program, or came new
  [[nodiscard]] bool any() const { return services + bans + rules + guards > 0; }
};

// The names of the contract in lower case, without their prefix: "steered", "verdict_dropped"; "verdict",
// "banned_host".
const char* counter_name(gatehouse_counter counter);
const char* deny_event_name(deny_event_kind kind);

class Dataplane {
 public:
  // Refuses: no bpffs, an instance in use (names the holder's pid), another instance in this network namespace, pins of
  // another program or schema (mend: `gatehoused upgrade`), a missing interface. On failure what it had begun is
  // undone; what was there before stays.
  static Result<std::unique_ptr<Dataplane>> open(const DataplaneOptions& options);
  // Replaces the programs behind the pins of a former version, keeping maps and links: bans and verdicts go on. Error:
  // the schema differs, with what to do.
  static Result<void> upgrade(const DataplaneOptions& options);
  // What open() would refuse of the options on this machine, without touching anything: names, interfaces.
  static Result<void> check(const DataplaneOptions& options);
  // Takes the instance out of the kernel, bans too, whatever version's programs are behind its pins and whether its
  // interfaces are still there; what is another instance's stays. Refuses while a daemon runs.
  static Result<void> tear_down(const DataplaneOptions& options);
  virtual ~Dataplane() = default;
  Dataplane(const Dataplane&) = delete;
  Dataplane& operator=(const Dataplane&) = delete;

  virtual Result<void> set_listeners(std::span<const ListenerPair> listeners) = 0;
  // All of them, as wanted from now on; the difference is worked out and applied. The table is replaced in one
  // transaction.
  virtual Result<void> set_services(std::span<const ServiceBinding> services, std::span<const Prefix> pools,
                                    std::uint64_t policy_version) = 0;

  virtual Result<void> sync_bans(std::span<const policy::Ban> bans) = 0;  // all that are wanted: difference applied
  virtual Result<void> add_bans(std::span<const policy::Ban> bans) = 0;
  virtual Result<void> remove_bans(std::span<const Prefix> networks) = 0;

  // All that are wanted from now on: the difference to those before is applied. Ones that have run out meanwhile hold
  // no longer, whoever sweeps them.
  virtual Result<void> set_device_bans(std::span<const DeviceBan> bans) = 0;
  // The same for a few of many: costs what it changes. After set_device_bans().
  virtual Result<void> change_device_bans(const DeviceBanChanges& changes) = 0;

  virtual Result<void> put_verdict(const Verdict& verdict) = 0;                // map full: an error that says so
  virtual Result<std::vector<Verdict>> verdicts() = 0;                         // the live ones
  virtual Result<void> erase_verdicts(std::span<const Verdict> verdicts) = 0;  // by key; absent ones are fine
  virtual Result<std::size_t> sweep(WallTime now) = 0;                         // removes expired verdicts and bans

  virtual Result<void> set_enforcement(Enforcement mode) = 0;
  virtual Result<void> set_failsafe(const Failsafe& failsafe) = 0;

  [[nodiscard]] virtual Counters counters() const = 0;
  [[nodiscard]] virtual DataplaneStatus status() const = 0;
  [[nodiscard]] virtual const Features& features() const = 0;

  // deny_events: readable while there are some (epoll); drain calls `take` for up to `most` and returns their number.
  [[nodiscard]] virtual int events_fd() const = 0;
  virtual std::size_t drain_events(const std::function<void(const deny_event&)>& take, std::size_t most) = 0;

  virtual Result<Drift> reconcile() = 0;
  // Closed: services leave the table, so that their traffic is rejected; bans, guard and pins stay. Open: all of it
  // goes. `keep_services`: for a restart that hands its listening sockets over: everything stays as it is.
  virtual Result<void> stop(bool keep_services) = 0;

 protected:
  Dataplane() = default;
};

}  // namespace gatehouse::kernel
