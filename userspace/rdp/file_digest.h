// The SHA-256 of a file that goes over a channel in pieces, each at its place: they may come out of order or twice, as
// file systems ask for them. What is missing in between is waited for, up to a bound. A copy, if one is kept, gets what
// the hash is of.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "rdp/file_copies.h"
#include "rdp/little_endian.h"

using EVP_MD_CTX = struct evp_md_ctx_st;

namespace gatehouse::rdp {

class FileDigest {
 public:
  static constexpr std::size_t most_ahead = std::size_t{8} << 20U;  // bytes

  FileDigest() : FileDigest(nullptr) {}
  explicit FileDigest(std::unique_ptr<FileCopy> copy);

  void add(std::uint64_t position, Bytes piece);

  // Bytes from the beginning without a gap; how far the furthest piece reached.
  [[nodiscard]] std::uint64_t in_order() const { return in_order_; }
  [[nodiscard]] std::uint64_t reached() const { return reached_; }
  // Something came for a place that had been taken: who writes may have put other bytes there.
  [[nodiscard]] bool came_again() const { return came_again_; }
  // Of the first in_order() bytes, as hexadecimal digits.
  [[nodiscard]] std::string sha256() const;
  // The name of the copy, in which is what came in order. Empty: there is none.
  std::string copy();

 private:
  void take(Bytes piece);

  std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context_;
  std::unique_ptr<FileCopy> copy_;
  std::uint64_t in_order_ = 0;
  std::uint64_t reached_ = 0;
  bool came_again_ = false;
  std::map<std::uint64_t, std::vector<std::uint8_t>> ahead_;
  std::size_t ahead_bytes_ = 0;
};

std::string sha256_of(Bytes bytes);

}  // namespace gatehouse::rdp
