// One nftables transaction: messages are collected, sent as one datagram, and the kernel applies all of them or none.
// A refusal is traced by its sequence number to the part that was refused, and names it.
//
// Ownership: holds only bytes; the objects passed in can go at once. Threads: one at a time.
// Facts: include/uapi/linux/netfilter/nfnetlink.h (NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END),
// net/netfilter/nfnetlink.c.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/nft_objects.h"

struct nlmsghdr;

namespace gatehouse::kernel {

struct SetElement {
  std::vector<std::uint8_t> key;  // network order
  bool interval_end = false;      // the first key after an interval, not part of it

  friend auto operator<=>(const SetElement&, const SetElement&) = default;
};

class NftBatch {
 public:
  struct Refusal {
    std::string part;
    int error_number = 0;
    std::string text;  // "Operation not supported (…)"
    std::string mend;
  };

  NftBatch();

  void add(const nftnl_table& table, std::string part, std::string mend = {});
  void remove(const nftnl_table& table, std::string part);
  void add(const nftnl_chain& chain, std::string part, std::string mend = {});
  void add(nftnl_rule& rule, std::string part, std::string mend = {});
  void remove(nftnl_rule& rule, std::string part);  // without a chain: all rules of the table
  void add(nftnl_set& set, std::string part, std::string mend = {});
  void remove(nftnl_set& set, std::string part);
  // Many messages when there are many elements. `set` needs table, name and family only.
  void add_elements(const std::string& table, const std::string& set, std::span<const SetElement> elements,
                    std::uint64_t timeout_ms, const std::string& part);

  // Sends. Every refusal is given back, in the order of the messages; empty: all of it is in force.
  Result<std::vector<Refusal>> send();
  // Sends; the first refusal becomes the error.
  Result<void> commit();

 private:
  struct Part {
    std::string name;
    std::string mend;
  };
  void append(std::uint16_t type, std::uint16_t flags, Part part, const std::function<void(nlmsghdr*)>& payload);
  void append_raw(const nlmsghdr& message);

  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint8_t> scratch_;
  std::vector<Part> parts_;  // by sequence number
  std::size_t last_ = 0;     // where the last message begins in bytes_
};

}  // namespace gatehouse::kernel
