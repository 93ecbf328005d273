#include "kernel/doctor.h"

#include "kernel/doctor_checks.h"

namespace gatehouse::kernel {

std::vector<Finding> examine(const DataplaneOptions& options) {
  Report report;
  examine_machine(options, report);
  examine_features(options, report);
  examine_network(options, report);
  examine_routing(options, report);
  examine_nftables(options, report);
  return report.take();
}

}  // namespace gatehouse::kernel
