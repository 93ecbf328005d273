#include "rdp/worker/video_encoder.h"

#include <array>
#include <string>
#include <utility>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
#include <libswscale/swscale.h>
}

namespace gatehouse::rdp {
namespace {

constexpr int io_buffer_bytes = 1 << 16;
constexpr AVRational milliseconds{1, 1000};

template <auto release>
struct Releaser {
  template <typename T>
  void operator()(T* pointer) const {
    release(&pointer);
  }
};
using Encoder = std::unique_ptr<AVCodecContext, Releaser<avcodec_free_context>>;
using RawFrame = std::unique_ptr<AVFrame, Releaser<av_frame_free>>;
using EncodedPacket = std::unique_ptr<AVPacket, Releaser<av_packet_free>>;

std::unexpected<Error> failed(const char* what, int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(error, text.data(), text.size());
  return failure("the recording's encoder: " + std::string(what) + ": " + text.data());
}

}  // namespace

class VideoEncoder::Impl {
 public:
  ~Impl() {
    if (muxer_ != nullptr) {
      if (muxer_->pb != nullptr) {
        av_freep(static_cast<void*>(&muxer_->pb->buffer));
        avio_context_free(&muxer_->pb);
      }
      avformat_free_context(muxer_);
    }
    sws_freeContext(scaler_);
  }
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> open(std::uint32_t width, std::uint32_t height);
  Result<void> add(const Picture& picture, std::int64_t time, bool key_frame);
  Result<std::vector<std::uint8_t>> take_fragment();
  Result<std::vector<std::uint8_t>> finish();

 private:
  static int on_write(void* self, std::uint8_t* data, int size);
  Result<void> open_muxer();
  Result<void> drain();
  std::vector<std::uint8_t> taken() {
    avio_flush(muxer_->pb);
    return std::exchange(bytes_, {});
  }

