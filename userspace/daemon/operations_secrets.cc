// Daemon: the accounts that RDP clients log in with at the gateway, and the credentials that it logs in to servers
// with.
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cerrno>

#include "daemon/daemon.h"
#include "daemon/json.h"
#include "rdp/nt_hash.h"

namespace gatehouse::daemon {
namespace {

const Error no_rdp{"there are no RDP sessions to log in to", "set `rdp` in the configuration"};

nlohmann::json json_of_user(const std::string& user) {
  return user.empty() ? nlohmann::json() : nlohmann::json(user);
}

std::string text_of(const store::RdpCredentialRow& row) {
  return row.server + (row.user.empty() ? std::string(", for everybody") : ", for " + row.user);
}

// What this process holds goes into no core file, and nobody but root looks into it.
Result<void> close_memory() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return system_failure("core files cannot be turned off", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return system_failure("the daemon's memory stays readable", errno);
  return {};
}

}  // namespace

Result<void> Daemon::open_rdp_secrets() {
  if (auto closed = close_memory(); !closed) return closed;
  auto box = rdp::SecretBox::open(configuration_.state_dir / "secrets.key");
  if (!box) return std::unexpected(box.error());
  rdp_->vault = std::make_unique<rdp::CredentialVault>(std::move(*box));
  const auto accounts = store_->rdp_accounts();
  if (!accounts) return std::unexpected(accounts.error());
  for (const auto& row : *accounts) rdp_->vault->put_account(row.name, {row.user, row.sealed});
  const auto credentials = store_->rdp_credentials();
  if (!credentials) return std::unexpected(credentials.error());
  for (const auto& row : *credentials) {
    rdp_->vault->put_credential(row.server, row.user, {row.login, row.domain, row.sealed});
  }
  return {};
}

admin::Outcome Daemon::accounts() {
  const auto rows = store_->rdp_accounts();
  if (!rows) return unavailable(rows.error());
  auto list = nlohmann::json::array();
  for (const auto& row : *rows) {
    list.push_back(
        {{"name", row.name}, {"user", row.user}, {"author", row.author}, {"created", format_time(row.created)}});
  }
  return nlohmann::json{{"accounts", std::move(list)}};
}

admin::Outcome Daemon::set_account(const admin::AccountRequest& request, const admin::Peer& peer) {
  if (!rdp_) return fault(409, no_rdp);
  if (!snapshot_.policy->document().users.contains(request.user)) {
    return fault(404, {"there is no user " + request.user + " in the policy",
                       "name the user whose account it is: gatehouse account set NAME --user USER"});
  }
  if (auto checked = rdp::check_password(request.password); !checked) return fault(400, checked.error());
  const auto hash = rdp::nt_hash(request.password);
  const store::RdpAccountRow row{.name = rdp::account_key(request.name),
                                 .user = request.user,
                                 .sealed = rdp_->vault->seal_account(request.name, request.user, hash),
                                 .author = peer.text(),
                                 .created = now()};
  auto set = store_->set_rdp_account(row, audit_of("account_set", row.author, row.name + ", of user " + row.user));
  if (!set) return unavailable(set.error());
  rdp_->vault->put_account(row.name, {row.user, row.sealed});
  spdlog::info("account {} of user {} set by {}", row.name, row.user, row.author);
  return nlohmann::json{{"name", row.name}, {"user", row.user}};
}

admin::Outcome Daemon::remove_account(const std::string& name, const admin::Peer& peer) {
  const auto key = rdp::account_key(name);
  // In the vault first: whatever the disk says, nobody logs in with it any more.
  if (rdp_) rdp_->vault->remove_account(key);
  const auto removed = store_->remove_rdp_account(key, audit_of("account_removed", peer.text(), key));
  if (!removed) return unavailable(removed.error());
  if (!*removed) return fault(404, {"there is no account " + key, "`gatehouse account list` lists them"});
  spdlog::info("account {} removed by {}", key, peer.text());
  return nlohmann::json{{"removed", key}};
}

admin::Outcome Daemon::credentials() {
  const auto rows = store_->rdp_credentials();
  if (!rows) return unavailable(rows.error());
  auto list = nlohmann::json::array();
  for (const auto& row : *rows) {
    list.push_back({{"server", row.server},
                    {"user", json_of_user(row.user)},
                    {"login", row.login},
                    {"domain", row.domain},
                    {"author", row.author},
                    {"created", format_time(row.created)}});
  }
  return nlohmann::json{{"credentials", std::move(list)}};
}

admin::Outcome Daemon::set_credential(const admin::CredentialRequest& request, const admin::Peer& peer) {
  if (!rdp_) return fault(409, no_rdp);
  const auto& document = snapshot_.policy->document();
  if (!document.servers.contains(request.server)) {
    return fault(404,
                 {"there is no server " + request.server + " in the policy", "`gatehouse server list` lists them"});
  }
  if (!request.user.empty() && !document.users.contains(request.user)) {
    return fault(404, {"there is no user " + request.user + " in the policy", "`gatehouse user list` lists them"});
  }
  if (auto checked = rdp::check_password(request.password); !checked) return fault(400, checked.error());
  const rdp::Secret password(request.password);
  store::RdpCredentialRow row{.server = request.server,
                              .user = request.user,
                              .login = request.login,
                              .domain = request.domain,
                              .sealed = {},
                              .author = peer.text(),
                              .created = now()};
  row.sealed = rdp_->vault->seal_credential(row.server, row.user, row.login, row.domain, password);
  auto set =
      store_->set_rdp_credential(row, audit_of("credential_set", row.author, text_of(row) + ", login " + row.login));
  if (!set) return unavailable(set.error());
  rdp_->vault->put_credential(row.server, row.user, {row.login, row.domain, row.sealed});
  spdlog::info("credentials for server {} set by {}", text_of(row), row.author);
  return nlohmann::json{
      {"server", row.server}, {"user", json_of_user(row.user)}, {"login", row.login}, {"domain", row.domain}};
}

admin::Outcome Daemon::remove_credential(const admin::CredentialName& request, const admin::Peer& peer) {
  store::RdpCredentialRow row;
  row.server = request.server;
  row.user = request.user;
  if (rdp_) rdp_->vault->remove_credential(row.server, row.user);
  const auto removed =
      store_->remove_rdp_credential(row.server, row.user, audit_of("credential_removed", peer.text(), text_of(row)));
  if (!removed) return unavailable(removed.error());
  if (!*removed) {
    return fault(404,
                 {"there are no credentials for server " + text_of(row), "`gatehouse credential list` lists them"});
  }
  spdlog::info("credentials for server {} removed by {}", text_of(row), peer.text());
  return nlohmann::json{{"server", row.server}, {"user", json_of_user(row.user)}};
}

}  // namespace gatehouse::daemon
