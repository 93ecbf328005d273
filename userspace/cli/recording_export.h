// A copy of a recording for somebody else: all its files, the gateway's public key, and how to verify it with them; as
// a directory, or as one file (tar, POSIX.1-1988 ustar: no owner, nothing but plain files).
//
// Errors name the file. What was begun is removed again.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace gatehouse::cli {

// `to`: a directory that is not there yet or is empty, or a file that ends with .tar and is not there yet. `key`: PEM.
// How many bytes were copied.
Result<std::uint64_t> export_recording(const std::filesystem::path& recording, const std::string& name,
                                       const std::string& key, const std::filesystem::path& to);

}  // namespace gatehouse::cli
