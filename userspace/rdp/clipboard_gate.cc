#include "rdp/clipboard_gate.h"

#include <algorithm>
#include <utility>

namespace gatehouse::rdp {
namespace {

using policy::Channel;

constexpr std::size_t longest_clipboard_message = std::size_t{32} << 20U;
constexpr std::size_t most_asked = 256;     // questions without an answer
constexpr std::size_t most_locked = 64;     // lists of files that are kept
constexpr std::size_t longest_name = 1024;  // that is told

Channel word_of(Direction direction, ClipboardKind kind) {
  const bool to_server = direction == Direction::to_server;
  switch (kind) {
    case ClipboardKind::text:
      return to_server ? Channel::clipboard_text_to_server : Channel::clipboard_text_to_client;
    case ClipboardKind::image:
      return to_server ? Channel::clipboard_images_to_server : Channel::clipboard_images_to_client;
    case ClipboardKind::files:
      return to_server ? Channel::clipboard_files_to_server : Channel::clipboard_files_to_client;
    default:
      return Channel::clipboard;
  }
}

Bytes body_of(Bytes message) {
  return message.subspan(ClipboardHeader::size);
}

std::uint32_t first_number(Bytes body) {
  return LittleEndianReader(body).u32();
}

}  // namespace

ClipboardGate::ClipboardGate(policy::Channels allowed, Detail text, Send send, Tell tell, FileCopies* copies)
    : ChannelGate(std::move(send), longest_clipboard_message),
      allowed_(allowed),
      text_(text),
      tell_(std::move(tell)),
      copies_(copies) {}

// What nobody here knows passes only where nothing is denied in that direction.
bool ClipboardGate::allows(Direction direction, ClipboardKind kind) const {
  if (kind != ClipboardKind::other) return policy::holds(allowed_, word_of(direction, kind));
  return allows(direction, ClipboardKind::text) && allows(direction, ClipboardKind::image) &&
         allows(direction, ClipboardKind::files);
}

void ClipboardGate::refuse(Direction direction, ClipboardKind kind) {
  const std::string word(policy::name(word_of(direction, kind)));
  if (refused_.insert(word).second) tell_(RefusalNotice{.channel = "clipboard", .what = word});
}

Handling ClipboardGate::begin(Direction direction, Bytes head, std::size_t total) {
  const auto header = read_clipboard_header(head);
  if (!header) return Handling::whole;  // where it is found wanting
  if (header->type == ClipboardMessage::format_data_response) return begin_data(direction, head, total);
  if (header->type == ClipboardMessage::file_contents_response) return begin_contents(direction, head);
  return Handling::whole;
}

Handling ClipboardGate::begin_data(Direction direction, Bytes head, std::size_t total) {
  auto& flow = this->flow(direction);
  if (flow.asked.empty()) return Handling::drop;  // nobody has asked
  const auto& asked = flow.asked.front();
  const auto header = *read_clipboard_header(head);
  const bool failed = (header.flags & clipboard_response_ok) == 0;
  const bool looked_into = asked.kind == ClipboardKind::text || is_file_list(asked.name);
  if (!failed && looked_into && total <= longest_clipboard_message) return Handling::whole;
  // A list of files that is too long to be read is none that could be allowed.
  if (!failed && is_file_list(asked.name)) return Handling::whole;
  if (!failed) flow.data = asked;
  flow.asked.pop_front();
  flow.passed = 0;
  flow.said = ClipboardHeader::size + std::uint64_t{header.length};
  flow.digest = FileDigest();
  return Handling::pass;
}

Handling ClipboardGate::begin_contents(Direction direction, Bytes head) {
  auto& flow = this->flow(direction);
  LittleEndianReader reader(body_of(head));
  const auto found = flow.contents.find(reader.u32());
  if (!reader.whole() || found == flow.contents.end()) return Handling::drop;
  const auto header = *read_clipboard_header(head);
  const bool failed = (header.flags & clipboard_response_ok) == 0;
  if (!failed) flow.file = std::move(found->second);
  flow.contents.erase(found);
  flow.passed = 0;
  flow.said = ClipboardHeader::size + std::uint64_t{header.length};
  return Handling::pass;
}

void ClipboardGate::piece(Direction direction, Bytes whole_piece) {
  auto& flow = this->flow(direction);
  const auto left = flow.said - std::min(flow.said, flow.passed);
  const auto piece = whole_piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(whole_piece.size(), left)));
  constexpr std::size_t file_head = ClipboardHeader::size + 4;
  const bool first = flow.passed == 0;
  const auto skipped = flow.file ? file_head : ClipboardHeader::size;
  const auto data = first ? piece.subspan(std::min(piece.size(), skipped)) : piece;
  const auto before = first ? 0 : flow.passed - skipped;
  flow.passed += whole_piece.size();
  if (flow.data) flow.digest.add(before, data);
  if (!flow.file) return;
  const auto& request = flow.file->request;
  auto& files = *flow.file->files;
  if (request.wants_size) {
    LittleEndianReader reader(data);
    const auto size = reader.u64();
    if (reader.whole() && request.index < files.list.size()) files.list[request.index].size = size;
  } else {
    auto& transfer = transfer_of(files, request.index);
    const auto had = transfer.digest.in_order();
    transfer.digest.add(request.position + before, data);
    if (!transfer.told || transfer.digest.in_order() == had) return;
    // There is more of it than its owner said: told again at the end, as far as it came.
    transfer.told = false;
    if (request.index < files.list.size()) files.list[request.index].size.reset();
  }
}

