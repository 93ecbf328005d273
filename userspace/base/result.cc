#include "base/result.h"

#include <system_error>

namespace gatehouse {

std::unexpected<Error> system_failure(const std::string& what, int error_number, std::string mend) {
  return failure(what + ": " + std::generic_category().message(error_number), std::move(mend));
}

}  // namespace gatehouse
