#include "rdp/worker/picture_tap.h"

#include <freerdp/client/rdpgfx.h>
#include <freerdp/codecs.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>

namespace gatehouse::rdp {

bool PictureTap::open_pipeline(rdpContext& context, void* graphics) {
  if (!freerdp_settings_set_bool(context.settings, FreeRDP_DeactivateClientDecoding, FALSE)) return false;
  if (context.codecs == nullptr) context.codecs = freerdp_client_codecs_new(THREADING_FLAGS_DISABLE_THREADS);
  return context.codecs != nullptr &&
         gdi_graphics_pipeline_init(context.gdi, static_cast<RdpgfxClientContext*>(graphics)) == TRUE;
}

void PictureTap::close_pipeline(rdpContext& context, void* graphics) {
  gdi_graphics_pipeline_uninit(context.gdi, static_cast<RdpgfxClientContext*>(graphics));
}

void PictureTap::picture_changed(const rdpContext& context) {
  const rdpGdi* gdi = context.gdi;
  if (gdi == nullptr || gdi->primary_buffer == nullptr || gdi->width <= 0 || gdi->height <= 0) return;
  sink_.picture_changed({.pixels = gdi->primary_buffer,
                         .width = static_cast<std::uint32_t>(gdi->width),
                         .height = static_cast<std::uint32_t>(gdi->height),
                         .stride = gdi->stride});
}

}  // namespace gatehouse::rdp
