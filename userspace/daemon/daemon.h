// The daemon: opens the store and the data plane, starts the gate and the API, keeps them in step, and takes them down
// in an order in which nothing is let through. What operators ask (admin::Operations) is done here, on the control
// thread, which is the thread of run().
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "admin/http_server.h"
#include "admin/operations.h"
#include "admin/tls_server.h"
#include "daemon/alarms.h"
#include "daemon/configuration.h"
#include "daemon/console_follower.h"
#include "daemon/event_feed.h"
#include "daemon/login_records.h"
#include "daemon/recording_keeper.h"
#include "daemon/recording_views.h"
#include "gate/gate.h"
#include "gate/rdp_forwarder.h"
#include "gate/rendezvous.h"
#include "kernel/dataplane.h"
#include "policy/engine.h"
#include "store/store.h"

namespace gatehouse::daemon {

class Daemon final : public admin::Operations {
 public:
  // Everything is up and the loops accept when this returns. On failure what was begun is taken down; the kernel goes
  // on rejecting.
  // `binary` is what restart() would execute.
  static Result<std::unique_ptr<Daemon>> start(Configuration configuration, std::filesystem::path configuration_file,
                                               std::filesystem::path binary);
  ~Daemon() override;
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  enum class Ending { stop, execute_anew };
  // Until SIGTERM, SIGINT or restart(). Takes everything down before it returns.
  Ending run();
  // After run() said execute_anew: copies of the listening sockets.
  [[nodiscard]] std::vector<int> listening_descriptors() const { return listeners_.descriptors(); }

  admin::Outcome status() override;
  admin::Outcome plan(const std::vector<policy::SourceText>& texts) override;
  admin::Outcome apply(const std::vector<policy::SourceText>& texts, std::optional<std::uint64_t> expected_version,
                       const admin::Peer& peer) override;
  admin::Outcome policy_text(std::optional<std::uint64_t> version) override;
  admin::Outcome policy_versions(const admin::VersionsRequest& request) override;
  admin::Outcome check(const admin::CheckRequest& request) override;
  admin::Outcome sessions(const admin::SessionsRequest& request) override;
  admin::Outcome visits(const admin::VisitsRequest& request) override;
  admin::Outcome kill(const std::vector<std::uint64_t>& ids, const std::optional<std::string>& user,
                      const admin::Peer& peer) override;
  admin::Outcome bans(const admin::BansRequest& request) override;
  admin::Outcome ban_history(const admin::BansRequest& request) override;
  admin::Outcome add_bans(const std::vector<admin::BanRequest>& requests, const admin::Peer& peer) override;
  admin::Outcome remove_bans(const admin::RemoveBansRequest& request, const admin::Peer& peer) override;
  admin::Outcome devices(const admin::DevicesRequest& request) override;
  admin::Outcome approve_devices(const admin::ApproveRequest& request, const admin::Peer& peer) override;
  admin::Outcome import_device_bans(const admin::DeviceBanImport& request, const admin::Peer& peer) override;
  admin::Outcome audit(const admin::AuditRequest& request) override;
  admin::Outcome verify_audit(const admin::VerifyRequest& request) override;
  admin::Outcome authority() override;
  admin::Outcome trust_backend(const std::string& server, const admin::Peer& peer) override;
  admin::Outcome rotate_authority(const admin::Peer& peer) override;
  admin::Outcome accounts() override;
  admin::Outcome set_account(const admin::AccountRequest& request, const admin::Peer& peer) override;
  admin::Outcome remove_account(const std::string& name, const admin::Peer& peer) override;
  admin::Outcome credentials() override;
  admin::Outcome set_credential(const admin::CredentialRequest& request, const admin::Peer& peer) override;
  admin::Outcome remove_credential(const admin::CredentialName& request, const admin::Peer& peer) override;
  admin::Outcome recordings(const admin::RecordingsRequest& request) override;
  admin::Outcome search_recordings(const admin::RecordingsRequest& request, const std::string& text) override;
  admin::Outcome recording_key() override;
  admin::Outcome prune_recordings(const admin::PruneRequest& request, const admin::Peer& peer) override;
  admin::Outcome prune_outcome(std::uint64_t pass) override;
  admin::Outcome recording(std::uint64_t id, const admin::Peer& peer) override;
  std::expected<admin::OpenFile, admin::Fault> recording_file(std::uint64_t id, const std::string& name,
                                                              const admin::Peer& peer) override;
  admin::Outcome tokens() override;
  admin::Outcome add_token(const admin::TokenRequest& request, const admin::Peer& peer) override;
  admin::Outcome remove_tokens(const std::vector<std::string>& names, const admin::Peer& peer) override;
  admin::Outcome reload(const admin::Peer& peer) override;
  admin::Outcome restart(const admin::Peer& peer) override;

 private:
  Daemon(Configuration configuration, std::filesystem::path configuration_file, std::filesystem::path binary);

  // life cycle (life_cycle.cc)
  Result<void> open();
  Result<void> open_listeners();
  void take_down();
  void wait_for_signals();

  // upkeep (upkeep.cc)
  void start_upkeep();
  void every(boost::asio::steady_timer& timer, std::chrono::milliseconds period, void (Daemon::*work)());
  void sweep();
  void retain();
  void follow_recordings();
  void reconcile();
  void keep_watchdog();

  // kernel events (kernel_events.cc)
  void wait_for_kernel_events();
  void take_kernel_event(const deny_event& event);
  void record_kernel_event(const deny_event& event);
  void record_withheld_kernel_events();