void ClipboardGate::end(Direction direction) {
  auto& flow = this->flow(direction);
  if (const auto data = std::exchange(flow.data, std::nullopt)) {
    tell_data(direction, *data, flow.digest.reached(), flow.digest.sha256());
  }
  if (const auto file = std::exchange(flow.file, std::nullopt); file && !file->request.wants_size) {
    tell_file(direction, *file->files, file->request.index, false);
  }
}

Result<void> ClipboardGate::message(Direction direction, Bytes message) {
  const auto header = read_clipboard_header(message);
  if (!header || header->length > message.size() - ClipboardHeader::size) {
    return failure("a message of the clipboard that is shorter than it says");
  }
  const auto whole = message.first(ClipboardHeader::size + header->length);
  switch (header->type) {
    case ClipboardMessage::format_list:
      return announce(direction, *header, whole);
    case ClipboardMessage::format_data_request:
      return ask_for_data(direction, whole);
    case ClipboardMessage::format_data_response:
      take_data(direction, whole);
      return {};
    case ClipboardMessage::file_contents_request:
      return ask_for_contents(direction, whole);
    case ClipboardMessage::lock:
    case ClipboardMessage::unlock:
      if (auto done = lock(direction, body_of(whole), header->type == ClipboardMessage::lock); !done) return done;
      break;
    case ClipboardMessage::capabilities:
      flow(direction).long_names = says_long_names(body_of(whole));
      break;
    case ClipboardMessage::monitor_ready:
    case ClipboardMessage::format_list_response:
      break;
    case ClipboardMessage::temporary_directory:
      // For files by their paths, of before the contents went over the channel.
      if (!allows(Direction::to_server, ClipboardKind::files)) return {};
      break;
    default:
      if ((allowed_ & policy::clipboard_parts) != policy::clipboard_parts) return {};
  }
  send(direction, {message.begin(), message.end()});
  return {};
}

Result<void> ClipboardGate::announce(Direction direction, const ClipboardHeader& header, Bytes message) {
  const bool long_names = flow(Direction::to_server).long_names && flow(Direction::to_client).long_names;
  auto formats = read_formats(body_of(message), long_names, (header.flags & clipboard_ascii_names) != 0);
  if (!formats) return failure("a list of formats that is broken off");
  auto& flow = this->flow(direction);
  tell_files(direction, *flow.files);
  flow.files = std::make_shared<Files>();
  flow.formats.clear();
  std::vector<std::uint8_t> body;
  for (auto& format : *formats) {
    if (!allows(direction, format.kind)) {
      refuse(direction, format.kind);
      continue;
    }
    body.insert(body.end(), format.entry.begin(), format.entry.end());
    format.entry = {};  // it is gone after this
    flow.formats.emplace(format.id, std::move(format));
  }
  send(direction, clipboard_message(header.type, header.flags, body));
  return {};
}

Result<void> ClipboardGate::ask_for_data(Direction direction, Bytes message) {
  const auto answers = opposite(direction);
  auto& flow = this->flow(answers);
  if (body_of(message).size() < 4) return failure("a request for data without its format");
  const auto id = first_number(body_of(message));
  const auto found = flow.formats.find(id);
  if ((found == flow.formats.end() && !allows(answers, ClipboardKind::other)) || flow.asked.size() >= most_asked) {
    send(answers, clipboard_message(ClipboardMessage::format_data_response, clipboard_response_fail, {}));
    return {};
  }
  Asked asked{.format = id, .name = {}, .kind = kind_of_format(id, {})};
  if (found != flow.formats.end()) asked = {id, found->second.name, found->second.kind};
  flow.asked.push_back(std::move(asked));
  send(direction, {message.begin(), message.end()});
  return {};
}

