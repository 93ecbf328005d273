#include "rdp/channel_policy.h"

#include <algorithm>

namespace gatehouse::rdp {
namespace {

using policy::Channel;
using policy::holds;

// Picture, input and what they need (MS-RDPEGFX, MS-RDPEDISP, MS-RDPEI, MS-RDPEGT, MS-RDPEVOR, MS-RDPEECO, MS-RDPET).
constexpr const char* always_allowed[]{"Microsoft::Windows::RDS::Graphics",
                                       "Microsoft::Windows::RDS::DisplayControl",
                                       "Microsoft::Windows::RDS::Input",
                                       "Microsoft::Windows::RDS::Geometry*",
                                       "Microsoft::Windows::RDS::Video::*",
                                       "Microsoft::Windows::RDS::CoreInput",
                                       "Microsoft::Windows::RDS::MouseCursor",
                                       "Microsoft::Windows::RDS::Telemetry",
                                       "ECHO"};

}  // namespace

ChannelRules channel_rules(policy::Channels allowed, std::span<const std::string> named) {
  ChannelRules rules;
  allowed = policy::whole_channels(allowed);
  if (allowed == policy::all_channels) return rules;
  const auto deny = [&](bool denied, std::initializer_list<const char*> names) {
    if (denied) rules.denied_channels.insert(rules.denied_channels.end(), names.begin(), names.end());
  };
  // What of these two may pass their gates decide (rdp/clipboard_gate.h, rdp/device_gate.h).
  deny((allowed & policy::clipboard_parts) == 0, {"cliprdr"});
  const bool devices = (allowed & policy::drives_parts) != 0 || holds(allowed, Channel::printers) ||
                       holds(allowed, Channel::smartcards) || holds(allowed, Channel::ports);
  deny(!devices, {"rdpdr"});
  deny(!holds(allowed, Channel::audio), {"rdpsnd"});
  deny(!holds(allowed, Channel::remote_apps), {"rail", "rail_wi", "rail_ri"});
  rules.dynamic_channels.assign(std::begin(always_allowed), std::end(always_allowed));
  const auto allow = [&](Channel channel, std::initializer_list<const char*> names) {
    if (holds(allowed, channel))
      rules.dynamic_channels.insert(rules.dynamic_channels.end(), names.begin(), names.end());
  };
  allow(Channel::audio, {"AUDIO_PLAYBACK_DVC", "AUDIO_PLAYBACK_LOSSY_DVC"});
  allow(Channel::microphone, {"AUDIO_INPUT"});
  allow(Channel::camera, {"RDCamera_Device_*"});
  allow(Channel::usb, {"URBDRC"});
  rules.dynamic_channels.insert(rules.dynamic_channels.end(), named.begin(), named.end());
  return rules;
}

bool allows_dynamic(const std::vector<std::string>& rules, std::string_view name) {
  if (rules.empty()) return true;
  return std::ranges::any_of(rules, [&](std::string_view rule) {
    return rule.ends_with('*') ? name.starts_with(rule.substr(0, rule.size() - 1)) : name == rule;
  });
}

}  // namespace gatehouse::rdp
