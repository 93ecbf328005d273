// What is found of RustDesk's messages (rustdesk/findings.h), as the audit tells it; and a service's options, as they
// are judged by. Pure.
#pragma once

#include <string>

#include "policy/rustdesk_options.h"
#include "rustdesk/findings.h"
#include "rustdesk/service_options.h"

namespace gatehouse::gate {

// "punch_initiator initiator_banned: 111 (sole_device) to 222, ban 7"
std::string text_of(const rustdesk::Finding& finding);

rustdesk::ServiceOptions rustdesk_options_of(const policy::RustDeskOptions& options);

}  // namespace gatehouse::gate
