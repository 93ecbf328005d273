// How the messages of a leg come from its socket and go to it, once its handshake is over. FreeRDP makes a TLS record
// and a system call of each message, and reads the header of each byte by byte, looking after every byte whether the
// session ends. A server sends its pictures in pieces of 1,600 bytes, so most of what a session costs would be that.
// Here a header is read at once, and what one thread writes while it holds a Batch goes together.
//
// Threads: any. What another thread writes while there is a Batch goes at once, and before it what waits: the order
// stays. Ownership: belongs to its leg, and outlives what is written through it. Errors: as the library gives them, for
// a message that waited when the Batch ends: the leg's next reading fails.
// Facts: a message on this layer is a TPKT (T.123 section 8, header of 4 bytes) or a fast-path PDU (MS-RDPBCGR
// 2.2.8.1.2 and 2.2.9.1.2, header of 2 or 3 and at least one byte more).
#pragma once

#include <memory>

#include "base/result.h"

using rdpContext = struct rdp_context;

namespace gatehouse::rdp {

class LegTransport {
  struct Wire;

 public:
  LegTransport();
  ~LegTransport();
  LegTransport(const LegTransport&) = delete;
  LegTransport& operator=(const LegTransport&) = delete;

  // From the thread that reads from this leg. Again: changes nothing.
  Result<void> take_over(rdpContext& context);

  // One at a time for each transport.
  class Batch {
   public:
    explicit Batch(LegTransport& transport);
    ~Batch();
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;

   private:
    Wire& wire_;
  };
  // What waits goes now; for who has something longer to do within a Batch.
  void flush();

  // Of the reading thread: the last reading brought a message, so there may be another one already.
  [[nodiscard]] bool brought_one() const;
  // This many are taken before anything else is looked at.
  static constexpr int most_at_once = 64;

 private:
  std::unique_ptr<Wire> wire_;
};

}  // namespace gatehouse::rdp
