// Inside Inspector: what its rules say of somebody.
#pragma once

#include "rustdesk/inspector.h"

namespace gatehouse::rustdesk {

struct Inspector::Ruling {
  bool allowed = true;
  bool force_relay = false;
  Code code = Code::allowed;
  std::optional<std::uint64_t> ban;
};

class Inspector::InitiatorRefused final : public Refused {
 public:
  InitiatorRefused(const Inspector& inspector, const ServiceOptions& options, WallTime now)
      : inspector_(inspector), options_(options), now_(now) {}

  [[nodiscard]] bool refused(Slot device) const override {
    return inspector_.refused_initiator(inspector_.devices_.device(device).id, device, options_, now_).has_value();
  }
  [[nodiscard]] bool looks_at_all() const override { return options_.approve_enrolment || !options_.operators.empty(); }

 private:
  const Inspector& inspector_;
  const ServiceOptions& options_;
  WallTime now_;
};

}  // namespace gatehouse::rustdesk
