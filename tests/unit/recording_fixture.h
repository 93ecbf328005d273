// A recording as the worker writes it, made by a test: one with what every reader of recordings has to take.
#pragma once

#include <fcntl.h>
#include <sys/file.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>

#include "base/fd.h"
#include "rdp/recording_files.h"
#include "rdp/recording_identity.h"

namespace gatehouse::test {

class WrittenRecording {
 public:
  WrittenRecording(const std::filesystem::path& recordings, std::uint64_t session, const rdp::SigningKey& gateway,
                   const std::string& user = "bob")
      : place_(recordings / std::to_string(session)) {
    std::filesystem::create_directories(place_);
    const auto text = rdp::signed_identity({.session = session,
                                            .user = user,
                                            .server = "win1",
                                            .service = "win1-rdp",
                                            .grant = "bob-win1",
                                            .client = "192.0.2.10:50120",
                                            .started = "2026-11-23T08:00:00Z",
                                            .key = key_.public_key()},
                                           gateway);
    add(rdp::identity_file, text);
    hash_ = rdp::hash_of(rdp::bytes_of(text));
    lock_.reset(::open(place_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) throw std::runtime_error("a recording is in use");
    append(rdp::events_file, "{\"event\":\"start\",\"t\":0}\n");
  }

  void append(const std::string& file, const std::string& piece) {
    add(file, piece);
    vouch(rdp::chain_entry(file, sizes_[file], piece.size()), piece);
    sizes_[file] += piece.size();
    ++pieces_;
  }
  // Orderly.
  void end() {
    vouch(rdp::end_entry(pieces_), "");
    break_off();
  }
  // Nobody writes to it any more.
  void break_off() { lock_.reset(); }
  // Of the chain, for somebody who has no right to it.
  void vouch(const std::string& entry, const std::string& piece) {
    hash_ = rdp::next_hash(hash_, entry, rdp::bytes_of(piece));
    add(rdp::chain_file, rdp::chain_line(entry, hash_, key_.sign(hash_)));
  }
  void add(const std::string& file, const std::string& bytes) const {
    std::ofstream(place_ / file, std::ios::binary | std::ios::app) << bytes;
  }

  [[nodiscard]] const std::filesystem::path& place() const { return place_; }
  [[nodiscard]] const std::map<std::string, std::uint64_t>& sizes() const { return sizes_; }
  [[nodiscard]] std::uint64_t pieces() const { return pieces_; }
  [[nodiscard]] const rdp::ChainHash& hash() const { return hash_; }

 private:
  std::filesystem::path place_;
  rdp::SigningKey key_ = rdp::SigningKey::make();
  Fd lock_;
  rdp::ChainHash hash_{};
  std::map<std::string, std::uint64_t> sizes_;
  std::uint64_t pieces_ = 0;
};

}  // namespace gatehouse::test
