#include "rdp/worker/recording_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace gatehouse::rdp {
namespace {

Result<void> write_all(const Fd& file, std::span<const std::uint8_t> bytes, const std::string& name) {
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return system_failure("the recording's " + name + " cannot be written", errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::open(Fd directory, SigningKey key, const ChainHash& base) {
  std::unique_ptr<RecordingWriter> writer(new RecordingWriter(std::move(directory), std::move(key), base));
  for (const auto* name : {chain_file, events_file, index_file}) {
    if (auto file = writer->file_of(name); !file) return std::unexpected(file.error());
  }
  return writer;
}

Result<RecordingWriter::File*> RecordingWriter::file_of(const std::string& name) {
  auto& file = files_[name];
  if (!file.descriptor && file.made) {
    file.descriptor.reset(::openat(directory_.get(), name.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW));
    if (!file.descriptor) return system_failure("the recording's " + name + " cannot be opened again", errno);
  } else if (!file.descriptor) {
    file.descriptor.reset(::openat(directory_.get(), name.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                                   S_IRUSR | S_IWUSR | S_IRGRP));
    file.made = static_cast<bool>(file.descriptor);
    if (!file.descriptor) return system_failure("the recording's " + name + " cannot be made", errno);
    // The directory keeps everybody else out; the daemon reads it to show it, and has no rights over others' files.
    if (::fchmod(file.descriptor.get(), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0)
      return system_failure("the recording's " + name + " cannot be shown to the daemon", errno);
  }
  return &file;
}

Result<void> RecordingWriter::vouch(const std::string& entry, std::span<const std::uint8_t> piece) {
  hash_ = next_hash(hash_, entry, piece);
  return write_all(files_.at(chain_file).descriptor, bytes_of(chain_line(entry, hash_, key_.sign(hash_))), chain_file);
}

Result<std::uint64_t> RecordingWriter::append_now(const std::string& name, std::span<const std::uint8_t> piece) {
  if (fault_) return std::unexpected(*fault_);
  const auto failed = [this](const Error& error) {
    fault_ = error;
    return std::unexpected(error);
  };
  auto file = file_of(name);
  if (!file) return failed(file.error());
  const auto offset = (*file)->size;
  if (piece.empty()) return offset;
  if (auto written = write_all((*file)->descriptor, piece, name); !written) return failed(written.error());
  (*file)->size += piece.size();
  if (is_kept_file(name)) (*file)->descriptor.reset();
  if (auto vouched = vouch(chain_entry(name, offset, piece.size()), piece); !vouched) return failed(vouched.error());
  ++pieces_;
  return offset;
}

Result<std::uint64_t> RecordingWriter::append(const std::string& name, std::span<const std::uint8_t> piece) {
  const std::lock_guard lock(mutex_);
  return append_now(name, piece);
}

Result<void> RecordingWriter::append(const std::string& name, std::string_view text) {
  if (auto appended = append(name, bytes_of(text)); !appended) return std::unexpected(appended.error());
  return {};
}

Result<void> RecordingWriter::append_picture(const std::string& name, std::span<const std::uint8_t> piece,
                                             const std::optional<Fragment>& fragment) {
  const std::lock_guard lock(mutex_);
  const auto offset = append_now(name, piece);
  if (!offset) return std::unexpected(offset.error());
  if (!fragment) return {};
  auto complete = *fragment;
  complete.file = name;
  complete.offset = *offset;
  complete.length = piece.size();
  if (auto indexed = append_now(index_file, bytes_of(index_line(complete))); !indexed) {
    return std::unexpected(indexed.error());
  }
  return {};
}

void RecordingWriter::close(const std::string& name) {
  const std::lock_guard lock(mutex_);
  files_.erase(name);
}

Result<void> RecordingWriter::finish() {
  const std::lock_guard lock(mutex_);
  if (fault_) return std::unexpected(*fault_);
  if (auto vouched = vouch(end_entry(pieces_), {}); !vouched) {
    fault_ = vouched.error();
    return vouched;
  }
  fault_ = Error{"the recording has ended", {}};
  return {};
}

}  // namespace gatehouse::rdp
