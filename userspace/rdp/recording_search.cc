#include "rdp/recording_search.h"

#include <algorithm>
#include <deque>
#include <nlohmann/json.hpp>

#include "rdp/recording_files.h"
#include "rdp/recording_reader.h"

namespace gatehouse::rdp {
namespace {

using nlohmann::json;

constexpr std::size_t longest_event = std::size_t{512} * 1024;
constexpr std::size_t before_match = 60;
constexpr std::size_t behind_match = 140;

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool continues_a_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Whole characters of UTF-8 around the match.
std::string around(const std::string& text, std::size_t at, std::size_t length) {
  std::size_t from = at > before_match ? at - before_match : 0;
  while (from > 0 && continues_a_character(text[from])) --from;
  std::size_t to = std::min(text.size(), at + length + behind_match);
  while (to < text.size() && continues_a_character(text[to])) ++to;
  return (from > 0 ? "…" : "") + text.substr(from, to - from) + (to < text.size() ? "…" : "");
}

// What was typed, over all events that tell of it.
class Typed {
 public:
  explicit Typed(std::string wanted) : wanted_(std::move(wanted)) {}

  // When it began, if what was wanted ends in this text.
  std::optional<std::int64_t> add(const std::string& text, std::int64_t time) {
    std::optional<std::int64_t> began;
    for (const char each : lowered(text)) {
      typed_ += each;
      times_.push_back(time);
      if (typed_.size() > wanted_.size()) {
        typed_.erase(0, 1);
        times_.pop_front();
      }
      if (!began && typed_ == wanted_) began = times_.front();
    }
    return began;
  }

 private:
  std::string wanted_;
  std::string typed_;
  std::deque<std::int64_t> times_;
};

class Search {
 public:
  Search(std::string_view text, const SearchLimits& limits) : wanted_(lowered(text)), typed_(wanted_), limits_(limits) {
    const auto quoted = json(wanted_).dump(-1, ' ', false, json::error_handler_t::replace);
    written_ = quoted.substr(1, quoted.size() - 2);
  }

  void look_at(const RecordingIdentity& identity) {
    for (const auto* each : {&identity.user, &identity.server, &identity.service, &identity.grant, &identity.client}) {
      if (const auto at = lowered(*each).find(wanted_); at != std::string::npos) {
        found({.time = std::nullopt, .event = "identity", .text = *each});
        return;
      }
    }
  }
  void look_at(const std::string& line) {
    const bool has_it = lowered(line).find(written_) != std::string::npos;
    if (!has_it && line.find(R"("keys")") == std::string::npos) return;
    const auto event = json::parse(line, nullptr, false);
    if (!event.is_object()) return;
    const auto number = event.find("t");
    const auto word = event.find("event");
    const auto time = number != event.end() && number->is_number_integer() ? number->get<std::int64_t>() : 0;
    const auto kind = word != event.end() && word->is_string() ? word->get<std::string>() : std::string();
    if (kind == "keys") {
      const auto key = event.find("text");
      if (key == event.end() || !key->is_string()) return;
      if (const auto began = typed_.add(key->get<std::string>(), time)) {
        found({.time = began, .event = kind, .text = wanted_});
      }
    } else if (has_it) {
      for (const auto& [name, value] : event.items()) {
        if (name != "event" && look_into(value, kind, time)) return;
      }
    }
  }
  [[nodiscard]] bool is_full() const { return matches_.list.size() >= limits_.matches; }
  RecordingMatches take(std::uint64_t bytes, bool all_was_read) {
    matches_.bytes = bytes;
    matches_.complete = all_was_read;
    return std::move(matches_);
  }

 private:
  bool look_into(const json& value, const std::string& kind, std::int64_t time) {
    if (value.is_string()) {
      const auto& text = value.get_ref<const std::string&>();
      const auto at = lowered(text).find(wanted_);
      if (at == std::string::npos) return false;
      found({.time = time, .event = kind, .text = around(text, at, wanted_.size())});
      return true;
    }
    return value.is_structured() &&
           std::ranges::any_of(value, [&](const json& each) { return look_into(each, kind, time); });
  }
  void found(RecordingMatch match) {
    if (!is_full()) matches_.list.push_back(std::move(match));
  }

  std::string wanted_;
  std::string written_;  // as it stands in a line of JSON
  Typed typed_;
  SearchLimits limits_;
  RecordingMatches matches_;
};

}  // namespace

RecordingMatches search_recording(const std::filesystem::path& place, const std::optional<RecordingIdentity>& identity,
                                  std::string_view text, const SearchLimits& limits) {
  Search search(text, limits);
  if (identity) search.look_at(*identity);
  auto events = open_recorded(place, events_file);
  if (!events) return search.take(0, true);
  LineReader reader(std::move(*events), longest_event);
  bool all = true;
  for (std::string line; reader.next(line);) {
    if (search.is_full() || reader.bytes() > limits.bytes) {
      all = false;
      break;
    }
    search.look_at(line);
  }
  return search.take(reader.bytes(), all);
}

}  // namespace gatehouse::rdp
