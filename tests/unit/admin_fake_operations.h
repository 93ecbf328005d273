// A daemon that only remembers what it was asked: what the API and the command are tested against. What translates HTTP
// must hand over exactly what was asked, and give out exactly what it was told.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "admin/http_server.h"
#include "admin/operations.h"
#include "support/directories.h"

namespace gatehouse::test {

class FakeOperations : public admin::Operations {
 public:
  // Given out for the verb of this name; without one an empty object.
  std::map<std::string, admin::Outcome> outcomes;
  std::map<std::string, std::function<admin::Outcome()>> scripts;  // before `outcomes`

  std::vector<policy::SourceText> texts;
  std::optional<std::uint64_t> expected_version;
  std::optional<std::uint64_t> version_asked;
  admin::VersionsRequest versions_asked;
  admin::CheckRequest checked;
  admin::SessionsRequest sessions_asked;
  admin::VisitsRequest visits_asked;
  admin::AuditRequest audit_asked;
  admin::VerifyRequest verified;
  std::vector<std::uint64_t> ids;
  std::optional<std::string> user;
  admin::BansRequest bans_asked;
  std::vector<admin::BanRequest> bans_added;
  admin::RemoveBansRequest bans_removed;
  admin::DevicesRequest devices_asked;
  admin::ApproveRequest approved;
  admin::DeviceBanImport imported;
  admin::RecordingsRequest recordings_asked;
  std::string text_searched;
  admin::PruneRequest pruned;
  std::uint64_t pass_asked = 0;
  admin::TokenRequest token_added;
  std::vector<std::string> tokens_removed;
  std::string server_trusted;
  admin::AccountRequest account_set;
  std::string account_removed;
  admin::CredentialRequest credential_set;
  admin::CredentialName credential_removed;
  admin::Peer peer;

  std::vector<std::string> calls() const {
    const std::lock_guard guard(mutex_);
    return calls_;
  }

