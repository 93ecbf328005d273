// How this room names bytes that it looks at and bytes that it owns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gatehouse::rustdesk {

using Bytes = std::span<const std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

}  // namespace gatehouse::rustdesk
