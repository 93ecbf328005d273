// gatehouse-rdp: one RDP session, as a process of its own. Started by the daemon and by nobody else: descriptor 3 is
// its channel (rdp/control_message.h). It is ready before there is a session for it, and ends with it.
#include <freerdp/channels/channels.h>
#include <freerdp/client/channels.h>
#include <freerdp/freerdp.h>
#include <freerdp/primitives.h>
#include <malloc.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <winpr/ssl.h>
#include <winpr/wlog.h>
#include <winpr/wtsapi.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "rdp/event_track.h"
#include "rdp/worker/certificate_chain.h"
#include "rdp/worker/confinement.h"
#include "rdp/worker/daemon_link.h"
#include "rdp/worker/kept_files.h"
#include "rdp/worker/recorder.h"
#include "rdp/worker/session.h"

namespace {

using namespace gatehouse;

constexpr int channel_descriptor = 3;
constexpr int usage = 2;
constexpr int failed = 1;

int fail(const Error& error) {
  std::fprintf(stderr, "gatehouse-rdp: %s\n", error.text().c_str());
  return failed;
}

bool is_channel() {
  int type = 0;
  socklen_t length = sizeof type;
  return ::getsockopt(channel_descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_SEQPACKET;
}

// FreeRDP logs much that is no fault, and some that is nobody's business.
void quiet_the_library() {
  WLog_SetLogLevel(WLog_GetRoot(), WLOG_OFF);
}

// What the recording says of the session beside its picture.
std::unique_ptr<rdp::EventTrack> track_into(rdp::Recorder& recorder, rdp::Detail keys) {
  return std::make_unique<rdp::EventTrack>(
      keys, [&recorder] { return recorder.now_ms(); },
      [&recorder](std::int64_t time, const std::string& event, nlohmann::json data) {
        recorder.note(event, std::move(data), time);
      });
}

Result<std::unique_ptr<rdp::RecordingWriter>> open_recording(rdp::Start& start, Fd directory) {
  auto key = rdp::SigningKey::of_secret(start.recording_key);
  ::explicit_bzero(start.recording_key.data(), start.recording_key.size());
  start.recording_key.clear();
  if (!key) return std::unexpected(key.error());
  const auto base = rdp::bytes_of_hexadecimal<32>(start.recording_base);
  if (!base) return failure("the recording has nothing to begin with");
  return rdp::RecordingWriter::open(std::move(directory), std::move(*key), *base);
}

int serve() {
  rdp::DaemonLink link{Fd(channel_descriptor)};
  auto order = link.wait_for_start();
  if (!order) return 0;  // the daemon needs no more workers
  if (auto set = rdp::send_chain_of(order->start.certificate); !set) return fail(set.error());
  std::unique_ptr<rdp::Recorder> recorder;
  std::optional<Error> no_recording;
  if (order->start.recording) {
    auto writer = open_recording(order->start, std::move(order->directory));
    if (writer) {
      recorder = std::make_unique<rdp::Recorder>(std::move(*writer), order->start.session, [&](const Error& error) {
        link.tell(rdp::RecordingFailed{.what = error.text()});
      });
    } else {
      no_recording = writer.error();
    }
  }
  const auto events = recorder ? track_into(*recorder, order->start.keys) : nullptr;
  const auto kept = recorder && order->start.keep_files ? std::make_unique<rdp::KeptFiles>(*recorder) : nullptr;
  rdp::Session session(std::move(order->start), std::move(order->client), link, recorder.get(), events.get(),
                       kept.get());
  link.run({.on_end = [&](const rdp::End& end) { session.end("ended", "", end.error_info); },
            .on_warn = [&](const rdp::Warn& warn) { session.warn(warn.seconds); },
            .on_silence = [&] { session.end("handshake_timeout", ""); },
            .works = [&] { return !session.stands_still(); }});
  if (no_recording) link.tell(rdp::RecordingFailed{.what = no_recording->text()});
  const auto ended = session.run();
  link.stop();
  if (recorder) {
    recorder->finish_pictures();
    events->notice(ended);
    events->close();
    if (kept) kept->close();
    recorder.reset();  // whole, before the daemon hears of the end
  }
  link.tell(ended);
  return 0;
}

// Decoders and the encoder have buffers of whole pictures, which they use in part: in small pages, and given back to
// the kernel as soon as they are free, only that part costs memory.
void sparing_with_memory() {
  constexpr int picture_bytes = 512 << 10;
  ::mallopt(M_ARENA_MAX, 2);
  ::mallopt(M_MMAP_THRESHOLD, picture_bytes);
  ::mallopt(M_TRIM_THRESHOLD, picture_bytes);
  ::prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

}  // namespace

int main(int argc, char** argv) {
  rdp::Confinement confinement;
  if (argc == 3 && std::string_view(argv[1]) == "--uid") {
    unsigned uid = 0;
    const std::string_view text(argv[2]);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), uid);
    if (error != std::errc{} || end != text.data() + text.size() || uid == 0) {
      std::fprintf(stderr, "gatehouse-rdp: '%s' is no uid for a worker\n", argv[2]);
      return usage;
    }
    confinement.uid = uid;
  } else if (argc != 1) {
    std::fprintf(stderr, "gatehouse-rdp is started by gatehoused, not by hand.\n");
    return usage;
  }
  if (!is_channel()) {
    std::fprintf(stderr, "gatehouse-rdp is started by gatehoused, not by hand: descriptor 3 is no channel.\n");
    return usage;
  }
  ::signal(SIGPIPE, SIG_IGN);
  sparing_with_memory();
  quiet_the_library();
  // Otherwise the first use measures for a third of a second which of them are the fastest: those of this processor.
  primitives_set_hints(PRIMITIVES_ONLY_CPU);
  if (!winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT) || !WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi()) ||
      freerdp_register_addin_provider(freerdp_channels_load_static_addin_entry, 0) != 0) {
    return fail({"FreeRDP cannot be used", "install the version that this program was built with"});
  }
  if (auto confined = rdp::confine(confinement); !confined) return fail(confined.error());
  return serve();
}
