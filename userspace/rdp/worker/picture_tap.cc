#include "rdp/worker/picture_tap.h"

#include <freerdp/client/rdpgfx.h>
#include <freerdp/codec/clear.h>
#include <freerdp/codec/planar.h>
#include <freerdp/codec/progressive.h>
#include <freerdp/codecs.h>
#include <freerdp/freerdp.h>
#include <freerdp/gdi/gdi.h>
#include <freerdp/gdi/gfx.h>

#include <utility>

namespace gatehouse::rdp {
namespace {

constexpr std::uint32_t older_codecs =
    FREERDP_CODEC_INTERLEAVED | FREERDP_CODEC_PLANAR | FREERDP_CODEC_NSCODEC | FREERDP_CODEC_REMOTEFX;

std::uint32_t size_of(std::int32_t length) {
  return static_cast<std::uint32_t>(length);
}

}  // namespace

// What gdi does of the pipeline, with something before or behind it.
struct PictureTap::Pipeline {
  pcRdpgfxResetGraphics reset_graphics = nullptr;
  pcRdpgfxSurfaceCommand surface_command = nullptr;
  bool planar_is_ready = false;

  static Pipeline& of(RdpgfxClientContext* graphics) {
    return *tap_of(*static_cast<rdpGdi*>(graphics->custom)->context)->pipeline_;
  }
  static UINT on_reset_graphics(RdpgfxClientContext* graphics, const RDPGFX_RESET_GRAPHICS_PDU* reset) {
    auto& pipeline = of(graphics);
    const UINT done = pipeline.reset_graphics(graphics, reset);
    return done == CHANNEL_RC_OK && !pipeline.put_planar_by(*graphics) ? ERROR_INTERNAL_ERROR : done;
  }
  static UINT on_surface_command(RdpgfxClientContext* graphics, const RDPGFX_SURFACE_COMMAND* command) {
    auto& pipeline = of(graphics);
    if (!pipeline.prepare(*graphics, command->codecId)) return ERROR_INTERNAL_ERROR;
    return pipeline.surface_command(graphics, command);
  }

  bool prepare(RdpgfxClientContext& graphics, std::uint32_t codec) {
    auto& codecs = *graphics.codecs;
    if (codec == RDPGFX_CODECID_PLANAR && !planar_is_ready) {
      const auto* gdi = static_cast<rdpGdi*>(graphics.custom);
      planar_is_ready =
          freerdp_bitmap_planar_context_reset(codecs.planar, size_of(gdi->width), size_of(gdi->height)) == TRUE;
      return planar_is_ready;
    }
    const bool progressive = codec == RDPGFX_CODECID_CAPROGRESSIVE || codec == RDPGFX_CODECID_CAPROGRESSIVE_V2;
    if (progressive && codecs.progressive == nullptr) {
      codecs.progressive = progressive_context_new_ex(FALSE, codecs.ThreadingFlags);
      return codecs.progressive != nullptr;
    }
    if (codec == RDPGFX_CODECID_CLEARCODEC && codecs.clear == nullptr) {
      codecs.clear = clear_context_new(FALSE);
      return codecs.clear != nullptr;
    }
    return true;
  }
  bool put_planar_by(RdpgfxClientContext& graphics) {
    constexpr std::uint32_t smallest = 64;
    planar_is_ready = false;
    // A new one: a reset to a smaller size keeps the buffers.
    freerdp_bitmap_planar_context_free(graphics.codecs->planar);
    graphics.codecs->planar = freerdp_bitmap_planar_context_new(0, smallest, smallest);
    return graphics.codecs->planar != nullptr;
  }
  static void put_others_by(RdpgfxClientContext& graphics) {
    progressive_context_free(std::exchange(graphics.codecs->progressive, nullptr));
    clear_context_free(std::exchange(graphics.codecs->clear, nullptr));
  }
};

PictureTap::PictureTap(FrameSink& sink) : sink_(sink), pipeline_(std::make_unique<Pipeline>()) {}
PictureTap::~PictureTap() = default;

bool PictureTap::open_pipeline(rdpContext& context, void* opened) {
  auto* graphics = static_cast<RdpgfxClientContext*>(opened);
  if (!freerdp_settings_set_bool(context.settings, FreeRDP_DeactivateClientDecoding, FALSE)) return false;
  if (context.codecs == nullptr) context.codecs = freerdp_client_codecs_new(THREADING_FLAGS_DISABLE_THREADS);
  if (context.codecs == nullptr || !gdi_graphics_pipeline_init(context.gdi, graphics)) return false;
  pipeline_->reset_graphics = std::exchange(graphics->ResetGraphics, Pipeline::on_reset_graphics);
  pipeline_->surface_command = std::exchange(graphics->SurfaceCommand, Pipeline::on_surface_command);
  Pipeline::put_others_by(*graphics);
  return pipeline_->put_planar_by(*graphics);
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
