#include "rdp/worker/channel_relay.h"

#include <freerdp/channels/channels.h>
#include <freerdp/channels/drdynvc.h>
#include <freerdp/channels/wtsvc.h>
#include <freerdp/client/channels.h>
#include <freerdp/client/cmdline.h>
#include <freerdp/freerdp.h>
#include <freerdp/peer.h>
#include <freerdp/settings.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "rdp/channel_policy.h"
#include "rdp/clipboard_gate.h"
#include "rdp/device_gate.h"
#include "rdp/dynamic_channels.h"
#include "rdp/worker/session.h"
#include "rdp/worker/session_warning.h"
#include "rdp/worker/settings.h"

namespace gatehouse::rdp {

namespace {

constexpr const char* clipboard_channel = "cliprdr";
constexpr const char* device_channel = "rdpdr";

bool send_to_back(Session& session, const char* name, const Chunk& chunk) {
  rdpContext* back = session.back();
  if (back == nullptr) return true;
  const auto id = freerdp_channels_get_id_by_name(back->instance, name);
  if (id == 0 || id == UINT16_MAX) return true;
  return back->instance->SendChannelPacket(back->instance, id, chunk.total, chunk.flags, chunk.data, chunk.size) ==
         TRUE;
}

bool send_to_front(Session& session, const char* name, const Chunk& chunk) {
  freerdp_peer* peer = session.peer();
  const auto id = WTSChannelGetId(peer, name);
  if (id == 0) return true;
  return peer->SendChannelPacket(peer, id, chunk.total, chunk.flags, chunk.data, chunk.size) == TRUE;
}

bool pass_gate(Session& session, ChannelGate& gate, const char* name, Direction direction, const Chunk& chunk) {
  const auto taken = gate.take(direction, chunk);
  if (taken) return *taken;
  session.end("channel_fault", std::string(name) + ": " + taken.error().what);
  return false;
}

ChannelGate::Send sender(Session& session, const char* name) {
  return [&session, name](Direction direction, const Chunk& chunk) {
    return direction == Direction::to_server ? send_to_back(session, name, chunk) : send_to_front(session, name, chunk);
  };
}

}  // namespace

ChannelGates::ChannelGates(Session& session) {
  const auto& start = session.start();
  const auto tell = [&session](const Message& notice) { session.tell(notice); };
  clipboard_ = std::make_unique<ClipboardGate>(start.channels, start.clipboard_text, sender(session, clipboard_channel),
                                               tell, session.copies());
  devices_ = std::make_unique<DeviceGate>(start.channels, sender(session, device_channel), tell, session.copies());
  dynamic_ =
      std::make_unique<DynamicChannelGate>(start.dynamic_channels, [&session](const std::string& name, bool opened) {
        session.tell(ChannelNotice{.name = name, .opened = opened});
      });
}

ChannelGates::~ChannelGates() = default;

ChannelGate* ChannelGates::of(std::string_view channel) const {
  if (channel == clipboard_channel) return clipboard_.get();
  return channel == device_channel ? devices_.get() : nullptr;
}

void ChannelGates::close() {
  clipboard_->close();
  devices_->close();
}

bool pass_to_back(Session& session, std::uint16_t front_id, const Chunk& chunk) {
  if (session.back() == nullptr) return true;
  const char* name = WTSChannelGetName(session.peer(), front_id);
  if (name == nullptr) return true;
  if (auto* gate = session.gates().of(name)) return pass_gate(session, *gate, name, Direction::to_server, chunk);
  if (std::strcmp(name, DRDYNVC_SVC_CHANNEL_NAME) == 0) {
    if (const auto instead = session.warning().stream().from_client(chunk)) {
      return instead->empty() ||
             send_to_back(session, name, {instead->data(), instead->size(), chunk.flags, instead->size()});
    }
  }
  return send_to_back(session, name, chunk);
}

bool pass_to_front(Session& session, const char* name, const Chunk& chunk) {
  if (auto* gate = session.gates().of(name)) return pass_gate(session, *gate, name, Direction::to_client, chunk);
  return send_to_front(session, name, chunk);
}

bool send_dynamic_to_front(Session& session, const Chunk& chunk) {
  return send_to_front(session, DRDYNVC_SVC_CHANNEL_NAME, chunk);
}

bool may_pass_dynamic(Session& session, freerdp* instance, std::uint16_t id, const Chunk& chunk) {
  auto& gate = session.gates().dynamic();
  const auto passes = gate.take(chunk);
  if (!passes) {
    session.end("channel_fault", std::string(DRDYNVC_SVC_CHANNEL_NAME) + ": " + passes.error().what);
    return false;
  }
  if (const auto refusal = gate.take_refusal()) {
    instance->SendChannelPacket(instance, id, refusal->size(), CHANNEL_FLAG_FIRST | CHANNEL_FLAG_LAST, refusal->data(),
                                refusal->size());
  }
  return *passes;
}

bool offer_channels(Session& session, freerdp* instance, bool decode) {
  rdpSettings* settings = instance->context->settings;
  if (!freerdp_settings_set_uint32(settings, FreeRDP_ChannelCount, 0)) return false;
  const auto& denied = session.start().denied_channels;
  const auto names = accepted_channels(session.peer());
  const bool dynamic = std::ranges::find(names, DRDYNVC_SVC_CHANNEL_NAME) != names.end() &&
                       std::ranges::find(denied, DRDYNVC_SVC_CHANNEL_NAME) == denied.end();
  const bool tap = decode && dynamic && freerdp_settings_get_bool(settings, FreeRDP_SupportGraphicsPipeline);
  if (tap && !freerdp_client_load_addins(instance->context->channels, settings)) return false;
  std::uint32_t count = freerdp_settings_get_uint32(settings, FreeRDP_ChannelCount);
  const std::uint32_t room = freerdp_settings_get_uint32(settings, FreeRDP_ChannelDefArraySize);
  for (const auto& name : names) {
    const bool allowed = std::ranges::find(denied, name) == denied.end();
    session.tell(ChannelNotice{.name = name, .opened = allowed});
    if (!allowed || count >= room || (tap && name == DRDYNVC_SVC_CHANNEL_NAME)) continue;
    CHANNEL_DEF definition{};
    std::strncpy(definition.name, name.c_str(), CHANNEL_NAME_LEN);
    const auto options = WTSChannelGetOptions(session.peer(), WTSChannelGetId(session.peer(), name.c_str()));
    definition.options = static_cast<ULONG>(options < 0 ? 0 : options);
    if (!freerdp_settings_set_pointer_array(settings, FreeRDP_ChannelDefArray, count, &definition) ||
        !freerdp_settings_set_uint32(settings, FreeRDP_ChannelCount, count + 1)) {
      return false;
    }
    ++count;
  }
  return true;
}

}  // namespace gatehouse::rdp
