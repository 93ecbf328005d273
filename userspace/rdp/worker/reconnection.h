// Automatic reconnection (MS-RDPBCGR 2.2.4, 5.5) between FreeRDP's legs and the messages to the daemon.
#pragma once

#include <optional>

#include "rdp/control_message.h"

using rdpContext = struct rdp_context;
using rdpSettings = struct rdp_settings;
using logon_info_ex = struct rdp_logon_info_ex;

namespace gatehouse::rdp {

// What the client has shown in its Client Info, if anything.
std::optional<ReconnectProof> proof_of(const rdpSettings& front);
// Gives the client its cookie, if it can use one; false: the client is gone.
bool give_cookie(rdpContext& front, const ReconnectCookie& cookie);

ReconnectCookie cookie_of(const logon_info_ex& info);
// The leg to the backend will show it.
void show_cookie(rdpSettings& back, const ReconnectCookie& cookie);

}  // namespace gatehouse::rdp
