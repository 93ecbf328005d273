#include "rdp/clipboard_messages.h"

#include <algorithm>
#include <array>

#include "rdp/utf16.h"

namespace gatehouse::rdp {
namespace {

constexpr std::size_t short_name_bytes = 32;        // 2.2.3.1.1.1
constexpr std::size_t file_descriptor_bytes = 592;  // 2.2.5.2.3.1
constexpr std::uint32_t descriptor_has_attributes = 0x4;
constexpr std::uint32_t descriptor_has_size = 0x40;
constexpr std::uint32_t attribute_directory = 0x10;
constexpr std::uint16_t general_capabilities = 1;  // 2.2.2.1.1
constexpr std::uint32_t use_long_names = 0x2;
constexpr std::uint32_t contents_size = 0x1;
constexpr std::uint32_t contents_range = 0x2;

// Of the clipboard of Windows (winuser.h).
constexpr std::array<std::uint32_t, 4> text_ids{1, 7, 13, 16};
constexpr std::array<std::uint32_t, 6> image_ids{2, 3, 6, 8, 14, 17};
constexpr std::uint32_t unicode_text = 13;
constexpr std::uint32_t file_drop = 15;
constexpr std::array<std::string_view, 10> text_names{"html format",
                                                      "rich text format",
                                                      "rich text format without objects",
                                                      "rtf as text",
                                                      "csv",
                                                      "text",
                                                      "string",
                                                      "utf8_string",
                                                      "text/plain",
                                                      "text/html"};
constexpr std::array<std::string_view, 7> image_names{"png", "jfif", "gif", "jpeg", "bmp", "tiff", "bitmap"};
constexpr std::array<std::string_view, 10> file_names{"filegroupdescriptorw",
                                                      "filegroupdescriptor",
                                                      "filecontents",
                                                      "filename",
                                                      "filenamew",
                                                      "shell idlist array",
                                                      "text/uri-list",
                                                      "preferred dropeffect",
                                                      "filenamemapw",
                                                      "x-special/gnome-copied-files"};

template <typename List, typename Value>
bool has(const List& list, const Value& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (auto& each : result) {
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each | 0x20);
  }
  return result;
}

std::string latin_text(Bytes text) {
  const auto end = std::ranges::find(text, std::uint8_t{0});
  std::string result;
  for (auto at = text.begin(); at != end; ++at) {
    if (*at < 0x80) {
      result.push_back(static_cast<char>(*at));
    } else {
      result.push_back(static_cast<char>(0xC0U | *at >> 6U));
      result.push_back(static_cast<char>(0x80U | (*at & 0x3FU)));
    }
  }
  return result;
}

// A long name with its end; an odd rest has none.
std::optional<Bytes> long_name(Bytes from) {
  for (std::size_t at = 0; at + 1 < from.size(); at += 2) {
    if (from[at] == 0 && from[at + 1] == 0) return from.first(at + 2);
  }
  return std::nullopt;
}

}  // namespace

std::optional<ClipboardHeader> read_clipboard_header(Bytes message) {
  LittleEndianReader reader(message);
  ClipboardHeader header;
  header.type = static_cast<ClipboardMessage>(reader.u16());
  header.flags = reader.u16();
  header.length = reader.u32();
  if (!reader.whole()) return std::nullopt;
  return header;
}

std::vector<std::uint8_t> clipboard_message(ClipboardMessage type, std::uint16_t flags, Bytes body) {
  return LittleEndianWriter()
      .u16(static_cast<std::uint16_t>(type))
      .u16(flags)
      .u32(static_cast<std::uint32_t>(body.size()))
      .bytes(body)
      .take();
}

bool says_long_names(Bytes body) {
  LittleEndianReader reader(body);
  const auto sets = reader.u16();
  reader.skip(2);
  for (unsigned i = 0; i < sets && reader.whole(); ++i) {
    const auto type = reader.u16();
    const auto length = reader.u16();
    if (length < 4) return false;
    LittleEndianReader set(reader.bytes(length - 4U));
    if (type != general_capabilities) continue;
    set.skip(4);  // version
    return (set.u32() & use_long_names) != 0;
  }
  return false;
}

