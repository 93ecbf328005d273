// What the backend sends outside of channels: the graphics of before the pipeline, pointers, and what else there is. It
// goes on to the client as FreeRDP has parsed it, once the gate is open (session.h), and is decoded for the recording.
//
// Threads: that of the leg to the backend.
#pragma once

using rdpContext = struct rdp_context;

namespace gatehouse::rdp {

// When it is connected, and gdi is there.
void take_updates(rdpContext& context);

}  // namespace gatehouse::rdp
