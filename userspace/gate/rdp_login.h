// The decision once it is known as whom a server is logged in to.
//
// One login has several forms (MS-RDPBCGR 2.2.1.11.1.1: a name and a domain; and what people type): NAME, DOMAIN\\NAME,
// NAME@DOMAIN. A rule means all of them: a grant that names any allows it, and a denial that names any denies it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "policy/engine.h"

namespace gatehouse::gate {

// As it was given first; never empty.
std::vector<std::string> forms_of_login(const std::string& login, const std::string& domain);

policy::Decision decide_for_login(const policy::Snapshot& snapshot, policy::Question question,
                                  std::span<const std::string> forms);

}  // namespace gatehouse::gate
