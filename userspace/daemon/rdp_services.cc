// Daemon: what sessions of kind rdp share: workers, the gateway's own certificates, and which backend showed which.
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <filesystem>

#include "daemon/daemon.h"
#include "daemon/json.h"

namespace gatehouse::daemon {

namespace {

// Beside the daemon, or where both were installed to.
std::filesystem::path worker_beside(const std::filesystem::path& daemon) {
  const auto directory = daemon.parent_path();
  const auto beside = directory / "gatehouse-rdp";
  std::error_code ignored;
  return std::filesystem::exists(beside, ignored) ? beside
                                                  : directory.parent_path() / "libexec/gatehouse/gatehouse-rdp";
}

}  // namespace

Result<void> Daemon::open_rdp_services() {
  if (!configuration_.rdp) return {};
  auto authority = rdp::Authority::open(configuration_.state_dir / "ca");
  if (!authority) return std::unexpected(authority.error());
  const auto rows = store_->backend_certificates();
  if (!rows) return std::unexpected(rows.error());
  std::map<std::string, std::string> known;
  for (const auto& row : *rows) known.emplace(row.server, row.fingerprint);
  // Both are told on an event loop, which waits for no disk.
  const auto remember = [this](const std::string& server, const std::string& fingerprint) {
    boost::asio::post(context_, [this, server, fingerprint] { keep_backend(server, fingerprint, {}); });
  };
  const auto changed = [this](const std::string& server, const std::string& fingerprint) {
    boost::asio::post(context_, [this, server, fingerprint] {
      alarms_.raise("backend_certificate", {"server " + server + " shows another certificate than before, " +
                                                fingerprint + ": no session to it begins",
                                            "if that is right: gatehouse server trust " + server});
      static_cast<void>(store_->submit_audit(audit_of("backend_changed", {}, server + " " + fingerprint)));
    });
  };
  rdp_ = std::make_shared<gate::RdpServices>();
  rdp_->authority = std::move(*authority);
  rdp_->certificates = std::make_unique<rdp::FrontCertificates>(*rdp_->authority, configuration_.rdp->certificates);
  if (auto loaded = rdp_->certificates->load(); !loaded) return loaded;
  if (auto opened = open_rdp_secrets(); !opened) return opened;
  rdp_->backend_judged = [this](const std::string& server, const std::optional<std::string>& fault) {
    boost::asio::post(context_, [this, server, fault] { take_backend_judgement(server, fault); });
  };
  rdp_->backends = std::make_unique<rdp::TrustedBackends>(std::move(known), remember, changed);
  const auto worker = configuration_.rdp->worker.empty() ? worker_beside(binary_) : configuration_.rdp->worker;
  rdp_->workers =
      std::make_unique<rdp::WorkerPool>(rdp::WorkerOptions{.program = worker, .uid = configuration_.rdp->user});
  rdp_->backend_security = configuration_.rdp->backend_security;
  rdp_->clipboard_text = configuration_.rdp->clipboard_text;
  rdp_->keep_files = configuration_.rdp->keep_files;
  rdp_->keys = configuration_.rdp->keys;
  if (auto ready = open_recordings(); !ready) return ready;
  configuration_.gate.rdp = rdp_;
  return {};
}

Result<void> Daemon::open_recordings() {
  const auto& wanted = *configuration_.rdp;
  if (wanted.recordings.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(wanted.recordings, error);
  // A worker is handed its own directory, open; the way from there to another's, which are of the same account, leads
  // through this one.
  if (!error) {
    using std::filesystem::perms;
    std::filesystem::permissions(wanted.recordings, perms::owner_all, error);
  }
  if (error) {
    return failure("the directory " + wanted.recordings.string() + " cannot be used: " + error.message(),
                   "make it, or name another as `recordings` of `rdp`");
  }
  rdp_->recordings = wanted.recordings;
  auto key = rdp::SigningKey::open(configuration_.state_dir / "recording.key");
  if (!key) return std::unexpected(key.error());
  rdp_->recording_key.emplace(std::move(*key));
  rdp_->recording = wanted.recording;
  rdp_->recorder_uid = wanted.user;
  rdp_->recording_ended = [this](std::uint64_t session, const std::string& fault) {
    boost::asio::post(context_, [this, session, fault] {
      if (fault.empty()) return alarms_.clear("recording");
      alarms_.raise("recording", {"session " + std::to_string(session) + " is not recorded: " + fault,
                                  "free space below " + rdp_->recordings.string() + " or mend the disk"});
      auto row = audit_of("recording_failed", {}, fault);
      row.session_id = session;
      static_cast<void>(store_->submit_audit(std::move(row)));
    });
  };
  rdp_->recording_discarded = [this](std::uint64_t session) {
    boost::asio::post(context_, [this, session] {
      std::error_code fault;
      std::filesystem::remove_all(rdp_->recordings / std::to_string(session), fault);
      if (fault) spdlog::warn("what was to be the recording {} was not removed: {}", session, fault.message());
    });
  };
  recording_keeper_ =
      std::make_unique<RecordingKeeper>(wanted.recordings, wanted.keep_recordings,
                                        [store = store_.get()](const std::string& author, const std::string& detail) {
                                          store::AuditRow row;
                                          row.time = now();
                                          row.action = "recordings_removed";
                                          row.author = author;
                                          row.detail = detail;
                                          return store->write_audit(std::move(row));
                                        });
  return {};
}

void Daemon::keep_backend(const std::string& server, const std::string& fingerprint, const std::string& author) {
  const auto kept = store_->keep_backend_certificate({.server = server, .fingerprint = fingerprint, .since = now()},
                                                     audit_of("backend_trusted", author, server + " " + fingerprint));
  // Until it is written a restart would take the next one it shows for the first.
  if (!kept) spdlog::error("the certificate of server {} was not kept: {}", server, kept.error().text());
}

// Of servers whose certificate is pinned or verified; those that are trusted on first use have an operator for it.
void Daemon::take_backend_judgement(const std::string& server, const std::optional<std::string>& fault) {
  if (!fault) {
    if (refused_backends_.erase(server) > 0 && refused_backends_.empty()) alarms_.clear("backend_certificate");
    return;
  }
  refused_backends_.insert(server);
  alarms_.raise(
      "backend_certificate",
      {"server " + server + " shows a certificate that is not the right one, " + *fault + ": no session to it begins",
       "if it was renewed, write its fingerprint or authority into the policy; if not, somebody is in between"});
  static_cast<void>(store_->submit_audit(audit_of("backend_changed", {}, server + " " + *fault)));
}

admin::Outcome Daemon::authority() {
  if (!rdp_) return fault(404, {"there is no certificate authority", "set `rdp` in the configuration"});
  const auto former = rdp_->authority->former();
  return nlohmann::json{{"certificate", rdp_->authority->certificate()},
                        {"fingerprint", rdp_->authority->fingerprint()},
                        {"expires", format_time(rdp_->authority->expires())},
                        {"former", former ? nlohmann::json(*former) : nlohmann::json()}};
}

admin::Outcome Daemon::rotate_authority(const admin::Peer& peer) {
  if (!rdp_) return fault(404, {"there is no certificate authority", "set `rdp` in the configuration"});
  const auto before = rdp_->authority->fingerprint();
  if (auto rotated = rdp_->authority->rotate(); !rotated) return fault(500, rotated.error());
  const auto after = rdp_->authority->fingerprint();
  spdlog::warn("the certificate authority was rotated by {}: {} is no longer in use", peer.text(), before);
  if (auto written = store_->write_audit(audit_of("authority_rotated", peer.text(), before + " -> " + after));
      !written) {
    return unavailable(written.error());
  }
  return authority();
}

admin::Outcome Daemon::trust_backend(const std::string& server, const admin::Peer& peer) {
  const auto fingerprint = rdp_ ? rdp_->backends->trust_refused(server) : std::nullopt;
  if (!fingerprint) {
    return fault(404, {"server " + server + " has shown no certificate that was refused",
                       "`gatehouse audit --action backend_changed` lists those that were"});
  }
  keep_backend(server, *fingerprint, peer.text());
  if (refused_backends_.empty()) alarms_.clear("backend_certificate");
  return nlohmann::json{{"server", server}, {"fingerprint", *fingerprint}};
}

}  // namespace gatehouse::daemon
