// What a grant says about channels, in the names that the protocol has for them: static ones (MS-RDPBCGR 2.2.1.3.4.1)
// and dynamic ones (MS-RDPEDYC 2.2.2.1).
//
//   clipboard, and its parts               cliprdr (MS-RDPECLIP), through rdp/clipboard_gate.h
//   drives, its parts, printers, smartcards, ports    rdpdr (MS-RDPEFS), through rdp/device_gate.h
//   audio        rdpsnd (MS-RDPEA), AUDIO_PLAYBACK_DVC, AUDIO_PLAYBACK_LOSSY_DVC
//   microphone   AUDIO_INPUT (MS-RDPEAI)
//   camera       RDCamera_Device_* (MS-RDPECAM)
//   usb          URBDRC (MS-RDPEUSB)
//   remote_apps  rail, rail_wi, rail_ri (MS-RDPERP)
//
// With all of them allowed everything passes, known or not; where something is denied, of dynamic channels only those
// that are known to belong to picture and input, and those that the grant names.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/vocabulary.h"

namespace gatehouse::rdp {

struct ChannelRules {
  std::vector<std::string> denied_channels;  // static
  // Of dynamic channels: only these (whole names, or beginnings that end in *). Empty: all.
  std::vector<std::string> dynamic_channels;
};
// `named`: dynamic channels that may pass besides, as in ChannelRules.
ChannelRules channel_rules(policy::Channels allowed, std::span<const std::string> named = {});

bool allows_dynamic(const std::vector<std::string>& rules, std::string_view name);

}  // namespace gatehouse::rdp
