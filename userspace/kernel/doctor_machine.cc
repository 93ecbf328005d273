#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "kernel/doctor_checks.h"
#include "kernel/features.h"

namespace gatehouse::kernel {
namespace {

constexpr int least_major = 5;
constexpr int least_minor = 10;
// A relayed session holds two sockets, and a pipe of two ends for each way.
constexpr rlim_t descriptors_per_session = 6;
constexpr rlim_t wanted_descriptors = 65536;
constexpr long long wanted_backlog = 1024;
constexpr long long pages_per_pipe = 16;
constexpr long long pipes_per_session = 2;

std::string release() {
  utsname names{};
  return ::uname(&names) == 0 ? std::string(names.release) : std::string();
}

std::uint64_t effective_capabilities() {
  std::ifstream status("/proc/thread-self/status");
  std::string line;
  while (std::getline(status, line)) {
    constexpr std::string_view key = "CapEff:\t";
    if (!line.starts_with(key)) continue;
    std::uint64_t value = 0;
    std::from_chars(line.data() + key.size(), line.data() + line.size(), value, 16);
    return value;
  }
  return 0;
}

bool has(std::uint64_t capabilities, unsigned number) {
  return (capabilities >> number & 1U) != 0;
}

void examine_kernel(Report& report) {
  const std::string running = release();
  if (release_is_at_least(running, least_major, least_minor)) {
    report.ok("kernel", "Linux " + running);
  } else {
    report.fail("kernel", fmt::format("Linux {} is older than {}.{}", running, least_major, least_minor),
                "install a newer kernel (Debian 11 and later have one)");
  }
  if (::access("/sys/kernel/btf/vmlinux", R_OK) == 0) {
    report.ok("btf", "the kernel describes its types");
  } else {
    report.fail("btf", "/sys/kernel/btf/vmlinux cannot be read",
                "use a kernel built with CONFIG_DEBUG_INFO_BTF, and mount sysfs");
  }
}

void examine_bpffs(const DataplaneOptions& options, Report& report) {
  const std::string path = options.bpffs.string();
  struct statfs information{};
  if (::statfs(path.c_str(), &information) != 0) {
    report.fail("bpffs", fmt::format("{} is not there", path),
                fmt::format("mkdir -p {} && mount -t bpf bpf {}", path, path));
  } else if (static_cast<std::uint64_t>(information.f_type) != BPF_FS_MAGIC) {
    report.fail("bpffs", path + " is not a bpffs", fmt::format("mount -t bpf bpf {}", path));
  } else if (::access(path.c_str(), W_OK) != 0) {
    report.fail("bpffs", path + " cannot be written to", fmt::format("run as root, or mount -o remount,rw {}", path));
  } else {
    report.ok("bpffs", path + " is mounted");
  }
}

void examine_capabilities(Report& report) {
  const std::uint64_t effective = effective_capabilities();
  struct Need {
    unsigned number;
    const char* name;
    const char* purpose;
  };
  constexpr std::array needs{Need{CAP_NET_ADMIN, "CAP_NET_ADMIN", "nftables, policy routes, attaching programs"},
                             Need{CAP_BPF, "CAP_BPF", "loading programs, maps"},
                             Need{CAP_NET_RAW, "CAP_NET_RAW", "transparent sockets"}};
  std::string missing;
  for (const Need& need : needs) {
    // The kernel takes CAP_SYS_ADMIN for CAP_BPF.
    const bool present = has(effective, need.number) || (need.number == CAP_BPF && has(effective, CAP_SYS_ADMIN));
    if (!present) missing += fmt::format("{}{} ({})", missing.empty() ? "" : ", ", need.name, need.purpose);
  }
  if (missing.empty()) {
    report.ok("capabilities", "CAP_NET_ADMIN, CAP_BPF and CAP_NET_RAW are there");
  } else {
    report.fail("capabilities", "missing: " + missing,
                "run as root, or give the unit AmbientCapabilities=CAP_NET_ADMIN CAP_BPF CAP_NET_RAW");
  }
}

void examine_limits(Report& report) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    const std::string sessions = fmt::format("{} descriptors: enough for about {} sessions at once",
                                             descriptors.rlim_max, descriptors.rlim_max / descriptors_per_session);
    if (descriptors.rlim_max < wanted_descriptors) {
      report.warn("descriptors", sessions,
                  fmt::format("LimitNOFILE={} in the unit, or ulimit -n", wanted_descriptors * 16));
    } else {
      report.ok("descriptors", sessions);
    }
  }
  if (const auto pages = sysctl_number("fs.pipe-user-pages-soft")) {
    const long long sessions = *pages / (pages_per_pipe * pipes_per_session);
    if (*pages == 0) {
      report.ok("pipes", "no limit on the memory of pipes");
    } else if (sessions < 10000) {
      report.warn(
          "pipes",
          fmt::format(
              "fs.pipe-user-pages-soft is {}: beyond about {} relayed sessions at once the pipes shrink, and relaying "
              "slows down, unless the daemon has CAP_SYS_RESOURCE",
              *pages, sessions),
          "sysctl -w fs.pipe-user-pages-soft=1048576");
    } else {
      report.ok("pipes",
                fmt::format("fs.pipe-user-pages-soft is {}: enough for about {} relayed sessions", *pages, sessions));
    }
  }
  for (const char* name : {"net.core.somaxconn", "net.ipv4.tcp_max_syn_backlog"}) {
    const auto backlog = sysctl_number(name);
    if (!backlog) continue;
    if (*backlog < wanted_backlog) {
      report.warn("backlog",
                  fmt::format("{} is {}: a burst of new connections to the few listeners overflows it", name, *backlog),
                  fmt::format("sysctl -w {}=4096", name));
    } else {
      report.ok("backlog", fmt::format("{} is {}", name, *backlog));
    }
  }
}

}  // namespace

