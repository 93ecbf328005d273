// Lists that belong to a thing of the policy: a table of their own each, with the owner's name and the place in the
// list before the value.
#pragma once

#include <string>
#include <vector>

#include "store/columns.h"

namespace gatehouse::store {

inline void insert_prefixes(SQLite::Statement& insert, const std::string& owner, const std::vector<Prefix>& prefixes) {
  for (std::size_t position = 0; position < prefixes.size(); ++position) {
    Binder(insert).text(owner).number(position).prefix(prefixes[position]);
    execute(insert);
  }
}

inline void insert_words(SQLite::Statement& insert, const std::string& owner, const std::vector<std::string>& words) {
  for (std::size_t position = 0; position < words.size(); ++position) {
    Binder(insert).text(owner).number(position).text(words[position]);
    execute(insert);
  }
}

// Statement: owner, address, length; ordered by owner and position. `list_of` gives the list that belongs to an owner.
template <typename ListOf>
void read_prefixes(SQLite::Database& database, const std::string& query, ListOf&& list_of) {
  SQLite::Statement select(database, query);
  while (select.executeStep()) {
    RowReader reader(select);
    const std::string owner = reader.text();
    list_of(owner).push_back(reader.prefix());
  }
}

// The same of words.
template <typename ListOf>
void read_words(SQLite::Database& database, const std::string& query, ListOf&& list_of) {
  SQLite::Statement select(database, query);
  while (select.executeStep()) {
    RowReader reader(select);
    const std::string owner = reader.text();
    list_of(owner).push_back(reader.text());
  }
}

}  // namespace gatehouse::store
