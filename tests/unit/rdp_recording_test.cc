// Recordings on the disk: what vouches for them finds each byte that is another.
#include "rdp/recording_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <vector>

#include "support/directories.h"

namespace gatehouse::rdp {
namespace {

using testing::HasSubstr;

class Recording : public testing::Test {
 protected:
  void append(const std::string& file, const std::string& piece) {
    std::ofstream(place() / file, std::ios::binary | std::ios::app) << piece;
    hash_ = next_hash(hash_, {reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()});
    std::ofstream(place() / chain_file, std::ios::binary | std::ios::app)
        << chain_line(file, sizes_[file], piece.size(), hash_);
    sizes_[file] += piece.size();
  }
  void change(const std::string& file, std::size_t at, char byte) {
    std::fstream stream(place() / file, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
  }
  RecordingFinding verified() {
    auto finding = verify_recording(place());
    if (!finding) throw std::runtime_error(finding.error().text());
    return *finding;
  }
  void record() {
    append(events_file, "{\"event\": \"start\"}\n");
    append("000.mp4", "header");
    append("000.mp4", "fragment one");
    append(events_file, "{\"event\": \"end\"}\n");
    append("001.mp4", "another part");
  }
  [[nodiscard]] std::filesystem::path place() const { return directory_.path(); }

  test::TemporaryDirectory directory_;
  std::map<std::string, std::uint64_t> sizes_;
  ChainHash hash_{};
};

TEST_F(Recording, AsItWasWrittenIsFoundSo) {
  record();
  const auto finding = verified();
  EXPECT_EQ(finding.fault, "");
  EXPECT_EQ(finding.pieces, 5U);
  EXPECT_EQ(finding.hash, text_of(hash_));
  EXPECT_EQ(finding.beyond, 0U);
}

TEST_F(Recording, EveryChangedByteIsFound) {
  record();
  for (const std::string file : {"000.mp4", "001.mp4", events_file}) {
    for (std::size_t at = 0; at < sizes_[file]; ++at) {
      std::ifstream stream(place() / file, std::ios::binary);
      stream.seekg(static_cast<std::streamoff>(at));
      const char was = static_cast<char>(stream.get());
      stream.close();
      change(file, at, static_cast<char>(was ^ 1));
      EXPECT_THAT(verified().fault, HasSubstr(file)) << at;
      change(file, at, was);
    }
  }
  EXPECT_EQ(verified().fault, "");
}

TEST_F(Recording, WhatIsMissingOrReorderedIsFound) {
  record();
  std::filesystem::resize_file(place() / "000.mp4", 10);
  EXPECT_THAT(verified().fault, HasSubstr("000.mp4 ends before"));
  std::filesystem::remove(place() / "000.mp4");
  EXPECT_THAT(verified().fault, HasSubstr("000.mp4 ends before"));
}

TEST_F(Recording, AChainThatWasEditedIsFound) {
  record();
  std::vector<std::string> lines;
  {
    std::ifstream stream(place() / chain_file);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
  }
  const auto write = [&](const std::vector<std::string>& wanted) {
    std::ofstream stream(place() / chain_file, std::ios::trunc);
    for (const auto& line : wanted) stream << line << '\n';
  };
  auto shorter = lines;
  shorter.erase(shorter.begin() + 1);
  write(shorter);
  EXPECT_NE(verified().fault, "");
  auto swapped = lines;
  std::swap(swapped[1], swapped[2]);
  write(swapped);
  EXPECT_NE(verified().fault, "");
  for (const auto* line : {"nonsense", "[]", R"({"file": "../x", "offset": 0, "length": 1, "hash": ""})",
                           R"({"file": "000.mp4", "offset": -1, "length": 1, "hash": ""})",
                           R"({"file": "000.mp4", "offset": 18, "length": 99999999999, "hash": ""})"}) {
    auto longer = lines;
    longer.emplace_back(line);
    write(longer);
    EXPECT_NE(verified().fault, "") << line;
  }
}

TEST_F(Recording, OneThatBrokeOffIsGoodUpToThere) {
  record();
  std::ofstream(place() / "001.mp4", std::ios::binary | std::ios::app) << "half a fragm";
  std::ofstream(place() / chain_file, std::ios::binary | std::ios::app) << "{\"file\": \"001.m";
  const auto finding = verified();
  EXPECT_EQ(finding.fault, "");
  EXPECT_EQ(finding.pieces, 5U);
  EXPECT_EQ(finding.beyond, 12U);
}

TEST_F(Recording, WhatIsNoneIsSaid) {
  const auto finding = verify_recording(place() / "absent");
  ASSERT_FALSE(finding);
  EXPECT_THAT(finding.error().text(), HasSubstr("no recording"));
}

}  // namespace
}  // namespace gatehouse::rdp
