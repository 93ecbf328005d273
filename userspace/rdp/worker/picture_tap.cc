#include "rdp/worker/picture_tap.h"

#include <freerdp/client/rdpgfx.h>
#include <freerdp/codecs.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>

namespace gatehouse::rdp {
namespace {

constexpr std::uint32_t older_codecs =
    FREERDP_CODEC_INTERLEAVED | FREERDP_CODEC_PLANAR | FREERDP_CODEC_NSCODEC | FREERDP_CODEC_REMOTEFX;

std::uint32_t size_of(std::int32_t length) {
  return static_cast<std::uint32_t>(length);
}

}  // namespace

bool PictureTap::open_pipeline(rdpContext& context, void* graphics) {
  if (!freerdp_settings_set_bool(context.settings, FreeRDP_DeactivateClientDecoding, FALSE)) return false;
  if (context.codecs == nullptr) context.codecs = freerdp_client_codecs_new(THREADING_FLAGS_DISABLE_THREADS);
  return context.codecs != nullptr &&
         gdi_graphics_pipeline_init(context.gdi, static_cast<RdpgfxClientContext*>(graphics)) == TRUE;
}

bool PictureTap::prepare_older(rdpContext& context) {
  if (older_ready_) return true;
  if (context.codecs == nullptr) context.codecs = freerdp_client_codecs_new(THREADING_FLAGS_DISABLE_THREADS);
  if (context.codecs == nullptr || context.gdi == nullptr) return false;
  // Preparing one anew would lose what it knows of the pictures before.
  std::uint32_t lacking = 0;
  if (context.codecs->interleaved == nullptr) lacking |= FREERDP_CODEC_INTERLEAVED;
  if (context.codecs->planar == nullptr) lacking |= FREERDP_CODEC_PLANAR;
  if (context.codecs->nsc == nullptr) lacking |= FREERDP_CODEC_NSCODEC;
  if (context.codecs->rfx == nullptr) lacking |= FREERDP_CODEC_REMOTEFX;
  older_ready_ = lacking == 0 || freerdp_client_codecs_prepare(context.codecs, lacking, size_of(context.gdi->width),
                                                               size_of(context.gdi->height)) == TRUE;
  return older_ready_;
}

bool PictureTap::resize_older(rdpContext& context) {
  // RemoteFX goes on: its sizes come with its own headers, which are not sent again.
  return !older_ready_ ||
         freerdp_client_codecs_reset(context.codecs, older_codecs & ~std::uint32_t{FREERDP_CODEC_REMOTEFX},
                                     size_of(context.gdi->width), size_of(context.gdi->height)) == TRUE;
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
