// The clipboard's rules: text, images and files, each direction for itself, and what of them is told.
//
// A format that may not go in its direction is taken out of the list that is announced, so that the other side sees a
// clipboard without it; who asks for it all the same, or for a file's contents, gets the answer of a peer that has it
// not (CB_RESPONSE_FAIL). The state is that of MS-RDPECLIP 1.3.2: the side that announced last owns the clipboard, the
// other one asks.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "policy/vocabulary.h"
#include "rdp/channel_gate.h"
#include "rdp/clipboard_messages.h"
#include "rdp/control_message.h"
#include "rdp/file_digest.h"

namespace gatehouse::rdp {

class ClipboardGate final : public ChannelGate {
 public:
  using Tell = std::function<void(const Message&)>;
  // `copies`: where files go besides; nullptr: nowhere.
  ClipboardGate(policy::Channels allowed, Detail text, Send send, Tell tell, FileCopies* copies = nullptr);

 protected:
  Handling begin(Direction direction, Bytes head, std::size_t total) override;
  void piece(Direction direction, Bytes piece) override;
  void end(Direction direction) override;
  Result<void> message(Direction direction, Bytes message) override;
  void finish() override;

 private:
  struct Asked {
    std::uint32_t format = 0;
    std::string name;
    ClipboardKind kind = ClipboardKind::other;
  };
  struct Transfer {
    explicit Transfer(std::unique_ptr<FileCopy> copy) : digest(std::move(copy)) {}
    FileDigest digest;
    bool told = false;
  };
  struct Files {
    std::vector<ClipboardFile> list;
    std::map<std::uint32_t, Transfer> transfers;  // by their place in the list
  };
  struct Contents {
    FileContentsRequest request;
    std::shared_ptr<Files> files;
  };
  // Of what flows in one direction: from who owns the clipboard to who asks for what is in it.
  struct Flow {
    std::map<std::uint32_t, ClipboardFormat> formats;  // as announced, without those that may not pass
    bool long_names = false;                           // what the side that sends this way says
    std::deque<Asked> asked;
    std::shared_ptr<Files> files = std::make_shared<Files>();
    std::map<std::uint32_t, std::shared_ptr<Files>> locked;
    std::map<std::uint32_t, Contents> contents;
    // Of the message that passes now.
    std::optional<Asked> data;
    std::optional<Contents> file;
    std::uint64_t passed = 0;
    std::uint64_t said = 0;  // how long its header says that it is; a peer may send padding behind that
    FileDigest digest;
  };

  Flow& flow(Direction direction) { return flows_.at(static_cast<std::size_t>(direction)); }
  [[nodiscard]] bool allows(Direction direction, ClipboardKind kind) const;
  void refuse(Direction direction, ClipboardKind kind);

  Handling begin_data(Direction direction, Bytes head, std::size_t total);
  Handling begin_contents(Direction direction, Bytes head);
  Result<void> announce(Direction direction, const ClipboardHeader& header, Bytes message);
  Result<void> ask_for_data(Direction direction, Bytes message);
  Result<void> ask_for_contents(Direction direction, Bytes message);
  Result<void> lock(Direction direction, Bytes body, bool locked);
  void take_data(Direction direction, Bytes message);
  void tell_data(Direction direction, const Asked& what, std::uint64_t bytes, std::string sha256);
  void tell_file(Direction direction, Files& files, std::uint32_t index, bool over);
  void tell_files(Direction direction, Files& files);
  Transfer& transfer_of(Files& files, std::uint32_t index);

  const policy::Channels allowed_;
  const Detail text_;
  const Tell tell_;
  FileCopies* const copies_;
  std::array<Flow, 2> flows_;
  std::set<std::string> refused_;
};

}  // namespace gatehouse::rdp
