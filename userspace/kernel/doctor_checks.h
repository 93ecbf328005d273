// The doctor's single examinations; each adds its findings to a report.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/dataplane.h"
#include "kernel/doctor.h"

namespace gatehouse::kernel {

class Report {
 public:
  void ok(std::string subject, std::string what) { add(Finding::Level::ok, std::move(subject), std::move(what), {}); }
  void warn(std::string subject, std::string what, std::string mend) {
    add(Finding::Level::warning, std::move(subject), std::move(what), std::move(mend));
  }
  void fail(std::string subject, std::string what, std::string mend) {
    add(Finding::Level::failure, std::move(subject), std::move(what), std::move(mend));
  }
  std::vector<Finding> take() { return std::move(findings_); }

 private:
  void add(Finding::Level level, std::string subject, std::string what, std::string mend) {
    findings_.push_back({level, std::move(subject), std::move(what), std::move(mend)});
  }
  std::vector<Finding> findings_;
};

void examine_machine(const DataplaneOptions& options, Report& report);   // kernel, BTF, bpffs, capabilities, limits
void examine_features(const DataplaneOptions& options, Report& report);  // what the kernel can do
void examine_network(const DataplaneOptions& options,
                     Report& report);  // interfaces, forwarding, reverse path filter, marks
void examine_routing(const DataplaneOptions& options, Report& report);   // policy rules and the gate's routing table
void examine_nftables(const DataplaneOptions& options, Report& report);  // tables and chains of others

// The number in a file of /proc/sys, named as sysctl(8) names it ("net.ipv4.ip_forward"); nothing when it is not there.
std::optional<long long> sysctl_number(std::string_view name);
// "net.ipv4.conf.wire/100.rp_filter" for the interface "wire.100".
std::string sysctl_of(std::string_view interface, std::string_view name);

// "6.1.0-47-amd64" is at least 5.10.
bool release_is_at_least(std::string_view release, int major, int minor);

}  // namespace gatehouse::kernel
