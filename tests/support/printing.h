// How GoogleTest prints addresses when an expectation fails. In the namespace of the types, where it looks for this.
#pragma once

#include <ostream>

#include "base/address.h"

namespace gatehouse {

inline void PrintTo(const Address& address, std::ostream* stream) {
  *stream << address.text();
}
inline void PrintTo(const Prefix& prefix, std::ostream* stream) {
  *stream << prefix.text();
}
inline void PrintTo(const Endpoint& endpoint, std::ostream* stream) {
  *stream << endpoint.text();
}

}  // namespace gatehouse
