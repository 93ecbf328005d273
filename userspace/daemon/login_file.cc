#include "daemon/login_file.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

namespace gatehouse::daemon {
namespace {

static_assert(sizeof(utmpx) == 384, "the layout of the files on disk");

constexpr std::chrono::milliseconds lock_poll{5};
constexpr off_t largest_table = off_t{16} << 20;  // one of 40,000 lines: what is larger is no utmp

// The fields are not terminated when they are full. What is cut is cut before a character of UTF-8, not within.
template <std::size_t Size>
void put_text(char (&field)[Size], std::string_view text) {
  auto length = std::min(text.size(), Size);
  while (length > 0 && length < text.size() && (static_cast<unsigned char>(text[length]) & 0xc0U) == 0x80U) --length;
  std::ranges::copy(text.substr(0, length), field);
}

template <std::size_t Size>
std::string text_in(const char (&field)[Size]) {
  return {field, ::strnlen(field, Size)};
}

std::unexpected<Error> file_failure(const std::filesystem::path& file, const char* what, int error) {
  return system_failure(file.string() + " cannot be " + what, error);
}

// The lock goes with the descriptor. It is one of the open file, not of the process: glibc's are seen by it and see it.
Result<Fd> open_locked(const std::filesystem::path& file, std::chrono::milliseconds patience) {
  Fd descriptor(::open(file.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!descriptor) return file_failure(file, "opened", errno);
  struct stat status{};
  if (::fstat(descriptor.get(), &status) != 0) return file_failure(file, "looked at", errno);
  if (!S_ISREG(status.st_mode)) return failure(file.string() + " is no plain file");
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (true) {
    struct flock whole{};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (::fcntl(descriptor.get(), F_OFD_SETLK, &whole) == 0) return descriptor;
    if (errno != EAGAIN && errno != EACCES && errno != EINTR) return file_failure(file, "locked", errno);
    if (std::chrono::steady_clock::now() >= deadline) return failure(file.string() + " is locked by another program");
    std::this_thread::sleep_for(lock_poll);
  }
}

// Zero, or the number of the error.
int write_at(int descriptor, const char* data, std::size_t size, off_t offset) {
  while (size > 0) {
    const auto written = ::pwrite(descriptor, data, size, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return written < 0 ? errno : ENOSPC;
    data += written;
    size -= static_cast<std::size_t>(written);
    offset += written;
  }
  return 0;
}

}  // namespace

LoginRecord LoginRecord::closed_at(WallTime end) const {
  LoginRecord closed{.line = line, .id = id, .user = {}, .address = {}, .pid = pid, .time = end, .open = false};
  return closed;
}

utmpx to_utmpx(const LoginRecord& record) {
  utmpx raw{};
  raw.ut_type = record.open ? USER_PROCESS : DEAD_PROCESS;
  raw.ut_pid = record.pid;
  put_text(raw.ut_line, record.line);
  put_text(raw.ut_id, record.id);
  put_text(raw.ut_user, record.user);
  const auto since = record.time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  // 32 bits, which programs take for signed, until 2038, or for unsigned.
  raw.ut_tv.tv_sec = static_cast<decltype(raw.ut_tv.tv_sec)>(seconds.count());
  raw.ut_tv.tv_usec = static_cast<decltype(raw.ut_tv.tv_usec)>(std::chrono::microseconds(since - seconds).count());
  if (!record.open) return raw;
  put_text(raw.ut_host, record.address.text());
  if (record.address.is_v4()) {
    const auto network_order = htonl(record.address.v4());
    std::memcpy(raw.ut_addr_v6, &network_order, sizeof network_order);
  } else {
    std::memcpy(raw.ut_addr_v6, record.address.bytes.data(), record.address.bytes.size());
  }
  return raw;
}

LoginRecord from_utmpx(const utmpx& raw) {
  LoginRecord record;
  record.line = text_in(raw.ut_line);
  record.id = text_in(raw.ut_id);
  record.user = text_in(raw.ut_user);
  record.pid = raw.ut_pid;
  record.open = raw.ut_type == USER_PROCESS;
  record.time = WallTime(std::chrono::seconds(static_cast<std::uint32_t>(raw.ut_tv.tv_sec)) +
                         std::chrono::floor<std::chrono::milliseconds>(std::chrono::microseconds(raw.ut_tv.tv_usec)));
  std::memcpy(record.address.bytes.data(), raw.ut_addr_v6, record.address.bytes.size());
  const auto* words = raw.ut_addr_v6;
  if (words[0] != 0 && words[1] == 0 && words[2] == 0 && words[3] == 0) {
    record.address = Address::from_v4(ntohl(static_cast<std::uint32_t>(words[0])));
  }
  return record;
}

Result<LoginTable> LoginTable::open(const std::filesystem::path& file, std::chrono::milliseconds patience) {
  auto descriptor = open_locked(file, patience);
  if (!descriptor) return std::unexpected(descriptor.error());
  LoginTable table(file, std::move(*descriptor));
  if (auto read = table.read(); !read) return std::unexpected(read.error());
  return table;
}

Result<void> LoginTable::read() {
  struct stat status{};
  if (::fstat(descriptor_.get(), &status) != 0) return file_failure(file_, "looked at", errno);
  if (status.st_size > largest_table) return failure(file_.string() + " is too large for a utmp file");
  // A piece of a record at the end, of somebody who was interrupted, is written over, as glibc does it.
  records_.resize(static_cast<std::size_t>(status.st_size) / sizeof(utmpx));
  std::size_t done = 0;
  const auto wanted = records_.size() * sizeof(utmpx);
  while (done < wanted) {
    const auto got = ::pread(descriptor_.get(), reinterpret_cast<char*>(records_.data()) + done, wanted - done,
                             static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_failure(file_, "read", errno);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  records_.resize(done / sizeof(utmpx));
  changed_.assign(records_.size(), false);
  return {};
}

std::vector<LoginRecord> LoginTable::records() const {
  std::vector<LoginRecord> list;
  list.reserve(records_.size());
  for (const auto& raw : records_) list.push_back(from_utmpx(raw));
  return list;
}

void LoginTable::put(const LoginRecord& record) {
  const auto raw = to_utmpx(record);
  const auto same_line = [&](const utmpx& other) {
    return std::strncmp(raw.ut_line, other.ut_line, sizeof raw.ut_line) == 0;
  };
  const auto place = static_cast<std::size_t>(std::ranges::find_if(records_, same_line) - records_.begin());
  if (place == records_.size()) {
    records_.push_back(raw);
    changed_.push_back(true);
  } else {
    records_[place] = raw;
    changed_[place] = true;
  }
}

Result<void> LoginTable::commit() {
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (!changed_[i]) continue;
    const auto offset = static_cast<off_t>(i * sizeof(utmpx));
    if (const int error =
            write_at(descriptor_.get(), reinterpret_cast<const char*>(&records_[i]), sizeof(utmpx), offset);
        error != 0) {
      return file_failure(file_, "written", error);
    }
    changed_[i] = false;
  }
  return {};
}

Result<void> append_logins(const std::filesystem::path& file, std::span<const LoginRecord> records,
                           std::chrono::milliseconds patience) {
  if (records.empty()) return {};
  auto descriptor = open_locked(file, patience);
  if (!descriptor) return std::unexpected(descriptor.error());
  struct stat status{};
  if (::fstat(descriptor->get(), &status) != 0) return file_failure(file, "looked at", errno);
  std::vector<utmpx> raw;
  raw.reserve(records.size());
  for (const auto& record : records) raw.push_back(to_utmpx(record));
  const auto end = status.st_size - status.st_size % static_cast<off_t>(sizeof(utmpx));
  if (const int error =
          write_at(descriptor->get(), reinterpret_cast<const char*>(raw.data()), raw.size() * sizeof(utmpx), end);
      error != 0) {
    static_cast<void>(::ftruncate(descriptor->get(), end));
    return file_failure(file, "written", error);
  }
  return {};
}

}  // namespace gatehouse::daemon
