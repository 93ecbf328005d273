// The picture of what passes: FreeRDP's own decoder, fed with the same bytes beside their way to the client. Whatever
// this decoder would answer goes nowhere: the client's answers are the ones that count.
//
// The pipeline's decoders are made all at once, and for a desktop of 1024x768 the planar one takes 14 MiB, the
// progressive and ClearCodec 6, before there is anything for them, which in most sessions never comes: they have their
// buffers from their first pictures on.
//
// The decoder of the graphics pipeline is made when the backend opens that channel, for it costs a third of a second;
// those of the graphics of before are made with the first such picture: a client that announces the pipeline may get
// them all the same, from a server that has none.
// Threads: that of the leg to the backend.
#pragma once

#include <memory>

#include "rdp/worker/frame_sink.h"

using freerdp = struct rdp_freerdp;
using rdpContext = struct rdp_context;
using RdpgfxClientContext = struct s_rdpgfx_client_context;

namespace gatehouse::rdp {

class PictureTap {
 public:
  explicit PictureTap(FrameSink& sink);
  ~PictureTap();
  PictureTap(const PictureTap&) = delete;
  PictureTap& operator=(const PictureTap&) = delete;

  bool open_pipeline(rdpContext& context, void* graphics);
  void close_pipeline(rdpContext& context, void* graphics);
  bool prepare_older(rdpContext& context);  // surface bits and bitmaps
  bool resize_older(rdpContext& context);
  void picture_changed(const rdpContext& context);
  [[nodiscard]] bool owes() const { return sink_.owes(); }

  // While the decoder works: a change of size that it reports is its own, and none of the session's.
  class Working {
   public:
    explicit Working(PictureTap& tap) : tap_(tap) { tap_.works_ = true; }
    ~Working() { tap_.works_ = false; }
    Working(const Working&) = delete;
    Working& operator=(const Working&) = delete;

   private:
    PictureTap& tap_;
  };
  [[nodiscard]] bool works() const { return works_; }

 private:
  struct Pipeline;
  FrameSink& sink_;
  std::unique_ptr<Pipeline> pipeline_;
  bool works_ = false;
  bool older_ready_ = false;
};

// Of the session whose leg to the backend this is; nullptr: it is not decoded.
PictureTap* tap_of(rdpContext& back);

}  // namespace gatehouse::rdp
