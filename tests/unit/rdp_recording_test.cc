// Recordings on the disk: what vouches for them finds each byte that is another, and each key that is not the right
// one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "rdp/recording_verify.h"
#include "support/directories.h"
#include "unit/recording_fixture.h"

namespace gatehouse::rdp {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class Recording : public testing::Test {
 protected:
  void record() {
    recording_.append("000.mp4", "header");
    recording_.append("000.mp4", "fragment one");
    recording_.append(index_file, index_line({.file = "000.mp4", .offset = 6, .length = 12, .from = 5, .to = 125}));
    recording_.append(events_file, "{\"event\": \"end\"}\n");
    recording_.append("001.mp4", "another part");
  }
  void change(const std::string& file, std::size_t at, char byte) const {
    std::fstream stream(place() / file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
  }
  [[nodiscard]] std::string bytes_of_file(const std::string& file) const {
    std::ifstream stream(place() / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  [[nodiscard]] std::vector<std::string> chain() const {
    std::ifstream stream(place() / chain_file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
  void write_chain(const std::vector<std::string>& lines) const {
    std::ofstream stream(place() / chain_file, std::ios::trunc);
    for (const auto& line : lines) stream << line << '\n';
  }
  RecordingFinding verified() { return verified_with(gateway_.public_key()); }
  RecordingFinding verified_with(const std::optional<PublicKey>& key, std::optional<std::uint64_t> session = {}) {
    auto finding = verify_recording(place(), key, session);
    if (!finding) throw std::runtime_error(finding.error().text());
    return *finding;
  }
  [[nodiscard]] const std::filesystem::path& place() const { return recording_.place(); }

  test::TemporaryDirectory directory_;
  SigningKey gateway_ = SigningKey::make();
  test::WrittenRecording recording_{directory_.path(), 17, gateway_};
};

TEST_F(Recording, AsItWasWrittenIsFoundSo) {
  record();
  recording_.end();
  const auto finding = verified();
  EXPECT_EQ(finding.fault, "");
  EXPECT_EQ(finding.pieces, 6U);
  EXPECT_EQ(finding.hash, hexadecimal(recording_.hash()));
  EXPECT_TRUE(finding.ended);
  EXPECT_EQ(finding.beyond, 0U);
  EXPECT_THAT(finding.unchecked, IsEmpty());
  ASSERT_TRUE(finding.identity);
  EXPECT_EQ(finding.identity->session, 17U);
  EXPECT_EQ(finding.identity->user, "bob");
  EXPECT_EQ(finding.identity->client, "192.0.2.10:50120");
}

TEST_F(Recording, EveryChangedByteIsFound) {
  record();
  recording_.end();
  for (const std::string file : {"000.mp4", "001.mp4", events_file, index_file, chain_file, identity_file}) {
    const auto bytes = bytes_of_file(file);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      change(file, at, static_cast<char>(bytes[at] ^ 1));
      EXPECT_NE(verified().fault, "") << file << ", byte " << at;
      change(file, at, bytes[at]);
    }
  }
  EXPECT_EQ(verified().fault, "");
}

TEST_F(Recording, WhatIsMissingIsFound) {
  record();
  recording_.end();
  std::filesystem::resize_file(place() / "000.mp4", 10);
  EXPECT_THAT(verified().fault, HasSubstr("000.mp4 ends before"));
  std::filesystem::remove(place() / "000.mp4");
  EXPECT_THAT(verified().fault, HasSubstr("000.mp4 cannot be read"));
  std::filesystem::remove(place() / chain_file);
  EXPECT_THAT(verified().fault, HasSubstr("chain.jsonl cannot be read"));
}

TEST_F(Recording, AChainThatWasEditedIsFound) {
  record();
  recording_.end();
  const auto lines = chain();
  auto shorter = lines;
  shorter.erase(shorter.begin() + 1);
  write_chain(shorter);
  EXPECT_NE(verified().fault, "");
  auto swapped = lines;
  std::swap(swapped[1], swapped[2]);
  write_chain(swapped);
  EXPECT_NE(verified().fault, "");
  auto without_last_piece = lines;
  without_last_piece.erase(without_last_piece.end() - 2);
  write_chain(without_last_piece);
  EXPECT_THAT(verified().fault, HasSubstr("the chain's end speaks of 6 pieces, there are 5"));
  for (const auto* line : {"nonsense", "[]", R"({"file": "../x", "offset": 0, "length": 1, "hash": ""})", "{}",
                           R"({"file":"000.mp4","hash":"","length":99999999999,"offset":18,"signature":""})"}) {
    auto longer = lines;
    longer.insert(longer.end() - 1, line);
    write_chain(longer);
    EXPECT_NE(verified().fault, "") << line;
  }
}

TEST_F(Recording, APieceThatWasMovedToAnotherFileIsFound) {
  record();
  recording_.end();
  auto lines = chain();
  const auto at = lines[5].find("001.mp4");
  ASSERT_NE(at, std::string::npos) << lines[5];
  lines[5].replace(at, 7, "002.mp4");
  write_chain(lines);
  std::filesystem::rename(place() / "001.mp4", place() / "002.mp4");
  EXPECT_THAT(verified().fault, HasSubstr("002.mp4 is not as it was written"));
}

TEST_F(Recording, WhatWasAddedBehindItsEndIsFound) {
  record();
  recording_.end();
  const auto lines = chain();
  recording_.add(events_file, "{\"event\":\"more\"}\n");
  EXPECT_THAT(verified().fault, HasSubstr("17 bytes were added behind the end"));
  recording_.vouch(chain_entry(events_file, recording_.sizes().at(events_file), 17), "{\"event\":\"more\"}\n");
  EXPECT_THAT(verified().fault, HasSubstr("the chain goes on behind its end"));
}

TEST_F(Recording, OneThatBrokeOffIsGoodUpToThereAndSaysWhatNobodyKnows) {
  record();
  recording_.add("001.mp4", "half a fragm");
  recording_.add(chain_file, "{\"file\":\"001.m");
  const auto finding = verified();
  EXPECT_EQ(finding.fault, "");
  EXPECT_EQ(finding.pieces, 6U);
  EXPECT_EQ(finding.beyond, 12U);
  EXPECT_FALSE(finding.ended);
  EXPECT_THAT(finding.unchecked, Contains(HasSubstr("missing at its end")));
}

TEST_F(Recording, WithoutTheGatewaysKeyItIsSaidThatItWasNotChecked) {
  record();
  recording_.end();
  const auto finding = verified_with(std::nullopt);
  EXPECT_EQ(finding.fault, "");
  EXPECT_THAT(finding.unchecked, Contains(HasSubstr(hexadecimal(gateway_.public_key()))));
}

TEST_F(Recording, MadeAnewBySomebodyElseIsFound) {
  const auto other = SigningKey::make();
  test::WrittenRecording forged(directory_.path() / "elsewhere", 17, other);
  forged.append("000.mp4", "another picture");
  forged.end();
  auto finding = verify_recording(forged.place(), gateway_.public_key());
  ASSERT_TRUE(finding);
  EXPECT_THAT(finding->fault, HasSubstr("signed by another gateway"));
  // With the right identity, but a chain by a key of his own.
  std::filesystem::copy_file(place() / identity_file, forged.place() / identity_file,
                             std::filesystem::copy_options::overwrite_existing);
  finding = verify_recording(forged.place(), gateway_.public_key());
  ASSERT_TRUE(finding);
  EXPECT_NE(finding->fault, "");
}

TEST_F(Recording, AWorkerCanSignNoOtherSession) {
  // It has the key of session 17 and makes a chain that fits the identity of session 18.
  const test::WrittenRecording other(directory_.path(), 18, gateway_);
  std::filesystem::remove(other.place() / chain_file);
  std::filesystem::remove(other.place() / events_file);
  const std::string piece = "forged";
  const auto identity = identity_of(other.place());
  ASSERT_TRUE(identity);
  std::ifstream stream(other.place() / identity_file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  const auto own = SigningKey::make();
  const auto entry = chain_entry("000.mp4", 0, piece.size());
  const auto hash = next_hash(hash_of(bytes_of(text)), entry, bytes_of(piece));
  other.add("000.mp4", piece);
  other.add(chain_file, chain_line(entry, hash, own.sign(hash)));
  const auto finding = verify_recording(other.place(), gateway_.public_key());
  ASSERT_TRUE(finding);
  EXPECT_THAT(finding->fault, HasSubstr("not signed by the key of this recording"));
}

TEST_F(Recording, OfAnotherSessionIsNotTakenForTheOneThatIsAskedFor) {
  record();
  recording_.end();
  EXPECT_EQ(verified_with(gateway_.public_key(), 17).fault, "");
  EXPECT_THAT(verified_with(gateway_.public_key(), 18).fault, HasSubstr("the recording of session 17"));
}

TEST_F(Recording, ALinkInItIsNotFollowed) {
  record();
  recording_.end();
  std::filesystem::rename(place() / "000.mp4", directory_.path() / "elsewhere.mp4");
  std::filesystem::create_symlink(directory_.path() / "elsewhere.mp4", place() / "000.mp4");
  EXPECT_THAT(verified().fault, HasSubstr("000.mp4 cannot be read"));
}

TEST_F(Recording, WhatIsNoneIsSaid) {
  const auto finding = verify_recording(directory_.path() / "absent");
  ASSERT_FALSE(finding);
  EXPECT_THAT(finding.error().text(), HasSubstr("no recording"));
}

using RecordingKeys = testing::Test;

TEST_F(RecordingKeys, SignAsRfc8032Says) {
  // RFC 8032 section 7.1, test 2.
  const auto key = SigningKey::of_secret("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  ASSERT_TRUE(key);
  EXPECT_EQ(hexadecimal(key->public_key()), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::vector<std::uint8_t> message{0x72};
  const auto signature = key->sign(message);
  EXPECT_EQ(hexadecimal(signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(is_signed_by(key->public_key(), message, signature));
  EXPECT_FALSE(is_signed_by(key->public_key(), bytes_of("s"), signature));
}

TEST_F(RecordingKeys, OfTheGatewayAreMadeOnceAndForItsOwnEyes) {
  const test::TemporaryDirectory directory;
  const auto file = directory.path() / "recording.key";
  const auto made = SigningKey::open(file);
  ASSERT_TRUE(made) << made.error().text();
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write);
  const auto again = SigningKey::open(file);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->public_key(), made->public_key());
  std::filesystem::permissions(file, perms::group_read, std::filesystem::perm_options::add);
  const auto open_to_all = SigningKey::open(file);
  ASSERT_FALSE(open_to_all);
  EXPECT_THAT(open_to_all.error().text(), HasSubstr("chmod 600"));
  std::ofstream(file, std::ios::trunc) << "nonsense";
  std::filesystem::permissions(file, perms::owner_read | perms::owner_write);
  const auto broken = SigningKey::open(file);
  ASSERT_FALSE(broken);
  EXPECT_THAT(broken.error().text(), HasSubstr("is no Ed25519 key"));
  EXPECT_EQ(bytes_of("nonsense").size(), std::filesystem::file_size(file)) << "it is left as it is";
}

TEST_F(RecordingKeys, GoOutAndComeBackAsPem) {
  const auto key = SigningKey::make();
  const auto again = public_key_of(pem_of(key.public_key()));
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, key.public_key());
  EXPECT_FALSE(public_key_of("nonsense"));
}

}  // namespace
}  // namespace gatehouse::rdp
