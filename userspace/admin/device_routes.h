// The routes of RustDesk devices. routes.cc has judged the role before.
#pragma once

#include "admin/query.h"
#include "admin/routes.h"

namespace gatehouse::admin {

Outcome get_devices(const Request& request, const Query& query, Operations& operations);
// One of them, by the path.
Outcome get_device(const Request& request, const Query& query, Operations& operations);
Outcome post_approve(const Request& request, const Query& query, Operations& operations);
Outcome post_import_bans(const Request& request, const Query& query, Operations& operations);

}  // namespace gatehouse::admin
