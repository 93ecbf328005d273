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

bool PictureTap::open_updates(rdpContext& context) {
  if (has_updates_) return true;
  auto*& codecs = context.codecs;
  if (codecs == nullptr) codecs = freerdp_client_codecs_new(THREADING_FLAGS_DISABLE_THREADS);
  if (codecs == nullptr) return false;
  // Preparing one anew would lose what it knows of the pictures before.
  UINT32 lacking = 0;
  if (codecs->interleaved == nullptr) lacking |= FREERDP_CODEC_INTERLEAVED;
  if (codecs->planar == nullptr) lacking |= FREERDP_CODEC_PLANAR;
  if (codecs->nsc == nullptr) lacking |= FREERDP_CODEC_NSCODEC;
  if (codecs->rfx == nullptr) lacking |= FREERDP_CODEC_REMOTEFX;
  has_updates_ = lacking == 0 || freerdp_client_codecs_prepare(codecs, lacking, static_cast<UINT32>(context.gdi->width),
                                                               static_cast<UINT32>(context.gdi->height));
  return has_updates_;
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
