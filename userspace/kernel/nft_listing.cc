#include "kernel/nft_listing.h"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>

#include "kernel/netlink.h"
#include "kernel/nft_expressions.h"

namespace gatehouse::kernel {
namespace {

// Runs one dump; `payload` narrows it. Gives back whether what it asked for is there.
Result<bool> dump(std::uint16_t type, std::uint32_t family, const std::string& what,
                  const std::function<void(nlmsghdr*)>& payload, const NetlinkSocket::Take& take) {
  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return std::unexpected(socket.error());
  alignas(nlmsghdr) std::array<char, 4096> buffer{};
  nlmsghdr* message = nftnl_nlmsg_build_hdr(buffer.data(), type, static_cast<std::uint16_t>(family), NLM_F_DUMP, 0);
  if (payload) payload(message);
  const auto asked = socket->request(*message, take);
  if (asked) return true;
  if (asked.error().error_number == ENOENT) return false;
  return failure("nftables does not list " + what + ": " + asked.error().text(),
                 asked.error().error_number == EPERM ? "run with CAP_NET_ADMIN" : "");
}

std::string text_of(const char* text) {
  return text == nullptr ? std::string() : std::string(text);
}

std::string comment_of(const nftnl_table& table) {
  std::uint32_t size = 0;
  const void* data = nftnl_table_get_data(&table, NFTNL_TABLE_USERDATA, &size);
  return UserData::text_in(data, size, NFTNL_UDATA_TABLE_COMMENT);
}

}  // namespace

Result<std::vector<ListedTable>> list_tables() {
  std::vector<ListedTable> tables;
  const auto listed = dump(NFT_MSG_GETTABLE, NFPROTO_UNSPEC, "its tables", {}, [&](const nlmsghdr& message) {
    const NftTable table = new_table();
    if (nftnl_table_nlmsg_parse(&message, table.get()) < 0) return;
    tables.push_back({.family = nftnl_table_get_u32(table.get(), NFTNL_TABLE_FAMILY),
                      .name = text_of(nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME)),
                      .comment = comment_of(*table),
                      .flags = nftnl_table_get_u32(table.get(), NFTNL_TABLE_FLAGS)});
  });
  if (!listed) return std::unexpected(listed.error());
  return tables;
}

Result<std::vector<ListedChain>> list_chains() {
  std::vector<ListedChain> chains;
  const auto listed = dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC, "its chains", {}, [&](const nlmsghdr& message) {
    const NftChain chain = new_chain();
    if (nftnl_chain_nlmsg_parse(&message, chain.get()) < 0) return;
    ListedChain entry{.family = nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_FAMILY),
                      .table = text_of(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_TABLE)),
                      .name = text_of(nftnl_chain_get_str(chain.get(), NFTNL_CHAIN_NAME)),
                      .hook = std::nullopt,
                      .policy = NF_ACCEPT};
    if (nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_HOOKNUM)) {
      entry.hook = Hook{.number = nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_HOOKNUM),
                        .priority = nftnl_chain_get_s32(chain.get(), NFTNL_CHAIN_PRIO)};
    }
    if (nftnl_chain_is_set(chain.get(), NFTNL_CHAIN_POLICY)) {
      entry.policy = nftnl_chain_get_u32(chain.get(), NFTNL_CHAIN_POLICY);
    }
    chains.push_back(std::move(entry));
  });
  if (!listed) return std::unexpected(listed.error());
  return chains;
}

Result<std::vector<ListedRule>> list_rules(std::uint32_t family, const std::string& table) {
  std::vector<ListedRule> rules;
  const auto narrow = [&](nlmsghdr* message) { mnl_attr_put_strz(message, NFTA_RULE_TABLE, table.c_str()); };
  const auto listed =
      dump(NFT_MSG_GETRULE, family, "the rules of table " + table, narrow, [&](const nlmsghdr& message) {
        const NftRule rule = new_rule();
        if (nftnl_rule_nlmsg_parse(&message, rule.get()) < 0) return;
        if (text_of(nftnl_rule_get_str(rule.get(), NFTNL_RULE_TABLE)) != table) return;
        rules.push_back({.chain = text_of(nftnl_rule_get_str(rule.get(), NFTNL_RULE_CHAIN)),
                         .comment = comment_of(*rule),
                         .text = rule_text(*rule)});
      });
  if (!listed) return std::unexpected(listed.error());
  return rules;
}

