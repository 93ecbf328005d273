#include "rdp/credential_vault.h"

#include <algorithm>
#include <initializer_list>

namespace gatehouse::rdp {
namespace {

// Parts are apart by a byte that none of them has, and what is shown of it in an error is the first one.
std::string context_of(const char* kind, std::initializer_list<std::string_view> parts) {
  std::string context(kind);
  bool first = true;
  for (const auto part : parts) {
    context += first ? ' ' : '\0';
    context += part;
    first = false;
  }
  return context;
}
std::string context_of_account(const std::string& name, const std::string& user) {
  return context_of("account", {account_key(name), user});
}
std::string context_of_credential(const std::string& server, const std::string& user, const std::string& login,
                                  const std::string& domain) {
  return context_of("server", {server, user, login, domain});
}

}  // namespace

std::string account_key(std::string_view name) {
  std::string key(name);
  for (auto& c : key) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return key;
}

std::string CredentialVault::seal_account(const std::string& name, const std::string& user, const Secret& hash) const {
  return box_.seal(hash.text(), context_of_account(name, user));
}

std::string CredentialVault::seal_credential(const std::string& server, const std::string& user,
                                             const std::string& login, const std::string& domain,
                                             const Secret& password) const {
  return box_.seal(password.text(), context_of_credential(server, user, login, domain));
}

void CredentialVault::put_account(const std::string& name, Account account) {
  const std::lock_guard lock(mutex_);
  accounts_.insert_or_assign(account_key(name), std::move(account));
}

void CredentialVault::remove_account(const std::string& name) {
  const std::lock_guard lock(mutex_);
  accounts_.erase(account_key(name));
}

void CredentialVault::put_credential(const std::string& server, const std::string& user, Credential credential) {
  const std::lock_guard lock(mutex_);
  credentials_.insert_or_assign({server, user}, std::move(credential));
}

void CredentialVault::remove_credential(const std::string& server, const std::string& user) {
  const std::lock_guard lock(mutex_);
  credentials_.erase({server, user});
}

Result<Secret> CredentialVault::hash_of(const std::string& name, const std::string& user) const {
  const std::lock_guard lock(mutex_);
  const auto found = accounts_.find(account_key(name));
  if (found == accounts_.end()) return failure("there is no such account", "gatehouse account set NAME makes one");
  if (found->second.user != user) {
    return failure("the account is of user " + found->second.user + ", and the connection comes from user " + user);
  }
  return box_.open_sealed(found->second.sealed, context_of_account(name, user));
}

Result<Credentials> CredentialVault::credentials_for(const std::string& server, const std::string& user) const {
  const std::lock_guard lock(mutex_);
  for (const auto& whose : {user, std::string()}) {
    const auto found = credentials_.find({server, whose});
    if (found == credentials_.end()) continue;
    const auto& credential = found->second;
    auto password =
        box_.open_sealed(credential.sealed, context_of_credential(server, whose, credential.login, credential.domain));
    if (!password) return std::unexpected(password.error());
    return Credentials{.user = credential.login, .domain = credential.domain, .password = password->text()};
  }
  return failure("no credentials are stored for server " + server + " and user " + user,
                 "gatehouse credential set " + server + " --login NAME stores them");
}

}  // namespace gatehouse::rdp
