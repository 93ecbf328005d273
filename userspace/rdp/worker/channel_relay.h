// Static channels (MS-RDPBCGR 2.2.6) between the legs. The clipboard and the devices pass their gates; of all others
// each chunk goes on as it came, with the flags and the whole length that stand over it, so nothing is put together and
// nothing kept. A channel that the policy denies the backend never hears of: to the client it is joined and silent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "rdp/channel_gate.h"

using freerdp = struct rdp_freerdp;

namespace gatehouse::rdp {

class DynamicChannelGate;
class Session;

// false: that leg is gone. A chunk of a channel that the other side has not is dropped.
// Both end the session where what comes is malformed.
bool pass_to_back(Session& session, std::uint16_t front_id, const Chunk& chunk);
bool pass_to_front(Session& session, const char* name, const Chunk& chunk);
// Of drdynvc, past everything.
bool send_dynamic_to_front(Session& session, const Chunk& chunk);

class ChannelGates {
 public:
  explicit ChannelGates(Session& session);
  ~ChannelGates();
  ChannelGates(const ChannelGates&) = delete;
  ChannelGates& operator=(const ChannelGates&) = delete;

  // nullptr: that channel has none.
  [[nodiscard]] ChannelGate* of(std::string_view channel) const;
  [[nodiscard]] DynamicChannelGate& dynamic() const { return *dynamic_; }
  // What was under way is told.
  void close();

 private:
  std::unique_ptr<ChannelGate> clipboard_;
  std::unique_ptr<ChannelGate> devices_;
  std::unique_ptr<DynamicChannelGate> dynamic_;
};

// A chunk of drdynvc from the backend: whether it goes on. A dynamic channel that the policy denies does not: the
// backend is told, as by a client that has it not, and nobody else is. Ends the session where it is malformed.
bool may_pass_dynamic(Session& session, freerdp* instance, std::uint16_t id, const Chunk& chunk);

// For the backend's list: what the client has joined and the policy allows; with `decode`, drdynvc and the graphics
// pipeline as FreeRDP's own as well.
bool offer_channels(Session& session, freerdp* instance, bool decode);

}  // namespace gatehouse::rdp
