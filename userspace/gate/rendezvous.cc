#include "gate/rendezvous.h"

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <cerrno>
#include <unordered_set>
#include <utility>

#include "gate/device_findings.h"

namespace gatehouse::gate {

using relay::awaiting;

namespace {

constexpr std::uint64_t recorded_in_a_second = 100;

rustdesk::Carrier carrier_of(policy::RustDeskPort port) {
  const bool websocket =
      port == policy::RustDeskPort::signal_websocket || port == policy::RustDeskPort::relay_websocket;
  return websocket ? rustdesk::Carrier::websocket : rustdesk::Carrier::tcp;
}

rustdesk::PortRole role_of(policy::RustDeskPort port) {
  switch (port) {
    case policy::RustDeskPort::nat:
      return rustdesk::PortRole::nat;
    case policy::RustDeskPort::signal:
    case policy::RustDeskPort::signal_websocket:
      return rustdesk::PortRole::rendezvous;
    case policy::RustDeskPort::relay:
    case policy::RustDeskPort::relay_websocket:
      return rustdesk::PortRole::relay;
  }
  return rustdesk::PortRole::rendezvous;
}

}  // namespace

Result<std::shared_ptr<Rendezvous>> Rendezvous::start(std::uint16_t port, Duration deny_ttl,
                                                      const policy::Snapshot& snapshot, store::Store& store,
                                                      kernel::Dataplane& dataplane) {
  auto datagrams = relay::Datagrams::open(port);
  if (!datagrams) return std::unexpected(datagrams.error());
  std::shared_ptr<Rendezvous> rendezvous(new Rendezvous(std::move(*datagrams), deny_ttl, snapshot, store, dataplane));
  for (const int descriptor : {rendezvous->datagrams_.v4(), rendezvous->datagrams_.v6()}) {
    // The descriptor of the event loop is a duplicate, for it closes what it has.
    const int duplicate = ::dup(descriptor);
    if (duplicate < 0) return system_failure("no descriptor for datagrams", errno);
    rendezvous->descriptors_.push_back(std::make_unique<Descriptor>(rendezvous->context_.get_executor(), duplicate));
  }
  rendezvous->run();
  return rendezvous;
}

Rendezvous::Rendezvous(relay::Datagrams datagrams, Duration deny_ttl, const policy::Snapshot& snapshot,
                       store::Store& store, kernel::Dataplane& dataplane)
    : store_(store),
      dataplane_(dataplane),
      datagrams_(std::move(datagrams)),
      deny_ttl_(deny_ttl),
      work_(context_.get_executor()) {
  take_snapshot(snapshot);
}

Rendezvous::~Rendezvous() {
  stop();
}

void Rendezvous::run() {
  for (const auto& descriptor : descriptors_) {
    boost::asio::co_spawn(context_, receive_from(*descriptor), boost::asio::detached);
  }
  thread_ = std::thread([this] { context_.run(); });
}

void Rendezvous::stop() {
  if (!thread_.joinable()) return;
  context_.stop();
  thread_.join();
}

kernel::ListenerPair Rendezvous::listener() const {
  return {.slot = datagram_slot, .v4 = datagrams_.v4(), .v6 = datagrams_.v6(), .port = 0};
}

void Rendezvous::take_snapshot(const policy::Snapshot& snapshot) {
  const bool bans_changed = snapshot.bans != snapshot_.bans;
  const bool policy_changed = snapshot.policy != snapshot_.policy;
  snapshot_ = snapshot;
  if (bans_changed) inspector_.set_bans(snapshot_.bans);
  if (!policy_changed) return;
  by_proxy_.clear();
  by_server_.clear();
  auto former = std::exchange(services_, {});
  for (const auto& service : snapshot_.policy->services()) {
    if (service.spec.kind != policy::Kind::rustdesk) continue;
    const auto& server = snapshot_.policy->server(service.server);
    const auto id = ids_.emplace(service.name, static_cast<rustdesk::ServiceId>(ids_.size() + 1)).first->second;
    const auto at = services_
                        .emplace(service.name, Service{.id = id,
                                                       .name = service.name,
                                                       .proxy = {service.spec.proxy_ip, service.spec.port},
                                                       .server = {server.address, service.spec.port},
                                                       .options = service.spec.rustdesk})
                        .first;
    by_proxy_.emplace(at->second.proxy, &at->second);
    by_server_.emplace(at->second.server, &at->second);
    const auto before = former.find(service.name);
    if (before == former.end() || !(before->second.options == at->second.options)) {
      inspector_.set_options(id, rustdesk_options_of(service.spec.rustdesk));
    }
    former.erase(service.name);
  }
  for (const auto& [name, gone] : former) inspector_.remove_service(gone.id);
  std::unordered_map<std::string, std::string> files;
  for (const auto& [name, service] : services_) {
    if (service.options.secure_tcp == policy::SecureTcp::terminate) files.emplace(name, service.options.server_key);
  }
  keys_.read(files);
}

DeviceConsequences Rendezvous::publish(const policy::Snapshot& snapshot) {
  return ask([&](rustdesk::Inspector&) {
    const bool bans_changed = snapshot.bans != snapshot_.bans;
    take_snapshot(snapshot);
    return consequences(bans_changed);
  });
}

DeviceConsequences Rendezvous::follow() {
  return ask([this](rustdesk::Inspector&) {
    to_ask_.clear();  // of servers that do not answer
    return consequences(false);
  });
}

DeviceConsequences Rendezvous::consequences(bool bans_changed) {
  DeviceConsequences found;
  for (auto& relay : inspector_.relays_to_close(now())) {
    found.sessions.insert(found.sessions.end(), relay.connections.begin(), relay.connections.end());
    // The row is about the session, whose own rows name the service.
    static_cast<void>(record(nullptr, relay.connections.front(), relay.finding));
  }
  if (bans_changed || !told_bans_ || inspector_.devices().bans_version() != bans_version_) {
    bans_version_ = inspector_.devices().bans_version();
    found.kernel_bans = kernel_changes();
  }
  return found;
}

// A change of one among a million costs what that one does.
kernel::DeviceBanChanges Rendezvous::kernel_changes() {
  static const policy::NameBans none;
  const auto& names = snapshot_.bans->names();
  std::unordered_set<std::string> touched;
  for (auto& ban : names.differing_from(told_bans_ ? told_bans_->names() : none)) {
    if (ban.subject == policy::Subject::device) touched.insert(std::move(ban.name));
  }
  std::unordered_map<std::string, kernel::DeviceBan> dropped;
  for (auto& each : inspector_.dropped_ids(now())) {
    dropped.emplace(each.id, kernel::DeviceBan{each.id, each.ban.expires, each.ban.id});
  }
  for (const auto& [id, ban] : dropped) {
    const auto before = told_dropped_.find(id);
    if (before == told_dropped_.end() || !(before->second == ban)) touched.insert(id);
  }
  for (const auto& [id, ban] : told_dropped_) {
    if (!dropped.contains(id)) touched.insert(id);
  }
  told_bans_ = snapshot_.bans;
  told_dropped_ = std::move(dropped);
  kernel::DeviceBanChanges changes;
  for (const auto& id : touched) {
    if (const auto found = told_dropped_.find(id); found != told_dropped_.end()) {
      changes.put.push_back(found->second);
    } else if (const auto* ban = names.find(policy::Subject::device, id, WallTime::min())) {
      changes.put.push_back({id, ban->expires, ban->id});
    } else {
      changes.gone.push_back(id);
    }
  }
  return changes;
}

bool Rendezvous::may_record() {
  const auto time = now();
  if (time - second_ >= std::chrono::seconds(1) || time < second_) {
    second_ = time;
    recorded_ = 0;
  }
  return ++recorded_ <= recorded_in_a_second;
}

// nullopt: it cannot be read, or what was found cannot be written down: nothing of it passes.
std::optional<rustdesk::Judgement> Rendezvous::judge_bytes(const rustdesk::Context& context, const Service& service,
                                                           std::uint64_t session, rustdesk::Bytes bytes) {
  const auto message = rustdesk::parse(bytes);
  if (!message) {
    ++counters_.unreadable;
    return std::nullopt;
  }
  auto judgement = inspector_.judge(context, *message);
  if (judgement.finding && !record(&service, session, *judgement.finding)) {
    ++counters_.unwritten;
    return std::nullopt;
  }
  return judgement;
}

Task<DeviceVerdict> Rendezvous::judge(DeviceMessage message) {
  auto judged = judge_there(std::move(message));
  co_return co_await boost::asio::co_spawn(context_.get_executor(), std::move(judged), awaiting);
}

Task<DeviceVerdict> Rendezvous::judge_there(DeviceMessage message) {
  co_return judge_here(std::move(message));
}

DeviceVerdict Rendezvous::judge_here(DeviceMessage message) {
  const auto found = services_.find(message.service);
  if (found == services_.end()) return {.what = DeviceVerdict::What::close, .bytes = {}, .detail = "no such service"};
  const auto& service = found->second;
  if (message.bytes.empty()) {  // a keep-alive
    return {.what = DeviceVerdict::What::pass, .bytes = std::move(message.bytes), .detail = {}};
  }
  const rustdesk::Context context{
      .service = service.id,
      .client = message.client,
      .carrier = carrier_of(message.port),
      .role = role_of(message.port),
      .direction = message.from_server ? rustdesk::Direction::to_client : rustdesk::Direction::to_server,
      .connection = message.session,
      .now = now()};
  auto judgement = judge_bytes(context, service, message.session, message.bytes);
  if (!judgement) {
    return {.what = DeviceVerdict::What::close, .bytes = {}, .detail = "a message that cannot be judged"};
  }
  std::string detail = judgement->finding ? std::string(rustdesk::name(judgement->finding->code)) : std::string();
  switch (judgement->action) {
    case rustdesk::Judgement::Action::pass:
      return {.what = DeviceVerdict::What::pass, .bytes = std::move(message.bytes), .detail = {}};
    case rustdesk::Judgement::Action::replace:
      return {.what = DeviceVerdict::What::pass, .bytes = std::move(judgement->bytes), .detail = {}};
    case rustdesk::Judgement::Action::answer:
      return {.what = DeviceVerdict::What::reply, .bytes = std::move(judgement->bytes), .detail = {}};
    case rustdesk::Judgement::Action::answer_and_close:
      return {.what = DeviceVerdict::What::answer, .bytes = std::move(judgement->bytes), .detail = std::move(detail)};
    case rustdesk::Judgement::Action::drop:
      return {.what = DeviceVerdict::What::drop, .bytes = {}, .detail = {}};
    case rustdesk::Judgement::Action::close:
      return {.what = DeviceVerdict::What::close, .bytes = {}, .detail = std::move(detail)};
  }
  return {};
}

// False: the store has no room for it.
bool Rendezvous::record(const Service* service, std::uint64_t session, const rustdesk::Finding& finding) {
  if (session == 0 && !may_record()) return true;  // datagrams: counted, and limited like what the kernel reports
  store::AuditRow row;
  row.time = now();
  row.action = finding.denied ? "device_refused" : "device_let_through";
  if (service != nullptr) {
    row.service = service->name;
    row.destination = service->proxy;
  }
  row.source = finding.source.address;
  if (finding.denied) row.reason = policy::Reason::banned_device;
  row.session_id = session;
  row.detail = text_of(finding);
  return store_.submit_audit(std::move(row));
}

std::vector<rustdesk::DeviceEntry> Rendezvous::take_changed(std::size_t at_most) {
  if (!thread_.joinable()) return inspector_.devices().take_changed(at_most);
  return ask([&](rustdesk::Inspector& inspector) { return inspector.devices().take_changed(at_most); });
}

RendezvousCounters Rendezvous::counters() {
  return ask([this](rustdesk::Inspector& inspector) {
    auto copy = counters_;
    copy.devices = inspector.devices().size();
    copy.relay_tickets = inspector.tickets().size();
    copy.judged = inspector.counters();
    return copy;
  });
}

void Rendezvous::set_deny_ttl(Duration deny_ttl) {
  ask([&](rustdesk::Inspector&) { deny_ttl_ = deny_ttl; });
}

void Rendezvous::left(std::uint64_t session) {
  boost::asio::post(context_, [this, session] { inspector_.closed(session); });
}

// It is not asked for its uuid and key, should they not be known: a client that is asked comes back every 15 seconds
// only, one that hears nothing every 3, so that an unban finds it at once.
void Rendezvous::saw_dropped(const Endpoint& source, std::string id) {
  boost::asio::post(context_, [this, source, id = std::move(id)] {
    static_cast<void>(inspector_.observe_heartbeat(source, id, true, now()));
  });
}

}  // namespace gatehouse::gate
