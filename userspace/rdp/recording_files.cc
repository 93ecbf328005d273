#include "rdp/recording_files.h"

#include <openssl/evp.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace gatehouse::rdp {
namespace {

constexpr std::string_view kept_prefix = "file-";

ChainHash hash_of_all(std::initializer_list<std::span<const std::uint8_t>> parts) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free);
  ChainHash hash{};
  unsigned length = 0;
  bool good = context && ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) == 1;
  for (const auto& part : parts) good = good && ::EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  if (!good || ::EVP_DigestFinal_ex(context.get(), hash.data(), &length) != 1) {
    throw std::runtime_error("SHA-256 cannot be computed");
  }
  return hash;
}

}  // namespace

std::string video_file(unsigned part) {
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "%03u.mp4", part);
  return name.data();
}

std::string kept_file(unsigned number) {
  std::array<char, 24> name{};
  std::snprintf(name.data(), name.size(), "%.*s%05u", static_cast<int>(kept_prefix.size()), kept_prefix.data(), number);
  return name.data();
}

bool is_kept_file(std::string_view name) {
  if (!name.starts_with(kept_prefix)) return false;
  const auto number = name.substr(kept_prefix.size());
  return number.size() == 5 && number.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_recorded_file(std::string_view name) {
  return is_kept_file(name) || name == events_file || name == index_file ||
         (name.size() >= 7 && name.size() <= 16 && name.ends_with(".mp4") &&
          name.find_first_not_of("0123456789") == name.size() - 4);
}

ChainHash hash_of(std::span<const std::uint8_t> bytes) {
  return hash_of_all({bytes});
}

ChainHash next_hash(const ChainHash& former, std::string_view entry, std::span<const std::uint8_t> piece) {
  return hash_of_all({former, bytes_of(entry), bytes_of("\n"), piece});
}

std::string chain_entry(const std::string& file, std::uint64_t offset, std::uint64_t length) {
  return nlohmann::json{{"file", file}, {"offset", offset}, {"length", length}}.dump();
}

std::string end_entry(std::uint64_t pieces) {
  return nlohmann::json{{"end", true}, {"pieces", pieces}}.dump();
}

std::string chain_line(std::string_view entry, const ChainHash& hash, const Signature& signature) {
  auto line = nlohmann::json::parse(entry);
  line["hash"] = hexadecimal(hash);
  line["signature"] = hexadecimal(signature);
  return line.dump() + "\n";
}

std::string index_line(const Fragment& fragment) {
  return nlohmann::json{{"file", fragment.file}, {"offset", fragment.offset}, {"length", fragment.length},
                        {"from", fragment.from}, {"to", fragment.to},         {"key", fragment.key}}
             .dump() +
         "\n";
}

}  // namespace gatehouse::rdp
