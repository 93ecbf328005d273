// The picture of what passes: FreeRDP's own decoder, fed with the same bytes beside their way to the client. Whatever
// this decoder would answer goes nowhere: the client's answers are the ones that count.
//
// The decoder of the graphics pipeline is made when the backend opens that channel, for it costs a third of a second.
// Threads: that of the leg to the backend.
#pragma once

#include "rdp/worker/frame_sink.h"

using freerdp = struct rdp_freerdp;
using rdpContext = struct rdp_context;
using RdpgfxClientContext = struct s_rdpgfx_client_context;

namespace gatehouse::rdp {

class PictureTap {
 public:
  explicit PictureTap(FrameSink& sink) : sink_(sink) {}

  bool open_pipeline(rdpContext& context, void* graphics);
  void close_pipeline(rdpContext& context, void* graphics);
  // The graphics of before the pipeline come, also from a server that takes no notice of the client's: decoders for
  // them are made when the first ones do.
  bool open_updates(rdpContext& context);
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
  FrameSink& sink_;
  bool works_ = false;
  bool has_updates_ = false;
};

}  // namespace gatehouse::rdp
