// The Dataplane that runs on the kernel. Its parts, a file each: dataplane_open.cc (coming up, taking pins over,
// upgrade), dataplane_links.cc (where the programs are attached), dataplane_services.cc, dataplane_bans.cc,
// dataplane_devices.cc, dataplane_verdicts.cc, dataplane_reconcile.cc, dataplane.cc (the rest).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <queue>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernel/dataplane.h"
#include "kernel/events.h"
#include "kernel/kernel_maps.h"
#include "kernel/pins.h"
#include "kernel/programs.h"
#include "kernel/routes.h"
#include "kernel/ruleset.h"
#include "kernel/undo.h"

namespace gatehouse::kernel {

class KernelDataplane final : public Dataplane {
 public:
  static Result<std::unique_ptr<KernelDataplane>> open_on_kernel(const DataplaneOptions& options);
  static Result<void> upgrade_on_kernel(const DataplaneOptions& options);
  static std::string removal_mend(const Pins& pins);  // for pins that no version can take over
  static Result<void> check_on_kernel(const DataplaneOptions& options);
  ~KernelDataplane() override = default;
  KernelDataplane(const KernelDataplane&) = delete;
  KernelDataplane& operator=(const KernelDataplane&) = delete;

  Result<void> set_listeners(std::span<const ListenerPair> listeners) override;
  Result<void> set_services(std::span<const ServiceBinding> services, std::span<const Prefix> pools,
                            std::uint64_t policy_version) override;
  Result<void> sync_bans(std::span<const policy::Ban> bans) override;
  Result<void> add_bans(std::span<const policy::Ban> bans) override;
  Result<void> remove_bans(std::span<const Prefix> networks) override;
  Result<void> set_device_bans(std::span<const DeviceBan> bans) override;
  Result<void> change_device_bans(const DeviceBanChanges& changes) override;
  Result<void> put_verdict(const Verdict& verdict) override;
  Result<std::vector<Verdict>> verdicts() override;
  Result<void> erase_verdicts(std::span<const Verdict> verdicts) override;
  Result<std::size_t> sweep(WallTime now) override;
  Result<void> set_enforcement(Enforcement mode) override;
  Result<void> set_failsafe(const Failsafe& failsafe) override;
  [[nodiscard]] Counters counters() const override;
  [[nodiscard]] DataplaneStatus status() const override;
  [[nodiscard]] const Features& features() const override { return features_; }
  [[nodiscard]] int events_fd() const override { return events_->descriptor(); }
  std::size_t drain_events(const std::function<void(const deny_event&)>& take, std::size_t most) override {
    return events_->drain(take, most);
  }
  Result<Drift> reconcile() override;
  Result<void> stop(bool keep_services) override;

 private:
  struct AttachedInterface {
    std::string name;
    Fd link;
    std::string mode;
  };
  struct WantedBan {
    std::optional<WallTime> expires;
    std::uint64_t id = 0;
    bool in_kernel = false;  // while a difference is worked out
  };
  struct Expiry {
    WallTime at;
    Prefix network;
    friend bool operator>(const Expiry& left, const Expiry& right) { return left.at > right.at; }
  };
  struct WantedListener {
    std::uint32_t slot = 0;
    int descriptor = -1;  // borrowed
    std::uint64_t cookie = 0;
  };

  explicit KernelDataplane(const DataplaneOptions& options) : options_(options) {}

  // coming up
  Result<void> come_up();
  Result<void> choose_steering();
  Result<void> make_fresh();
  Result<void> take_over(Undo& undo);
  Result<void> use_pinned_program(const char* name, Fd& loaded, Undo& undo);
  Result<void> write_settings();
  Result<void> drop_surplus_pins();
  static Result<MapDescriptors> pinned_maps(const Pins& pins);
  static Result<void> check_programs(const Pins& pins);

  // settings
  Result<std::size_t> apply_failsafe(const Failsafe& failsafe);  // the number of entries that were not as wanted
  Result<void> write_failsafe_absent(__u32 absent) const;

  // links
  Result<void> attach_all(Undo& undo);
  Result<void> hold_steer(Undo& undo);
  Result<AttachedInterface> hold_guard(const std::string& interface, Undo& undo);
  Result<AttachedInterface> attach_and_pin(const std::string& interface, XdpMode mode);

  // services
  [[nodiscard]] RulesetSpec ruleset(bool with_services) const;
  [[nodiscard]] PolicyRoute policy_route() const {
    return {options_.mark, options_.route_table, options_.rule_priority};
  }
  Result<void> put_listener(const WantedListener& listener) const;
  [[nodiscard]] Result<void> remove_former_tables() const;

  // bans
  Result<std::size_t> apply_ban_difference();
  Result<void> note(Result<void> changed);
  Result<void> put_bans(std::span<const Prefix> networks);
  Result<void> erase_bans(std::span<const Prefix> networks);
  Result<std::size_t> sweep_bans(WallTime now);
  Result<std::size_t> sweep_verdicts(std::uint64_t now_ns);

  // reconcile: each gives the number of differences that it mended
  Result<std::size_t> mend_services();
  Result<std::size_t> mend_device_bans();
  Result<std::size_t> mend_rules();
  Result<std::size_t> mend_settings();
  Result<std::size_t> mend_pins();
  Result<std::size_t> mend_steer();
  Result<std::size_t> mend_guards();

  DataplaneOptions options_;  // enforcement and failsafe as last set
  Features features_;
  gatehouse_steering steering_ = STEERING_NONE;
  std::optional<Pins> pins_;
  bool reused_pins_ = false;
  bool stopped_ = false;
  Fd guard_program_;
  Fd steer_program_;
  KernelMaps maps_;
  std::optional<DenyEvents> events_;
  Fd steer_link_;
  std::vector<AttachedInterface> guards_;

  // what is wanted
  bool services_known_ = false;
  std::vector<ServiceBinding> services_;
  std::vector<Prefix> pools_;
  std::uint64_t policy_version_ = 0;
  std::vector<WantedListener> listeners_;
  std::uint16_t tproxy_port_ = 0;
  bool bans_known_ = false;
  bool bans_in_step_ = true;
  std::unordered_map<Prefix, WantedBan> bans_;
  std::size_t banned_hosts_ = 0;  // of bans_
  bool device_bans_known_ = false;
  std::unordered_map<std::string, DeviceBan> device_bans_;  // those that fit into the map
  std::priority_queue<Expiry, std::vector<Expiry>, std::greater<>> ban_expiries_;
  std::atomic<std::size_t> live_verdicts_ = 0;
};

}  // namespace gatehouse::kernel