bool release_is_at_least(std::string_view release, int major, int minor) {
  int found_major = 0;
  int found_minor = 0;
  const char* end = std::to_address(release.end());
  const auto first = std::from_chars(std::to_address(release.begin()), end, found_major);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != '.') return false;
  if (std::from_chars(first.ptr + 1, end, found_minor).ec != std::errc()) return false;
  return std::pair(found_major, found_minor) >= std::pair(major, minor);
}

void examine_machine(const DataplaneOptions& options, Report& report) {
  examine_kernel(report);
  examine_bpffs(options, report);
  examine_capabilities(report);
  examine_limits(report);
}

void examine_features(const DataplaneOptions& options, Report& report) {
  const Features features = probe_features();
  const std::string tproxy_mend = "modprobe nft_tproxy (and keep it in /etc/modules-load.d)";
  const std::string lookup_mend =
      "use Linux 5.10 or later with CONFIG_BPF_SYSCALL, and run with CAP_BPF and CAP_NET_ADMIN";
  const bool wants_lookup = options.steering == SteeringMode::sk_lookup;
  const bool wants_tproxy = options.steering == SteeringMode::tproxy;

  if (!features.sk_lookup && wants_lookup) {
    report.fail("sk_lookup", "the configuration asks for sk_lookup, which this kernel does not have",
                lookup_mend + ", or set steering: tproxy");
  } else if (!features.sk_lookup && options.steering == SteeringMode::automatic) {
    if (features.nft_tproxy) {
      report.warn("sk_lookup", "not there: nft tproxy steers instead", lookup_mend);
    } else {
      report.fail("steering", "neither sk_lookup nor nft tproxy is there", lookup_mend + "; or " + tproxy_mend);
    }
  }
  if (!features.nft_tproxy && wants_tproxy) {
    report.fail("nft_tproxy", "the configuration asks for tproxy, which this kernel does not have", tproxy_mend);
  }
  if (!features.nft_socket) {
    report.warn("nft_socket",
                "not there: services with `source: client` do not work, and a removed service ends its sessions",
                "modprobe nft_socket (and keep it in /etc/modules-load.d)");
  }
  if (!features.xdp && options.xdp != XdpMode::off) {
    report.fail("xdp", "XDP programs cannot be loaded: bans are not enforced in the kernel",
                "run with CAP_BPF and CAP_NET_ADMIN; or set xdp: off");
  }
  if (!features.ring_buffer) {
    report.fail("ring_buffer", "the kernel has no BPF ring buffer", "use Linux 5.10 or later, and run with CAP_BPF");
  }
  for (const Features::Named& feature : features.table()) {
    report.ok("feature " + feature.name,
              fmt::format("{} (used for {})", feature.present ? "present" : "absent", feature.used_for));
  }
}

}  // namespace gatehouse::kernel