std::string_view name(ClipboardKind kind) {
  switch (kind) {
    case ClipboardKind::text:
      return "text";
    case ClipboardKind::image:
      return "image";
    case ClipboardKind::files:
      return "files";
    default:
      return "other";
  }
}

ClipboardKind kind_of_format(std::uint32_t id, std::string_view name) {
  const auto word = lower(name);
  if (!word.empty()) {
    if (has(file_names, word)) return ClipboardKind::files;
    if (has(text_names, word) || word.starts_with("text/plain;")) return ClipboardKind::text;
    if (has(image_names, word) || word.starts_with("image/")) return ClipboardKind::image;
  }
  if (has(text_ids, id)) return ClipboardKind::text;
  if (has(image_ids, id)) return ClipboardKind::image;
  return id == file_drop ? ClipboardKind::files : ClipboardKind::other;
}

bool is_file_list(std::string_view name) {
  return lower(name) == "filegroupdescriptorw";
}

std::optional<std::vector<ClipboardFormat>> read_formats(Bytes body, bool long_names, bool ascii) {
  std::vector<ClipboardFormat> formats;
  while (body.size() >= 4) {
    LittleEndianReader reader(body);
    ClipboardFormat format;
    format.id = reader.u32();
    if (long_names) {
      const auto text = long_name(reader.rest());
      if (!text) return std::nullopt;
      reader.skip(text->size());
      format.name = utf8_of_utf16(*text);
    } else {
      const auto text = reader.bytes(short_name_bytes);
      if (!reader.whole()) return std::nullopt;
      format.name = ascii ? latin_text(text) : utf8_of_utf16(text);
    }
    format.kind = kind_of_format(format.id, format.name);
    format.entry = body.first(body.size() - reader.rest().size());
    body = reader.rest();
    formats.push_back(std::move(format));
  }
  if (!body.empty()) return std::nullopt;
  return formats;
}

std::optional<std::vector<ClipboardFile>> read_file_list(Bytes body) {
  LittleEndianReader reader(body);
  const auto count = reader.u32();
  if (!reader.whole() || count > reader.rest().size() / file_descriptor_bytes) return std::nullopt;
  std::vector<ClipboardFile> files;
  files.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    LittleEndianReader entry(reader.bytes(file_descriptor_bytes));
    const auto flags = entry.u32();
    entry.skip(32);
    const auto attributes = entry.u32();
    entry.skip(16 + 8);  // and the time of the last write
    const std::uint64_t high = entry.u32();
    const std::uint64_t low = entry.u32();
    ClipboardFile file{.name = utf8_of_utf16(entry.rest()), .size = {}, .directory = false};
    file.directory = (flags & descriptor_has_attributes) != 0 && (attributes & attribute_directory) != 0;
    if ((flags & descriptor_has_size) != 0) file.size = high << 32U | low;
    files.push_back(std::move(file));
  }
  return files;
}

std::optional<FileContentsRequest> read_file_contents_request(Bytes body) {
  LittleEndianReader reader(body);
  FileContentsRequest request;
  request.stream = reader.u32();
  request.index = reader.u32();
  const auto flags = reader.u32();
  const std::uint64_t low = reader.u32();
  const std::uint64_t high = reader.u32();
  request.position = high << 32U | low;
  request.length = reader.u32();
  if (!reader.whole() || (flags != contents_size && flags != contents_range)) return std::nullopt;
  request.wants_size = flags == contents_size;
  if (reader.rest().size() >= 4) request.lock = reader.u32();
  return request;
}

std::string clipboard_text(std::uint32_t format, Bytes body) {
  if (format == unicode_text) return utf8_of_utf16(body);
  if (has(text_ids, format)) return latin_text(body);
  const auto end = std::ranges::find(body, std::uint8_t{0});  // HTML and the like are UTF-8
  return {body.begin(), end};
}

}  // namespace gatehouse::rdp
