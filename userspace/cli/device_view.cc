#include "cli/device_view.h"

#include <algorithm>
#include <array>

#include "cli/text.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::size_t rows_of_devices = 20;

std::vector<std::string> lines_of_devices(const json& answer, const std::string& title) {
  const auto& devices = member(answer, "devices");
  auto lines = devices.empty() ? std::vector<std::string>() : device_table({devices.begin(), devices.end()}).lines();
  lines.insert(lines.begin(),
               devices.empty() ? title + ": none" : title + (is_true(answer, "more") ? ", the first" : ""));
  return lines;
}

std::vector<std::string> lines_of_refusals(const json& rows) {
  Table table({{"TIME"}, {"SOURCE"}, {"SERVICE"}, {"DETAIL"}});
  for (const auto& row : rows)
    table.add({show_time(show(row, "time")), show(row, "source"), show(row, "service"), show(row, "detail")});
  auto lines = table.empty() ? std::vector<std::string>() : table.lines();
  lines.insert(lines.begin(), table.empty() ? "Refused for a ban: none" : "Refused for a ban, the newest first");
  return lines;
}

std::vector<std::string> lines_of_changes(const json& events) {
  Table table({{"TIME"}, {"EVENT"}, {"BAN", Table::Align::right}, {"DEVICE"}, {"EXPIRES"}, {"AUTHOR"}, {"REASON"}});
  for (const auto& event : events) {
    const auto expires = show(event, "expires");
    table.add({show_time(show(event, "time")), show(event, "event"), show(event, "ban_id"), show(event, "device"),
               expires == "-" ? "never" : show_time(expires), show(event, "author"), show(event, "reason")});
  }
  auto lines = table.empty() ? std::vector<std::string>() : table.lines();
  lines.insert(lines.begin(), table.empty() ? "Bans: none yet" : "Bans, the newest first");
  return lines;
}

// Cuts the parts so that together they have at most `room` lines: the longest first.
void fit(std::array<std::vector<std::string>, 4>& parts, std::size_t room) {
  const auto total = [&] {
    std::size_t sum = 0;
    for (const auto& part : parts) sum += part.size();
    return sum;
  };
  for (auto over = total(); over > room; --over) {
    std::ranges::max_element(parts, {}, &std::vector<std::string>::size)->pop_back();
  }
}

}  // namespace

std::string device_state(const json& device) {
  for (const char* state : {"banned", "pending", "approved", "confirmed"}) {
    if (is_true(device, state)) return state;
  }
  return "claimed";
}

std::string ban_of_device(const json& device) {
  if (!is_true(device, "banned")) return "-";
  const auto what = show(device, "banned_by_what");
  const auto ban = show(device, "ban_id") + ", of ";
  if (what == "machine") return ban + show(device, "banned_through") + " on the same machine";
  return ban + (what == "pk" ? "its public key" : "its " + what);
}

Table device_table(const std::vector<json>& devices) {
  Table table({{"ID"}, {"ONLINE"}, {"STATE"}, {"ADDRESS"}, {"LAST SEEN"}, {"BAN"}, {"UNTIL"}, {"REASON"}});
  for (const auto& device : devices) {
    const bool banned = is_true(device, "banned");
    const auto seen = show(device, "last_seen");
    const auto end = show(device, "ban_expires");
    table.add({show(device, "id"), is_true(device, "online") ? "yes" : "no", device_state(device),
               show(device, "last_address"), seen == "-" ? "never" : show_time(seen), ban_of_device(device),
               !banned      ? "-"
               : end == "-" ? "for ever"
                            : show_time(end),
               show(device, "ban_reason")});
  }
  return table;
}

std::vector<std::string> device_frame_of(const DeviceReading& reading, const FrameSize& size) {
  const auto time = format_time(std::chrono::floor<std::chrono::seconds>(reading.time));
  std::vector<std::string> lines;
  if (!reading.pending.is_object()) {
    lines = {"devices   " + time, escape(reading.fault)};
  } else {
    lines = {"devices " + show(reading.pending, "total") + "   " + time};
    std::array parts{lines_of_devices(reading.pending, "Waiting for approval"),
                     lines_of_devices(reading.banned, "Banned"), lines_of_refusals(reading.refusals),
                     lines_of_changes(reading.changes)};
    const auto taken = lines.size() + parts.size();  // a blank line before each
    fit(parts, size.rows == 0 ? parts.size() * (rows_of_devices + 2) : size.rows > taken ? size.rows - taken : 0);
    for (auto& part : parts) {
      lines.emplace_back();
      std::ranges::move(part, std::back_inserter(lines));
    }
  }
  if (size.rows > 0 && lines.size() > size.rows) lines.resize(size.rows);
  if (size.columns > 0) {
    for (auto& line : lines) line = cut(line, size.columns);
  }
  return lines;
}

}  // namespace gatehouse::cli
