// Which addresses of a pool are in use, and which is the first that is not. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/time.h"
#include "policy/document.h"

namespace gatehouse::cli {

// The addresses of the pool that stand for a server, with the names of their services.
std::map<Address, std::vector<std::string>> taken_addresses(const policy::Document& document, const policy::Pool& pool);

// The first address of the pool, in the order of its networks, that is in no service. The address of a network itself
// and IPv4's broadcast address are left out: some clients would not connect to them.
Result<Address> first_free_address(const policy::Document& document, const std::string& pool);

// How many addresses there are to give; of large networks (IPv6) just that there are many.
std::string size_of(const policy::Pool& pool);

}  // namespace gatehouse::cli
