#include "gate/rdp_error_info.h"

namespace gatehouse::gate {

using policy::EndReason;
using policy::Reason;

ErrorInfo error_info_of(EndReason reason) {
  switch (reason) {
    case EndReason::inactivity_timeout:
      return ErrorInfo::idle_timeout;
    case EndReason::grant_expired:
      return ErrorInfo::logon_timeout;
    case EndReason::grant_revoked:
    case EndReason::user_inactive:
    case EndReason::service_removed:
      return ErrorInfo::server_insufficient_privileges;
    case EndReason::banned:
      return ErrorInfo::server_denied_connection;
    case EndReason::out_of_resources:
      return ErrorInfo::out_of_memory;
    default:
      return ErrorInfo::rpc_initiated_disconnect;
  }
}

ErrorInfo error_info_of(Reason reason) {
  switch (reason) {
    case Reason::policy_expired:
    case Reason::outside_schedule:
    case Reason::not_yet_valid:
      return ErrorInfo::logon_timeout;
    case Reason::gate_maintenance:
    case Reason::backend_maintenance:
    case Reason::maintenance_grace_period:
      return ErrorInfo::rpc_initiated_disconnect;
    case Reason::session_limit:
      return ErrorInfo::disconnected_by_other_connection;
    case Reason::store_unavailable:
    case Reason::out_of_resources:
    case Reason::hook_failed:
    case Reason::internal_error:
      return ErrorInfo::out_of_memory;
    case Reason::no_matching_policy:
    case Reason::protocol_not_allowed:
    case Reason::access_revoked:
    case Reason::user_inactive:
    case Reason::login_not_allowed:
    case Reason::denied_by_rule:
    case Reason::wrong_source_ip:
      return ErrorInfo::server_insufficient_privileges;
    default:
      return ErrorInfo::server_denied_connection;
  }
}

}  // namespace gatehouse::gate
