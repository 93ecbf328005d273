#include "store/faults.h"

#include <sqlite3.h>

#include <system_error>

namespace gatehouse::store {
namespace {

// Without the extension bits: which file operation it was is in the text.
int code_of(const SQLite::Exception& exception) {
  return exception.getErrorCode() & 0xff;
}

}  // namespace

Error damaged(const std::filesystem::path& file, const std::string& finding) {
  return {"the store " + file.string() + " is damaged (" + finding + ")",
          "put a backup in its place; or move it away, start with an empty one and apply the policy and the bans again "
          "(`sqlite3 FILE .recover` saves what can still be read)"};
}

Error fault_of(const SQLite::Exception& exception, const std::string& doing, const std::filesystem::path& file,
               sqlite3* database) {
  const int code = code_of(exception);
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return damaged(file, exception.what());
  Error error{doing + " " + file.string() + ": " + exception.what(), {}};
  const std::string where = file.parent_path().empty() ? "." : file.parent_path().string();
  switch (code) {
    case SQLITE_FULL:
      error.mend = "free disk space below " + where;
      break;
    case SQLITE_IOERR: {
      const int number = database == nullptr ? 0 : sqlite3_system_errno(database);
      if (number != 0) error.what += " (" + std::generic_category().message(number) + ")";
      error.mend = "free disk space below " + where + " or mend the disk";
      break;
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.mend = "another program holds it locked: end that";
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      error.mend = "let the daemon's user write to it and to " + where;
      break;
    default:
      break;
  }
  return error;
}

bool is_constraint(const SQLite::Exception& exception) {
  return code_of(exception) == SQLITE_CONSTRAINT;
}

}  // namespace gatehouse::store
