#include "rdp/worker/graphics_stream.h"

#include <freerdp/codec/zgfx.h>

#include <algorithm>
#include <cstdlib>

#include "rdp/dynamic_channels.h"
#include "rdp/dynamic_data.h"

namespace gatehouse::rdp {
namespace {

constexpr std::size_t chunk_size = 1600;  // MS-RDPBCGR 2.2.7.1.10
constexpr std::int64_t no_channel = -1;

}  // namespace

struct GraphicsStream::Zgfx {
  Zgfx() : context(zgfx_context_new(FALSE), zgfx_context_free) {}
  std::unique_ptr<ZGFX_CONTEXT, decltype(&zgfx_context_free)> context;
};

GraphicsStream::GraphicsStream(Send send) : send_(std::move(send)) {}
GraphicsStream::~GraphicsStream() = default;

void GraphicsStream::give_up() {
  given_up_ = true;
  history_.reset();
}

void GraphicsStream::forget_channel() {
  channel_ = no_channel;
  history_.reset();
  rewrites_ = false;
  in_data_ = false;
  data_.clear();
}

bool GraphicsStream::can_draw() const {
  return !given_up_ && !opaque_ && channel_ != no_channel && history_ && !in_piece_ && !in_data_ &&
         !overlay_.in_frame();
}

bool GraphicsStream::show(const Banner& banner) {
  const auto data = overlay_.show(banner);
  if (data.empty()) return false;
  rewrites_ = true;
  return send_graphics(data);
}

bool GraphicsStream::hide() {
  const auto data = overlay_.hide();
  return data.empty() || send_graphics(data);
}

bool GraphicsStream::send_message(Bytes message) {
  const auto total = message.size();
  std::uint32_t first = chunk_first;
  do {
    const auto part = message.first(std::min(chunk_size, message.size()));
    message = message.subspan(part.size());
    const Chunk chunk{part.data(), part.size(), flags_ | first | (message.empty() ? chunk_last : 0), total};
    if (!send_(chunk)) return false;
    first = 0;
  } while (!message.empty());
  return true;
}

bool GraphicsStream::send_graphics(Bytes data) {
  return std::ranges::all_of(write_dynamic_data(static_cast<std::uint32_t>(channel_.load()), segments_of(data)),
                             [this](const auto& piece) { return send_message(piece); });
}

GraphicsStream::Taken GraphicsStream::take(const Chunk& chunk) {
  if (given_up_) return Taken::pass;
  flags_ = chunk.flags & chunk_show_protocol;
  if ((chunk.flags & chunk_first) != 0) {
    piece_.clear();
    in_piece_ = true;
    skips_ = chunk.total > longest_piece;
  }
  if (skips_ || !in_piece_ || piece_.size() + chunk.size > longest_piece) {
    // No peer sends this: whoever it is for, it is not looked into.
    if (channel_ != no_channel) give_up();
    return Taken::pass;
  }
  const bool held = rewrites_;
  piece_.insert(piece_.end(), chunk.data, chunk.data + chunk.size);
  if ((chunk.flags & chunk_last) == 0) return held ? Taken::done : Taken::pass;
  in_piece_ = false;
  return take_message(piece_, held);
}

GraphicsStream::Taken GraphicsStream::take_message(Bytes message, bool held) {
  // Where chunks were held back, what is not ours goes on now.
  const auto passes = [&] {
    if (!held) return Taken::pass;
    return send_message(message) ? Taken::done : Taken::gone;
  };
  if (const auto request = read_create_request(message)) {
    const auto id = dynamic_channel_of(request->channel_id);
    if (id && *id == channel_) forget_channel();
    if (id && request->name == graphics_channel) {
      forget_channel();
      channel_ = *id;
      history_ = std::make_unique<Zgfx>();
    }
    return passes();
  }
  const auto data = read_dynamic_data(message);
  if (!data || data->channel != channel_) return passes();
  switch (data->kind) {
    case DynamicData::Kind::close:
      forget_channel();
      return passes();
    case DynamicData::Kind::compressed:
      give_up();
      return passes();
    case DynamicData::Kind::first:
      if (data->length > longest_message) {
        give_up();
        return passes();
      }
      data_.clear();
      data_length_ = data->length;
      in_data_ = true;
      [[fallthrough]];
    case DynamicData::Kind::next:
      if (!in_data_) {
        data_.clear();
        data_length_ = data->payload.size();
      }
      data_.insert(data_.end(), data->payload.begin(), data->payload.end());
      in_data_ = data_.size() < data_length_;
      break;
  }
  if (in_data_) return held ? Taken::done : Taken::pass;
  const auto taken = take_data(data_);
  if (data_.capacity() > longest_piece) data_ = {};
  return held ? taken : Taken::pass;
}

std::optional<std::vector<std::uint8_t>> GraphicsStream::decompressed(Bytes data) {
  const auto size = decompressed_size(data);
  if (!history_ || !size || *size > longest_message) return std::nullopt;
  BYTE* bytes = nullptr;
  UINT32 length = 0;
  const int status =
      zgfx_decompress(history_->context.get(), data.data(), static_cast<UINT32>(data.size()), &bytes, &length, 0);
  const std::unique_ptr<BYTE, decltype(&std::free)> owned(bytes, std::free);
  if (status < 0) return std::nullopt;
  return std::vector<std::uint8_t>(bytes, bytes + length);
}

GraphicsStream::Taken GraphicsStream::take_data(const std::vector<std::uint8_t>& data) {
  auto plain = decompressed(data);
  if (!plain) {
    // The client will not make more of it.
    const bool was_rewriting = rewrites_;
    give_up();
    if (!was_rewriting) return Taken::pass;
    return std::ranges::all_of(write_dynamic_data(static_cast<std::uint32_t>(channel_.load()), data),
                               [this](const auto& piece) { return send_message(piece); })
               ? Taken::done
               : Taken::gone;
  }
  if (!opaque_) {
    auto passed = overlay_.pass(*plain);
    if (passed) {
      plain = std::move(*passed);
    } else if (rewrites_) {
      opaque_ = true;
    } else {
      give_up();
      return Taken::pass;
    }
  }
  if (!rewrites_) return Taken::pass;
  return send_graphics(*plain) ? Taken::done : Taken::gone;
}

std::optional<std::vector<std::uint8_t>> GraphicsStream::from_client(const Chunk& chunk) {
  const auto channel = channel_.load();
  if (channel == no_channel || (chunk.flags & chunk_first) == 0) return std::nullopt;
  const auto data = read_dynamic_data({chunk.data, chunk.size});
  if (!data || data->channel != channel) return std::nullopt;
  if (data->kind == DynamicData::Kind::first) {
    client_rest_ = data->length - std::min<std::uint64_t>(data->length, data->payload.size());
    return std::nullopt;
  }
  if (client_rest_ > 0) {
    client_rest_ -= std::min<std::uint64_t>(client_rest_, data->payload.size());
    return std::nullopt;
  }
  if (data->kind != DynamicData::Kind::next || (chunk.flags & chunk_last) == 0 || !overlay_.has_shown()) {
    return std::nullopt;
  }
  auto filtered = overlay_.filter_from_client(data->payload);
  if (filtered.empty()) return filtered;
  auto pieces = write_dynamic_data(data->channel, filtered);
  if (pieces.size() != 1) return std::nullopt;  // it was one, and has become no longer
  return std::move(pieces.front());
}

}  // namespace gatehouse::rdp
