// How many connections may be there at once of which nobody has shown yet who they are, in all and from one source: in
// their handshake, where each has a worker of its own (RDP), or before their first message (RustDesk).
//
// A source is an address, of IPv6 its /64 (RFC 6177: what one customer has).
//
// Threads: any. Ownership: a place is given back by its end; the limit outlives all places.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "base/address.h"

namespace gatehouse::gate {

class HandshakeLimit {
 public:
  static constexpr std::size_t most = 64;
  static constexpr std::size_t most_of_a_source = 16;

  explicit HandshakeLimit(std::size_t in_all = most, std::size_t of_a_source = most_of_a_source)
      : in_all_(in_all), of_a_source_(of_a_source) {}

  class Place {
   public:
    Place(Place&& other) noexcept : limit_(std::exchange(other.limit_, nullptr)), source_(other.source_) {}
    Place& operator=(Place&& other) = delete;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() {
      if (limit_ != nullptr) limit_->leave(source_);
    }

   private:
    friend class HandshakeLimit;
    Place(HandshakeLimit& limit, const Address& source) : limit_(&limit), source_(source) {}

    HandshakeLimit* limit_;
    Address source_;
  };

  // nullopt: there is none now.
  std::optional<Place> enter(const Address& source);

 private:
  void leave(const Address& source);

  const std::size_t in_all_;
  const std::size_t of_a_source_;
  std::mutex mutex_;
  std::size_t all_ = 0;
  std::map<Address, std::size_t> by_source_;
};

}  // namespace gatehouse::gate
