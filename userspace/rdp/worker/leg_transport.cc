#include "rdp/worker/leg_transport.h"

#include <freerdp/freerdp.h>
#include <freerdp/transport_io.h>
#include <winpr/stream.h>

#include <mutex>
#include <new>
#include <thread>

namespace gatehouse::rdp {
namespace {

constexpr std::size_t record_bytes = 16384;  // of TLS, at most (RFC 8446 section 5.1)
constexpr std::size_t shortest_message = 3;

}  // namespace

struct LegTransport::Wire {
  Wire() : waiting(Stream_New(nullptr, record_bytes)) {
    if (waiting == nullptr) throw std::bad_alloc();
  }
  ~Wire() { Stream_Free(waiting, TRUE); }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  static Wire& of(rdpTransport* transport) {
    return *static_cast<Wire*>(freerdp_get_io_callback_context(transport_get_context(transport)));
  }
  static int read_message(rdpTransport* transport, wStream* into);
  static int write_message(rdpTransport* transport, wStream* message);
  static BOOL disconnect(rdpTransport* transport);
  int flush();  // with the mutex

  rdpTransportIo library{};  // what FreeRDP would do
  bool brought_one = false;

  std::mutex mutex;
  std::thread::id batching;  // nobody: no Batch
  wStream* waiting;
  rdpTransport* to = nullptr;
};

int LegTransport::Wire::read_message(rdpTransport* transport, wStream* into) {
  auto& wire = of(transport);
  wire.brought_one = false;
  if (Stream_GetPosition(into) == 0) {
    if (!Stream_EnsureRemainingCapacity(into, shortest_message)) return -1;
    const auto got = wire.library.ReadBytes(transport, Stream_PointerAs(into, BYTE), shortest_message);
    if (got <= 0) return static_cast<int>(got);
    Stream_Seek(into, static_cast<std::size_t>(got));
  }
  const int status = wire.library.ReadPdu(transport, into);
  wire.brought_one = status > 0;
  return status;
}

int LegTransport::Wire::write_message(rdpTransport* transport, wStream* message) {
  auto& wire = of(transport);
  const std::lock_guard lock(wire.mutex);
  const std::size_t length = Stream_GetPosition(message);
  const bool waits = wire.batching == std::this_thread::get_id() && length > 0 && length <= record_bytes;
  wire.to = transport;
  if (!waits || Stream_GetPosition(wire.waiting) + length > record_bytes) {
    if (const int status = wire.flush(); status < 0) return status;
  }
  if (!waits) return wire.library.WritePdu(transport, message);
  Stream_Write(wire.waiting, Stream_Buffer(message), length);
  return static_cast<int>(length);
}

// What waits is for a transport that is about to be freed.
BOOL LegTransport::Wire::disconnect(rdpTransport* transport) {
  auto& wire = of(transport);
  {
    const std::lock_guard lock(wire.mutex);
    Stream_SetPosition(wire.waiting, 0);
    wire.to = nullptr;
  }
  return wire.library.TransportDisconnect(transport);
}

int LegTransport::Wire::flush() {
  if (Stream_GetPosition(waiting) == 0) return 0;
  const int status = library.WritePdu(to, waiting);
  Stream_SetPosition(waiting, 0);
  return status;
}

LegTransport::LegTransport() : wire_(std::make_unique<Wire>()) {}
LegTransport::~LegTransport() = default;

Result<void> LegTransport::take_over(rdpContext& context) {
  auto callbacks = *freerdp_get_io_callbacks(&context);
  if (callbacks.WritePdu == Wire::write_message) return {};
  wire_->library = callbacks;
  callbacks.ReadPdu = Wire::read_message;
  callbacks.WritePdu = Wire::write_message;
  callbacks.TransportDisconnect = Wire::disconnect;
  if (!freerdp_set_io_callback_context(&context, wire_.get()) || !freerdp_set_io_callbacks(&context, &callbacks)) {
    return failure("no way into the transport of a leg");
  }
  return {};
}

bool LegTransport::brought_one() const {
  return wire_->brought_one;
}

void LegTransport::flush() {
  const std::lock_guard lock(wire_->mutex);
  wire_->flush();
}

LegTransport::Batch::Batch(LegTransport& transport) : wire_(*transport.wire_) {
  const std::lock_guard lock(wire_.mutex);
  wire_.batching = std::this_thread::get_id();
}

LegTransport::Batch::~Batch() {
  const std::lock_guard lock(wire_.mutex);
  wire_.flush();
  wire_.batching = {};
}

}  // namespace gatehouse::rdp
