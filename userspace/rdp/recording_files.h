// How a recording lies on the disk, for who writes and for who checks it: a directory with
//
//   000.mp4, 001.mp4, ...  the picture: fragmented MP4 (ISO/IEC 14496-12), H.264; a new file with each change of size
//   events.jsonl           what happened: one JSON object a line, "t" in milliseconds since the recording began
//   chain.jsonl            {"file", "offset", "length", "hash"}: each piece that was written, in order; the hash
//   (SHA-256,
//                          hexadecimal) is of the hash before it and the piece, so that a changed, missing or reordered
//                          byte is found
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "base/result.h"

namespace gatehouse::rdp {

inline constexpr const char* events_file = "events.jsonl";
inline constexpr const char* chain_file = "chain.jsonl";
std::string video_file(unsigned part);  // "000.mp4"

using ChainHash = std::array<std::uint8_t, 32>;
ChainHash next_hash(const ChainHash& former, std::span<const std::uint8_t> piece);
std::string text_of(const ChainHash& hash);
std::string chain_line(const std::string& file, std::uint64_t offset, std::uint64_t length, const ChainHash& hash);

struct RecordingFinding {
  std::uint64_t pieces = 0;  // that are as they were written
  std::string hash;          // of the last of them: noted elsewhere it vouches for all of it
  std::uint64_t beyond = 0;  // bytes behind what the chain vouches for: of a recording that broke off, or goes on
  std::string fault;         // what is wrong; empty: nothing
};
// Error: it cannot be read.
Result<RecordingFinding> verify_recording(const std::filesystem::path& directory);

}  // namespace gatehouse::rdp
