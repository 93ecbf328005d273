#include "rdp/trusted_backends.h"

namespace gatehouse::rdp {

bool TrustedBackends::judge(const std::string& server, const std::string& fingerprint) {
  const std::lock_guard lock(mutex_);
  const auto [known, first] = known_.try_emplace(server, fingerprint);
  if (first) {
    remember_(server, fingerprint);
    return true;
  }
  if (known->second == fingerprint) {
    refused_.erase(server);
    return true;
  }
  refused_[server] = fingerprint;
  changed_(server, fingerprint);
  return false;
}

std::optional<std::string> TrustedBackends::trust_refused(const std::string& server) {
  const std::lock_guard lock(mutex_);
  const auto found = refused_.find(server);
  if (found == refused_.end()) return std::nullopt;
  auto fingerprint = std::move(found->second);
  refused_.erase(found);
  known_[server] = fingerprint;
  return fingerprint;
}

}  // namespace gatehouse::rdp
