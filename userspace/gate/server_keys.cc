#include "gate/server_keys.h"

#include <fmt/format.h>
#include <sodium.h>

#include <fstream>
#include <utility>

namespace gatehouse::gate {
namespace {

constexpr std::size_t longest_key_file = 1024;

Result<rustdesk::ServerKey> read_key(const std::string& path) {
  std::ifstream file;
  file.rdbuf()->pubsetbuf(nullptr, 0);  // no copy of a secret that nobody wipes
  file.open(path, std::ios::binary);
  std::string text(longest_key_file, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto size = static_cast<std::size_t>(file.gcount());
  auto key = rustdesk::ServerKey::parse(std::string_view(text).substr(0, size));
  ::sodium_memzero(text.data(), text.size());
  return key;
}

}  // namespace

void ServerKeys::read(const std::unordered_map<std::string, std::string>& files) {
  std::unordered_map<std::string, Known> known;
  std::optional<Error> fault;
  for (const auto& [service, path] : files) {
    auto key = read_key(path);
    if (key) {
      known.emplace(service, Known{std::make_shared<const rustdesk::ServerKey>(std::move(*key)),
                                   std::make_shared<ServerHabit>(ServerBegins::unknown)});
    } else if (!fault) {
      fault = Error{fmt::format("service {}: the server's key {}: {}", service, path, key.error().what),
                    "let the daemon read the file id_ed25519 of hbbs, and apply the policy again"};
    }
  }
  const std::lock_guard lock(mutex_);
  known_ = std::move(known);
  fault_ = std::move(fault);
}

std::shared_ptr<const rustdesk::ServerKey> ServerKeys::key(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(service);
  return found == known_.end() ? nullptr : found->second.key;
}

std::shared_ptr<ServerHabit> ServerKeys::habit(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(service);
  return found == known_.end() ? nullptr : found->second.habit;
}

std::optional<Error> ServerKeys::fault() const {
  const std::lock_guard lock(mutex_);
  return fault_;
}

}  // namespace gatehouse::gate