  // services of kind rustdesk (rendezvous.cc)
  Result<void> open_rendezvous();
  void keep_devices();  // what changed of them, into the store
  // Before bans of ids are written: uuid and key of these devices, or a death right afterwards would leave a ban that
  // the same machine walks around under another id.
  Result<void> keep_devices_of(const std::vector<store::BanRow>& bans);
  [[nodiscard]] bool asks_for_approval() const;
  [[nodiscard]] nlohmann::json rustdesk_status();
  void follow_rendezvous();
  void take_dropped_heartbeat(const deny_event& event);

  // bans of a RustDesk console (console_bans.cc)
  void begin_console();  // anew, as the configuration says
  void look_at_console();
  void take_console(ConsoleFinding finding);
  void take_console_step();
  [[nodiscard]] admin::Outcome take_console_bans(std::size_t most);

  // sessions of kind rdp (rdp_services.cc)
  Result<void> open_rdp_services();
  Result<void> open_recordings();
  Result<void> open_rdp_secrets();
  void take_backend_judgement(const std::string& server, const std::optional<std::string>& fault);
  void keep_backend(const std::string& server, const std::string& fingerprint, const std::string& author);

  // the API over TLS (remote_api.cc, operations_tokens.cc)
  void follow_remote_api();
  Result<void> load_tokens();
  void record_failed_login(const admin::FailedLogin& login);
  void record_withheld_logins();

  // recordings (operations_recording_views.cc)
  [[nodiscard]] std::expected<Fd, admin::Fault> open_recording(std::uint64_t id, const admin::Peer& peer);

  // changes (changes.cc): what a new snapshot means for loops, kernel and verdicts
  struct Consequences {
    std::size_t sessions_ended = 0;
    std::size_t verdicts_removed = 0;
    std::optional<Error> fault;  // what the kernel did not take; it is tried again
  };
  Consequences put_in_force(policy::Snapshot snapshot);
  Result<void> steer(const policy::Policy& policy);
  std::size_t follow_devices(const gate::DeviceConsequences& devices);  // the number of sessions that it ended
  [[nodiscard]] admin::Outcome not_taken_by_the_kernel(std::uint64_t version, const Error& error) const;
  Result<std::size_t> remove_untrue_verdicts();
  void follow_bans(const Result<void>& changed);
  void expire_bans();
  admin::Outcome add_bans_of(const std::vector<admin::BanRequest>& requests, const std::string& author);
  admin::Outcome remove_bans_of(const admin::RemoveBansRequest& request, const std::string& author);
  [[nodiscard]] nlohmann::json notes_on(const std::vector<store::BanRow>& rows) const;
  store::AuditRow audit_of(std::string action, const std::string& author, std::string detail) const;

  Configuration configuration_;
  std::filesystem::path configuration_file_;
  std::filesystem::path binary_;
  WallTime started_;
  std::chrono::steady_clock::time_point started_steady_;
  Alarms alarms_;

  // In the order in which they come up; they go down in the opposite one.
  boost::asio::io_context context_{1};
  std::unique_ptr<EventFeed> events_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<kernel::Dataplane> dataplane_;
  gate::Listeners listeners_;
  policy::Snapshot snapshot_;
  std::shared_ptr<gate::RdpServices> rdp_;             // nullptr: not wanted
  std::unique_ptr<RecordingKeeper> recording_keeper_;  // nullptr: nothing is recorded
  std::unique_ptr<LoginRecords> logins_;               // nullptr: not wanted
  std::shared_ptr<gate::Rendezvous> rendezvous_;
  std::unique_ptr<ConsoleFollower> console_;  // nullptr: no console is followed
  std::unique_ptr<gate::Gate> gate_;
  std::unique_ptr<admin::HttpServer> server_;
  std::shared_ptr<const admin::TokenTable> tokens_;
  std::unique_ptr<admin::TlsServer> tls_server_;  // nullptr: not wanted, or not possible now
  std::string api_certificate_;                   // identity of the one in use

  boost::asio::signal_set signals_;
  boost::asio::steady_timer sweep_timer_;
  boost::asio::steady_timer reconcile_timer_;
  boost::asio::steady_timer watchdog_timer_;
  boost::asio::steady_timer restart_timer_;
  boost::asio::steady_timer console_timer_;
  boost::asio::posix::stream_descriptor kernel_events_;
  kernel::Drift last_drift_;
  std::optional<WallTime> last_reconciled_;
  std::optional<WallTime> next_ban_end_ = WallTime{};  // at first: look whether some ended while nobody was there
  std::chrono::steady_clock::time_point next_retention_;
  std::uint64_t recorded_kernel_events_ = 0;  // in this second
  std::uint64_t withheld_kernel_events_ = 0;  // since the last row that says how many
  std::uint64_t unaudited_kernel_events_ = 0;
  std::uint64_t recorded_logins_ = 0;  // failed ones, in this second
  std::uint64_t withheld_logins_ = 0;
  RecordingViews recording_views_;
  std::vector<store::DeviceRow> unkept_devices_;              // that the store did not take yet
  std::unordered_map<std::string, WallTime> heartbeat_rows_;  // of dropped heartbeats: the last row of each device
  ConsoleFinding console_finding_;                            // what is still to be taken over
  std::uint64_t console_number_ = 0;                          // of `console_`: a former one's finding counts no longer
  std::size_t console_step_ = 0;                              // bans that are taken over at once
  bool console_busy_ = false;                                 // it looks, or what it found is taken over
  bool console_anew_ = true;                                  // not all that it found was taken over
  bool tokens_are_stale_ = false;                             // they could not be read anew: tried again
  std::uint64_t seen_verdict_failures_ = 0;
  std::uint64_t seen_descriptor_failures_ = 0;
  std::set<std::string> refused_backends_;  // that the alarm is about
  bool verdicts_are_stale_ = false;         // some that are no longer true could not be removed
  Ending ending_ = Ending::stop;
};

}  // namespace gatehouse::daemon
