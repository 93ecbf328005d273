// How a recording lies on the disk, for who writes and for who reads it: a directory, named by its session, with
//
//   identity.json          whose it is and which key signs it (rdp/recording_identity.h)
//   000.mp4, 001.mp4, ...  the picture: fragmented MP4 (ISO/IEC 14496-12), H.264; a new file with each change of size
//   file-00001, ...        copies of the files that went over the clipboard and drives, where they are kept
//   events.jsonl           what happened: one JSON object a line, "t" in milliseconds since the recording began
//   index.jsonl            {"file","from","key","length","offset","to"}: each fragment of the picture, its time in
//                          milliseconds on the same clock, and whether it begins with a key frame
//   chain.jsonl            each piece that was written to the files above, in order, a line each
//
// A line of the chain is {"file","hash","length","offset","signature"}, members by name, no spaces. Its entry is the
// same without hash and signature; the hash (SHA-256, hexadecimal) is of the hash before it (32 bytes; at first the
// SHA-256 of identity.json), the entry, a line feed and the piece; the signature (Ed25519, by the recording's key) is
// of the hash's 32 bytes. So no byte can be changed, left out or moved by who has not that key. The last line of a
// recording that ended orderly is {"end","hash","pieces","signature"}, with the entry {"end":true,"pieces":N} and no
// piece: with it, what is missing at the end is found too.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "rdp/recording_key.h"

namespace gatehouse::rdp {

inline constexpr const char* events_file = "events.jsonl";
inline constexpr const char* index_file = "index.jsonl";
inline constexpr const char* chain_file = "chain.jsonl";
std::string video_file(unsigned part);  // "000.mp4"
inline constexpr unsigned most_kept_files = 99'999;
std::string kept_file(unsigned number);  // "file-00001"
bool is_kept_file(std::string_view name);
bool is_recorded_file(std::string_view name);  // one that the chain may name

using ChainHash = std::array<std::uint8_t, 32>;
ChainHash hash_of(std::span<const std::uint8_t> bytes);  // SHA-256
ChainHash next_hash(const ChainHash& former, std::string_view entry, std::span<const std::uint8_t> piece);

std::string chain_entry(const std::string& file, std::uint64_t offset, std::uint64_t length);
std::string end_entry(std::uint64_t pieces);
// The entry with what vouches for it, as a line.
std::string chain_line(std::string_view entry, const ChainHash& hash, const Signature& signature);

struct Fragment {
  std::string file = {};
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::int64_t from = 0;  // milliseconds since the recording began: of its first picture
  std::int64_t to = 0;    // of its last one
  bool key = false;       // begins with a key frame
};
std::string index_line(const Fragment& fragment);

}  // namespace gatehouse::rdp