  admin::Outcome status() override { return tell("status"); }
  admin::Outcome plan(const std::vector<policy::SourceText>& wanted) override {
    texts = wanted;
    return tell("plan");
  }
  admin::Outcome apply(const std::vector<policy::SourceText>& wanted, std::optional<std::uint64_t> version,
                       const admin::Peer& asker) override {
    texts = wanted;
    expected_version = version;
    peer = asker;
    return tell("apply");
  }
  admin::Outcome policy_text(std::optional<std::uint64_t> version) override {
    version_asked = version;
    return tell("policy_text");
  }
  admin::Outcome policy_versions(const admin::VersionsRequest& request) override {
    versions_asked = request;
    return tell("policy_versions");
  }
  admin::Outcome check(const admin::CheckRequest& request) override {
    checked = request;
    return tell("check");
  }
  admin::Outcome sessions(const admin::SessionsRequest& request) override {
    sessions_asked = request;
    return tell("sessions");
  }
  admin::Outcome visits(const admin::VisitsRequest& request) override {
    visits_asked = request;
    return tell("visits");
  }
  admin::Outcome kill(const std::vector<std::uint64_t>& wanted, const std::optional<std::string>& name,
                      const admin::Peer& asker) override {
    ids = wanted;
    user = name;
    peer = asker;
    return tell("kill");
  }
  admin::Outcome bans(const admin::BansRequest& request) override {
    bans_asked = request;
    return tell("bans");
  }
  admin::Outcome ban_history(const admin::BansRequest& request) override {
    bans_asked = request;
    return tell("ban_history");
  }
  admin::Outcome add_bans(const std::vector<admin::BanRequest>& requests, const admin::Peer& asker) override {
    bans_added = requests;
    peer = asker;
    return tell("add_bans");
  }
  admin::Outcome remove_bans(const admin::RemoveBansRequest& request, const admin::Peer& asker) override {
    bans_removed = request;
    peer = asker;
    return tell("remove_bans");
  }
  admin::Outcome devices(const admin::DevicesRequest& request) override {
    devices_asked = request;
    return tell("devices");
  }
  admin::Outcome approve_devices(const admin::ApproveRequest& request, const admin::Peer& asker) override {
    approved = request;
    peer = asker;
    return tell("approve_devices");
  }
  admin::Outcome import_device_bans(const admin::DeviceBanImport& request, const admin::Peer& asker) override {
    imported = request;
    peer = asker;
    return tell("import_device_bans");
  }
  admin::Outcome audit(const admin::AuditRequest& request) override {
    audit_asked = request;
    return tell("audit");
  }
  admin::Outcome verify_audit(const admin::VerifyRequest& request) override {
    verified = request;
    return tell("verify_audit");
  }
  admin::Outcome authority() override { return tell("authority"); }
  admin::Outcome trust_backend(const std::string& server, const admin::Peer& asker) override {
    server_trusted = server;
    peer = asker;
    return tell("trust_backend");
  }
  admin::Outcome rotate_authority(const admin::Peer& asker) override {
    peer = asker;
    return tell("rotate_authority");
  }
  admin::Outcome accounts() override { return tell("accounts"); }
  admin::Outcome set_account(const admin::AccountRequest& request, const admin::Peer& asker) override {
    account_set = request;
    peer = asker;
    return tell("set_account");
  }
  admin::Outcome remove_account(const std::string& name, const admin::Peer& asker) override {
    account_removed = name;
    peer = asker;
    return tell("remove_account");
  }
  admin::Outcome credentials() override { return tell("credentials"); }
  admin::Outcome set_credential(const admin::CredentialRequest& request, const admin::Peer& asker) override {
    credential_set = request;
    peer = asker;
    return tell("set_credential");
  }
  admin::Outcome remove_credential(const admin::CredentialName& request, const admin::Peer& asker) override {
    credential_removed = request;
    peer = asker;
    return tell("remove_credential");
  }
  admin::Outcome recordings(const admin::RecordingsRequest& request) override {
    recordings_asked = request;
    return tell("recordings");
  }
  admin::Outcome search_recordings(const admin::RecordingsRequest& request, const std::string& text) override {
    recordings_asked = request;
    text_searched = text;
    return tell("search_recordings");
  }
  admin::Outcome recording_key() override { return tell("recording_key"); }
  admin::Outcome prune_recordings(const admin::PruneRequest& request, const admin::Peer& asker) override {
    pruned = request;
    peer = asker;
    return tell("prune_recordings");
  }
  admin::Outcome prune_outcome(std::uint64_t pass) override {
    pass_asked = pass;
    return tell("prune_outcome");
  }
  std::uint64_t recording_asked = 0;
  std::string file_asked;
  // What recording_file() opens; also while a server runs.
  void give_file(const std::filesystem::path& file) {
    const std::lock_guard guard(mutex_);
    file_given_ = file;
  }
  admin::Outcome recording(std::uint64_t id, const admin::Peer& asker) override {
    recording_asked = id;
    peer = asker;
    return tell("recording");
  }
  std::expected<admin::OpenFile, admin::Fault> recording_file(std::uint64_t id, const std::string& name,
                                                              const admin::Peer& asker) override {
    recording_asked = id;
    file_asked = name;
    peer = asker;
    if (auto told = tell("recording_file"); !told) return std::unexpected(told.error());
    const std::lock_guard guard(mutex_);
    return admin::OpenFile{Fd(::open(file_given_.c_str(), O_RDONLY | O_CLOEXEC)),
                           std::filesystem::file_size(file_given_)};
  }
  admin::Outcome tokens() override { return tell("tokens"); }
  admin::Outcome add_token(const admin::TokenRequest& request, const admin::Peer& asker) override {
    token_added = request;
    peer = asker;
    return tell("add_token");
  }
  admin::Outcome remove_tokens(const std::vector<std::string>& names, const admin::Peer& asker) override {
    tokens_removed = names;
    peer = asker;
    return tell("remove_tokens");
  }
  admin::Outcome reload(const admin::Peer& asker) override {
    peer = asker;
    return tell("reload");
  }
  admin::Outcome restart(const admin::Peer& asker) override {
    peer = asker;
    return tell("restart");
  }

 private:
  admin::Outcome tell(const std::string& verb) {
    const std::lock_guard guard(mutex_);
    calls_.push_back(verb);
    if (const auto script = scripts.find(verb); script != scripts.end()) return script->second();
    const auto found = outcomes.find(verb);
    return found == outcomes.end() ? admin::Outcome(nlohmann::json::object()) : found->second;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> calls_;
  std::filesystem::path file_given_;
};

inline admin::Fault fault(int status, std::string what, std::string mend) {
  return {status, {std::move(what), std::move(mend)}, {}};
}

// The API on a real socket in a directory of its own, its loop on a thread of its own.
class RunningServer {
 public:
  explicit RunningServer(admin::HttpLimits limits = {}) {
    auto started = admin::HttpServer::start(
        context_, {.socket = socket(), .group = std::nullopt, .limits = limits, .events = events}, operations);
    if (!started) throw std::runtime_error(started.error().text());
    server_ = std::move(*started);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~RunningServer() { stop(); }
  RunningServer(const RunningServer&) = delete;
  RunningServer& operator=(const RunningServer&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(context_, [this] { server_.reset(); });
    work_.reset();
    thread_.join();
  }

  [[nodiscard]] std::filesystem::path socket() const { return directory_.path() / "control.sock"; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_.path(); }

  FakeOperations operations;
  std::shared_ptr<admin::EventHub> events = std::make_shared<admin::EventHub>(7);

 private:
  TemporaryDirectory directory_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::unique_ptr<admin::HttpServer> server_;
  std::thread thread_;
};

}  // namespace gatehouse::test
