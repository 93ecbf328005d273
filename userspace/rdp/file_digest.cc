#include "rdp/file_digest.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>
#include <utility>

namespace gatehouse::rdp {
namespace {

using DigestContext = std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)>;

DigestContext new_digest() {
  DigestContext context(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free);
  if (!context || ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) != 1) throw std::bad_alloc();
  return context;
}

}  // namespace

FileDigest::FileDigest(std::unique_ptr<FileCopy> copy) : context_(new_digest()), copy_(std::move(copy)) {}

void FileDigest::add(std::uint64_t position, Bytes piece) {
  if (piece.empty() || position > UINT64_MAX - piece.size()) return;
  reached_ = std::max(reached_, position + piece.size());
  came_again_ |= position < in_order_ || ahead_.contains(position);
  if (position > in_order_) {
    if (ahead_bytes_ + piece.size() > most_ahead || ahead_.contains(position)) return;
    ahead_.emplace(position, std::vector<std::uint8_t>(piece.begin(), piece.end()));
    ahead_bytes_ += piece.size();
    return;
  }
  if (position + piece.size() <= in_order_) return;  // it came before
  take(piece.subspan(static_cast<std::size_t>(in_order_ - position)));
  while (!ahead_.empty() && ahead_.begin()->first <= in_order_) {
    const auto next = ahead_.extract(ahead_.begin());
    ahead_bytes_ -= next.mapped().size();
    came_again_ |= next.key() < in_order_;
    if (next.key() + next.mapped().size() > in_order_) {
      take(Bytes(next.mapped()).subspan(static_cast<std::size_t>(in_order_ - next.key())));
    }
  }
}

void FileDigest::take(Bytes piece) {
  ::EVP_DigestUpdate(context_.get(), piece.data(), piece.size());
  if (copy_) copy_->add(piece);
  in_order_ += piece.size();
}

std::string FileDigest::sha256() const {
  const auto copy = new_digest();
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned length = 0;
  if (::EVP_MD_CTX_copy_ex(copy.get(), context_.get()) != 1 ||
      ::EVP_DigestFinal_ex(copy.get(), hash.data(), &length) != 1) {
    return {};
  }
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (unsigned i = 0; i < length; ++i) {
    text.push_back(digits[hash.at(i) >> 4U]);
    text.push_back(digits[hash.at(i) & 0xFU]);
  }
  return text;
}

std::string FileDigest::copy() {
  if (!copy_) return {};
  copy_->flush();
  return copy_->name();
}

std::string sha256_of(Bytes bytes) {
  FileDigest digest;
  digest.add(0, bytes);
  return digest.sha256();
}

}  // namespace gatehouse::rdp
