// What the entries of all sections have in common: how they are read and where they are kept. Private to the loader's
// files.
#pragma once

#include <initializer_list>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "policy/loader_draft.h"
#include "policy/loader_values.h"

namespace gatehouse::policy {

// One entry of a section: reads values and notes where they stand.
class Entry {
 public:
  Entry(Place place, std::string_view word, const std::string& name, const YAML::Node& node,
        std::initializer_list<std::string_view> keys, Issues& issues)
      : map_(*place.file, node, std::string(word) + " " + name, keys, issues), issues_(&issues) {
    origin_.place = place;
    // Most entries have few of the many keys: those that are not there are not looked for again.
    for (const auto& [key, node_of_key] : map_.entries()) {
      const auto* known = std::find(keys.begin(), keys.end(), key);
      if (known != keys.end() && !origin_.has_written(*known)) origin_.written.push_back(*known);
    }
  }

  bool required(std::string_view key) const {
    if (has(key)) return true;
    issues_->add(map_.file(), origin_.place.line, map_.name() + " has no '" + std::string(key) + "'", "add it");
    return false;
  }

  void read(std::string_view key, std::string& into) {
    parse(key, [](std::string_view text) { return Result<std::string>(text); }, into);
  }
  template <typename Parse, typename Value>
  void parse(std::string_view key, Parse&& parse_text, Value& into) {
    if (!has(key)) return;
    const auto text = map_.text(key);
    if (!text) return;
    if (const auto fault = fault_of_value(*text); !fault.empty()) {
      map_.complain(key, {fault, "write one line of plain text"});
    } else if (auto value = parse_text(std::string_view(*text))) {
      into = std::move(*value);
      note(key);
    } else {
      map_.complain(key, value.error());
    }
  }
  void read(std::string_view key, bool& into) {
    if (!has(key)) return;
    if (const auto value = map_.boolean(key)) {
      into = *value;
      note(key);
    }
  }
  // An address or network, or a list of them.
  void read(std::string_view key, std::vector<std::pair<Prefix, int>>& into) {
    if (!has(key)) return;
    for (const auto& [text, line] : map_.texts(key)) {
      add_network(text, line, map_.name() + ", " + std::string(key), into);
    }
    note(key);
  }
  void add_network(const std::string& text, int line, const std::string& where,
                   std::vector<std::pair<Prefix, int>>& into) {
    const auto fault = fault_of_value(text);
    const auto network =
        fault.empty() ? parse_network(text) : failure("the address " + fault, "write it in plain text");
    if (network) {
      into.emplace_back(*network, line);
    } else {
      issues_->add(map_.file(), line, where + ": " + network.error().what, network.error().mend);
    }
  }

  // A word or a list of them; `parse_text` for each, whose value goes to `take(value, line)`.
  template <typename Parse, typename Take>
  void each(std::string_view key, Parse&& parse_text, Take&& take) {
    if (!has(key)) return;
    bool sound = true;
    for (const auto& [text, line] : map_.texts(key)) {
      const auto where = map_.name() + ", " + std::string(key) + ": ";
      if (text.empty()) {
        issues_->add(map_.file(), line, where + "an entry is empty", "write a value there, or take it out");
        sound = false;
      } else if (const auto fault = fault_of_value(text); !fault.empty()) {
        issues_->add(map_.file(), line, where + fault, "write one line of plain text");
        sound = false;
      } else if (auto value = parse_text(std::string_view(text))) {
        take(std::move(*value), line);
      } else {
        issues_->add(map_.file(), line, where + value.error().what, value.error().mend);
        sound = false;
      }
    }
    if (sound) note(key);
  }
  // Names or other words; kept sorted. Where each stands goes to the origin.
  void read(std::string_view key, std::vector<std::string>& into) {
    each(
        key, [](std::string_view text) { return Result<std::string>(text); },
        [&](std::string value, int line) {
          origin_.words.push_back({key, value, line});
          into.push_back(std::move(value));
        });
    std::sort(into.begin(), into.end());
  }

  [[nodiscard]] bool has(std::string_view key) const { return origin_.has_written(key); }
  [[nodiscard]] const StrictMap& map() const { return map_; }
  [[nodiscard]] const Origin& origin() const { return origin_; }

 private:
  void note(std::string_view key) { origin_.lines.emplace_back(key, map_.line_of(key)); }

  StrictMap map_;
  Origin origin_;
  Issues* issues_;
};

// One section of one file: what the entries have in common.
struct Section {
  const std::string* file;
  std::string_view plural;
  std::string_view word;
  Issues* issues;

  // read_entry(place, name, node) for each entry, in the order of the file.
  template <typename ReadEntry>
  void each(const StrictMap& root, ReadEntry&& read_entry) const {
    const YAML::Node node = root.node(plural);
    if (!node.IsDefined()) return;
    // Reports what is not a map and names that come twice.
    const StrictMap checked(*file, node, std::string(plural), {}, *issues);
    if (!node.IsMap()) return;
    for (const auto& entry : node) {
      if (!entry.first.IsScalar()) continue;
      const Place place{file, gatehouse::line_of(entry.first)};
      const std::string& name = entry.first.Scalar();
      if (!is_name(name)) {
        issues->add(*file, place.line, "'" + name + "' is not a usable name of a " + std::string(word),
                    "use at most 63 letters, digits, '.', '_', '@' and '-', and begin with a letter or digit");
      }
      read_entry(place, name, entry.second);
    }
  }

  // The thing's place in the document; nullptr (reported) when the name is taken.
  template <typename Thing>
  const std::string* keep(const std::string& name, Thing thing, const Origin& origin,
                          std::map<std::string, Thing>& things, std::map<std::string, Origin>& origins) const {
    const auto [at, is_new] = origins.emplace(name, origin);
    if (is_new) return &things.emplace(name, std::move(thing)).first->first;
    if (at->second.place.file != file) {  // twice in one file has been reported with its section
      issues->add(*file, origin.place.line,
                  std::string(word) + " '" + name + "' stands at " + at->second.place.text() + " already",
                  "keep one of the two, or give one another name");
    }
    return nullptr;
  }
};

inline std::vector<Prefix> sorted(const std::vector<std::pair<Prefix, int>>& networks) {
  std::vector<Prefix> prefixes;
  prefixes.reserve(networks.size());
  for (const auto& [prefix, line] : networks) prefixes.push_back(prefix);
  std::sort(prefixes.begin(), prefixes.end());
  return prefixes;
}

}  // namespace gatehouse::policy
