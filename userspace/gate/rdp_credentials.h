// What the worker of an RDP session asks about secrets and trust, answered: who may log in at the front, as whom the
// backend is logged in to, and whether its certificate is the right one.
//
// Threads: the session's loop. A chain of certificates is read from its file and verified there: a millisecond.
#pragma once

#include <optional>
#include <string>

#include "gate/rdp_forwarder.h"
#include "rdp/control_message.h"

namespace gatehouse::gate {

// To an account's query. `fault`: why it is refused, for the audit; nobody else is told.
struct RdpAccountAnswer {
  rdp::Reply reply;
  std::string fault;
};
RdpAccountAnswer answer_account(const RdpServices& services, const RdpTerms& terms, const rdp::AccountQuery& query);

// As whom a logon goes on to the backend, or why it does not.
struct RdpLogonJudgement {
  bool allowed = false;
  policy::EndReason reason = policy::EndReason::error;
  std::string fault;
  std::optional<rdp::Credentials> credentials;  // instead of the client's own
  std::optional<rdp::ChannelTerms> terms;       // where the grant for this login has others than at the start
};
RdpLogonJudgement judge_logon(const RdpServices& services, const RdpTerms& terms, const rdp::LogonQuery& query);

// Empty: it is the right one. Otherwise why not, and the alarm is raised.
std::string fault_of_certificate(RdpServices& services, const RdpTerms& terms, const rdp::CertificateQuery& query);

}  // namespace gatehouse::gate
