// The pointer as a user sees it, to be drawn into a recorded picture: its shape is what the server sent last, its place
// is where the client moved it, or the server. The client's own picture never has it: there the client draws it.
//
// Threads: any. Errors: a shape that is larger than any (384 pixels), whose pixels are not all there, or that names a
// slot that no cache has, is not taken.
// Pointer updates: MS-RDPBCGR 2.2.9.1.1.4, 2.2.9.1.2.1.11.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace gatehouse::rdp {

struct PointerShape {
  static constexpr std::uint32_t largest = 384;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t hot_x = 0;
  std::uint32_t hot_y = 0;
  std::vector<std::uint8_t> pixels;  // blue, green, red, alpha; without gaps between lines
};

// Of 32 bits a pixel, blue first; lines follow each other without gaps.
struct Canvas {
  std::uint8_t* pixels = nullptr;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

class PointerPicture {
 public:
  static constexpr std::uint32_t slots = 256;           // of the cache
  static constexpr std::size_t most_kept = 16U << 20U;  // bytes in it

  // `changed`: it would be drawn otherwise now. Called on the caller's thread.
  explicit PointerPicture(std::function<void()> changed);

  void move_to(std::int32_t x, std::int32_t y);
  void move_by(std::int32_t x, std::int32_t y);
  void set_shape(std::uint32_t slot, PointerShape shape);  // and keeps it in that slot, while there is room
  void use_slot(std::uint32_t slot);
  void use_arrow();  // the system's own
  void hide();

  struct Place {
    std::int32_t x = 0;
    std::int32_t y = 0;
    bool operator==(const Place&) const = default;
  };
  [[nodiscard]] std::optional<Place> place() const;

  // What was beneath it.
  struct Beneath {
    std::uint32_t x = 0;
    std::uint32_t y = 0;
    std::uint32_t width = 0;
    std::uint32_t height = 0;
    std::vector<std::uint8_t> pixels;
  };
  // Nothing is drawn while nobody knows where it is.
  [[nodiscard]] Beneath draw(const Canvas& canvas) const;
  static void restore(const Canvas& canvas, const Beneath& beneath);

 private:
  void show(std::shared_ptr<const PointerShape> shape);

  const std::function<void()> changed_;
  mutable std::mutex mutex_;
  std::optional<Place> place_;
  std::shared_ptr<const PointerShape> shape_;  // nullptr: hidden
  std::map<std::uint32_t, std::shared_ptr<const PointerShape>> cache_;
  std::size_t kept_ = 0;  // bytes
};

}  // namespace gatehouse::rdp
