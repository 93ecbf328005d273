#include "gate/rdp_end.h"

namespace gatehouse::gate {

using policy::EndReason;

RdpEnd rdp_end(const rdp::Ended& ended, bool stalled) {
  const auto detail = ended.detail.empty() ? ended.reason : ended.reason + ": " + ended.detail;
  if (ended.reason == "client_closed" && stalled) return {EndReason::timeout, "the client took nothing any more"};
  if (ended.reason == "client_closed" || ended.reason == "backend_closed") {
    return {EndReason::normal, ended.detail.empty() ? "" : detail};
  }
  if (ended.reason == "handshake_timeout") return {EndReason::timeout, "the client was silent in the handshake"};
  if (ended.reason == "backend_refused") return {EndReason::backend_refused, detail};
  if (ended.reason == "backend_lost") return {EndReason::backend_reset, ended.detail};
  if (ended.reason == "backend_timeout") return {EndReason::backend_timeout, ended.detail};
  return {EndReason::error, detail};
}

}  // namespace gatehouse::gate
