// The deny events out of the kernel's ring buffer.
// Threads: control thread. Ownership: the map's descriptor is borrowed for the length of open(); the ring's memory
// lives as long as the object.
#pragma once

#include <functional>
#include <memory>

#include "base/result.h"
#include "contract.h"

struct ring_buffer;

namespace gatehouse::kernel {

class DenyEvents {
 public:
  using Take = std::function<void(const deny_event&)>;

  static Result<DenyEvents> open(int map);

  [[nodiscard]] int descriptor() const;  // readable (epoll) when there are events
  // At most `most` of them: programs may fill the ring as fast as it is emptied. Returns how many there were.
  std::size_t drain(const Take& take, std::size_t most);

 private:
  struct Free {
    void operator()(ring_buffer* ring) const;
  };
  DenyEvents() = default;
  static int take_sample(void* context, void* data, std::size_t size);

  // On the heap, for libbpf keeps its address.
  struct Current {
    const Take* take = nullptr;
    std::size_t taken = 0;
    std::size_t most = 0;
  };
  std::unique_ptr<Current> current_;
  std::unique_ptr<ring_buffer, Free> ring_;
};

}  // namespace gatehouse::kernel
