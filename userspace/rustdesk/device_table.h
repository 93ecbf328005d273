// Which device was seen where, what identifies its machine, and which ban is on it. Everything is found in constant
// time: by id, by address, by uuid, by public key.
//
// What devices say is a claim until hbbs agreed: a heartbeat (RegisterPeer) is confirmed by its answer with
// request_pk=false, a uuid and key (RegisterPk) by RegisterPkResponse OK. Both come over UDP without a nonce: hbbs's
// agreement says that the id is in use with that uuid from that address, not that the packets' source was genuine.
//
// A device is banned when there is a live ban of its id, its uuid or its public key, or of another id that has the same
// uuid or key: a banned machine that takes a new id stays banned. Anybody can claim anything, so
//  - a claim never replaces a uuid and key that hbbs accepted;
//  - what a banned id only claims (its RegisterPk never gets to hbbs) does not reach a device that hbbs had accepted
//    with that uuid or key before.
// Machines that were cloned with their machine id have one uuid and are one machine here.
//
// Bounded: at most `devices` ids. When it is full, the claim that was silent longest makes room, then the longest
// silent confirmed one; banned ones, approved ones and those named by options stay. So a flood of forged ids displaces
// forged ids. A device has at most four addresses, a uuid or key at most 64 claims.
//
// One thread. Times are arguments; one that lies before another counts as that. Bytes of keys are hashed with a key of
// this table's own, since clients choose them.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "policy/bans.h"
#include "rustdesk/device_records.h"
#include "rustdesk/slot_index.h"

namespace gatehouse::rustdesk {

struct DeviceLimits {
  std::size_t devices = 1'500'000;
  std::size_t answers = 262'144;                      // of hbbs that may be under way
  Duration live = std::chrono::seconds(45);           // three heartbeats; hbbs itself takes 30 s
  Duration answer = std::chrono::seconds(5);          // hbbs's answer comes in this time or is nobody's
  Duration changed_after = std::chrono::minutes(10);  // last_seen is stored when it moved by this much
};

class DeviceTable {
 public:
  explicit DeviceTable(DeviceLimits limits = {});

  // ---- what is seen. no_slot: the id is empty or longer than longest_id, or there is no room.
  Slot heartbeat(const Endpoint& from, std::string_view id, WallTime now);
  // OnlineRequest over TCP: the asker's own id, from an address that gets answers.
  Slot online_request(const Endpoint& from, std::string_view id, WallTime now);
  // RegisterPk. Forwarded: hbbs will answer it; over UDP.
  Slot registration(const Endpoint& from, std::string_view id, Bytes uuid, Bytes pk, bool forwarded, WallTime now);
  // hbbs's answers to what came from that endpoint last.
  void heartbeat_answered(const Endpoint& to, bool request_pk, WallTime now);
  void registration_accepted(const Endpoint& to, WallTime now);
  // Stays until it is withdrawn, whether it was seen or not. false: no room.
  bool approve(std::string_view id, bool approved, WallTime now);
  // All that hbbs has confirmed so far, for enrolment that begins in a running installation.
  void approve_confirmed();
  // Marks these, and those that come later, and no others.
  void set_listed(std::unordered_set<std::string> ids);

  // ---- bans (device_bans.cc). The work is that of the difference, and of those whom it concerns.
  void set_bans(std::shared_ptr<const policy::BanTable> bans);
  [[nodiscard]] const policy::BanTable& bans() const { return *bans_; }
  [[nodiscard]] std::optional<DeviceBan> ban_of(Slot device, WallTime now) const;
  // Also of an id that is not here.
  [[nodiscard]] std::optional<DeviceBan> ban_of(std::string_view id, WallTime now) const;
  // Of a registration with this uuid and key, which need not be what the table has for the id.
  [[nodiscard]] std::optional<DeviceBan> ban_of(std::string_view id, Bytes uuid, Bytes pk, WallTime now) const;
  // Changes with everything that may change a device's ban, but time.
  [[nodiscard]] std::uint64_t bans_version() const { return bans_version_; }
  // Devices with a mark, in any order.
  [[nodiscard]] const std::unordered_set<Slot>& marked() const { return marked_; }

