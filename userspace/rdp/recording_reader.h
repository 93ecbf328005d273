// Files of a recording as those read them who may read more than their writer: only what is a file of its own is
// opened, for the directory belongs to the workers' account, and a link in it could lead anywhere.
//
// Threads: one an object. Errors name the file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace gatehouse::rdp {

Result<Fd> open_recorded(const std::filesystem::path& directory, const std::string& name);

// Line by line, from where the descriptor stands.
class LineReader {
 public:
  explicit LineReader(Fd file, std::size_t longest_line) : file_(std::move(file)), longest_(longest_line) {}

  // False: there is none any more, or it cannot be read. What is longer than the longest line comes in parts.
  bool next(std::string& line);
  [[nodiscard]] bool was_whole() const { return whole_; }  // the last one ended with a line feed
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  Fd file_;
  std::size_t longest_;
  std::vector<char> buffer_ = std::vector<char>(std::size_t{64} * 1024);
  std::size_t at_ = 0;
  std::size_t end_ = 0;
  std::uint64_t bytes_ = 0;
  bool whole_ = false;
};

}  // namespace gatehouse::rdp
