// The messages of the clipboard's channel, cliprdr (MS-RDPECLIP 2.2), as far as rules need them. Reading: nullopt (or
// an empty list) is a message that contradicts itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rdp/little_endian.h"

namespace gatehouse::rdp {

// 2.2.1: msgType
enum class ClipboardMessage : std::uint16_t {
  monitor_ready = 0x1,
  format_list = 0x2,
  format_list_response = 0x3,
  format_data_request = 0x4,
  format_data_response = 0x5,
  temporary_directory = 0x6,
  capabilities = 0x7,
  file_contents_request = 0x8,
  file_contents_response = 0x9,
  lock = 0xA,
  unlock = 0xB,
};
inline constexpr std::uint16_t clipboard_response_ok = 0x1;
inline constexpr std::uint16_t clipboard_response_fail = 0x2;
inline constexpr std::uint16_t clipboard_ascii_names = 0x4;

struct ClipboardHeader {
  static constexpr std::size_t size = 8;
  ClipboardMessage type{};
  std::uint16_t flags = 0;
  std::uint32_t length = 0;  // of what follows
};
std::optional<ClipboardHeader> read_clipboard_header(Bytes message);
// Header and body.
std::vector<std::uint8_t> clipboard_message(ClipboardMessage type, std::uint16_t flags, Bytes body);

// 2.2.2.1: whether this side says that it can use long names of formats.
bool says_long_names(Bytes body);

enum class ClipboardKind : std::uint8_t { text, image, files, other };
std::string_view name(ClipboardKind kind);

// 2.2.3.1: one entry of a format list.
struct ClipboardFormat {
  std::uint32_t id = 0;
  std::string name;
  ClipboardKind kind = ClipboardKind::other;
  Bytes entry;  // as it came
};
std::optional<std::vector<ClipboardFormat>> read_formats(Bytes body, bool long_names, bool ascii);
ClipboardKind kind_of_format(std::uint32_t id, std::string_view name);
// Whether its data is a list of files (2.2.5.2.3).
bool is_file_list(std::string_view name);

struct ClipboardFile {
  std::string name;  // with its directories, divided by '\'
  std::optional<std::uint64_t> size;
  bool directory = false;
};
std::optional<std::vector<ClipboardFile>> read_file_list(Bytes body);

// 2.2.5.3
struct FileContentsRequest {
  std::uint32_t stream = 0;
  std::uint32_t index = 0;
  bool wants_size = false;
  std::uint64_t position = 0;
  std::uint32_t length = 0;
  std::optional<std::uint32_t> lock;
};
std::optional<FileContentsRequest> read_file_contents_request(Bytes body);

// The text of a format's data, as UTF-8 and without the zero at its end.
std::string clipboard_text(std::uint32_t format, Bytes body);

}  // namespace gatehouse::rdp
