// Messages out of chunks, and what is common to the gates of channels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "rdp/file_digest.h"
#include "rdp/message_assembler.h"
#include "rdp/utf16.h"
#include "rdp_channel_ends.h"

namespace gatehouse::rdp {
namespace {

using test::bytes_of;

class Log final : public MessageHandler {
 public:
  explicit Log(Handling handling) : handling_(handling) {}
  Handling begin(Bytes /*head*/, std::size_t /*total*/) override { return handling_; }
  void piece(Bytes piece) override { seen.append(piece.begin(), piece.end()); }
  void end() override { seen += "."; }
  Result<void> message(Bytes message) override {
    seen.append(message.begin(), message.end());
    seen += "!";
    return {};
  }
  std::string seen;

 private:
  Handling handling_;
};

Result<bool> take(MessageAssembler& assembler, Log& log, std::string_view text, std::uint32_t flags,
                  std::size_t total) {
  const auto bytes = bytes_of(text);
  return assembler.take(log, {bytes.data(), bytes.size(), flags, total});
}

TEST(MessageAssembler, PutsTogetherWhatIsNeededWhole) {
  MessageAssembler assembler(100);
  Log log(Handling::whole);
  EXPECT_FALSE(*take(assembler, log, "abc", chunk_first, 7));
  EXPECT_FALSE(*take(assembler, log, "de", 0, 7));
  EXPECT_FALSE(*take(assembler, log, "fg", chunk_last, 7));
  EXPECT_FALSE(*take(assembler, log, "x", chunk_first | chunk_last, 1));
  EXPECT_EQ(log.seen, "abcdefg!x!");
}

TEST(MessageAssembler, LetsOthersPassAndShowsTheirPieces) {
  MessageAssembler assembler(2);  // is no bound for them
  Log log(Handling::pass);
  EXPECT_TRUE(*take(assembler, log, "abc", chunk_first, 5));
  EXPECT_TRUE(*take(assembler, log, "de", chunk_last, 5));
  EXPECT_EQ(log.seen, "abcde.");
  Log dropped(Handling::drop);
  EXPECT_FALSE(*take(assembler, dropped, "abc", chunk_first | chunk_last, 3));
  EXPECT_EQ(dropped.seen, "");
}

TEST(MessageAssembler, LengthsThatContradictEachOtherAreFaults) {
  struct Case {
    const char* what;
    std::vector<std::tuple<const char*, std::uint32_t, std::size_t>> chunks;
  };
  const Case cases[]{
      {"begins without a first chunk", {{"abc", chunk_last, 3}}},
      {"begins twice", {{"abc", chunk_first, 9}, {"abc", chunk_first, 9}}},
      {"changes its length", {{"abc", chunk_first, 9}, {"abc", 0, 8}}},
      {"is longer than it says", {{"abc", chunk_first, 5}, {"abc", chunk_last, 5}}},
      {"has more in one chunk than in all", {{"abc", chunk_first | chunk_last, 2}}},
      {"ends early", {{"abc", chunk_first | chunk_last, 9}}},
      {"never ends", {{"abc", chunk_first, 3}}},
      {"stands still", {{"abc", chunk_first, 9}, {"", 0, 9}}},
      {"is compressed", {{"abc", chunk_first | chunk_last | chunk_compressed, 3}}},
      {"is longer than what is put together", {{"abc", chunk_first, 101}}},
  };
  for (const auto& one : cases) {
    MessageAssembler assembler(100);
    Log log(Handling::whole);
    bool failed = false;
    for (const auto& [text, flags, total] : one.chunks) {
      if (!take(assembler, log, text, flags, total)) failed = true;
    }
    EXPECT_TRUE(failed) << "a message that " << one.what;
    EXPECT_EQ(log.seen, "") << one.what;
  }
}

TEST(FileDigest, IsTheSameInWhateverOrderThePiecesCome) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const auto all = bytes_of(text);
  FileDigest digest;
  digest.add(20, Bytes(all).subspan(20));
  EXPECT_EQ(digest.in_order(), 0U);
  EXPECT_EQ(digest.reached(), text.size());
  digest.add(5, Bytes(all).subspan(5, 10));
  digest.add(0, Bytes(all).first(8));
  EXPECT_EQ(digest.in_order(), 15U);
  digest.add(3, Bytes(all).subspan(3, 6));  // once more
  digest.add(10, Bytes(all).subspan(10, 20));
  EXPECT_EQ(digest.in_order(), text.size());
  // printf ... | sha256sum
  EXPECT_EQ(digest.sha256(), "05c6e08f1d9fdafa03147fcb8f82f124c76d2f70e3d989dc8aadb5e7d7450bec");
  EXPECT_EQ(sha256_of(all), digest.sha256());
}

TEST(FileDigest, HoldsNoMoreThanItsBoundAhead) {
  FileDigest digest;
  const std::vector<std::uint8_t> piece(std::size_t{1} << 20U, 'x');
  for (std::uint64_t i = 1; i < 20; ++i) digest.add(i * piece.size(), piece);
  digest.add(0, piece);
  EXPECT_EQ(digest.in_order(), piece.size() + FileDigest::most_ahead);
  EXPECT_EQ(digest.reached(), 20 * piece.size());
}

TEST(Utf16, BecomesUtf8WithWhatIsNoCharacterReplaced) {
  const auto text = [](std::initializer_list<std::uint16_t> units) {
    LittleEndianWriter writer;
    for (const auto unit : units) writer.u16(unit);
    return utf8_of_utf16(writer.take());
  };
  EXPECT_EQ(text({'a', 0xE4, 0x20AC, 0xD83D, 0xDE00}), "aä€😀");
  EXPECT_EQ(text({'a', 0, 'b'}), "a");
  EXPECT_EQ(text({0xD83D}), "\xEF\xBF\xBD");
  EXPECT_EQ(text({0xDE00, 'x'}), "\xEF\xBF\xBDx");
  const std::vector<std::uint8_t> odd{'a', 0, 'b'};
  EXPECT_EQ(utf8_of_utf16(odd), "a");
}

}  // namespace
}  // namespace gatehouse::rdp
