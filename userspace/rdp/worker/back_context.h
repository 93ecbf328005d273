// What hangs at the FreeRDP context of the leg to the backend.
#pragma once

#include <freerdp/freerdp.h>
#include <freerdp/update.h>

namespace gatehouse::rdp {

class BackLeg;

// What gdi would do with the graphics of before the pipeline; kept, so that it decodes beside the forwarding.
struct Decoders {
  pSurfaceBits surface_bits = nullptr;
  pBitmapUpdate bitmap_update = nullptr;
  pPalette palette = nullptr;
};

struct BackContext {
  rdpContext base;
  BackLeg* leg;
  Decoders decoders;
};

inline BackContext& back_of(rdpContext* context) {
  return *reinterpret_cast<BackContext*>(context);
}
inline BackLeg& leg_of(rdpContext* context) {
  return *back_of(context).leg;
}

}  // namespace gatehouse::rdp
