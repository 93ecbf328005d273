// What the loader knows between reading the texts and judging them: the document so far and where each part of it
// stands. Private to the loader's files. Read values only: a value that could not be read has been reported and is
// marked as not read, so that nothing is reported twice.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/strict_yaml.h"
#include "policy/document.h"

namespace gatehouse::policy {

struct Place {
  const std::string* file = nullptr;  // of the SourceText
  int line = 0;

  [[nodiscard]] std::string text() const { return *file + ":" + std::to_string(line); }
};

// Where one entry and the values read from it stand.
struct Origin {
  Place place;
  std::vector<std::pair<std::string_view, int>> lines;  // of the keys that were read without a fault
  struct Word {
    std::string_view key;
    std::string text;
    int line;
  };
  std::vector<Word> words;                // the entries of lists of names
  std::vector<std::string_view> written;  // the keys that are there, whether they could be read or not

  [[nodiscard]] bool has_read(std::string_view key) const {
    return std::any_of(lines.begin(), lines.end(), [&](const auto& line) { return line.first == key; });
  }
  [[nodiscard]] bool has_written(std::string_view key) const {
    return std::find(written.begin(), written.end(), key) != written.end();
  }
  [[nodiscard]] int line_of(std::string_view key) const {
    for (const auto& [known, line] : lines) {
      if (known == key) return line;
    }
    return place.line;
  }
};

// One network of a pool or a user.
struct OwnedNetwork {
  Prefix prefix;
  const std::string* owner = nullptr;  // the key in the document
  Place place;
};

struct Draft {
  Document document;
  std::map<std::string, Origin> pools;
  std::map<std::string, Origin> users;
  std::map<std::string, Origin> user_groups;
  std::map<std::string, Origin> servers;
  std::map<std::string, Origin> server_groups;
  std::map<std::string, Origin> services;
  std::map<std::string, Origin> schedules;
  std::map<std::string, Origin> maintenance;
  std::map<std::string, Origin> grants;
  std::map<std::string, Origin> denials;
  std::vector<OwnedNetwork> pool_networks;
  std::vector<OwnedNetwork> user_sources;
};

// loader_sections.cc: adds what one file holds.
void read_sections(const std::string& file, const YAML::Node& root, Draft& draft, Issues& issues);

// loader_rules.cc: groups, schedules, maintenance, grants and denials of one file.
void read_rule_sections(const std::string& file, const StrictMap& root, Draft& draft, Issues& issues);

// Whatever takes more than one value to judge: loader_checks.cc for addresses, loader_rule_checks.cc for names and
// times.
void check(const Draft& draft, Issues& issues);
void check_rules(const Draft& draft, Issues& issues);

// loader_text.cc: why people's text cannot be taken (control characters, broken UTF-8, too long); empty: it can.
std::string fault_of_value(std::string_view value);
// The same for a whole file, where line ends and tabs are normal. False: reported.
bool check_file_text(const std::string& file, std::string_view text, Issues& issues);

}  // namespace gatehouse::policy
