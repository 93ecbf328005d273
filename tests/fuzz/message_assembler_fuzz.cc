// Chunks as a peer that means no good could cut them: what is put together is as long as it says, what passes is passed
// whole, and memory is bounded.
#include <cstdlib>

#include "chunk_input.h"

namespace rdp = gatehouse::rdp;

namespace {

constexpr std::size_t longest = 65536;

class Checking final : public rdp::MessageHandler {
 public:
  rdp::Handling begin(rdp::Bytes head, std::size_t total) override {
    if (open_ || head.size() > total) std::abort();
    total_ = total;
    seen_ = 0;
    handling_ = head.empty() ? rdp::Handling::whole : static_cast<rdp::Handling>(head.front() % 3);
    open_ = handling_ == rdp::Handling::pass;
    return handling_;
  }
  void piece(rdp::Bytes piece) override {
    if (!open_) std::abort();
    seen_ += piece.size();
    if (seen_ > total_) std::abort();
  }
  void end() override {
    if (!open_ || seen_ != total_) std::abort();
    open_ = false;
  }
  gatehouse::Result<void> message(rdp::Bytes message) override {
    if (handling_ != rdp::Handling::whole || message.size() != total_ || message.size() > longest) std::abort();
    return {};
  }

 private:
  rdp::Handling handling_ = rdp::Handling::drop;
  bool open_ = false;
  std::size_t total_ = 0;
  std::size_t seen_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  gatehouse::fuzz::ChunkInput input({data, size});
  rdp::MessageAssembler assembler(longest);
  Checking handler;
  static_cast<void>(input.number());
  while (const auto next = input.next()) {
    const auto taken = assembler.take(handler, next->second);
    if (taken) continue;
    if (taken.error().what.empty()) std::abort();
    break;
  }
  return 0;
}
