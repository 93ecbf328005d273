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

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Result<std::unique_ptr<RecordingWriter>> RecordingWriter::open(Fd directory) {
  std::unique_ptr<RecordingWriter> writer(new RecordingWriter(std::move(directory)));
  for (const auto* name : {chain_file, events_file}) {
    if (auto file = writer->file_of(name); !file) return std::unexpected(file.error());
  }
  return writer;
}

Result<RecordingWriter::File*> RecordingWriter::file_of(const std::string& name) {
  auto& file = files_[name];
  if (!file.descriptor) {
    file.descriptor.reset(::openat(directory_.get(), name.c_str(),
                                   O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC | O_NOFOLLOW,
                                   S_IRUSR | S_IWUSR | S_IRGRP));
    if (!file.descriptor) return system_failure("the recording's " + name + " cannot be made", errno);
    // The directory keeps everybody else out; the daemon reads it to show it, and has no rights over others' files.
    if (::fchmod(file.descriptor.get(), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH) != 0)
      return system_failure("the recording's " + name + " cannot be shown to the daemon", errno);
  }
  return &file;
}

Result<void> RecordingWriter::append(const std::string& name, std::span<const std::uint8_t> piece) {
  if (piece.empty()) return {};
  const std::lock_guard lock(mutex_);
  auto file = file_of(name);
  if (!file) return std::unexpected(file.error());
  if (auto written = write_all((*file)->descriptor, piece, name); !written) return written;
  hash_ = next_hash(hash_, piece);
  const auto line = chain_line(name, (*file)->size, piece.size(), hash_);
  (*file)->size += piece.size();
  return write_all(files_.at(chain_file).descriptor, bytes_of(line), chain_file);
}

Result<void> RecordingWriter::append(const std::string& name, std::string_view text) {
  return append(name, bytes_of(text));
}

}  // namespace gatehouse::rdp
