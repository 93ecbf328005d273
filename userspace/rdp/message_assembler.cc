#include "rdp/message_assembler.h"

namespace gatehouse::rdp {

Result<void> MessageAssembler::check(const Chunk& chunk) const {
  if ((chunk.flags & chunk_compressed) != 0) return failure("a compressed chunk, which nobody has offered");
  const bool first = (chunk.flags & chunk_first) != 0;
  if (first && open_) return failure("a message begins before the former one has ended");
  if (!first && !open_) return failure("a chunk of no message");
  if (!first && chunk.total != total_) return failure("a message changes its length");
  const auto received = first ? 0 : received_;
  if (chunk.size > chunk.total - received) return failure("a chunk is longer than its message");
  const bool full = received + chunk.size == chunk.total;
  if (full != ((chunk.flags & chunk_last) != 0)) {
    return failure(full ? "a message does not end where it is full" : "a message ends before it is full");
  }
  if (chunk.size == 0 && !full) return failure("an empty chunk");
  return {};
}

Result<bool> MessageAssembler::take(MessageHandler& handler, const Chunk& chunk) {
  if (auto good = check(chunk); !good) return std::unexpected(good.error());
  const Bytes piece(chunk.data, chunk.size);
  if ((chunk.flags & chunk_first) != 0) {
    handling_ = handler.begin(piece, chunk.total);
    if (handling_ == Handling::whole && chunk.total > longest_) {
      return failure("a message of " + std::to_string(chunk.total) + " bytes");
    }
    open_ = true;
    total_ = chunk.total;
    received_ = 0;
    whole_.clear();
  }
  received_ += chunk.size;
  const bool last = (chunk.flags & chunk_last) != 0;
  open_ = !last;
  if (handling_ == Handling::pass) {
    handler.piece(piece);
    if (last) handler.end();
    return true;
  }
  if (handling_ == Handling::drop) return false;
  whole_.insert(whole_.end(), piece.begin(), piece.end());
  if (!last) return false;
  auto done = handler.message(whole_);
  whole_.clear();
  if (whole_.capacity() > std::size_t{1} << 20U) whole_.shrink_to_fit();
  if (!done) return std::unexpected(done.error());
  return false;
}

}  // namespace gatehouse::rdp
