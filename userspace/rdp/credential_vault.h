// The accounts that clients log in with at the gateway (NLA), and the credentials that it logs in to servers with. Both
// stay sealed in memory, and are opened for the one session that needs them.
//
// Threads: any; a call holds a lock for a look-up.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "base/result.h"
#include "rdp/control_message.h"
#include "rdp/secret_box.h"

namespace gatehouse::rdp {

// Names of accounts are compared without regard to case (ASCII), as Windows does.
std::string account_key(std::string_view name);

class CredentialVault {
 public:
  explicit CredentialVault(SecretBox box) : box_(std::move(box)) {}

  struct Account {
    std::string user;  // of the policy
    std::string sealed;
  };
  struct Credential {
    std::string login;
    std::string domain;
    std::string sealed;
  };

  // What goes into the store, and then, when it is there, in here.
  [[nodiscard]] std::string seal_account(const std::string& name, const std::string& user, const Secret& hash) const;
  [[nodiscard]] std::string seal_credential(const std::string& server, const std::string& user,
                                            const std::string& login, const std::string& domain,
                                            const Secret& password) const;
  void put_account(const std::string& name, Account account);
  void remove_account(const std::string& name);
  void put_credential(const std::string& server, const std::string& user, Credential credential);
  void remove_credential(const std::string& server, const std::string& user);

  // The NT hash of the account, if it is that user's. Error: why not, for the audit.
  [[nodiscard]] Result<Secret> hash_of(const std::string& name, const std::string& user) const;
  // The user's own for the server, or everybody's. Error: there is none, or it cannot be opened.
  [[nodiscard]] Result<Credentials> credentials_for(const std::string& server, const std::string& user) const;

 private:
  SecretBox box_;
  mutable std::mutex mutex_;
  std::map<std::string, Account> accounts_;  // by account_key()
  std::map<std::pair<std::string, std::string>, Credential> credentials_;
};

}  // namespace gatehouse::rdp
