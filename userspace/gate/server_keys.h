// The keys of RustDesk servers whose encrypted connections the gateway gives (secure_tcp: terminate), read from their
// files; and what was seen of how those servers begin.
//
// Threads: read() from one; the rest from any. The files are read when the policy changes, and not again.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "gate/signal_security.h"

namespace gatehouse::gate {

class ServerKeys {
 public:
  // `files`: by service. All others are forgotten.
  void read(const std::unordered_map<std::string, std::string>& files);

  // nullptr: there is none, or it cannot be read.
  [[nodiscard]] std::shared_ptr<const rustdesk::ServerKey> key(const std::string& service) const;
  [[nodiscard]] std::shared_ptr<ServerHabit> habit(const std::string& service) const;
  // Of the first that cannot be read.
  [[nodiscard]] std::optional<Error> fault() const;

 private:
  struct Known {
    std::shared_ptr<const rustdesk::ServerKey> key;
    std::shared_ptr<ServerHabit> habit;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Known> known_;  // by service
  std::optional<Error> fault_;
};

}  // namespace gatehouse::gate
