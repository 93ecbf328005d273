// Daemon: tokens of the API, and what is told of wrong ones.
#include <spdlog/spdlog.h>

#include "daemon/daemon.h"
#include "daemon/json.h"

namespace gatehouse::daemon {
namespace {

constexpr std::uint64_t logins_recorded_in_a_second = 20;  // one by one; the rest as a number

}  // namespace

Result<void> Daemon::load_tokens() {
  const auto rows = store_->tokens();
  if (!rows) return std::unexpected(rows.error());
  std::vector<admin::Token> tokens;
  for (const auto& row : *rows) {
    const auto role = admin::parse_role(row.role);
    if (!role) return std::unexpected(role.error());
    tokens.push_back({row.name, *role, row.hash, row.expires});
  }
  tokens_ = std::make_shared<const admin::TokenTable>(tokens);
  if (tls_server_) tls_server_->set_tokens(tokens_);
  return {};
}

admin::Outcome Daemon::tokens() {
  const auto rows = store_->tokens();
  if (!rows) return unavailable(rows.error());
  auto list = nlohmann::json::array();
  for (const auto& row : *rows) {
    list.push_back({{"name", row.name},
                    {"role", row.role},
                    {"author", row.author},
                    {"created", format_time(row.created)},
                    {"expires", json_of(row.expires)}});
  }
  return nlohmann::json{{"tokens", std::move(list)}};
}

admin::Outcome Daemon::add_token(const admin::TokenRequest& request, const admin::Peer& peer) {
  const auto secret = admin::make_token();
  const store::TokenRow row{.name = request.name,
                            .role = std::string(admin::name(request.role)),
                            .hash = admin::hash_of(secret),
                            .author = peer.text(),
                            .created = now(),
                            .expires = request.expires};
  auto detail = row.name + ", role " + row.role +
                (row.expires ? ", until " + format_time(*row.expires) : std::string(", for ever"));
  const auto added = store_->add_token(row, audit_of("token_added", row.author, std::move(detail)));
  if (!added) return unavailable(added.error());
  if (!*added) {
    return fault(409, {"there is a token " + row.name + " already",
                       "take another name, or remove that one: gatehouse token remove " + row.name});
  }
  spdlog::info("token {} with role {} added by {}", row.name, row.role, row.author);
  if (auto loaded = load_tokens(); !loaded) return unavailable(loaded.error());
  return nlohmann::json{{"name", row.name}, {"role", row.role}, {"expires", json_of(row.expires)}, {"token", secret}};
}

admin::Outcome Daemon::remove_tokens(const std::vector<std::string>& names, const admin::Peer& peer) {
  auto removed = store_->remove_tokens(names, audit_of("token_removed", peer.text(), {}));
  if (!removed) return unavailable(removed.error());
  // Before it is answered: from now on they are nobody's.
  // Where the rest cannot be read, nobody has one until it can.
  if (auto loaded = load_tokens(); !loaded) {
    tokens_ = std::make_shared<const admin::TokenTable>();
    if (tls_server_) tls_server_->set_tokens(tokens_);
    tokens_are_stale_ = true;
    return unavailable(loaded.error());
  }
  std::vector<std::string> unknown;
  std::ranges::copy_if(names, std::back_inserter(unknown),
                       [&](const auto& each) { return std::ranges::find(*removed, each) == removed->end(); });
  if (removed->empty())
    return fault(404, {"there is no token " + unknown.front(), "`gatehouse token list` lists them"});
  spdlog::info("{} tokens removed by {}", removed->size(), peer.text());
  return nlohmann::json{{"removed", *removed}, {"unknown", unknown}};
}

// From many sources at once they must fill neither the disk nor the day of the control thread.
void Daemon::record_failed_login(const admin::FailedLogin& login) {
  if (recorded_logins_ >= logins_recorded_in_a_second) {
    ++withheld_logins_;
    return;
  }
  ++recorded_logins_;
  spdlog::warn("login at the API refused: {} from {}", login.detail, login.source.text());
  auto row = audit_of("login_failed", {}, login.detail);
  row.source = login.source;
  if (!store_->submit_audit(std::move(row))) ++withheld_logins_;
}

void Daemon::record_withheld_logins() {
  recorded_logins_ = 0;
  if (withheld_logins_ == 0) return;
  // Without room it is added to the next second's.
  if (store_->submit_audit(
          audit_of("login_failed", {}, std::to_string(withheld_logins_) + " more, not written one by one"))) {
    withheld_logins_ = 0;
  }
}

}  // namespace gatehouse::daemon
