// The shapes of a server's pointer updates as pictures, decoded by FreeRDP. nullopt: it could not.
//
// Threads: any.
#pragma once

#include <freerdp/pointer.h>

#include <optional>

#include "rdp/pointer_picture.h"

using rdpContext = struct rdp_context;

namespace gatehouse::rdp {

std::optional<PointerShape> shape_of(const rdpContext& context, const POINTER_COLOR_UPDATE& pointer, UINT32 depth = 24);
std::optional<PointerShape> shape_of(const rdpContext& context, const POINTER_LARGE_UPDATE& pointer);

}  // namespace gatehouse::rdp
