// Both ends of a channel with a gate between them, for its tests.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rdp/channel_gate.h"
#include "rdp/control_message.h"
#include "rdp/file_copies.h"

namespace gatehouse::test {

inline std::vector<std::uint8_t> bytes_of(std::string_view text) {
  return {text.begin(), text.end()};
}

inline std::vector<std::uint8_t> utf16_of(std::string_view ascii, bool ended = true) {
  rdp::LittleEndianWriter writer;
  for (const char each : ascii) writer.u16(static_cast<std::uint8_t>(each));
  if (ended) writer.u16(0);
  return writer.take();
}

// What arrived at either end, put together again, and what was told.
struct ChannelEnds {
  std::vector<std::vector<std::uint8_t>> at_server;
  std::vector<std::vector<std::uint8_t>> at_client;
  std::vector<rdp::Message> told;

  rdp::ChannelGate::Send send() {
    return [this](rdp::Direction direction, const rdp::Chunk& chunk) {
      auto& end = direction == rdp::Direction::to_server ? at_server : at_client;
      if ((chunk.flags & rdp::chunk_first) != 0) end.emplace_back();
      end.back().insert(end.back().end(), chunk.data, chunk.data + chunk.size);
      return true;
    };
  }
  std::function<void(const rdp::Message&)> tell() {
    return [this](const rdp::Message& message) { told.push_back(message); };
  }
  template <typename Notice>
  [[nodiscard]] std::vector<Notice> notices() const {
    std::vector<Notice> list;
    for (const auto& message : told) {
      if (const auto* notice = std::get_if<Notice>(&message)) list.push_back(*notice);
    }
    return list;
  }
};

// The copies that a gate makes of files.
class CopiesInMemory final : public rdp::FileCopies {
 public:
  std::unique_ptr<rdp::FileCopy> begin() override { return std::make_unique<Copy>(*this); }

  std::map<std::string, std::vector<std::uint8_t>> files;
  std::size_t flushed = 0;
  std::size_t ended = 0;

 private:
  class Copy final : public rdp::FileCopy {
   public:
    explicit Copy(CopiesInMemory& all) : all_(all) {}
    ~Copy() override {
      if (!name_.empty()) ++all_.ended;
    }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;
    void add(rdp::Bytes piece) override {
      if (name_.empty()) name_ = "copy " + std::to_string(all_.files.size() + 1);
      auto& file = all_.files[name_];
      file.insert(file.end(), piece.begin(), piece.end());
    }
    void flush() override { all_.flushed += name_.empty() ? 0 : 1; }
    [[nodiscard]] std::string name() const override { return name_; }

   private:
    CopiesInMemory& all_;
    std::string name_;
  };
};

// In chunks, as a peer sends it.
inline Result<bool> put(rdp::ChannelGate& gate, rdp::Direction direction, const std::vector<std::uint8_t>& message,
                        std::size_t chunk_length = 1600) {
  Result<bool> taken = true;
  std::size_t at = 0;
  do {
    const auto size = std::min(chunk_length, message.size() - at);
    const auto flags = (at == 0 ? rdp::chunk_first : 0) | (at + size == message.size() ? rdp::chunk_last : 0);
    taken = gate.take(direction, {message.data() + at, size, flags, message.size()});
    at += size;
  } while (taken && at < message.size());
  return taken;
}

}  // namespace gatehouse::test
