// The NT hash of a password, which NLA with an account of the gateway needs (MS-NLMP 3.3.1, NTOWFv1: MD4 of the UTF-16
// text). Who has it can log in as though with the password.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "rdp/secret_box.h"

namespace gatehouse::rdp {

// Error: no password that a client can type (empty, too long, no UTF-8); the password is not in it.
Result<void> check_password(std::string_view password);
// 32 hexadecimal digits, small. The password has been checked.
Secret nt_hash(std::string_view password);

}  // namespace gatehouse::rdp
