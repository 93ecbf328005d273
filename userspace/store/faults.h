// What SQLite complains about, as an Error with its mend.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "base/result.h"

namespace gatehouse::store {

// A row that this program cannot have written. Thrown by the reading functions, an Error at the door.
class DamagedRow : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// "<doing> <file>: <SQLite's text>". `database` may be null (it never opened); to be called before anything else is
// done with it.
Error fault_of(const SQLite::Exception& exception, const std::string& doing, const std::filesystem::path& file,
               sqlite3* database);
Error damaged(const std::filesystem::path& file, const std::string& finding);

// The statement broke a rule of the schema: the fault of what was to be written, not of the store.
bool is_constraint(const SQLite::Exception& exception);

}  // namespace gatehouse::store
