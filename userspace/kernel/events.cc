#include "kernel/events.h"

#include <bpf/libbpf.h>

#include <cerrno>
#include <cstring>

namespace gatehouse::kernel {

void DenyEvents::Free::operator()(ring_buffer* ring) const {
  ring_buffer__free(ring);
}

Result<DenyEvents> DenyEvents::open(int map) {
  DenyEvents events;
  events.current_ = std::make_unique<Current>();
  events.ring_.reset(ring_buffer__new(map, take_sample, events.current_.get(), nullptr));
  if (!events.ring_) return system_failure("the kernel map deny_events cannot be read", errno);
  return events;
}

int DenyEvents::descriptor() const {
  return ring_buffer__epoll_fd(ring_.get());
}

int DenyEvents::take_sample(void* context, void* data, std::size_t size) {
  auto* current = static_cast<Current*>(context);
  deny_event event{};
  if (size < sizeof event) return 0;
  std::memcpy(&event, data, sizeof event);
  ++current->taken;
  if (current->take != nullptr && *current->take) (*current->take)(event);
  // A negative answer ends the round; this one is taken off the ring first.
  return current->taken < current->most ? 0 : -ECANCELED;
}

std::size_t DenyEvents::drain(const Take& take, std::size_t most) {
  if (most == 0) return 0;
  *current_ = {&take, 0, most};
  ring_buffer__consume(ring_.get());
  const std::size_t taken = current_->taken;
  *current_ = {};
  return taken;
}

}  // namespace gatehouse::kernel