Result<std::vector<ListedSet>> list_sets(const std::string& table) {
  std::vector<ListedSet> sets;
  const auto narrow = [&](nlmsghdr* message) { mnl_attr_put_strz(message, NFTA_SET_TABLE, table.c_str()); };
  const auto listed =
      dump(NFT_MSG_GETSET, NFPROTO_INET, "the sets of table " + table, narrow, [&](const nlmsghdr& message) {
        const NftSet set = new_set();
        if (nftnl_set_nlmsg_parse(&message, set.get()) < 0) return;
        if (text_of(nftnl_set_get_str(set.get(), NFTNL_SET_TABLE)) != table) return;
        sets.push_back({.name = text_of(nftnl_set_get_str(set.get(), NFTNL_SET_NAME)),
                        .flags = nftnl_set_get_u32(set.get(), NFTNL_SET_FLAGS),
                        .key_length = nftnl_set_get_u32(set.get(), NFTNL_SET_KEY_LEN)});
      });
  if (!listed) return std::unexpected(listed.error());
  return sets;
}

namespace {

Result<bool> each_element(const std::string& table, const std::string& set,
                          const std::function<void(nftnl_set_elem&)>& take) {
  const auto narrow = [&](nlmsghdr* message) {
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_TABLE, table.c_str());
    mnl_attr_put_strz(message, NFTA_SET_ELEM_LIST_SET, set.c_str());
  };
  return dump(NFT_MSG_GETSETELEM, NFPROTO_INET, "set " + set, narrow, [&](const nlmsghdr& message) {
    const NftSet list = new_set();
    if (nftnl_set_elems_nlmsg_parse(&message, list.get()) < 0) return;
    struct Destroy {
      void operator()(nftnl_set_elems_iter* iterator) const { nftnl_set_elems_iter_destroy(iterator); }
    };
    const std::unique_ptr<nftnl_set_elems_iter, Destroy> iterator(nftnl_set_elems_iter_create(list.get()));
    if (!iterator) throw std::bad_alloc();
    while (nftnl_set_elem* element = nftnl_set_elems_iter_next(iterator.get())) take(*element);
  });
}

}  // namespace

Result<std::optional<std::vector<SetElement>>> list_elements(const std::string& table, const std::string& set) {
  std::vector<SetElement> elements;
  const auto listed = each_element(table, set, [&](nftnl_set_elem& element) {
    std::uint32_t length = 0;
    const auto* key = static_cast<const std::uint8_t*>(nftnl_set_elem_get(&element, NFTNL_SET_ELEM_KEY, &length));
    if (key == nullptr) return;
    const std::uint32_t flags = nftnl_set_elem_is_set(&element, NFTNL_SET_ELEM_FLAGS)
                                    ? nftnl_set_elem_get_u32(&element, NFTNL_SET_ELEM_FLAGS)
                                    : 0;
    elements.push_back({.key = {key, key + length}, .interval_end = (flags & NFT_SET_ELEM_INTERVAL_END) != 0});
  });
  if (!listed) return std::unexpected(listed.error());
  if (!*listed) return std::nullopt;
  std::ranges::sort(elements);
  return elements;
}

Result<std::uint64_t> element_timeout_ms(const std::string& table, const std::string& set) {
  std::uint64_t timeout = 0;
  const auto listed = each_element(table, set, [&](nftnl_set_elem& element) {
    if (nftnl_set_elem_is_set(&element, NFTNL_SET_ELEM_TIMEOUT)) {
      timeout = nftnl_set_elem_get_u64(&element, NFTNL_SET_ELEM_TIMEOUT);
    }
  });
  if (!listed) return std::unexpected(listed.error());
  if (!*listed) return failure("nftables set " + set + " is not there");
  return timeout;
}

}  // namespace gatehouse::kernel
