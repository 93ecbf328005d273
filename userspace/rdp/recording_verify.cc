#include "rdp/recording_verify.h"

#include <unistd.h>

#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "rdp/recording_files.h"
#include "rdp/recording_reader.h"

namespace gatehouse::rdp {
namespace {

constexpr std::uint64_t largest_piece = 256U << 20U;
constexpr std::size_t longest_line = 4096;

Result<std::string> identity_text(const std::filesystem::path& directory) {
  auto file = open_recorded(directory, identity_file);
  if (!file) {
    return failure("there is no recording in " + directory.string() + ": " + file.error().what,
                   "name the directory of one recording, as somebody who may read it");
  }
  LineReader reader(std::move(*file), longest_identity);
  std::string text;
  std::string more;
  if (!reader.next(text)) return text;
  if (reader.was_whole()) text += '\n';
  if (reader.next(more)) text += more;  // which is a fault of its own
  return text;
}

bool read_at(const Fd& file, std::uint64_t offset, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const auto got = ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    offset += static_cast<std::uint64_t>(got);
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

// What one line of the chain says.
struct Entry {
  bool end = false;
  std::string file = {};
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  std::uint64_t pieces = 0;
  std::string text = {};  // that is hashed
  ChainHash hash{};
  Signature signature{};
};

// Byte by byte as it is written; nothing for any other line.
std::optional<Entry> read_line(const std::string& line) {
  const auto object = nlohmann::json::parse(line, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  const auto number = [&](const char* key) -> std::optional<std::uint64_t> {
    const auto found = object.find(key);
    if (found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    return found->get<std::uint64_t>();
  };
  const auto word = [&](const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Entry entry;
  entry.end = object.contains("end");
  if (entry.end) {
    entry.pieces = number("pieces").value_or(0);
    entry.text = end_entry(entry.pieces);
  } else {
    const auto offset = number("offset");
    const auto length = number("length");
    entry.file = word("file");
    if (!offset || !length || !is_recorded_file(entry.file) || *length > largest_piece) return std::nullopt;
    entry.offset = *offset;
    entry.length = *length;
    entry.text = chain_entry(entry.file, entry.offset, entry.length);
  }
  const auto hash = bytes_of_hexadecimal<32>(word("hash"));
  const auto signature = bytes_of_hexadecimal<64>(word("signature"));
  if (!hash || !signature) return std::nullopt;
  entry.hash = *hash;
  entry.signature = *signature;
  if (chain_line(entry.text, entry.hash, entry.signature) != line + "\n") return std::nullopt;
  return entry;
}

// The beginning of a line, and nothing else.
bool is_torn(const std::string& line) {
  const auto brace = line.find('}');
  return brace == std::string::npos || brace + 1 == line.size();
}

class Verification {
 public:
  Verification(std::filesystem::path directory, RecordingFinding& finding, const ChainHash& base)
      : directory_(std::move(directory)), finding_(finding), hash_(base) {}

  // The first fault ends it.
  void run(LineReader chain) {
    for (std::string line; chain.next(line);) {
      const bool whole = chain.was_whole();
      const auto entry = read_line(line);
      if (!entry && !whole && !finding_.ended && is_torn(line)) break;  // the writer died in the middle of it
      if (finding_.ended) return say("the chain goes on behind its end");
      if (!entry || !whole) return say("the chain has a line that is none of its own");
      if (!(entry->end ? take_end(*entry) : take_piece(*entry))) return;
    }
    look_beyond();
  }

 private:
  void say(const std::string& what) { finding_.fault = "piece " + std::to_string(finding_.pieces + 1) + ": " + what; }

  bool take_piece(const Entry& entry) {
    auto& end = ends_[entry.file];
    if (!opened_ || opened_name_ != entry.file) {
      auto opened = open_recorded(directory_, entry.file);
      if (!opened) {
        say(opened.error().what);
        return false;
      }
      opened_ = std::move(*opened);
      opened_name_ = entry.file;
    }
    if (entry.offset != end) {
      say(entry.file + " has a hole or a doubled piece at " + std::to_string(end));
      return false;
    }
    piece_.resize(entry.length);
    if (!read_at(opened_, entry.offset, piece_)) {
      say(entry.file + " ends before byte " + std::to_string(entry.offset + entry.length));
      return false;
    }
    const auto where = entry.file + " is not as it was written, from byte " + std::to_string(entry.offset) + " to " +
                       std::to_string(entry.offset + entry.length);
    if (!take(entry, piece_, where)) return false;
    end += entry.length;
    ++finding_.pieces;
    return true;
  }

  bool take_end(const Entry& entry) {
    if (entry.pieces != finding_.pieces) {
      say("the chain's end speaks of " + std::to_string(entry.pieces) + " pieces, there are " +
          std::to_string(finding_.pieces));
      return false;
    }
    if (!take(entry, {}, "the chain's end is not as it was written")) return false;
    finding_.ended = true;
    return true;
  }

  bool take(const Entry& entry, std::span<const std::uint8_t> piece, const std::string& otherwise) {
    hash_ = next_hash(hash_, entry.text, piece);
    if (hash_ != entry.hash) {
      say(otherwise);
      return false;
    }
    if (!is_signed_by(finding_.identity->key, hash_, entry.signature)) {
      say("it is not signed by the key of this recording");
      return false;
    }
    finding_.hash = hexadecimal(hash_);
    return true;
  }

  void look_beyond() {
    std::error_code error;
    for (const auto& file : std::filesystem::directory_iterator(directory_, error)) {
      const auto name = file.path().filename().string();
      if (!is_recorded_file(name)) continue;
      const auto size = std::filesystem::file_size(file.path(), error);
      if (!error && size > ends_[name]) finding_.beyond += size - ends_[name];
    }
    if (finding_.ended && finding_.beyond > 0) {
      finding_.fault = std::to_string(finding_.beyond) + " bytes were added behind the end";
    }
  }

  const std::filesystem::path directory_;
  RecordingFinding& finding_;
  ChainHash hash_;
  std::map<std::string, std::uint64_t> ends_;  // of what was vouched for so far, by file
  Fd opened_;                                  // one at a time: there may be many thousand
  std::string opened_name_;
  std::vector<std::uint8_t> piece_;
};

}  // namespace

Result<RecordingIdentity> identity_of(const std::filesystem::path& directory) {
  const auto text = identity_text(directory);
  if (!text) return std::unexpected(text.error());
  return read_identity(*text);
}

Result<RecordingFinding> verify_recording(const std::filesystem::path& directory,
                                          const std::optional<PublicKey>& gateway,
                                          std::optional<std::uint64_t> session) {
  const auto text = identity_text(directory);
  if (!text) return std::unexpected(text.error());
  RecordingFinding finding;
  const auto identity = read_identity(*text);
  if (!identity) {
    finding.fault = identity.error().text();
    return finding;
  }
  finding.identity = *identity;
  if (gateway && identity->gateway != *gateway) {
    finding.fault = "it is signed by another gateway, whose key is " + hexadecimal(identity->gateway);
    return finding;
  }
  if (session && identity->session != *session) {
    finding.fault = "it is the recording of session " + std::to_string(identity->session);
    return finding;
  }
  auto chain = open_recorded(directory, chain_file);
  if (!chain) {
    finding.fault = chain.error().text();
    return finding;
  }
  Verification(directory, finding, hash_of(bytes_of(*text))).run(LineReader(std::move(*chain), longest_line));
  if (!gateway) {
    finding.unchecked.push_back("whether the gateway's key, " + hexadecimal(identity->gateway) +
                                ", is your gateway's: give it with --key");
  }
  if (finding.fault.empty() && !finding.ended) {
    finding.unchecked.emplace_back(
        "whether pieces are missing at its end: it goes on, or broke off (compare the last hash with one that was "
        "noted elsewhere)");
  }
  return finding;
}

}  // namespace gatehouse::rdp
