// gatehouse-rdp: one RDP session, as a process of its own. Started by the daemon and by nobody else: descriptor 3 is
// its channel (rdp/control_message.h). It is ready before there is a session for it, and ends with it.
#include <freerdp/channels/channels.h>
#include <freerdp/client/channels.h>
#include <freerdp/freerdp.h>
#include <malloc.h>
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
#include <variant>

#include "rdp/worker/confinement.h"
#include "rdp/worker/daemon_link.h"
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
void note_into(rdp::Recorder& recorder, const rdp::Message& notice) {
  if (const auto* active = std::get_if<rdp::Active>(&notice)) {
    recorder.note("active", {{"width", active->width}, {"height", active->height}});
  } else if (const auto* channel = std::get_if<rdp::ChannelNotice>(&notice)) {
    recorder.note("channel", {{"name", channel->name}, {"opened", channel->opened}});
  } else if (const auto* redirection = std::get_if<rdp::Redirection>(&notice)) {
    recorder.note("redirection", {{"target", redirection->target}});
  }
}

int serve() {
  rdp::DaemonLink link{Fd(channel_descriptor)};
  auto order = link.wait_for_start();
  if (!order) return 0;  // the daemon needs no more workers
  std::unique_ptr<rdp::Recorder> recorder;
  std::optional<Error> no_recording;
  if (order->start.recording) {
    auto writer = rdp::RecordingWriter::open(std::move(order->directory));
    if (writer) {
      recorder = std::make_unique<rdp::Recorder>(std::move(*writer), order->start.session, [&](const Error& error) {
        link.tell(rdp::RecordingFailed{.what = error.text()});
      });
    } else {
      no_recording = writer.error();
    }
  }
  rdp::Session session(std::move(order->start), std::move(order->client), link, recorder.get());
  if (recorder) session.on_notice = [&](const rdp::Message& notice) { note_into(*recorder, notice); };
  link.run({.on_end = [&](const rdp::End& end) { session.end("ended", "", end.error_info); },
            .on_warn = [](const rdp::Warn&) {},
            .on_silence = [&] { session.end("handshake_timeout", ""); },
            .works = [&] { return !session.stands_still(); }});
  if (no_recording) link.tell(rdp::RecordingFailed{.what = no_recording->text()});
  const auto ended = session.run();
  link.stop();
  if (recorder) {
    recorder->finish();
    recorder->note("end", {{"reason", ended.reason}, {"detail", ended.detail}});
    recorder.reset();  // whole, before the daemon hears of the end
  }
  link.tell(ended);
  return 0;
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
  ::mallopt(M_ARENA_MAX, 2);
  quiet_the_library();
  if (!winpr_InitializeSSL(WINPR_SSL_INIT_DEFAULT) || !WTSRegisterWtsApiFunctionTable(FreeRDP_InitWtsApi()) ||
      freerdp_register_addin_provider(freerdp_channels_load_static_addin_entry, 0) != 0) {
    return fail({"FreeRDP cannot be used", "install the version that this program was built with"});
  }
  if (auto confined = rdp::confine(confinement); !confined) return fail(confined.error());
  return serve();
}
