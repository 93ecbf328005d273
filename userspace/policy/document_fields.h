// Each thing of a document as the keys and values that people write: what to_yaml() prints and difference() compares.
// A new key of the format gets its line here and in loader_sections.cc or loader_rules.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/document.h"

namespace gatehouse::policy {

struct Field {
  std::string_view key;
  std::vector<std::string> values;  // a list's entries, or one value; empty: not set
  // literal: YAML's own true or false. maps: a list of what is YAML already.
  enum class Shape { text, literal, list, maps } shape = Shape::text;
  bool is_default = false;  // may be left out

  [[nodiscard]] bool is_list() const { return shape == Shape::list || shape == Shape::maps; }
};

// In the order in which they are printed, the defaults included.
std::vector<Field> fields_of(const Pool& pool);
std::vector<Field> fields_of(const User& user);
std::vector<Field> fields_of(const UserGroup& group);
std::vector<Field> fields_of(const Server& server);
std::vector<Field> fields_of(const ServerGroup& group);
std::vector<Field> fields_of(const Service& service);
std::vector<Field> fields_of(const Schedule& schedule);
std::vector<Field> fields_of(const Maintenance& maintenance);
std::vector<Field> fields_of(const Grant& grant);
std::vector<Field> fields_of(const Denial& denial);

// What `protocol` is when a service of this kind does not say.
std::string_view default_protocol(Kind kind);
// And `source`: RustDesk's servers work with the addresses of their clients.
SourceMode default_source(Kind kind);

}  // namespace gatehouse::policy
