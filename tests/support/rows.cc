#include "support/rows.h"

#include <sqlite3.h>

#include <algorithm>
#include <memory>
#include <stdexcept>

#include "base/address.h"

namespace gatehouse::test {

namespace {

std::string text_of_blob(const std::uint8_t* bytes, std::size_t length) {
  if (Address address; length == address.bytes.size()) {
    std::copy_n(bytes, length, address.bytes.begin());
    return address.text();
  }
  constexpr const char* digits = "0123456789abcdef";
  std::string text;
  for (std::size_t index = 0; index < length; ++index) {
    text.push_back(digits[bytes[index] >> 4U]);
    text.push_back(digits[bytes[index] & 15U]);
  }
  return text;
}

nlohmann::json value_of(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(statement, column);
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_NULL:
      return nullptr;
    default:
      break;
  }
  const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement, column));
  const auto length = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  if (sqlite3_column_type(statement, column) == SQLITE_BLOB) return text_of_blob(bytes, length);
  return std::string(bytes, bytes + length);
}

}  // namespace

nlohmann::json query_rows(const std::filesystem::path& file, const std::string& query) {
  sqlite3* opened = nullptr;
  const int error = sqlite3_open_v2(file.c_str(), &opened, SQLITE_OPEN_READONLY, nullptr);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> database(opened, sqlite3_close);
  if (error != SQLITE_OK) throw std::runtime_error("the store " + file.string() + " cannot be opened");
  sqlite3_busy_timeout(database.get(), 5000);
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(database.get(), query.c_str(), -1, &prepared, nullptr) != SQLITE_OK) {
    throw std::runtime_error("the query '" + query + "': " + sqlite3_errmsg(database.get()));
  }
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
  nlohmann::json rows = nlohmann::json::array();
  int step = SQLITE_ROW;
  while ((step = sqlite3_step(statement.get())) == SQLITE_ROW) {
    nlohmann::json row = nlohmann::json::object();
    for (int column = 0; column < sqlite3_column_count(statement.get()); ++column) {
      row[sqlite3_column_name(statement.get(), column)] = value_of(statement.get(), column);
    }
    rows.push_back(std::move(row));
  }
  if (step != SQLITE_DONE) throw std::runtime_error("the query '" + query + "': " + sqlite3_errmsg(database.get()));
  return rows;
}

}  // namespace gatehouse::test
