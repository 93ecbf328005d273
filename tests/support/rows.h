// Looks into a SQLite file beside the program that writes it, or after its end. Read only. Errors: std::runtime_error.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

namespace gatehouse::test {

// One object a row, keyed by the columns' names. A BLOB of 16 bytes is an address and comes as its text; others as
// hexadecimal digits.
nlohmann::json query_rows(const std::filesystem::path& file, const std::string& query);

}  // namespace gatehouse::test
