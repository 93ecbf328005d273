// The rules of redirected devices: which of the client's devices the server hears of, and what it may do with its
// drives: read, write, delete, rename. What it may not do is answered as by a client whose file system denies it
// (STATUS_ACCESS_DENIED). Each file that is read or written is told when it is closed, with its hash.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "policy/vocabulary.h"
#include "rdp/channel_gate.h"
#include "rdp/control_message.h"
#include "rdp/device_messages.h"
#include "rdp/file_digest.h"

namespace gatehouse::rdp {

class DeviceGate final : public ChannelGate {
 public:
  using Tell = std::function<void(const Message&)>;
  // `copies`: where files go besides; nullptr: nowhere.
  DeviceGate(policy::Channels allowed, Send send, Tell tell, FileCopies* copies = nullptr);

 protected:
  Handling begin(Direction direction, Bytes head, std::size_t total) override;
  void piece(Direction direction, Bytes piece) override;
  void end(Direction direction) override;
  Result<void> message(Direction direction, Bytes message) override;
  void finish() override;

 private:
  struct Known {
    DeviceType type{};
    std::string name;
  };
  using Key = std::pair<std::uint32_t, std::uint32_t>;  // device and file, or device and completion
  struct Open {
    std::string name = {};
    bool made = false;  // it was not there before
    bool is_read = false;
    bool is_written = false;
    std::optional<std::uint64_t> size = {};
    FileDigest read{};
    FileDigest written{};
  };
  // What the server waits for and the client's answer is needed of.
  struct Pending {
    IoFunction function{};
    std::uint32_t file = 0;
    std::string name;
    std::uint64_t position = 0;
    bool makes = false;  // a file that was not there, or empties one
    bool directory = false;
  };

  [[nodiscard]] bool may(policy::Channel channel) const { return policy::holds(allowed_, channel); }
  [[nodiscard]] bool allows(DeviceType type) const;
  void refuse(policy::Channel channel);
  Result<void> announce(Bytes message);
  Result<void> remove(Bytes message);
  Result<void> request(Bytes message);
  Result<void> request_of_drive(const IoRequest& request, Bytes message, const Known& drive);
  Result<void> create(const IoRequest& request, Bytes message, const Known& drive);
  bool note_write(const IoRequest& request);
  Result<void> complete(Bytes message);
  void completed(const Pending& pending, const IoCompletion& completion);
  void deny(const IoRequest& request, policy::Channel channel);
  void expect(const IoRequest& request, Pending pending, Bytes message);
  void pass(Direction direction, Bytes message) { send(direction, {message.begin(), message.end()}); }
  void tell_file(const Key& key, Open& open);

  const policy::Channels allowed_;
  const Tell tell_;
  FileCopies* const copies_;
  std::map<std::uint32_t, Known> devices_;
  std::map<Key, Open> open_;
  std::map<Key, Pending> pending_;
  std::set<std::string> refused_;
};

}  // namespace gatehouse::rdp
