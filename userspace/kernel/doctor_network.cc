#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>

#include "base/fd.h"
#include "kernel/doctor_checks.h"

namespace gatehouse::kernel {
namespace {

constexpr long long strict = 1;

std::string interface_names() {
  struct Release {
    void operator()(struct if_nameindex* list) const { ::if_freenameindex(list); }
  };
  const std::unique_ptr<struct if_nameindex, Release> list(::if_nameindex());
  std::string names;
  for (const struct if_nameindex* entry = list.get(); entry != nullptr && entry->if_index != 0; ++entry) {
    names += (names.empty() ? "" : ", ") + std::string(entry->if_name);
  }
  return names;
}

bool interface_is_up(const std::string& name) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return socket.valid() && ::ioctl(socket.get(), SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
}

void examine_interfaces(const DataplaneOptions& options, Report& report) {
  if (options.interfaces.empty()) {
    report.warn("interfaces", "no interface is configured: bans are not enforced in the kernel",
                "list the interfaces that clients come in by, one of: " + interface_names());
  }
  for (const std::string& name : options.interfaces) {
    if (::if_nametoindex(name.c_str()) == 0) {
      report.fail("interface " + name, "is not there", "configure one of: " + interface_names());
    } else if (!interface_is_up(name)) {
      report.warn("interface " + name, "is down", fmt::format("ip link set {} up", name));
    } else {
      report.ok("interface " + name, "is up");
    }
  }
}

void examine_forwarding(Report& report) {
  struct Switch {
    const char* subject;
    const char* name;
  };
  for (const Switch& entry :
       {Switch{"forwarding", "net.ipv4.ip_forward"}, Switch{"forwarding", "net.ipv6.conf.all.forwarding"}}) {
    const auto value = sysctl_number(entry.name);
    if (!value) continue;
    report.ok(
        entry.subject,
        *value == 0
            ? fmt::format(
                  "{} is 0: the gate does not need it, for pools are delivered locally; only other traffic through "
                  "this machine would",
                  entry.name)
            : fmt::format(
                  "{} is {}: other traffic is routed; traffic of the pools is not, while the gate's table is in place",
                  entry.name, *value));
  }
}

// The kernel takes the larger of the interface's value and that of "all".
long long effective(const std::string& name, const std::string& interface) {
  return std::max(sysctl_number(sysctl_of("all", name)).value_or(0),
                  sysctl_number(sysctl_of(interface, name)).value_or(0));
}

void examine_reverse_path(const DataplaneOptions& options, Report& report) {
  for (const std::string& name : options.interfaces) {
    if (::if_nametoindex(name.c_str()) == 0) continue;
    if (effective("rp_filter", name) == strict) {
      report.warn(
          "rp_filter " + name,
          "the reverse path filter is strict: a client whose way back leaves by another interface is dropped before "
          "the gate sees "
          "it; so is a backend of a service with `source: client`",
          fmt::format("sysctl -w {}=2 (and net.ipv4.conf.all.rp_filter to 0 or 2), unless every way is "
                      "symmetric",
                      sysctl_of(name, "rp_filter")));
    } else {
      report.ok("rp_filter " + name, "the reverse path filter is not strict");
    }
    if (effective("src_valid_mark", name) != 0) {
      report.fail(
          "src_valid_mark " + name,
          "the source address of a steered packet is checked with the gate's mark, which makes every client a martian: "
          "IPv4 is "
          "dropped",
          fmt::format("sysctl -w net.ipv4.conf.all.src_valid_mark=0 {}=0 (wg-quick sets it)",
                      sysctl_of(name, "src_valid_mark")));
    }
  }
}

void examine_mark_inheritance(Report& report) {
  bool clean = true;
  if (sysctl_number("net.ipv4.tcp_fwmark_accept").value_or(0) != 0) {
    clean = false;
    report.fail("mark",
                "net.ipv4.tcp_fwmark_accept is on: connections take over the gate's mark, and their answers are routed "
                "back into this "
                "machine (both families)",
                "sysctl -w net.ipv4.tcp_fwmark_accept=0");
  }
  for (const char* name : {"net.ipv4.fwmark_reflect", "net.ipv6.fwmark_reflect"}) {
    if (sysctl_number(name).value_or(0) == 0) continue;
    clean = false;
    report.warn(
        "mark",
        fmt::format(
            "{} is on: the kernel's resets and echo replies take over the gate's mark, and never reach the client",
            name),
        fmt::format("sysctl -w {}=0", name));
  }
  if (clean) report.ok("mark", "nothing answers with the mark of what came in");
}

}  // namespace

std::optional<long long> sysctl_number(std::string_view name) {
  // As sysctl(8) does it: the two separators are exchanged, so that "wire/100" names the interface "wire.100".
  std::string path(name);
  for (char& character : path) {
    if (character == '.') {
      character = '/';
    } else if (character == '/') {
      character = '.';
    }
  }
  std::ifstream file("/proc/sys/" + path);
  long long value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

std::string sysctl_of(std::string_view interface, std::string_view name) {
  std::string part(interface);
  std::ranges::replace(part, '.', '/');
  return fmt::format("net.ipv4.conf.{}.{}", part, name);
}

void examine_network(const DataplaneOptions& options, Report& report) {
  examine_interfaces(options, report);
  examine_forwarding(report);
  examine_reverse_path(options, report);
  examine_mark_inheritance(report);
}

}  // namespace gatehouse::kernel
