#include "cli/watch_frame.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/table.h"
#include "cli/text.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::size_t rows_without_limit = 20;

struct Rates {
  double seconds = 0;  // 0: none yet
  [[nodiscard]] std::string of(const json& after, const json& before, const char* key) const {
    // A restarted daemon counts from nothing again.
    const double difference = number(after, key) - number(before, key);
    return seconds > 0 && difference >= 0 ? fmt::format("{:.1f}/s", difference / seconds) : "-";
  }
};

void add_head(const Reading& reading, std::vector<std::string>& lines) {
  const auto& status = reading.status;
  lines.push_back("gatehouse " + show(status, "instance") + " " + show(status, "version") + "   " +
                  format_time(std::chrono::floor<std::chrono::seconds>(reading.time)) + "   up " +
                  show_seconds(number(status, "uptime_seconds")));
  lines.push_back("policy " + show(status, "policy_version") + "   sessions " + show(status, "sessions_open") +
                  "   bans " + show(status, "bans") + "   verdicts " + show(status, "verdicts") + "   " +
                  show(status, "steering") + ", " + show(status, "enforcement"));
  for (const auto& alarm : member(status, "alarms")) {
    lines.push_back("ALARM " + show(alarm, "name") + ": " + show(alarm, "what") + ": " + show(alarm, "mend"));
  }
}

void add_counters(const Reading& reading, const Reading* before, std::vector<std::string>& lines) {
  Rates rates;
  static const json nothing;
  const auto& old_status = before == nullptr ? nothing : before->status;
  if (before != nullptr && old_status.is_object())
    rates.seconds = std::chrono::duration<double>(reading.taken - before->taken).count();
  using enum Table::Align;
  // Two counters a line: a terminal is wider than it is high.
  Table table({{"COUNTER"}, {"VALUE", right}, {"RATE", right}, {"   COUNTER"}, {"VALUE", right}, {"RATE", right}});
  std::vector<std::vector<std::string>> cells;
  for (const char* section : {"gate", "counters"}) {
    const auto& values = member(reading.status, section);
    const auto& old_values = member(old_status, section);
    for (const auto& item : values.items()) {
      if (!item.value().is_number()) continue;
      const bool bytes = item.key().starts_with("bytes_");
      cells.push_back({escape(item.key()),
                       bytes ? show_bytes(item.value().get<double>()) : show(values, item.key().c_str()),
                       rates.of(values, old_values, item.key().c_str())});
    }
  }
  const std::size_t half = (cells.size() + 1) / 2;
  for (std::size_t i = 0; i < half; ++i) {
    auto row = cells[i];
    if (half + i < cells.size()) {
      row.push_back("   " + cells[half + i][0]);
      row.insert(row.end(), cells[half + i].begin() + 1, cells[half + i].end());
    }
    table.add(std::move(row));
  }
  if (table.empty()) return;
  lines.emplace_back();
  for (auto& line : table.lines()) lines.push_back(std::move(line));
}

std::vector<std::string> sessions_of(const json& sessions, std::size_t most) {
  using enum Table::Align;
  Table table({{"SESSION", right},
               {"USER"},
               {"SERVICE"},
               {"CLIENT"},
               {"BACKEND"},
               {"FOR", right},
               {"FROM CLIENT", right},
               {"TO CLIENT", right}});
  for (const auto& session : sessions) {
    if (most-- == 0) break;
    table.add({show(session, "id"), show(session, "user"), show(session, "service"), show(session, "client"),
               show(session, "backend"), show_seconds(number(session, "duration_seconds")),
               show_bytes(number(session, "bytes_from_client")), show_bytes(number(session, "bytes_to_client"))});
  }
  return table.empty() ? std::vector<std::string>{"No session is open."} : table.lines();
}

std::vector<std::string> denials_of(const json& denials, std::size_t most) {
  Table table({{"DENIED"}, {"BY"}, {"SOURCE"}, {"DESTINATION"}, {"USER"}, {"REASON"}, {"DETAIL"}});
  for (const auto& row : denials) {
    if (most-- == 0) break;
    table.add({show_time(show(row, "time")), show(row, "action") == "kernel_denied" ? "kernel" : "gate",
               show(row, "source"), show(row, "destination"), show(row, "user"), show(row, "reason"),
               show(row, "detail")});
  }
  return table.empty() ? std::vector<std::string>{"Nothing was denied yet."} : table.lines();
}

}  // namespace

std::vector<std::string> frame_of(const Reading& reading, const Reading* before, const FrameSize& size) {
  std::vector<std::string> lines;
  if (!reading.status.is_object()) {
    lines.push_back("gatehouse   " + format_time(std::chrono::floor<std::chrono::seconds>(reading.time)));
    lines.push_back(escape(reading.fault));
  } else {
    add_head(reading, lines);
    add_counters(reading, before, lines);
    std::size_t for_sessions = rows_without_limit;
    std::size_t for_denials = rows_without_limit;
    if (size.rows > 0) {
      // Two blank lines, two lines of titles; what is left is shared, and what sessions do not need goes to the
      // denials.
      const std::size_t left = size.rows > lines.size() + 4 ? size.rows - lines.size() - 4 : 0;
      for_sessions =
          std::min(reading.sessions.size(), left - std::min(left, std::min(reading.denials.size(), left / 2)));
      for_denials = left - for_sessions;
    }
    lines.emplace_back();
    for (auto& line : sessions_of(reading.sessions, for_sessions)) lines.push_back(std::move(line));
    lines.emplace_back();
    for (auto& line : denials_of(reading.denials, for_denials)) lines.push_back(std::move(line));
  }
  if (size.rows > 0 && lines.size() > size.rows) lines.resize(size.rows);
  if (size.columns > 0) {
    for (auto& line : lines) line = cut(line, size.columns);
  }
  return lines;
}

}  // namespace gatehouse::cli
