// UTF-8 as the Unicode Standard has it (section 3.9, table 3-7): shortest forms only, no surrogates, nothing beyond
// U+10FFFF. It is what rust-protobuf takes for a string.
#pragma once

#include "rustdesk/bytes.h"

namespace gatehouse::rustdesk {

bool is_utf8(Bytes bytes);

}  // namespace gatehouse::rustdesk
