#include "rdp/recording_files.h"

#include <openssl/evp.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>
#include <vector>

namespace gatehouse::rdp {
namespace {

constexpr std::uint64_t largest_piece = 256U << 20U;

bool is_name(const std::string& file) {
  return file == events_file ||
         (file.size() >= 7 && file.ends_with(".mp4") && file.find_first_not_of("0123456789") == file.size() - 4);
}

}  // namespace

std::string video_file(unsigned part) {
  std::array<char, 16> name{};
  std::snprintf(name.data(), name.size(), "%03u.mp4", part);
  return name.data();
}

ChainHash next_hash(const ChainHash& former, std::span<const std::uint8_t> piece) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free);
  ChainHash hash{};
  unsigned length = 0;
  if (!context || ::EVP_DigestInit_ex(context.get(), ::EVP_sha256(), nullptr) != 1 ||
      ::EVP_DigestUpdate(context.get(), former.data(), former.size()) != 1 ||
      ::EVP_DigestUpdate(context.get(), piece.data(), piece.size()) != 1 ||
      ::EVP_DigestFinal_ex(context.get(), hash.data(), &length) != 1) {
    throw std::runtime_error("SHA-256 cannot be computed");
  }
  return hash;
}

std::string text_of(const ChainHash& hash) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const auto byte : hash) {
    text += digits[byte >> 4U];
    text += digits[byte & 15U];
  }
  return text;
}

std::string chain_line(const std::string& file, std::uint64_t offset, std::uint64_t length, const ChainHash& hash) {
  return nlohmann::json{{"file", file}, {"offset", offset}, {"length", length}, {"hash", text_of(hash)}}.dump() + "\n";
}

Result<RecordingFinding> verify_recording(const std::filesystem::path& directory) {
  std::ifstream chain(directory / chain_file, std::ios::binary);
  if (!chain.is_open()) {
    return system_failure("there is no recording in " + directory.string() + ": " + chain_file + " cannot be read",
                          errno, "name the directory of one recording");
  }
  RecordingFinding finding;
  ChainHash hash{};
  std::map<std::string, std::uint64_t> ends;
  std::vector<std::uint8_t> piece;
  for (std::string line; std::getline(chain, line);) {
    const bool whole = !chain.eof();
    const auto entry = nlohmann::json::parse(line, nullptr, false);
    const auto said = [&](const std::string& what) {
      finding.fault = "piece " + std::to_string(finding.pieces + 1) + ": " + what;
      return finding;
    };
    if (!entry.is_object() || !entry.value("file", nlohmann::json()).is_string() ||
        !entry.value("offset", nlohmann::json()).is_number_unsigned() ||
        !entry.value("length", nlohmann::json()).is_number_unsigned() ||
        !entry.value("hash", nlohmann::json()).is_string()) {
      if (!whole) break;  // the writer died in the middle of it
      return said("the chain has a line that is none of its own");
    }
    const auto file = entry["file"].get<std::string>();
    const auto offset = entry["offset"].get<std::uint64_t>();
    const auto length = entry["length"].get<std::uint64_t>();
    if (!is_name(file) || length > largest_piece) return said("the chain names what is no part of a recording");
    if (offset != ends[file]) return said(file + " has a hole or a doubled piece at " + std::to_string(ends[file]));
    piece.resize(length);
    std::ifstream stream(directory / file, std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    stream.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(length));
    if (!stream) return said(file + " ends before byte " + std::to_string(offset + length));
    hash = next_hash(hash, piece);
    if (text_of(hash) != entry["hash"].get<std::string>()) {
      return said(file + " is not as it was written, from byte " + std::to_string(offset) + " to " +
                  std::to_string(offset + length));
    }
    ends[file] = offset + length;
    ++finding.pieces;
    finding.hash = text_of(hash);
  }
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    const auto name = entry.path().filename().string();
    if (!is_name(name)) continue;
    const auto size = std::filesystem::file_size(entry.path(), error);
    if (!error && size > ends[name]) finding.beyond += size - ends[name];
  }
  return finding;
}

}  // namespace gatehouse::rdp
