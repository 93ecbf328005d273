#include "kernel/nft_objects.h"

#include <libnftnl/udata.h>

namespace gatehouse::kernel {

void UserData::Release::operator()(nftnl_udata_buf* buffer) const {
  nftnl_udata_buf_free(buffer);
}

UserData::UserData() : buffer_(nftnl_udata_buf_alloc(capacity)) {
  if (!buffer_) throw std::bad_alloc();
}

void UserData::put(std::uint8_t type, const std::string& text) {
  nftnl_udata_put_strz(buffer_.get(), type, text.c_str());
}
void UserData::put(std::uint8_t type, std::uint32_t value) {
  nftnl_udata_put_u32(buffer_.get(), type, value);
}
const void* UserData::data() const {
  return nftnl_udata_buf_data(buffer_.get());
}
std::uint32_t UserData::size() const {
  return nftnl_udata_buf_len(buffer_.get());
}

std::string UserData::text_in(const void* data, std::uint32_t size, std::uint8_t type) {
  const auto* first = static_cast<const std::uint8_t*>(data);
  if (first == nullptr) return {};
  for (std::uint32_t offset = 0; offset + 2 <= size;) {
    const std::uint32_t length = first[offset + 1];
    if (offset + 2 + length > size) break;
    if (first[offset] == type && length > 0) return {reinterpret_cast<const char*>(first + offset + 2), length - 1};
    offset += 2 + length;
  }
  return {};
}

}  // namespace gatehouse::kernel
