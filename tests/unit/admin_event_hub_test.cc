// The stream of events: who hears what, where a reader goes on, and what a slow one is told.
#include "admin/event_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace gatehouse::admin {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Events : public testing::Test {
 protected:
  std::unique_ptr<EventHub::Reader> listen(std::string_view last_id = {}, EventFilter filter = {}) {
    auto reader = hub_->listen(filter, last_id, [this] { ++wakes_; });
    if (!reader) throw std::runtime_error(reader.error().text());
    return std::move(*reader);
  }
  void publish(int number) { hub_->publish(EventKind::ban_added, json{{"number", number}}); }
  static std::string event(int id, int number) {
    return "id: 7-" + std::to_string(id) + "\nevent: ban_added\ndata: {\"number\":" + std::to_string(number) + "}\n\n";
  }

  std::shared_ptr<EventHub> hub_ = std::make_shared<EventHub>(7);
  int wakes_ = 0;
};

TEST_F(Events, AreKeptOnlyWhileSomebodyListens) {
  EXPECT_FALSE(hub_->is_wanted());
  publish(1);
  auto reader = listen();
  EXPECT_TRUE(hub_->is_wanted());
  EXPECT_EQ(reader->take(1000), "");
  publish(2);
  EXPECT_THAT(reader->take(1000), HasSubstr("\"number\":2"));
  reader.reset();
  EXPECT_TRUE(hub_->is_wanted()) << "a reader that comes back goes on where it was";
}

TEST_F(Events, ComeInOrderWithIdKindAndData) {
  const auto reader = listen();
  publish(1);
  hub_->publish(EventKind::session_denied, json{{"detail", "line\nbreak \xff"}});
  const auto text = reader->take(1000);
  EXPECT_THAT(text, HasSubstr("event: ban_added\ndata: {\"number\":1}\n\n"));
  EXPECT_THAT(text, HasSubstr("event: session_denied\ndata: {\"detail\":\"line\\nbreak \xEF\xBF\xBD\"}\n\n"))
      << "an event's data is one line of UTF-8";
  EXPECT_LT(text.find("ban_added"), text.find("session_denied"));
}

TEST_F(Events, AReaderIsWokenOnceForWhatItWants) {
  const auto reader = listen({}, {.kinds = 1U << static_cast<unsigned>(EventKind::ban_added)});
  publish(1);
  EXPECT_EQ(wakes_, 0) << "it has not yet asked in vain";
  EXPECT_THAT(reader->take(1000), HasSubstr("number"));
  EXPECT_EQ(reader->take(1000), "");
  hub_->publish(EventKind::alarm_cleared, json::object());
  EXPECT_EQ(wakes_, 0);
  publish(2);
  publish(3);
  EXPECT_EQ(wakes_, 1);
  const auto text = reader->take(1000);
  EXPECT_THAT(text, HasSubstr("\"number\":2"));
  EXPECT_THAT(text, HasSubstr("\"number\":3"));
  EXPECT_THAT(text, Not(HasSubstr("alarm")));
}

TEST_F(Events, AReaderThatComesBackGoesOnAfterTheLastItSaw) {
  auto reader = listen();
  publish(1);
  publish(2);
  publish(3);
  const auto text = reader->take(1000);
  const auto id = text.substr(4, text.find('\n') - 4);
  reader.reset();
  publish(4);
  EXPECT_EQ(listen(id)->take(1000), text.substr(text.find("\n\n") + 2) + event(5, 4));
}

TEST_F(Events, AReaderIsToldWhereThereIsAHole) {
  const auto other = listen();
  publish(1);
  for (const auto* id : {"6-1", "7-99", "7-0", "7", "x-y", "-", "7-18446744073709551616"}) {
    EXPECT_THAT(listen(id)->take(1000), StartsWith("event: missed\ndata: {\"count\":null}\n\n")) << id;
  }
}

TEST_F(Events, ASlowReaderIsToldHowManyItMissed) {
  const auto reader = listen();
  for (int i = 0; i < static_cast<int>(EventHub::most_kept) + 3; ++i) publish(i);
  const auto text = reader->take(200);
  EXPECT_THAT(text, StartsWith("event: missed\ndata: {\"count\":3}\n\n"));
  EXPECT_THAT(text, HasSubstr("{\"number\":3}"));
  EXPECT_LT(text.size(), 400U) << "no more than what was asked for, and one event";
}

TEST_F(Events, TooManyReadersAreRefused) {
  std::vector<std::unique_ptr<EventHub::Reader>> readers;
  for (std::size_t i = 0; i < EventHub::most_readers; ++i) readers.push_back(listen());
  EXPECT_FALSE(hub_->listen({}, {}, [] {}));
  readers.pop_back();
  EXPECT_TRUE(hub_->listen({}, {}, [] {}));
}

TEST_F(Events, AreTakenWhileOthersPublish) {
  constexpr int number = 2000;
  auto reader = hub_->listen({}, {}, [] {});
  ASSERT_TRUE(reader);
  std::thread publisher([&] {
    for (int i = 0; i < number; ++i) publish(i);
  });
  std::string all;
  while (all.find("\"number\":" + std::to_string(number - 1) + "}") == std::string::npos) all += (*reader)->take(5000);
  publisher.join();
  std::size_t at = 0;
  for (int i = 0; i < number; ++i) {
    at = all.find("\"number\":" + std::to_string(i) + "}", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

}  // namespace
}  // namespace gatehouse::admin
