#include "kernel/ruleset.h"

#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <map>
#include <optional>

#include "kernel/nft_batch.h"
#include "kernel/nft_expressions.h"
#include "kernel/nft_listing.h"
#include "kernel/ruleset_plan.h"

namespace gatehouse::kernel {
namespace {

// What nft writes into a set's user data for keys in network order; its listing would swap their bytes without it.
constexpr std::uint32_t network_byte_order = 2;

std::string place_in(const std::string& table) {
  return " of table inet " + table;
}

NftTable named_table(const std::string& name) {
  NftTable table = new_table();
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
  return table;
}

NftTable planned_table(const TablePlan& plan) {
  NftTable table = named_table(plan.table);
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, 0);
  UserData comment;
  comment.put(NFTNL_UDATA_TABLE_COMMENT, plan.comment);
  nftnl_table_set_data(table.get(), NFTNL_TABLE_USERDATA, comment.data(), comment.size());
  return table;
}

NftSet named_set(const std::string& table, const std::string& name) {
  NftSet set = new_set();
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  return set;
}

NftSet planned_set(const TablePlan& plan, const PlannedSet& planned, std::uint32_t id) {
  NftSet set = named_set(plan.table, planned.name);
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, id);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, planned.interval ? NFT_SET_INTERVAL : 0);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_TYPE, planned.key_type);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, planned.key_length);
  // A known size gives a hash table of that size from the start, instead of one that grows while it is filled.
  if (!planned.interval && !planned.elements.empty()) {
    nftnl_set_set_u32(set.get(), NFTNL_SET_DESC_SIZE, static_cast<std::uint32_t>(planned.elements.size()));
  }
  UserData order;
  order.put(NFTNL_UDATA_SET_KEYBYTEORDER, network_byte_order);
  nftnl_set_set_data(set.get(), NFTNL_SET_USERDATA, order.data(), order.size());
  return set;
}

NftChain planned_chain(const TablePlan& plan, const PlannedChain& planned) {
  NftChain chain = new_chain();
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_FAMILY, NFPROTO_INET);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, plan.table.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, planned.name.c_str());
  if (planned.hook) {
    nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, "filter");
    nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, planned.hook->number);
    nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, planned.hook->priority);
    nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  }
  return chain;
}

// What the kernel has of our table, but for the sets' elements.
struct Present {
  std::optional<ListedTable> table;
  std::vector<ListedChain> chains;
  std::vector<ListedRule> rules;
  std::vector<ListedSet> sets;

  [[nodiscard]] bool uses(Generation generation) const {
    return std::ranges::any_of(rules, [&](const ListedRule& rule) {
      return std::ranges::any_of(rule.text, [&](const std::string& line) {
        return line.starts_with("lookup ") && line.find(set_name("", generation) + " ") != std::string::npos;
      });
    });
  }
};

Result<Present> read_present(const std::string& name) {
  Present present;
  const auto tables = list_tables();
  if (!tables) return std::unexpected(tables.error());
  const auto is_ours = [&](const ListedTable& table) { return table.family == NFPROTO_INET && table.name == name; };
  const auto table = std::ranges::find_if(*tables, is_ours);
  if (table == tables->end()) return present;
  present.table = *table;

  auto chains = list_chains();
  if (!chains) return std::unexpected(chains.error());
  std::erase_if(*chains, [&](const ListedChain& chain) { return chain.family != NFPROTO_INET || chain.table != name; });
  present.chains = std::move(*chains);
  auto rules = list_rules(NFPROTO_INET, name);
  if (!rules) return std::unexpected(rules.error());
  present.rules = std::move(*rules);
  auto sets = list_sets(name);
  if (!sets) return std::unexpected(sets.error());
  present.sets = std::move(*sets);
  return present;
}

// Comment, flags and chains: what cannot be changed without taking the table away.
bool frame_is_planned(const TablePlan& plan, const Present& present) {
  // A dormant table (flag 1) filters nothing.
  if (!present.table || present.table->comment != plan.comment || present.table->flags != 0) return false;
  return present.chains.size() == plan.chains.size() &&
         std::ranges::all_of(plan.chains, [&](const PlannedChain& planned) {
           return std::ranges::any_of(present.chains, [&](const ListedChain& chain) {
             return chain.name == planned.name && chain.hook == planned.hook && chain.policy == NF_ACCEPT;
           });
         });
}

bool rules_are_planned(const TablePlan& plan, const Present& present) {
  std::map<std::string, std::vector<const ListedRule*>> by_chain;
  for (const ListedRule& rule : present.rules) by_chain[rule.chain].push_back(&rule);
  return std::ranges::all_of(plan.chains, [&](const PlannedChain& chain) {
    return std::ranges::equal(by_chain[chain.name], chain.rules,
                              [](const ListedRule* listed, const PlannedRule& planned) {
                                return listed->comment == planned.comment && listed->text == rule_text(*planned.rule);
                              });
  });
}

