// Policy text to Document. Validated whole: unknown and repeated keys, duplicate or ambiguous source addresses (of two
// users: the same address or network twice), overlapping pools, proxy IPs outside every pool or standing for two
// servers, two services on one address + port, dangling names, unreadable addresses, times, durations. Every fault is
// listed with file, line and mend; with any fault there is no document. Pure: the caller reads the files. Format:
// docs/policy.md, policies/*.yaml.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "base/strict_yaml.h"
#include "policy/document.h"

namespace gatehouse::policy {

struct SourceText {
  std::string file;  // for the messages
  std::string text;
};

// Several files make one policy; a name may stand in one of them only.
std::expected<Document, Issues> load(const std::vector<SourceText>& texts);

}  // namespace gatehouse::policy
