#include "cli/files.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <set>
#include <system_error>

namespace gatehouse::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_text = 64ULL << 20U;

Result<std::string> read_stream(const std::string& name, std::istream& stream) {
  std::string text;
  std::string block(65536, '\0');
  while (stream.read(block.data(), static_cast<std::streamsize>(block.size())) || stream.gcount() > 0) {
    text.append(block, 0, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > largest_text) return failure(name + " is larger than 64 MiB", "split it");
  }
  if (stream.bad()) return failure("cannot read " + name, "check that it is a readable file");
  return text;
}

Result<std::vector<std::string>> yaml_files_of(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> files;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".yaml") files.push_back(at->path().string());
  }
  if (error) return failure("cannot list " + directory + ": " + error.message(), "check the directory's mode");
  if (files.empty()) return failure("there is no *.yaml in " + directory, "name another directory, or files");
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::string> read_text(const std::string& file, std::istream& in) {
  if (file == "-") return read_stream("the standard input", in);
  std::error_code error;
  if (fs::is_directory(file, error)) return failure(file + " is a directory", "name a file");
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return system_failure("cannot open " + file, errno, "check its name and mode");
  return read_stream(file, stream);
}

Result<std::vector<policy::SourceText>> read_policy_files(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    auto inside = yaml_files_of(path);
    if (!inside) return std::unexpected(inside.error());
    files.insert(files.end(), inside->begin(), inside->end());
  }
  std::vector<policy::SourceText> texts;
  std::set<fs::path> seen;
  for (const auto& file : files) {
    std::error_code error;
    if (!seen.insert(fs::weakly_canonical(file, error)).second)
      return failure(file + " is named twice", "name it once");
    if (file == "-")
      return failure("a policy is not read from the standard input", "name its files or their directory");
    std::ifstream unused;
    auto text = read_text(file, unused);
    if (!text) return std::unexpected(text.error());
    texts.push_back({file, std::move(*text)});
  }
  return texts;
}

}  // namespace gatehouse::cli