  Encoder codec_;
  RawFrame frame_;
  EncodedPacket packet_;
  SwsContext* scaler_ = nullptr;
  AVFormatContext* muxer_ = nullptr;
  std::vector<std::uint8_t> bytes_;
};

int VideoEncoder::Impl::on_write(void* self, std::uint8_t* data, int size) {
  auto& bytes = static_cast<Impl*>(self)->bytes_;
  bytes.insert(bytes.end(), data, data + size);
  return size;
}

Result<void> VideoEncoder::Impl::open(std::uint32_t width, std::uint32_t height) {
  // 4:2:0 has pairs of pixels: an odd size loses its last line or row.
  const int even_width = static_cast<int>(width & ~1U);
  const int even_height = static_cast<int>(height & ~1U);
  if (even_width == 0 || even_height == 0) return failure("the recording's encoder: there is no picture");
  av_log_set_level(AV_LOG_QUIET);
  const AVCodec* encoder = avcodec_find_encoder_by_name("libx264");
  if (encoder == nullptr) return failure("the recording's encoder: there is no libx264", "install libavcodec with it");
  codec_.reset(avcodec_alloc_context3(encoder));
  codec_->width = even_width;
  codec_->height = even_height;
  codec_->pix_fmt = AV_PIX_FMT_YUV420P;
  codec_->time_base = milliseconds;
  codec_->framerate = {8, 1};
  codec_->gop_size = 1000;  // key frames are asked for
  codec_->max_b_frames = 0;
  codec_->thread_count = 1;
  codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  av_opt_set(codec_->priv_data, "preset", "veryfast", 0);
  av_opt_set(codec_->priv_data, "tune", "zerolatency", 0);
  // One quantizer for all: a rate control that goes by likeness (crf) keeps a smaller copy of each picture and looks at
  // it too. On text that scrolls it comes to twice the bytes for the same likeness (SSIM), a fifth more time and 4 MB
  // more.
  av_opt_set(codec_->priv_data, "qp", "24", 0);
  av_opt_set(codec_->priv_data, "x264-params", "rc-lookahead=0:ref=1:scenecut=0:weightp=0", 0);
  av_opt_set(codec_->priv_data, "forced-idr", "1", 0);
  if (const int error = avcodec_open2(codec_.get(), encoder, nullptr); error < 0) return failed("opening", error);
  frame_.reset(av_frame_alloc());
  frame_->format = codec_->pix_fmt;
  frame_->width = even_width;
  frame_->height = even_height;
  if (const int error = av_frame_get_buffer(frame_.get(), 0); error < 0) return failed("a frame", error);
  packet_.reset(av_packet_alloc());
  scaler_ = sws_getContext(even_width, even_height, AV_PIX_FMT_BGR0, even_width, even_height, AV_PIX_FMT_YUV420P,
                           SWS_POINT, nullptr, nullptr, nullptr);
  if (scaler_ == nullptr) return failure("the recording's encoder: colours cannot be converted");
  return open_muxer();
}

Result<void> VideoEncoder::Impl::open_muxer() {
  if (const int error = avformat_alloc_output_context2(&muxer_, nullptr, "mp4", nullptr); error < 0) {
    return failed("the file", error);
  }
  auto* buffer = static_cast<unsigned char*>(av_malloc(io_buffer_bytes));
  muxer_->pb = avio_alloc_context(buffer, io_buffer_bytes, 1, this, nullptr, on_write, nullptr);
  muxer_->flags |= AVFMT_FLAG_CUSTOM_IO;
  AVStream* stream = avformat_new_stream(muxer_, nullptr);
  if (muxer_->pb == nullptr || stream == nullptr) return failure("the recording's encoder: no memory");
  stream->time_base = milliseconds;
  if (const int error = avcodec_parameters_from_context(stream->codecpar, codec_.get()); error < 0) {
    return failed("the stream", error);
  }
  AVDictionary* options = nullptr;
  av_dict_set(&options, "movflags", "frag_custom+empty_moov+default_base_moof", 0);
  const int error = avformat_write_header(muxer_, &options);
  av_dict_free(&options);
  if (error < 0) return failed("the header", error);
  return {};
}

Result<void> VideoEncoder::Impl::add(const Picture& picture, std::int64_t time, bool key_frame) {
  if (const int error = av_frame_make_writable(frame_.get()); error < 0) return failed("a frame", error);
  const std::array<const std::uint8_t*, 1> planes{picture.pixels};
  const std::array<int, 1> strides{static_cast<int>(picture.stride)};
  sws_scale(scaler_, planes.data(), strides.data(), 0, frame_->height, frame_->data, frame_->linesize);
  frame_->pts = time;
  frame_->pict_type = key_frame ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  if (const int error = avcodec_send_frame(codec_.get(), frame_.get()); error < 0) return failed("encoding", error);
  return drain();
}

Result<void> VideoEncoder::Impl::drain() {
  while (true) {
    const int error = avcodec_receive_packet(codec_.get(), packet_.get());
    if (error == AVERROR(EAGAIN) || error == AVERROR_EOF) return {};
    if (error < 0) return failed("encoding", error);
    av_packet_rescale_ts(packet_.get(), codec_->time_base, muxer_->streams[0]->time_base);
    packet_->stream_index = 0;
    // The muxer would take the last picture of a fragment to last as long as the one before it, and move a next
    // fragment that begins before that end behind it, with all that is in it.
    packet_->duration = av_rescale_q(1, codec_->time_base, muxer_->streams[0]->time_base);
    if (const int written = av_write_frame(muxer_, packet_.get()); written < 0) return failed("the file", written);
    av_packet_unref(packet_.get());
  }
}

Result<std::vector<std::uint8_t>> VideoEncoder::Impl::take_fragment() {
  if (const int error = av_write_frame(muxer_, nullptr); error < 0) return failed("a fragment", error);
  // The next one begins when its picture does, and not where this one ended: in between nothing may have changed.
  if (const int error = av_opt_set(muxer_->priv_data, "movflags", "+frag_discont", 0); error < 0) {
    return failed("a fragment", error);
  }
  return taken();
}

Result<std::vector<std::uint8_t>> VideoEncoder::Impl::finish() {
  avcodec_send_frame(codec_.get(), nullptr);
  if (auto drained = drain(); !drained) return std::unexpected(drained.error());
  if (const int error = av_write_trailer(muxer_); error < 0) return failed("the end", error);
  return taken();
}

VideoEncoder::VideoEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
VideoEncoder::~VideoEncoder() = default;

Result<std::unique_ptr<VideoEncoder>> VideoEncoder::open(std::uint32_t width, std::uint32_t height) {
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->open(width, height); !opened) return std::unexpected(opened.error());
  return std::unique_ptr<VideoEncoder>(new VideoEncoder(std::move(impl)));
}

Result<void> VideoEncoder::add(const Picture& picture, std::int64_t time, bool key_frame) {
  return impl_->add(picture, time, key_frame);
}
Result<std::vector<std::uint8_t>> VideoEncoder::take_fragment() {
  return impl_->take_fragment();
}
Result<std::vector<std::uint8_t>> VideoEncoder::finish() {
  return impl_->finish();
}

}  // namespace gatehouse::rdp
