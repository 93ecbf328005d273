// What a worker tells of its session, as rows of the audit.
#pragma once

#include <optional>
#include <string>

#include "rdp/control_message.h"

namespace gatehouse::gate {

struct RdpAuditRow {
  std::string action;
  std::string detail;
  bool once = false;  // in a session: that it is so, not how often
};

// nullopt: nothing that the audit is for.
std::optional<RdpAuditRow> rdp_audit_row(const rdp::Message& message);

// That a client did not log in with this account.
RdpAuditRow rdp_refused_account(const std::string& account, const std::string& fault);

}  // namespace gatehouse::gate
