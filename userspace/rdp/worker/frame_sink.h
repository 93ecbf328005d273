// Who wants to see the picture that passes. Called on the thread of the leg to the backend, between decoding and the
// next read: a call may copy what it needs, and no more.
#pragma once

#include <cstddef>
#include <cstdint>

namespace gatehouse::rdp {

// 32 bits a pixel, blue first (BGRX); `stride` bytes from line to line. Valid during the call.
struct Picture {
  const std::uint8_t* pixels = nullptr;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::size_t stride = 0;
};

class PointerPicture;

class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Something of it has changed; with the first call and after a change of size all of it has.
  virtual void picture_changed(const Picture& picture) = 0;
  // It has left a change out and wants to be called again in a while, even if nothing changes.
  [[nodiscard]] virtual bool owes() const = 0;
  // What is told of the pointer, which is in no picture that passes. Of any thread.
  [[nodiscard]] virtual PointerPicture& pointer() = 0;
};

}  // namespace gatehouse::rdp
