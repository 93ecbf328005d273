// The files in which Unix keeps who is logged in: utmp, a table with one record for each line, and wtmp, to which every
// login and logout is appended (utmp(5), and <bits/utmpx.h> of glibc: 384 bytes a record). They are shared with other
// programs, under the same locks that glibc takes, but waited for no longer than a given time.
//
// Neither file is ever made here: a machine without them does not want them.
// Threads: each object one at a time. Errors: values that name the file.
#pragma once

#include <sys/types.h>
#include <utmpx.h>

#include <chrono>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/address.h"
#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace gatehouse::daemon {

struct LoginRecord {
  std::string line;  // the terminal, or what stands for it: "rdp7"; at most 32 bytes, as all that is longer is cut
  std::string id;    // 4 bytes, of this line alone
  std::string user;
  Address address;
  pid_t pid = 0;  // of the process that holds the line; `who` shows nothing of a process that is dead
  WallTime time;  // of the login, or the logout
  bool open = true;

  // The one that ends it: as glibc's logout(3) writes it, without user and address.
  [[nodiscard]] LoginRecord closed_at(WallTime end) const;
  friend bool operator==(const LoginRecord&, const LoginRecord&) = default;
};

// The address is in network order; of IPv4 in the first word alone.
utmpx to_utmpx(const LoginRecord& record);
LoginRecord from_utmpx(const utmpx& raw);

// A utmp file, read and locked from open() until the object goes.
class LoginTable {
 public:
  static Result<LoginTable> open(const std::filesystem::path& file, std::chrono::milliseconds patience);

  // Those of other programs too; those that stand for no login are not open.
  [[nodiscard]] std::vector<LoginRecord> records() const;
  // In the place of the record with this line, or as a new one; in the file with commit().
  void put(const LoginRecord& record);
  Result<void> commit();

 private:
  LoginTable(std::filesystem::path file, Fd descriptor) : file_(std::move(file)), descriptor_(std::move(descriptor)) {}
  Result<void> read();

  std::filesystem::path file_;
  Fd descriptor_;
  std::vector<utmpx> records_;
  std::vector<bool> changed_;
};

// Appends to a wtmp file: all of them, or none.
Result<void> append_logins(const std::filesystem::path& file, std::span<const LoginRecord> records,
                           std::chrono::milliseconds patience);

}  // namespace gatehouse::daemon
