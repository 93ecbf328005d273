#include "gate/rdp_session_recording.h"

#include <utility>

#include "base/time.h"
#include "gate/rdp_recording.h"

namespace gatehouse::gate {

policy::Recording RdpSessionRecording::wanted() const {
  return terms_.recording == policy::Recording::as_configured ? services_.recording : terms_.recording;
}

Result<void> RdpSessionRecording::begin(rdp::Start& start, const Endpoint& client) {
  if (services_.recordings.empty()) {
    // Nothing is recorded here: only a grant that insists has a word in it.
    if (terms_.recording != policy::Recording::required) return {};
    return failure("its grant wants it recorded, and there is no place for recordings", "set `recordings` of `rdp`");
  }
  if (wanted() == policy::Recording::off) return {};
  auto begun = begin_recording(services_.recordings,
                               {.session = terms_.session,
                                .user = terms_.user,
                                .server = terms_.server,
                                .service = terms_.service,
                                .grant = terms_.grant,
                                .client = client.text(),
                                .started = format_time(now())},
                               *services_.recording_key, services_.recorder_uid);
  if (!begun) {
    if (auto end = fail(begun.error().text())) return failure(std::move(*end));
    return {};
  }
  directory_ = std::move(begun->directory);
  start.recording = true;
  start.recording_key = std::move(begun->key);
  start.recording_base = std::move(begun->base);
  goes_well_ = true;
  there_is_one_ = true;
  number_ = terms_.session;
  return {};
}

std::optional<std::string> RdpSessionRecording::fail(const std::string& what) {
  goes_well_ = false;
  services_.recording_ended(terms_.session, what);
  if (wanted() != policy::Recording::required) return std::nullopt;
  return "it can no longer be recorded: " + what;
}

void RdpSessionRecording::end() {
  if (goes_well_) services_.recording_ended(terms_.session, {});
}

void RdpSessionRecording::discard() {
  if (there_is_one_) services_.recording_discarded(number_);
}

}  // namespace gatehouse::gate
