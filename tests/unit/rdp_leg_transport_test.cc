// What waits to be sent over a leg of an RDP session: nothing is lost, nothing overtakes.
#include <freerdp/freerdp.h>
#include <freerdp/transport_io.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <winpr/stream.h>

#include <string>
#include <thread>
#include <vector>

#include "rdp/worker/leg_transport.h"

namespace gatehouse::rdp {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A context of FreeRDP whose transport writes into a list and reads from a string.
class Leg : public testing::Test {
 protected:
  Leg() : instance_(freerdp_new()) {
    instance_->ContextSize = sizeof(rdpContext);
    if (!freerdp_context_new(instance_)) throw std::runtime_error("no context");
    auto callbacks = *freerdp_get_io_callbacks(context());
    callbacks.WritePdu = [](rdpTransport*, wStream* message) {
      const auto length = Stream_GetPosition(message);
      if (current_->fails_) return -1;
      current_->written_.emplace_back(reinterpret_cast<const char*>(Stream_Buffer(message)), length);
      return static_cast<int>(length);
    };
    callbacks.ReadBytes = [](rdpTransport*, BYTE* to, size_t bytes) -> SSIZE_T {
      ++current_->reads_;
      const auto got = current_->input_.copy(reinterpret_cast<char*>(to), bytes);
      current_->input_.erase(0, got);
      return static_cast<SSIZE_T>(got);
    };
    callbacks.TransportDisconnect = [](rdpTransport*) -> BOOL {
      ++current_->disconnects_;
      return TRUE;
    };
    current_ = this;
    EXPECT_TRUE(freerdp_set_io_callbacks(context(), &callbacks));
    EXPECT_TRUE(transport_.take_over(*context()).has_value());
  }
  ~Leg() override {
    freerdp_context_free(instance_);
    freerdp_free(instance_);
    current_ = nullptr;
  }
  Leg(const Leg&) = delete;
  Leg& operator=(const Leg&) = delete;

  [[nodiscard]] rdpContext* context() const { return instance_->context; }
  int write(const std::string& text) {
    wStream* message = Stream_New(nullptr, text.size());
    Stream_Write(message, text.data(), text.size());
    const int status = freerdp_get_io_callbacks(context())->WritePdu(freerdp_get_transport(context()), message);
    Stream_Free(message, TRUE);
    return status;
  }

  static inline Leg* current_ = nullptr;
  LegTransport transport_;
  freerdp* instance_;
  std::vector<std::string> written_;
  std::string input_;
  int reads_ = 0;
  int disconnects_ = 0;
  bool fails_ = false;
};

TEST_F(Leg, WhatComesTogetherGoesTogetherAndTheRestAtOnce) {
  write("alone");
  {
    const LegTransport::Batch together(transport_);
    EXPECT_EQ(write("one"), 3);
    write("two");
    EXPECT_THAT(written_, ElementsAre("alone"));
    transport_.flush();
    EXPECT_THAT(written_, ElementsAre("alone", "onetwo"));
    write("three");
  }
  write("again alone");
  EXPECT_THAT(written_, ElementsAre("alone", "onetwo", "three", "again alone"));
}

TEST_F(Leg, AnotherThreadsMessageWaitsForNobodyAndOvertakesNothing) {
  const LegTransport::Batch together(transport_);
  write("first");
  std::thread([this] { write("of another"); }).join();
  EXPECT_THAT(written_, ElementsAre("first", "of another"));
  write("last");
  EXPECT_THAT(written_, ElementsAre("first", "of another"));
}

TEST_F(Leg, NoPieceIsLargerThanARecordUnlessItsMessageIs) {
  const std::string most(16'000, 'm');
  const std::string larger(20'000, 'l');
  {
    const LegTransport::Batch together(transport_);
    for (const auto& each : {std::string("a"), most, most, larger, std::string("z")}) write(each);
  }
  EXPECT_THAT(written_, ElementsAre("a" + most, most, larger, "z"));
}

TEST_F(Leg, AFailureOfWhatWaitedIsToldWithTheNextMessage) {
  const LegTransport::Batch together(transport_);
  write("first");
  fails_ = true;
  EXPECT_LT(write(std::string(20'000, 'l')), 0);
}

TEST_F(Leg, WhatWaitsForATransportThatGoesIsForgotten) {
  {
    const LegTransport::Batch together(transport_);
    write("too late");
    freerdp_get_io_callbacks(context())->TransportDisconnect(freerdp_get_transport(context()));
  }
  EXPECT_EQ(disconnects_, 1);
  EXPECT_THAT(written_, IsEmpty());
}

TEST_F(Leg, AHeaderIsReadAtOnceAndAMessageIsWholeWhateverItsPieces) {
  const std::string tpkt(
      "\x03\x00\x00\x0b"
      "content",
      11);
  const std::string fast_path(
      "\x00\x07"
      "small",
      7);
  const auto* callbacks = freerdp_get_io_callbacks(context());
  auto* transport = freerdp_get_transport(context());
  const auto read = [&](wStream* into) { return callbacks->ReadPdu(transport, into); };
  wStream* into = Stream_New(nullptr, 64);
  input_ = fast_path;
  EXPECT_EQ(read(into), 7);
  EXPECT_TRUE(transport_.brought_one());
  EXPECT_EQ(reads_, 2) << "header and content";
  EXPECT_EQ(std::string(reinterpret_cast<char*>(Stream_Buffer(into)), 7), fast_path);

  // A byte at a time, as a slow peer sends it.
  Stream_SetPosition(into, 0);
  int status = 0;
  for (const char each : tpkt) {
    EXPECT_EQ(status, 0);
    input_ = each;
    status = read(into);
    EXPECT_EQ(transport_.brought_one(), status > 0);
  }
  EXPECT_EQ(status, 11);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(Stream_Buffer(into)), 11), tpkt);
  Stream_Free(into, TRUE);
}

}  // namespace
}  // namespace gatehouse::rdp
