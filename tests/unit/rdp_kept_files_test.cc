// Copies of files in a recording: whole, in order, and vouched for.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "rdp/recording_verify.h"
#include "rdp/worker/kept_files.h"
#include "rdp/worker/recorder.h"
#include "support/directories.h"

namespace gatehouse::rdp {
namespace {

using testing::IsEmpty;

class KeptFilesOfARecording : public testing::Test {
 protected:
  KeptFilesOfARecording() {
    auto writer = RecordingWriter::open(Fd(::open(place().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
                                        SigningKey::make(), ChainHash{});
    if (!writer) throw std::runtime_error(writer.error().text());
    recorder_ = std::make_unique<Recorder>(std::move(*writer), 17, [this](const Error& error) {
      const std::lock_guard lock(mutex_);
      faults_.push_back(error.text());
    });
    kept_ = std::make_unique<KeptFiles>(*recorder_);
  }
  [[nodiscard]] const std::filesystem::path& place() const { return directory_.path(); }
  [[nodiscard]] std::string content_of(const std::string& file) const {
    std::ifstream stream(place() / file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  static std::string pattern(std::size_t length, unsigned step) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text.push_back(static_cast<char>(i * step + i / 251));
    return text;
  }

  test::TemporaryDirectory directory_;
  std::mutex mutex_;
  std::vector<std::string> faults_;
  std::unique_ptr<Recorder> recorder_;
  std::unique_ptr<KeptFiles> kept_;
};

TEST_F(KeptFilesOfARecording, AreWholeThoughTheyComeBesideEachOther) {
  const auto one = pattern(100'003, 3);
  const auto other = pattern(50'001, 7);
  {
    const auto first = kept_->begin();
    const auto never = kept_->begin();
    const auto second = kept_->begin();
    for (std::size_t at = 0; at < one.size(); at += 1601) {
      first->add(bytes_of(std::string_view(one).substr(at, 1601)));
      if (at < other.size()) second->add(bytes_of(std::string_view(other).substr(at, 1601)));
    }
    EXPECT_EQ(first->name(), "file-00001");
    EXPECT_EQ(second->name(), "file-00002");
    EXPECT_EQ(never->name(), "");
  }
  kept_->close();
  EXPECT_EQ(content_of("file-00001"), one);
  EXPECT_EQ(content_of("file-00002"), other);
  EXPECT_FALSE(std::filesystem::exists(place() / "file-00003"));
  EXPECT_THAT(content_of(chain_file), testing::HasSubstr(R"("file":"file-00002")"));
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(KeptFilesOfARecording, HoldNoDescriptorsWhileTheyAreUnderWay) {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_descriptors();
  const auto piece = pattern(KeptFiles::piece_bytes, 5);
  std::vector<std::unique_ptr<FileCopy>> copies;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 300; ++i) {
      if (round == 0) copies.push_back(kept_->begin());
      copies[i]->add(bytes_of(piece));
    }
  }
  kept_->close();
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(content_of("file-00300"), piece + piece);
  EXPECT_THAT(faults_, IsEmpty());
}

TEST_F(KeptFilesOfARecording, HaveNoNamesOnceTheRecordingHasFailed) {
  std::ofstream(place() / "file-00001") << "in the way";
  const auto first = kept_->begin();
  first->add(bytes_of("a file"));
  first->flush();
  kept_->close();
  const auto second = kept_->begin();
  second->add(bytes_of("another"));
  EXPECT_EQ(second->name(), "");
}

TEST_F(KeptFilesOfARecording, GiveTheirDescriptorsBack) {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
  };
  const auto before = open_descriptors();
  for (int i = 0; i < 300; ++i) kept_->begin()->add(bytes_of("a small file"));
  kept_->close();
  EXPECT_EQ(content_of("file-00300"), "a small file");
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(KeptFilesOfARecording, AFileThatCannotBeWrittenIsTheRecordingsFault) {
  std::ofstream(place() / "file-00001") << "in the way";
  kept_->begin()->add(bytes_of("a file"));
  kept_->close();
  const std::lock_guard lock(mutex_);
  ASSERT_EQ(faults_.size(), 1U);
  EXPECT_THAT(faults_[0], testing::HasSubstr("file-00001 cannot be made"));
  EXPECT_EQ(content_of("file-00001"), "in the way");
}

TEST_F(KeptFilesOfARecording, HaveNamesThatARecordingKnows) {
  EXPECT_TRUE(is_recorded_file(kept_file(1)));
  EXPECT_TRUE(is_recorded_file(kept_file(most_kept_files)));
  for (const auto* name : {"file-0000a", "file-000001", "file-", "file-../1", "file-00001.mp4"}) {
    EXPECT_FALSE(is_recorded_file(name)) << name;
  }
}

}  // namespace
}  // namespace gatehouse::rdp
