// What the gate's table shall hold, worked out from a RulesetSpec without asking the kernel: one plan, from which the
// table is made and with which it is compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_objects.h"
#include "kernel/ruleset.h"

namespace gatehouse::kernel {

struct PlannedSet {
  std::string name;            // with the generation's suffix
  std::uint32_t key_type = 0;  // as nft numbers its types, for its listing
  std::uint32_t key_length = 0;
  bool interval = false;
  std::vector<SetElement> elements;  // sorted
};

struct PlannedRule {
  std::string purpose;  // for errors: "the reset of TCP to no service"
  std::string mend;
  std::string comment;
  NftRule rule;
};

struct Hook {
  std::uint32_t number = 0;
  std::int32_t priority = 0;

  friend bool operator==(const Hook&, const Hook&) = default;
};

struct PlannedChain {
  std::string name;
  std::optional<Hook> hook;  // none: reached by a goto only
  std::vector<PlannedRule> rules;
};

struct TablePlan {
  std::string table;
  std::string comment;
  std::vector<PlannedSet> sets;
  std::vector<PlannedChain> chains;  // in an order in which each is there before a rule goes to it
};

// Two generations of sets, so that the next ones can be filled while the present ones are in use.
enum class Generation : char { a = 'a', b = 'b' };
inline constexpr std::string_view generation_mark = "_";
std::string set_name(std::string_view base, Generation generation);  // "pools4_a"
bool is_of_generation(std::string_view set, Generation generation);

// Errors: a name that nftables or the comment cannot carry, mark 0, a service outside every pool.
Result<TablePlan> plan_ruleset(const RulesetSpec& spec, Generation generation);

}  // namespace gatehouse::kernel
