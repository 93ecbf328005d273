#include "cli/recording_export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/fd.h"
#include "rdp/recording_files.h"
#include "rdp/recording_reader.h"
#include "rdp/recording_verify.h"

namespace gatehouse::cli {
namespace {

constexpr std::size_t tar_block = 512;
constexpr mode_t file_mode = S_IRUSR | S_IWUSR;

std::string note_of(const std::string& name) {
  return "This is the recording of session " + name +
         " of a Gatehouse gateway.\n\n"
         "identity.json says whose it is, NNN.mp4 are the pictures (they play in a browser), events.jsonl is what\n"
         "happened, index.jsonl where each moment lies, chain.jsonl what vouches for every byte of them.\n\n"
         "To verify it, with nothing but these files and the command `gatehouse`:\n\n"
         "    gatehouse recording verify --key gateway-key.pem .\n\n"
         "gateway-key.pem is worth as much as the way it came: compare it with what `gatehouse recording key` prints\n"
         "at the gateway.\n";
}

Result<void> write_all(const Fd& file, const char* data, std::size_t size, const std::filesystem::path& name) {
  while (size > 0) {
    const auto written = ::write(file.get(), data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_failure(name.string() + " cannot be written", errno, "free space there");
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

class Target {
 public:
  virtual ~Target() = default;
  virtual Result<void> begin(const std::string& name, std::uint64_t size) = 0;
  virtual Result<void> take(const char* data, std::size_t size) = 0;
  virtual Result<void> end() = 0;     // of a file
  virtual Result<void> finish() = 0;  // of all
};

class DirectoryTarget final : public Target {
 public:
  explicit DirectoryTarget(std::filesystem::path place) : place_(std::move(place)) {}
  Result<void> begin(const std::string& name, std::uint64_t /*size*/) override {
    at_ = place_ / name;
    file_.reset(::open(at_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file_mode));
    if (!file_) return system_failure(at_.string() + " cannot be made", errno);
    return {};
  }
  Result<void> take(const char* data, std::size_t size) override { return write_all(file_, data, size, at_); }
  Result<void> end() override { return {}; }
  Result<void> finish() override { return {}; }

 private:
  std::filesystem::path place_;
  std::filesystem::path at_;
  Fd file_;
};

class TarTarget final : public Target {
 public:
  TarTarget(Fd file, std::filesystem::path at, std::string top)
      : file_(std::move(file)), at_(std::move(at)), top_(std::move(top)) {}

  Result<void> begin(const std::string& name, std::uint64_t size) override {
    std::array<char, tar_block> header{};
    const auto put = [&](std::size_t offset, const std::string& text) {
      text.copy(header.data() + offset, text.size());
    };
    const auto octal = [](std::uint64_t value, int digits) {
      std::array<char, 32> text{};
      std::snprintf(text.data(), text.size(), "%0*llo", digits, static_cast<unsigned long long>(value));
      return std::string(text.data());
    };
    if (size >= 1ULL << 33U) {
      return failure(name + " is larger than a tar file can take", "export to a directory");
    }
    put(0, top_ + "/" + name);
    put(100, octal(file_mode, 7));
    put(108, octal(0, 7));
    put(116, octal(0, 7));
    put(124, octal(size, 11));
    put(136, octal(0, 11));
    put(148, "        ");
    put(156, "0");
    put(257, std::string("ustar\0"
                         "00",
                         8));
    unsigned sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + std::string("\0 ", 2));
    size_ = size;
    return write_all(file_, header.data(), header.size(), at_);
  }
  Result<void> take(const char* data, std::size_t size) override { return write_all(file_, data, size, at_); }
  Result<void> end() override {
    const std::array<char, tar_block> zeros{};
    const auto over = size_ % tar_block;
    return over == 0 ? Result<void>{} : write_all(file_, zeros.data(), tar_block - over, at_);
  }
  Result<void> finish() override {
    const std::array<char, 2 * tar_block> zeros{};
    return write_all(file_, zeros.data(), zeros.size(), at_);
  }

 private:
  Fd file_;
  std::filesystem::path at_;
  std::string top_;
  std::uint64_t size_ = 0;
};

Result<void> copy_text(Target& target, const std::string& name, const std::string& text) {
  if (auto begun = target.begin(name, text.size()); !begun) return begun;
  if (auto taken = target.take(text.data(), text.size()); !taken) return taken;
  return target.end();
}

// As long as it is now: what a recording that goes on gets meanwhile is not for this copy.
Result<std::uint64_t> copy_file(Target& target, const std::filesystem::path& recording, const std::string& name) {
  const auto file = rdp::open_recorded(recording, name);
  if (!file) return std::unexpected(file.error());
  struct stat state{};
  if (::fstat(file->get(), &state) != 0) return system_failure(name + " cannot be read", errno);
  const auto size = static_cast<std::uint64_t>(state.st_size);
  if (auto begun = target.begin(name, size); !begun) return std::unexpected(begun.error());
  std::vector<char> buffer(1U << 20U);
  for (std::uint64_t left = size; left > 0;) {
    const auto got = ::read(file->get(), buffer.data(), std::min<std::uint64_t>(left, buffer.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return failure(name + " became shorter while it was copied", "try again");
    if (auto taken = target.take(buffer.data(), static_cast<std::size_t>(got)); !taken)
      return std::unexpected(taken.error());
    left -= static_cast<std::uint64_t>(got);
  }
  if (auto ended = target.end(); !ended) return std::unexpected(ended.error());
  return size;
}

// The chain first: what it vouches for was written before it.
Result<std::uint64_t> copy_all(Target& target, const std::filesystem::path& recording, const std::string& name,
                               const std::string& key) {
  std::vector<std::string> files{rdp::identity_file, rdp::chain_file};
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(recording, error)) {
    if (auto file = entry.path().filename().string(); rdp::is_recorded_file(file)) files.push_back(std::move(file));
  }
  if (error) return failure(recording.string() + " cannot be listed: " + error.message());
  std::sort(files.begin() + 2, files.end());
  std::uint64_t bytes = 0;
  for (const auto& file : files) {
    auto copied = copy_file(target, recording, file);
    if (!copied) return copied;
    bytes += *copied;
  }
  if (auto copied = copy_text(target, "gateway-key.pem", key); !copied) return std::unexpected(copied.error());
  if (auto copied = copy_text(target, "HOW-TO-VERIFY.txt", note_of(name)); !copied)
    return std::unexpected(copied.error());
  if (auto finished = target.finish(); !finished) return std::unexpected(finished.error());
  return bytes;
}

Result<std::uint64_t> export_to_tar(const std::filesystem::path& recording, const std::string& name,
                                    const std::string& key, const std::filesystem::path& to) {
  Fd file(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, file_mode));
  if (!file) return system_failure(to.string() + " cannot be made", errno, "name a file that is not there yet");
  TarTarget target(std::move(file), to, "recording-" + name);
  auto copied = copy_all(target, recording, name, key);
  if (!copied) static_cast<void>(::unlink(to.c_str()));
  return copied;
}

Result<std::uint64_t> export_to_directory(const std::filesystem::path& recording, const std::string& name,
                                          const std::string& key, const std::filesystem::path& to) {
  std::error_code error;
  const bool made = std::filesystem::create_directory(to, error);
  if (!error && !made && !std::filesystem::is_empty(to, error) && !error) {
    return failure(to.string() + " is not empty", "name a directory that is not there yet");
  }
  if (error) return failure(to.string() + " cannot be used: " + error.message(), "name a directory to be made");
  DirectoryTarget target(to);
  auto copied = copy_all(target, recording, name, key);
  if (!copied) {
    if (made) {
      std::filesystem::remove_all(to, error);
    } else {
      for (const auto& entry : std::filesystem::directory_iterator(to, error)) std::filesystem::remove(entry, error);
    }
  }
  return copied;
}

}  // namespace

Result<std::uint64_t> export_recording(const std::filesystem::path& recording, const std::string& name,
                                       const std::string& key, const std::filesystem::path& to) {
  if (auto identity = rdp::identity_of(recording); !identity) return std::unexpected(identity.error());
  return to.extension() == ".tar" ? export_to_tar(recording, name, key, to)
                                  : export_to_directory(recording, name, key, to);
}

}  // namespace gatehouse::cli
