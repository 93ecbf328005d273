// What nftables holds, read back: for comparing our own table with its plan, and for the doctor's look at foreign ones.
// Errors: the kernel could not be asked; a table that is not there is no error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/nft_batch.h"
#include "kernel/ruleset_plan.h"

namespace gatehouse::kernel {

struct ListedTable {
  std::uint32_t family = 0;  // NFPROTO_*
  std::string name;
  std::string comment;
  std::uint32_t flags = 0;
};

struct ListedChain {
  std::uint32_t family = 0;
  std::string table;
  std::string name;
  std::optional<Hook> hook;
  std::uint32_t policy = 1;  // NF_ACCEPT, NF_DROP
};

struct ListedRule {
  std::string chain;
  std::string comment;
  std::vector<std::string> text;  // as rule_text()
};

struct ListedSet {
  std::string name;
  std::uint32_t flags = 0;
  std::uint32_t key_length = 0;
};

Result<std::vector<ListedTable>> list_tables();
Result<std::vector<ListedChain>> list_chains();
Result<std::vector<ListedRule>> list_rules(std::uint32_t family, const std::string& table);  // in their order
Result<std::vector<ListedSet>> list_sets(const std::string& table);  // of family inet; maps are sets, too
// Nothing when the set is not there. Sorted.
Result<std::optional<std::vector<SetElement>>> list_elements(const std::string& table, const std::string& set);
// Of one element of a set with timeouts, for probing.
Result<std::uint64_t> element_timeout_ms(const std::string& table, const std::string& set);

}  // namespace gatehouse::kernel
