#include "kernel/nft_probe.h"

// Before the kernel's own headers, which otherwise define its names a second time.
#include <netinet/in.h>

#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "kernel/nft_batch.h"
#include "kernel/nft_expressions.h"
#include "kernel/nft_listing.h"

namespace gatehouse::kernel {
namespace {

constexpr std::uint16_t any_port = 1;
constexpr std::uint64_t short_timeout_ms = 60'000;
constexpr std::uint64_t long_timeout_ms = 3'600'000;
// Not in the uapi headers of the oldest systems that this is built on.
constexpr std::uint32_t table_flag_owner = 0x2;

NftTable table_named(const std::string& name, std::uint32_t flags) {
  NftTable table = new_table();
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FAMILY, NFPROTO_INET);
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, name.c_str());
  nftnl_table_set_u32(table.get(), NFTNL_TABLE_FLAGS, flags);
  return table;
}

bool was_refused(const std::vector<NftBatch::Refusal>& refusals, const std::string& part) {
  return std::ranges::any_of(refusals, [&](const NftBatch::Refusal& refusal) { return refusal.part == part; });
}

void ask_in_a_failing_transaction(const std::string& name, NftFeatures& features) {
  NftBatch batch;
  const NftTable table = table_named(name, 0);
  batch.add(*table, "table");
  const NftChain chain = new_chain();
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_FAMILY, NFPROTO_INET);
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, name.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, "probe");
  batch.add(*chain, "chain");
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    RuleBuilder tproxy(name, "probe");
    tproxy.protocol(IPPROTO_TCP).family(family).tproxy(family, any_port).accept();
    batch.add(*tproxy.take(), "tproxy");
  }
  RuleBuilder socket(name, "probe");
  socket.protocol(IPPROTO_TCP).transparent_socket().accept();
  batch.add(*socket.take(), "socket");
  batch.add(*table_named(name + "_owned", table_flag_owner), "owner");
  // What makes it fail: this table is nowhere.
  batch.remove(*table_named(name + "_nowhere", 0), "end");

  const auto refusals = batch.send();
  if (!refusals) return;
  // Without the refusal that was asked for, nothing that the others say can be trusted.
  if (was_refused(*refusals, "table") || was_refused(*refusals, "chain") || !was_refused(*refusals, "end")) return;
  features.tproxy = !was_refused(*refusals, "tproxy");
  features.socket = !was_refused(*refusals, "socket");
  features.table_owner = !was_refused(*refusals, "owner");
}

bool timeouts_can_be_extended(const std::string& name) {
  const std::vector<SetElement> element{{.key = {192, 0, 2, 1}, .interval_end = false}};
  NftBatch make;
  make.add(*table_named(name, 0), "table");
  const NftSet set = new_set();
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, name.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, "probe");
  nftnl_set_set_u32(set.get(), NFTNL_SET_ID, 1);
  nftnl_set_set_u32(set.get(), NFTNL_SET_FLAGS, NFT_SET_TIMEOUT);
  nftnl_set_set_u32(set.get(), NFTNL_SET_KEY_LEN, 4);
  make.add(*set, "set");
  make.add_elements(name, "probe", element, short_timeout_ms, "element");
  if (!make.commit()) return false;

  NftBatch extend;
  extend.add_elements(name, "probe", element, long_timeout_ms, "element");
  bool extended = false;
  if (extend.commit()) {
    const auto timeout = element_timeout_ms(name, "probe");
    extended = timeout && *timeout > short_timeout_ms;
  }
  NftBatch remove;
  remove.remove(*table_named(name, 0), "table");
  // A table without hooks and with one element that dies within the hour is all that a failure leaves.
  static_cast<void>(remove.commit());
  return extended;
}

}  // namespace

NftFeatures probe_nft() {
  NftFeatures features;
  const std::string name = fmt::format("gatehouse_probe_{}", ::getpid());
  ask_in_a_failing_transaction(name, features);
  features.set_timeout_update = timeouts_can_be_extended(name);
  return features;
}

}  // namespace gatehouse::kernel
