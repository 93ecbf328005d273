// Ownership of libnftnl's objects, and the user data that nft keeps comments in.
#pragma once

// Before the kernel's own headers, which otherwise define its names a second time.
#include <netinet/in.h>

#include <libnftnl/chain.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include <cstdint>
#include <memory>
#include <new>
#include <string>

struct nftnl_udata_buf;

namespace gatehouse::kernel {

template <auto Release>
struct NftRelease {
  template <typename Object>
  void operator()(Object* object) const {
    Release(object);
  }
};

using NftTable = std::unique_ptr<nftnl_table, NftRelease<nftnl_table_free>>;
using NftChain = std::unique_ptr<nftnl_chain, NftRelease<nftnl_chain_free>>;
using NftRule = std::unique_ptr<nftnl_rule, NftRelease<nftnl_rule_free>>;
using NftSet = std::unique_ptr<nftnl_set, NftRelease<nftnl_set_free>>;

// libnftnl's constructors fail for want of memory only.
template <typename Owner, auto Allocate>
Owner nft_new() {
  Owner object(Allocate());
  if (!object) throw std::bad_alloc();
  return object;
}
inline NftTable new_table() {
  return nft_new<NftTable, nftnl_table_alloc>();
}
inline NftChain new_chain() {
  return nft_new<NftChain, nftnl_chain_alloc>();
}
inline NftRule new_rule() {
  return nft_new<NftRule, nftnl_rule_alloc>();
}
inline NftSet new_set() {
  return nft_new<NftSet, nftnl_set_alloc>();
}

// Entries of type, length (one byte each) and value, as nft writes them.
class UserData {
 public:
  UserData();
  void put(std::uint8_t type, const std::string& text);  // at most 254 characters
  void put(std::uint8_t type, std::uint32_t value);
  [[nodiscard]] const void* data() const;
  [[nodiscard]] std::uint32_t size() const;

  // The text of the first entry of `type`; empty if there is none.
  static std::string text_in(const void* data, std::uint32_t size, std::uint8_t type);

 private:
  struct Release {
    void operator()(nftnl_udata_buf* buffer) const;
  };
  static constexpr std::uint32_t capacity = 256;
  std::unique_ptr<nftnl_udata_buf, Release> buffer_;
};

}  // namespace gatehouse::kernel
