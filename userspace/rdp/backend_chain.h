// Whether a server's certificate was issued by the operator's own authority for that server: the chain (RFC 5280), its
// time, that it is for servers, and the name or address in it (RFC 6125; the common name does not count).
#pragma once

#include <filesystem>
#include <string>

#include "base/address.h"
#include "base/result.h"

namespace gatehouse::rdp {

// `shown`: PEM, the server's own certificate first, then what it sends of its chain. `authorities`: a PEM file; a
// certificate in it is trusted as it stands, also an intermediate one. Error: why it is not right.
Result<void> verify_backend(const std::string& shown, const std::filesystem::path& authorities, const std::string& name,
                            const Address& address);

}  // namespace gatehouse::rdp
