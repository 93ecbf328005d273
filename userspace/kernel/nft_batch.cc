#include "kernel/nft_batch.h"

#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "kernel/netlink.h"

namespace gatehouse::kernel {
namespace {

constexpr std::size_t scratch_bytes = 65536;
// A list of elements is one netlink attribute, whose length has 16 bits; 512 of the longest keys take about 25 KiB.
constexpr std::size_t elements_per_message = 512;

std::string mend_for(int error_number) {
  switch (error_number) {
    case EPERM:
    case EACCES:
      return "run with CAP_NET_ADMIN; no other program may own the table (nft list tables)";
    case EMSGSIZE:
    case ENOBUFS:
      return "run with CAP_NET_ADMIN, which lets the socket buffers grow";
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EAFNOSUPPORT:
      return "load the kernel modules nf_tables and nf_tables_inet";
    case EBUSY:
      return "another program holds a part of the table; remove its references to it";
    default:
      return {};
  }
}

}  // namespace

NftBatch::NftBatch() : scratch_(scratch_bytes) {
  append_raw(*nftnl_batch_begin(reinterpret_cast<char*>(scratch_.data()), 0));
  parts_.push_back({.name = "the transaction", .mend = "load the kernel module nf_tables"});
}

void NftBatch::append_raw(const nlmsghdr& message) {
  const auto* first = reinterpret_cast<const std::uint8_t*>(&message);
  last_ = bytes_.size();
  bytes_.insert(bytes_.end(), first, first + NLMSG_ALIGN(message.nlmsg_len));
}

void NftBatch::append(std::uint16_t type, std::uint16_t flags, Part part,
                      const std::function<void(nlmsghdr*)>& payload) {
  // The padding behind a message is sent as well, and must not carry what an earlier one left.
  std::ranges::fill(scratch_, std::uint8_t{0});
  nlmsghdr* message = nftnl_nlmsg_build_hdr(reinterpret_cast<char*>(scratch_.data()), type, NFPROTO_INET, flags,
                                            static_cast<std::uint32_t>(parts_.size()));
  payload(message);
  append_raw(*message);
  parts_.push_back(std::move(part));
}

void NftBatch::add(const nftnl_table& table, std::string part, std::string mend) {
  append(NFT_MSG_NEWTABLE, NLM_F_CREATE, {std::move(part), std::move(mend)},
         [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, &table); });
}

void NftBatch::remove(const nftnl_table& table, std::string part) {
  append(NFT_MSG_DELTABLE, 0, {std::move(part), {}},
         [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, &table); });
}

void NftBatch::add(const nftnl_chain& chain, std::string part, std::string mend) {
  append(NFT_MSG_NEWCHAIN, NLM_F_CREATE, {std::move(part), std::move(mend)},
         [&](nlmsghdr* message) { nftnl_chain_nlmsg_build_payload(message, &chain); });
}

void NftBatch::add(nftnl_rule& rule, std::string part, std::string mend) {
  append(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, {std::move(part), std::move(mend)},
         [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, &rule); });
}

void NftBatch::remove(nftnl_rule& rule, std::string part) {
  append(NFT_MSG_DELRULE, 0, {std::move(part), {}},
         [&](nlmsghdr* message) { nftnl_rule_nlmsg_build_payload(message, &rule); });
}

void NftBatch::add(nftnl_set& set, std::string part, std::string mend) {
  append(NFT_MSG_NEWSET, NLM_F_CREATE, {std::move(part), std::move(mend)},
         [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, &set); });
}

void NftBatch::remove(nftnl_set& set, std::string part) {
  append(NFT_MSG_DELSET, 0, {std::move(part), {}},
         [&](nlmsghdr* message) { nftnl_set_nlmsg_build_payload(message, &set); });
}

void NftBatch::add_elements(const std::string& table, const std::string& set, std::span<const SetElement> elements,
                            std::uint64_t timeout_ms, const std::string& part) {
  while (!elements.empty()) {
    const auto chunk = elements.first(std::min(elements.size(), elements_per_message));
    elements = elements.subspan(chunk.size());
    const NftSet list = new_set();
    nftnl_set_set_str(list.get(), NFTNL_SET_TABLE, table.c_str());
    nftnl_set_set_str(list.get(), NFTNL_SET_NAME, set.c_str());
    nftnl_set_set_u32(list.get(), NFTNL_SET_FAMILY, NFPROTO_INET);
    for (const SetElement& element : chunk) {
      nftnl_set_elem* entry = nftnl_set_elem_alloc();
      if (entry == nullptr) throw std::bad_alloc();
      nftnl_set_elem_set(entry, NFTNL_SET_ELEM_KEY, element.key.data(), static_cast<std::uint32_t>(element.key.size()));
      if (element.interval_end) nftnl_set_elem_set_u32(entry, NFTNL_SET_ELEM_FLAGS, NFT_SET_ELEM_INTERVAL_END);
      if (timeout_ms != 0) nftnl_set_elem_set_u64(entry, NFTNL_SET_ELEM_TIMEOUT, timeout_ms);
      nftnl_set_elem_add(list.get(), entry);
    }
    append(NFT_MSG_NEWSETELEM, NLM_F_CREATE, {part, {}},
           [&](nlmsghdr* message) { nftnl_set_elems_nlmsg_build_payload(message, list.get()); });
  }
}

Result<std::vector<NftBatch::Refusal>> NftBatch::send() {
  auto* last = reinterpret_cast<nlmsghdr*>(bytes_.data() + last_);
  last->nlmsg_flags |= NLM_F_ACK;
  const std::uint32_t acknowledged = last->nlmsg_seq;
  append_raw(*nftnl_batch_end(reinterpret_cast<char*>(scratch_.data()), static_cast<std::uint32_t>(parts_.size())));
  parts_.push_back({.name = "the transaction's end", .mend = {}});

  auto socket = NetlinkSocket::open(NETLINK_NETFILTER);
  if (!socket) return std::unexpected(socket.error());
  auto answered = socket->batch(bytes_, acknowledged);
  if (!answered) {
    return failure("nftables: " + answered.error().text(), mend_for(answered.error().error_number));
  }
  std::vector<Refusal> refusals;
  for (const NetlinkFailure& refused : *answered) {
    const bool known = refused.sequence < parts_.size();
    std::string mend = mend_for(refused.error_number);
    if (known && !parts_[refused.sequence].mend.empty() && refused.error_number != EPERM) {
      mend = parts_[refused.sequence].mend;
    }
    refusals.push_back({.part = known ? parts_[refused.sequence].name : "an unknown part",
                        .error_number = refused.error_number,
                        .text = refused.text(),
                        .mend = std::move(mend)});
  }
  return refusals;
}

Result<void> NftBatch::commit() {
  auto refusals = send();
  if (!refusals) return std::unexpected(refusals.error());
  if (refusals->empty()) return {};
  const Refusal& first = refusals->front();
  return failure("nftables refused " + first.part + ": " + first.text, first.mend);
}

}  // namespace gatehouse::kernel
