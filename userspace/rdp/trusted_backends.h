// Which certificate each backend has shown: the first one is taken and kept (trust on first use), and from then on no
// other, until an operator says so.
//
// Threads: any. `remember` and `changed` are called by the thread that judges; they may take no longer than putting
// something into a queue.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace gatehouse::rdp {

class TrustedBackends {
 public:
  using Tell = std::function<void(const std::string& server, const std::string& fingerprint)>;

  // `known`: fingerprints (SHA-256, hexadecimal with colons) by the server's name.
  TrustedBackends(std::map<std::string, std::string> known, Tell remember, Tell changed)
      : known_(std::move(known)), remember_(std::move(remember)), changed_(std::move(changed)) {}

  bool judge(const std::string& server, const std::string& fingerprint);

  // The one that was refused last for this server is taken from now on. nullopt: none was refused.
  std::optional<std::string> trust_refused(const std::string& server);

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> known_;
  std::map<std::string, std::string> refused_;
  Tell remember_;
  Tell changed_;
};

}  // namespace gatehouse::rdp