void add_sets(NftBatch& batch, const TablePlan& plan) {
  std::uint32_t id = 0;
  for (const PlannedSet& set : plan.sets) {
    batch.add(*planned_set(plan, set, ++id), "set " + set.name + place_in(plan.table));
    batch.add_elements(plan.table, set.name, set.elements, 0, "elements of set " + set.name + place_in(plan.table));
  }
}

void add_rules(NftBatch& batch, const TablePlan& plan) {
  for (const PlannedChain& chain : plan.chains) {
    for (const PlannedRule& rule : chain.rules) {
      batch.add(*rule.rule, rule.purpose + " in chain " + chain.name + place_in(plan.table), rule.mend);
    }
  }
}

// The whole table in one transaction, whatever was there.
Result<void> make(const TablePlan& plan) {
  // Adding it first makes the removal succeed whether or not there was one.
  NftBatch batch;
  const NftTable old = named_table(plan.table);
  batch.add(*old, "table inet " + plan.table, "load the kernel modules nf_tables and nf_tables_inet");
  batch.remove(*old, "the removal of the former table inet " + plan.table);
  batch.add(*planned_table(plan), "table inet " + plan.table);
  add_sets(batch, plan);
  for (const PlannedChain& chain : plan.chains) {
    batch.add(*planned_chain(plan, chain), "chain " + chain.name + place_in(plan.table));
  }
  add_rules(batch, plan);
  return batch.commit();
}

// The present table is ours, and its rules use the other generation of sets, or none.
Result<void> replace(const TablePlan& plan, const Present& present, Generation next) {
  NftBatch prepare;
  for (const ListedSet& set : present.sets) {
    // What a daemon left behind that ended between the two transactions.
    if (!is_of_generation(set.name, next)) continue;
    prepare.remove(*named_set(plan.table, set.name), "the removal of set " + set.name + place_in(plan.table));
  }
  add_sets(prepare, plan);
  if (auto prepared = prepare.commit(); !prepared) return prepared;

  NftBatch change;
  const NftRule all = new_rule();
  nftnl_rule_set_u32(all.get(), NFTNL_RULE_FAMILY, NFPROTO_INET);
  nftnl_rule_set_str(all.get(), NFTNL_RULE_TABLE, plan.table.c_str());
  change.remove(*all, "the removal of the former rules" + place_in(plan.table));
  for (const ListedSet& set : present.sets) {
    if (is_of_generation(set.name, next)) continue;
    change.remove(*named_set(plan.table, set.name), "the removal of set " + set.name + place_in(plan.table));
  }
  add_rules(change, plan);
  auto changed = change.commit();
  if (!changed) {
    NftBatch undo;
    for (const PlannedSet& set : plan.sets) undo.remove(*named_set(plan.table, set.name), "set " + set.name);
    // If it fails, the sets stay unused, and the next replacement removes them.
    static_cast<void>(undo.commit());
  }
  return changed;
}

}  // namespace

Result<void> apply_ruleset(const RulesetSpec& spec) {
  auto plan = plan_ruleset(spec, Generation::a);
  if (!plan) return std::unexpected(plan.error());
  const auto present = read_present(spec.table);
  if (!present) return std::unexpected(present.error());
  const bool uses_a = present->uses(Generation::a);
  if (!frame_is_planned(*plan, *present) || (uses_a && present->uses(Generation::b))) return make(*plan);
  const Generation next = uses_a ? Generation::b : Generation::a;
  plan = plan_ruleset(spec, next);
  if (!plan) return std::unexpected(plan.error());
  return replace(*plan, *present, next);
}

Result<void> remove_ruleset(const std::string& table) {
  const NftTable named = named_table(table);
  NftBatch batch;
  batch.add(*named, "table inet " + table);
  batch.remove(*named, "the removal of table inet " + table);
  return batch.commit();
}

Result<std::vector<InstanceTable>> instance_tables() {
  const auto tables = list_tables();
  if (!tables) return std::unexpected(tables.error());
  std::vector<InstanceTable> ours;
  const std::string_view start = table_comment_start;
  for (const auto& table : *tables) {
    if (table.family == NFPROTO_INET && table.comment.starts_with(start))
      ours.push_back({table.name, table.comment.substr(start.size())});
  }
  return ours;
}

Result<bool> ruleset_is_intact(const RulesetSpec& spec) {
  const auto present = read_present(spec.table);
  if (!present) return std::unexpected(present.error());
  const auto plan = plan_ruleset(spec, present->uses(Generation::b) ? Generation::b : Generation::a);
  if (!plan) return std::unexpected(plan.error());
  if (!frame_is_planned(*plan, *present) || !rules_are_planned(*plan, *present)) return false;

  if (present->sets.size() != plan->sets.size()) return false;
  for (const PlannedSet& set : plan->sets) {
    const auto listed = std::ranges::find(present->sets, set.name, &ListedSet::name);
    const std::uint32_t flags = set.interval ? NFT_SET_INTERVAL : 0;
    if (listed == present->sets.end() || listed->flags != flags || listed->key_length != set.key_length) return false;
    const auto elements = list_elements(plan->table, set.name);
    if (!elements) return std::unexpected(elements.error());
    if (!*elements || **elements != set.elements) return false;
  }
  return true;
}

}  // namespace gatehouse::kernel
