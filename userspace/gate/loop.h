// One event loop of the gate: a thread, its listeners, its sessions, its snapshot. All state belongs to the thread;
// others send messages with ask(). A message runs between two events, never in the middle of one.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gate/gate.h"
#include "relay/pipe_pool.h"

namespace gatehouse::gate {

struct RdpActivation;

class Loop {
 public:
  Loop(std::size_t number, const GateOptions& options, policy::Snapshot snapshot, store::Store& store,
       kernel::Dataplane& dataplane, std::atomic<std::size_t>& open_everywhere, Presence& presence,
       SessionWatcher* watcher);
  ~Loop();  // joins; the sessions must have been ended
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Before run(): the descriptors stay the caller's; the loop accepts from duplicates.
  Result<void> add_listener(int descriptor);
  void run();  // starts the thread

  // Runs `work(*this)` on the loop's thread and returns what it returned.
  template <typename Work>
  auto ask(Work work) -> std::invoke_result_t<Work, Loop&> {
    std::packaged_task<std::invoke_result_t<Work, Loop&>()> task([this, &work] { return work(*this); });
    auto answer = task.get_future();
    boost::asio::post(context_, [&task] { task(); });
    return answer.get();
  }

  // ---- on the loop's thread only
  // Decisions are made with it from now on; live sessions are judged by judge_some().
  void publish(const policy::Snapshot& snapshot);
  // Judges live sessions for a few milliseconds, adding to `ended` those that have been; false: all are judged.
  bool judge_some(std::size_t& ended);
  void set_options(const GateOptions& options) { options_ = options; }
  [[nodiscard]] std::vector<LiveSession> sessions() const;
  std::vector<std::uint64_t> end_sessions(const std::vector<std::uint64_t>& ids, policy::EndReason reason,
                                          const std::string& detail);
  void end_all(policy::EndReason reason);
  void stop_accepting();
  // With those of which the decision hook is being asked.
  [[nodiscard]] std::size_t open_sessions() const { return sessions_.size() + hook_.asking(); }
  [[nodiscard]] GateCounters counters() const;

  void finish();  // from another thread: stops the loop and joins it
  // After finish(): the audit rows that the store had no room for.
  [[nodiscard]] std::vector<store::AuditRow> take_unaudited() { return std::exchange(unaudited_, {}); }

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<LoopExecutor>;
  using Timer = relay::Timer;

  Task<void> accept_from(Descriptor& listener);
  Task<void> tick();
  void accepted(Fd client);
  void refuse_one_without_descriptor(int listener);
  // A connection on its way to a session: whose, to what, and what the decision hook said of it.
  struct Arrival {
    Endpoint from;
    Endpoint to;
    HookAnswer hook{};
    [[nodiscard]] policy::Question question(WallTime time) const {
      policy::Question question{from.address, to.address, to.port, policy::Transport::tcp, time, std::nullopt};
      question.user = hook.user;
      return question;
    }
  };
  Task<void> ask_hook(Fd client, Arrival arrival, std::string question);
  void judge(Fd client, const Arrival& arrival);
  void deny(Fd client, const Endpoint& from, const Endpoint& to, const policy::Decision& decision, WallTime time,
            const std::string& detail = {});
  void refuse(Fd client, const Endpoint& from, const Endpoint& to, const policy::Decision& decision,
              policy::Reason reason, WallTime time, const std::string& detail = {});
  // These two return false where it was denied or refused after all.
  bool admit(Fd client, const Arrival& arrival, policy::Question question, const Presence::Entry& entry, bool room);
  bool open(Fd client, const Arrival& arrival, const policy::Decision& decision, std::uint64_t visit, WallTime time);
  [[nodiscard]] std::shared_ptr<Session> new_session(const Arrival& arrival, const policy::Decision& decision,
                                                     std::uint64_t visit) const;
  [[nodiscard]] relay::RelayOptions relay_options(const Session& session, const policy::Service& spec) const;
  [[nodiscard]] store::SessionRow session_row(const Session& session, WallTime time) const;
  void begin(const std::shared_ptr<Session>& session);
  // RDP through workers (rdp_admission.cc)
  [[nodiscard]] bool opens_later(const policy::Decision& decision) const;
  std::unique_ptr<Forwarder> rdp_forwarder(Session& session, relay::Socket client, const policy::Decision& decision);
  bool explain(Fd& client, const Endpoint& from, const Endpoint& to, const policy::Decision& decision);
  void activate(const std::shared_ptr<Session>& session, std::optional<std::uint64_t> continued,
                std::shared_ptr<RdpActivation> activation);
  std::function<void()> cut_of(const std::shared_ptr<Session>& session);
  void begin_session(const std::shared_ptr<Session>& session);
  void go_on_with(const std::shared_ptr<Session>& session, const ReconnectBook::Place& place);
  void write_opening(const std::shared_ptr<Session>& session, const ReconnectBook::Place& place,
                     const std::string& detail = {});
  void refuse_activation(Session& session, policy::Reason reason);
  void take_activation(Session& session);
  bool goes_on_elsewhere(const Session& session, const relay::RelayOutcome& outcome);
  void leave(const std::string& user, const store::SessionEnd& end, Presence::Place place = Presence::Place::taken);
  void rows_are_settled(std::shared_ptr<Session> session, bool ok);
  void take_settled();
  Task<void> run_session(std::shared_ptr<Session> session);
  Task<relay::RelayOutcome> carry(Session& session);
  void ended(const std::shared_ptr<Session>& session, const relay::RelayOutcome& outcome);
  [[nodiscard]] std::vector<std::shared_ptr<Session>> all_sessions() const;
  bool judge_again(Session& session, WallTime time);  // false: it has ended the session
  void take_terms(Session& session, const policy::Decision& decision);
  // rdp_login.cc. Where it is allowed it counts in every judgement from then on.
  policy::Decision judge_login(Session& session, const std::string& login, const std::string& domain);
  void announce_end(Session& session, WallTime time) const;
  void audit(store::AuditRow row);
  void note(const Session& session, std::string action, std::string detail);
  void hand_in_unaudited();
  void count_given_up(const Session& session);
  store::AuditRow audit_row(std::string action, const Endpoint& from, const Endpoint& to,
                            const policy::Decision& decision, WallTime time) const;

  std::size_t number_;
  GateOptions options_;
  policy::Snapshot snapshot_;
  store::Store& store_;
  kernel::Dataplane& dataplane_;
  std::atomic<std::size_t>& open_everywhere_;  // the sessions of all loops; each counts its own
  Presence& presence_;                         // of all loops
  SessionWatcher* watcher_;                    // nullptr: nobody wants to hear

  relay::PipePool pipes_;  // before what may still hold a relay when the loop goes
  DecisionHook hook_;      // likewise: questions that are under way leave it when the context goes
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<LoopExecutor> work_;
  std::vector<std::unique_ptr<Descriptor>> listeners_;
  Timer tick_timer_;
  Fd spare_;  // given up to be able to accept, and refuse, when descriptors run out
  bool accepting_ = true;
  std::unordered_map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  std::vector<std::shared_ptr<Session>> to_judge_;
  std::mutex settled_mutex_;
  std::vector<std::pair<std::shared_ptr<Session>, bool>> settled_;  // by the store's writer, under the lock
  std::vector<store::AuditRow> unaudited_;  // the store had no room; written before anything else is accepted
  GateCounters counters_;
  std::uint64_t hook_failures_ = 0;
  std::thread thread_;
};

}  // namespace gatehouse::gate
