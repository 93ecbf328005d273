// YAML read strictly, for files that people write: the policy and the configuration. Every fault is collected with its
// file, line and mend, so that one run shows all of them; nothing of a file with a fault is used. Unknown and repeated
// keys are faults.
#pragma once

#include <yaml-cpp/yaml.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gatehouse {

struct Issue {
  std::string file;
  int line = 0;  // from 1; 0: the file as a whole
  std::string what;
  std::string mend;

  [[nodiscard]] std::string text() const;  // "file:line: what: mend"
};

class Issues {
 public:
  void add(std::string file, int line, std::string what, std::string mend);
  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] const std::vector<Issue>& list() const { return list_; }
  void sort();                             // by file, then line; equal lines keep their order
  [[nodiscard]] std::string text() const;  // one issue a line

 private:
  std::vector<Issue> list_;
};

// The root of one YAML text. A syntax error, more than one document, an anchor or alias (they can blow up a small file)
// or a text over 64 MiB is an issue and gives nullopt.
std::optional<YAML::Node> read_yaml(const std::string& file, const std::string& text, Issues& issues);

// A map node and where it came from; the accessors report what is wrong and return nullopt.
class StrictMap {
 public:
  // Reports a node that is not a map, and every key that is not in `allowed` (an empty list allows any) or comes twice.
  StrictMap(std::string file, const YAML::Node& node, std::string name, std::initializer_list<std::string_view> allowed,
            Issues& issues);

  [[nodiscard]] bool has(std::string_view key) const;
  [[nodiscard]] int line() const;                         // of the map itself
  [[nodiscard]] int line_of(std::string_view key) const;  // of the key's value, or of the map
  [[nodiscard]] const std::string& file() const { return file_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] YAML::Node node(std::string_view key) const;

  // In the order of the file; keys are plain scalars.
  [[nodiscard]] std::vector<std::pair<std::string, YAML::Node>> entries() const;

  std::optional<std::string> text(std::string_view key, bool required = false) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most,
                                      bool required = false) const;
  // A list of scalars; a single scalar counts as a list of one.
  std::vector<std::pair<std::string, int>> texts(std::string_view key, bool required = false) const;
  // `parse(text)` -> Result<T>; its error becomes an issue at the key's line.
  template <typename Parse>
  auto parsed(std::string_view key, Parse&& parse, bool required = false) const
      -> std::optional<typename decltype(parse(std::string_view{}))::value_type> {
    const auto value = text(key, required);
    if (!value) return std::nullopt;
    auto result = parse(std::string_view(*value));
    if (!result) {
      complain(key, result.error());
      return std::nullopt;
    }
    return std::move(*result);
  }
  void complain(std::string_view key, const Error& error) const;

 private:
  std::string file_;
  YAML::Node node_;
  std::string name_;
  Issues* issues_;
};

int line_of(const YAML::Node& node);

}  // namespace gatehouse