void ClipboardGate::take_data(Direction direction, Bytes message) {
  auto& flow = this->flow(direction);
  const auto asked = std::move(flow.asked.front());
  flow.asked.pop_front();
  const auto body = body_of(message);
  if (is_file_list(asked.name)) {
    auto list = read_file_list(body);
    if (!list) {
      send(direction, clipboard_message(ClipboardMessage::format_data_response, clipboard_response_fail, {}));
      return;
    }
    // Asked for again, it is the same list; what has gone of its files stays known.
    flow.files->list = std::move(*list);
  } else {
    auto text = clipboard_text(asked.format, body);
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
    ClipboardNotice notice{.direction = direction, .kind = "text", .bytes = text.size()};
    if (text_ != Detail::off) {
      notice.sha256 = sha256_of(bytes);
      if (text_ == Detail::full) notice.text = text.substr(0, ClipboardNotice::most_text);
      tell_(notice);
    }
  }
  send(direction, {message.begin(), message.end()});
}

Result<void> ClipboardGate::ask_for_contents(Direction direction, Bytes message) {
  const auto answers = opposite(direction);
  auto& flow = this->flow(answers);
  const auto request = read_file_contents_request(body_of(message));
  if (!request) return failure("a request for a file's contents that is broken off");
  std::shared_ptr<Files> files = flow.files;
  if (request->lock) {
    if (const auto found = flow.locked.find(*request->lock); found != flow.locked.end()) files = found->second;
  }
  const bool allowed = allows(answers, ClipboardKind::files);
  if (!allowed) refuse(answers, ClipboardKind::files);
  if (!allowed || request->index >= files->list.size() || flow.contents.size() >= most_asked ||
      flow.contents.contains(request->stream)) {
    const auto body = LittleEndianWriter().u32(request->stream).take();
    send(answers, clipboard_message(ClipboardMessage::file_contents_response, clipboard_response_fail, body));
    return {};
  }
  flow.contents.emplace(request->stream, Contents{*request, std::move(files)});
  send(direction, {message.begin(), message.end()});
  return {};
}

// Who asks says that it still needs the list as it is now, by a number (2.2.4.1).
Result<void> ClipboardGate::lock(Direction direction, Bytes body, bool locked) {
  const auto answers = opposite(direction);
  auto& flow = this->flow(answers);
  if (body.size() < 4) return failure("a lock of the clipboard without its number");
  const auto id = first_number(body);
  if (const auto found = flow.locked.find(id); found != flow.locked.end()) {
    if (found->second != flow.files) tell_files(answers, *found->second);
    flow.locked.erase(found);
  }
  if (locked && flow.locked.size() < most_locked) flow.locked.emplace(id, flow.files);
  return {};
}

void ClipboardGate::tell_data(Direction direction, const Asked& what, std::uint64_t bytes, std::string sha256) {
  if (what.kind == ClipboardKind::text && text_ == Detail::off) return;
  tell_(ClipboardNotice{
      .direction = direction, .kind = std::string(name(what.kind)), .bytes = bytes, .sha256 = std::move(sha256)});
}

void ClipboardGate::tell_file(Direction direction, Files& files, std::uint32_t index, bool over) {
  if (index >= files.list.size()) return;  // the list was told anew, and is shorter
  auto& transfer = transfer_of(files, index);
  const auto& file = files.list[index];
  const auto bytes = transfer.digest.in_order();
  const bool whole = file.size ? bytes == *file.size : over && bytes == transfer.digest.reached();
  if (transfer.told || (!whole && !over)) return;
  transfer.told = true;
  tell_(FileNotice{.channel = "clipboard",
                   .direction = direction,
                   .name = file.name.substr(0, longest_name),
                   .bytes = bytes,
                   .whole = whole,
                   .sha256 = transfer.digest.sha256(),
                   .copy = transfer.digest.copy()});
}

ClipboardGate::Transfer& ClipboardGate::transfer_of(Files& files, std::uint32_t index) {
  const auto found = files.transfers.find(index);
  if (found != files.transfers.end()) return found->second;
  return files.transfers.try_emplace(index, copies_ == nullptr ? nullptr : copies_->begin()).first->second;
}

void ClipboardGate::tell_files(Direction direction, Files& files) {
  for (const auto& [index, transfer] : files.transfers) tell_file(direction, files, index, true);
}

void ClipboardGate::finish() {
  for (const auto direction : {Direction::to_server, Direction::to_client}) {
    auto& flow = this->flow(direction);
    for (const auto& [id, files] : flow.locked) tell_files(direction, *files);
    tell_files(direction, *flow.files);
    flow = {};
  }
}

}  // namespace gatehouse::rdp