  // ---- questions
  // Starts to load what a question about this place and this id will read: most of it is in no cache, and so it comes
  // at once instead of one after the other.
  void look_ahead(const Address& address, std::string_view id) const;
  [[nodiscard]] Slot find(std::string_view id) const;
  [[nodiscard]] const Device& device(Slot slot) const { return devices_[slot]; }
  // The device in this slot in that life, or nullptr.
  [[nodiscard]] const Device* device(Slot slot, std::uint32_t life) const;
  [[nodiscard]] const Place* place(const Address& address) const;
  [[nodiscard]] const Sighting& sighting(Slot slot) const { return sightings_[slot]; }
  [[nodiscard]] const Sighting* sighting(Slot device, const Address& address) const;
  // It is heard at another address of the same family; `confirmed`: and hbbs knows it there.
  [[nodiscard]] bool is_elsewhere(Slot device, const Address& address, bool confirmed, WallTime now) const;
  // Whose heartbeat came from this endpoint last; no_slot: not known.
  [[nodiscard]] Slot heard_from(const Endpoint& endpoint) const;
  [[nodiscard]] bool is_live(const Device& device, WallTime now) const {
    return now - device.last_seen <= limits_.live;
  }
  [[nodiscard]] bool is_live(const Sighting& seen, WallTime now) const { return now - seen.last_seen <= limits_.live; }
  [[nodiscard]] Bytes uuid_of(const Device& device) const;  // empty: not known
  [[nodiscard]] Bytes pk_of(const Device& device) const;
  // Other ids with the same uuid or key, at most that many.
  [[nodiscard]] std::vector<std::string> same_machine(const Device& device, std::size_t at_most) const;
  [[nodiscard]] std::size_t size() const { return devices_.size(); }
  [[nodiscard]] Slot end() const { return devices_.end(); }  // every device's slot is below; a free slot's id is empty
  [[nodiscard]] std::uint64_t refused() const { return refused_; }  // ids for which there was no room
  [[nodiscard]] std::uint64_t displaced() const { return displaced_; }

  // Whether to ask this device now for its uuid and key (RegisterPeerResponse.request_pk): it has none, or is banned by
  // a claim alone. true: it counts as asked. An address is asked eight times in 90 s and 200 times a day at most, since
  // hbbs answers TOO_FREQUENT to the 33rd RegisterPk of an address in a run and to new ids beyond 300 a day.
  bool ask_identity(Slot device, const Address& address, WallTime now);

  // ---- the store
  // Into an empty table, in any order. The bans may be set before or after.
  void import(std::vector<DeviceEntry> entries);
  [[nodiscard]] DeviceEntry entry(Slot device) const;
  // Those that changed since the last call: new ones that are more than a claim, and what is worth being kept.
  std::vector<DeviceEntry> take_changed(std::size_t at_most);

 private:
  enum class HashOf : std::uint8_t { id, address, uuid, pk };
  // What an answer of hbbs over UDP may belong to, by the endpoint that it goes to.
  struct Heard {
    Endpoint from;
    Slot device = no_slot;
    std::uint32_t life = 0;
    bool several = false;  // two ids at almost the same time: the answer says nothing
    WallTime at{};
  };
  struct Registration {
    Endpoint from;
    Slot device = no_slot;
    std::uint32_t life = 0;
    WallTime at{};
    std::string uuid;
    std::string pk;
  };

  [[nodiscard]] std::uint64_t hash(std::string_view bytes, HashOf kind) const;
  Slot add(std::string_view id, WallTime now);
  Slot seen(const Endpoint& from, std::string_view id, WallTime now);  // and a sighting
  bool make_room();
  void remove(Slot slot);
  Slot add_sighting(Slot device, const Address& address);
  void remove_sighting(Slot device, Slot slot);
  void touch(Slot slot, WallTime now);  // newest of its place
  void set_age(Slot slot);
  void set_changed(Slot slot);
  Slot find_identity(std::string_view bytes, bool is_pk) const;
  void set_identity(Slot slot, std::string_view uuid, std::string_view pk, bool confirmed, WallTime now);
  void join(Slot slot, std::string_view bytes, bool is_pk);
  void leave(Slot slot, bool is_pk);
  void drop_oldest_claim(Slot identity, Slot but);
  void set_mark(Slot slot);
  void mark_all_of(Slot identity);
  void set_id_banned(Slot slot, bool banned);
  [[nodiscard]] std::optional<DeviceBan> named_ban(std::string_view name, DeviceBan::By by, WallTime now) const;
  [[nodiscard]] std::optional<DeviceBan> machine_ban(Slot identity, Slot device, bool confirmed, WallTime since,
                                                     WallTime now) const;

  DeviceLimits limits_;
  std::array<unsigned char, 16> hash_key_{};
  Slab<Device> devices_;
  Slab<Sighting> sightings_;
  Slab<Place> places_;
  Slab<Identity> identities_;
  SlotIndex by_id_;
  SlotIndex by_address_;
  SlotIndex by_identity_;
  std::array<List, 3> ages_;
  std::vector<Slot> changed_;
  std::unordered_set<Slot> marked_;
  std::unordered_set<std::string> listed_;
  std::shared_ptr<const policy::BanTable> bans_;
  // What an answer of hbbs belongs to. Of a fixed size: what is displaced is not confirmed this time.
  std::vector<Heard> heard_;
  std::vector<Registration> registrations_;
  std::uint64_t bans_version_ = 0;
  std::uint32_t lives_ = 0;
  std::uint64_t refused_ = 0;
  std::uint64_t displaced_ = 0;
};

}  // namespace gatehouse::rustdesk
