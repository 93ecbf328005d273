// Text as the protocols of RDP carry it: UTF-16, little-endian. What is no character becomes U+FFFD.
#pragma once

#include <string>

#include "rdp/little_endian.h"

namespace gatehouse::rdp {

// Up to the first U+0000, or the end.
std::string utf8_of_utf16(Bytes text);

}  // namespace gatehouse::rdp
