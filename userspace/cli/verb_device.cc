#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <memory>

#include "admin/query.h"
#include "cli/ban_changes.h"
#include "cli/device_targets.h"
#include "cli/device_view.h"
#include "cli/lists.h"
#include "cli/table.h"
#include "cli/text.h"
#include "cli/verbs.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t devices_at_a_time = 5'000;  // what the daemon gives at most
constexpr std::chrono::seconds import_patience{600};
constexpr std::size_t most_shown = 20;
constexpr const char* device_columns[]{
    "id",        "online",       "banned",     "ban_id",      "banned_by_what", "banned_through",
    "banned_at", "banned_by",    "ban_reason", "ban_expires", "pending",        "approved",
    "confirmed", "last_address", "uuid",       "public_key",  "first_seen",     "last_seen"};
constexpr List device_list{.path = "/v1/devices", .key = "devices", .columns = device_columns};

struct DevicesOptions {
  ListOptions rows{};  // limit, all, csv
  std::string after{};
  bool online = false;
  bool banned = false;
  bool pending = false;
};

std::string raw_id(const json& device) {
  const auto found = device.find("id");
  return found != device.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Page by page, from one id to the next.
int each_device_page(const Context& context, const DevicesOptions& options, const std::string& filters,
                     const std::function<void(json&)>& take) {
  auto remaining = options.rows.all ? std::numeric_limits<std::uint64_t>::max() : options.rows.limit;
  auto after = options.after;
  while (true) {
    const auto limit = std::to_string(std::min(remaining, devices_at_a_time));
    auto target = std::string(device_list.path);
    target.append("?limit=").append(limit).append(filters).append(filter("after", after));
    auto answer = context.ask("GET", target);
    if (!answer) return answer.error();
    const auto& devices = member(*answer, device_list.key);
    remaining -= std::min<std::uint64_t>(remaining, devices.size());
    const bool more = is_true(*answer, "more");
    const auto last = devices.empty() ? std::string() : raw_id(devices.back());
    take(*answer);
    if (!more || remaining == 0) return exit_ok;
    if (last <= after) return context.fail({"the daemon does not get on with the list", "look at its log"});
    after = last;
  }
}

int list(const Context& context, const DevicesOptions& options) {
  std::string filters;
  if (options.online) filters += "&online=1";
  if (options.banned) filters += "&banned=1";
  if (options.pending) filters += "&pending=1";
  std::string total;
  bool more = false;
  const auto pages = [&](const std::function<void(json&)>& take) {
    return each_device_page(context, options, filters, [&](json& answer) {
      total = show(answer, "total");
      more = is_true(answer, "more");
      take(answer);
    });
  };
  return show_pages(context, device_list, options.rows, pages, [&](const std::vector<json>& devices) {
    if (devices.empty()) {
      context.out() << (options.after.empty() ? "No such devices.\n" : "No more devices.\n");
      return;
    }
    device_table(devices).print(context.out());
    if (!more) return;
    context.out() << devices.size() << " of " << total << " devices; --after '" << show(devices.back(), "id")
                  << "' goes on, --all shows all\n";
  });
}

std::string known(const json& device, const char* key) {
  const auto text = show(device, key);
  return text == "-" ? "not known" : text;
}

std::string time_of(const json& device, const char* key, const char* otherwise) {
  const auto text = show(device, key);
  return text == "-" ? otherwise : show_time(text);
}

int show_device(const Context& context, const std::string& id) {
  const auto device = context.ask("GET", "/v1/devices/" + admin::percent_encode(id));
  if (!device) return device.error();
  if (context.json) {
    context.print_json(*device);
    return exit_ok;
  }
  Table table({{"device"}, {show(*device, "id")}});
  table.add({"state", device_state(*device)});
  table.add({"online", is_true(*device, "online") ? "yes" : "no"});
  if (is_true(*device, "banned")) {
    table.add({"banned by", ban_of_device(*device)});
    table.add({"since", time_of(*device, "banned_at", "-")});
    table.add({"until", time_of(*device, "ban_expires", "for ever")});
    table.add({"author", show(*device, "banned_by")});
    table.add({"reason", show(*device, "ban_reason")});
  }
  table.add({"approved", is_true(*device, "approved") ? "yes" : is_true(*device, "pending") ? "no, it waits" : "no"});
  table.add({"confirmed", is_true(*device, "confirmed") ? "yes" : "no, it only claims this id"});
  table.add({"last address", show(*device, "last_address")});
  table.add({"addresses", show_list(member(*device, "addresses"))});
  table.add({"first seen", time_of(*device, "first_seen", "never")});
  table.add({"last seen", time_of(*device, "last_seen", "never")});
  table.add({"uuid", known(*device, "uuid")});
  table.add({"public key", known(*device, "public_key")});
  table.add({"same machine", show_list(member(*device, "same_machine"))});
  table.print(context.out());
  return exit_ok;
}

struct ApproveOptions {
  std::vector<std::string> ids;  // "-" is the standard input
  std::vector<std::string> files;
  bool withdraw = false;
};

Result<policy::BanTarget> parse_id(std::string_view text) {
  auto device = parse_device(text);
  if (device && !is_device_id(*device)) {
    return failure("'" + std::string(text) + "' is no id", "a device is approved by its id");
  }
  return device;
}

int approve(const Context& context, const ApproveOptions& options) {
  auto ids = json::array();
  auto files = options.files;
  for (const auto& text : options.ids) {
    if (text == "-") {
      files.push_back(text);
      continue;
    }
    const auto device = parse_id(text);
    if (!device) return context.fail(device.error(), exit_usage);
    ids.push_back(policy::name_of(*device));
  }
  if (ids.empty() && files.empty()) return context.fail({"which devices?", "give their ids, - or --file"}, exit_usage);
  const auto lines = read_ban_lists(context, files, false, parse_id);
  if (!lines) return lines.error();
  for (const auto& line : *lines) ids.push_back(policy::name_of(line.target));

  const auto answer =
      context.ask("POST", "/v1/devices/approve", {{"ids", std::move(ids)}, {"approved", !options.withdraw}});
  if (!answer) return answer.error();
  const bool all = number(*answer, "refused_count") == 0;
  if (context.json) {
    context.print_json(*answer);
    return all ? exit_ok : exit_failed;
  }
  const char* done = options.withdraw ? "No longer approved: " : "Approved: ";
  const auto& changed = member(*answer, "changed");
  if (number(*answer, "changed_count") > static_cast<double>(most_shown)) {
    context.out() << done << show(*answer, "changed_count") << " devices\n";
  } else {
    for (const auto& id : changed) context.out() << done << show(id) << '\n';
  }
  if (number(*answer, "unchanged_count") > 0) {
    context.out() << show(*answer, "unchanged_count")
                  << (options.withdraw ? " were not approved before\n" : " were approved before\n");
  }
  for (const auto& id : member(*answer, "refused"))
    context.console().err << "gatehouse: there is no room for " << show(id) << ": withdraw what is not needed\n";
  return all ? exit_ok : exit_failed;
}

struct ImportOptions {
  std::string file;
  bool dry_run = false;
};

int import_bans(const Context& context, const ImportOptions& options) {
  std::error_code fault;
  const auto path = std::filesystem::absolute(options.file, fault);
  if (fault) return context.fail({options.file + ": " + fault.message(), "write its whole path"});
  const auto answer = context.ask("POST", "/v1/devices/import-bans",
                                  {{"path", path.string()}, {"dry_run", options.dry_run}}, import_patience);
  if (!answer) return answer.error();
  const bool all = number(*answer, "refused_count") == 0;
  if (context.json) {
    context.print_json(*answer);
    return all ? exit_ok : exit_failed;
  }
  context.out() << show(*answer, "devices") << " devices, of them banned " << show(*answer, "banned") << "; "
                << (options.dry_run ? "would be banned here: " : "banned here now: ") << show(*answer, "added_count")
                << ", banned before: " << show(*answer, "known_count") << '\n';
  if (number(*answer, "added_count") <= static_cast<double>(most_shown)) {
    for (const auto& id : member(*answer, "added"))
      context.out() << (options.dry_run ? "Would ban " : "Banned ") << show(id) << '\n';
  }
  if (!options.dry_run) context.out() << show(*answer, "sessions_ended") << " sessions ended\n";
  for (const auto& refused : member(*answer, "refused"))
    context.console().err << "gatehouse: not banned: " << show(refused, "device") << ": " << show(refused, "why")
                          << '\n';
  return all ? exit_ok : exit_failed;
}

}  // namespace

void add_device_verbs(CLI::App& app, Context& context) {
  auto* device = app.add_subcommand("device", "RustDesk devices: list, ban, approve and watch them");
  device->require_subcommand(0, 1);
  device->footer("Example: gatehouse device list --online");

  auto listed = std::make_shared<DevicesOptions>();
  auto* list_verb = device->add_subcommand("list", "List devices, in the order of their ids");
  list_verb->add_flag("--online", listed->online, "Only those that are heard");
  list_verb->add_flag("--banned", listed->banned, "Only those that a ban is on");
  list_verb->add_flag("--pending", listed->pending, "Only those that wait for approval");
  list_verb->add_option("--after", listed->after, "Only ids behind this one, to go on where a list ended");
  auto* limit = list_verb->add_option("--limit", listed->rows.limit, "At most this many")
                    ->capture_default_str()
                    ->check(CLI::Range(1, 100'000));
  list_verb->add_flag("--all", listed->rows.all, "All of them (with --json: one object a line, as they come)")
      ->excludes(limit);
  list_verb->add_flag("--csv", listed->rows.csv, "Print CSV");
  list_verb->footer("Example: gatehouse device list --pending");

  auto shown = std::make_shared<std::string>();
  auto* show_verb = device->add_subcommand("show", "Everything that is known of a device");
  show_verb->add_option("id", *shown, "Its id")->required();
  show_verb->footer("Example: gatehouse device show 123456789");

  add_device_ban_verbs(*device, context);

  auto approved = std::make_shared<ApproveOptions>();
  auto* approve_verb = device->add_subcommand("approve", "Let devices in where a service asks for approval");
  approve_verb->add_option("id", approved->ids, "Their ids; - for a list on the standard input");
  approve_verb->add_option("--file", approved->files, "Read them from a file (- is the standard input): one a line")
      ->allow_extra_args(false);
  approve_verb->add_flag("--withdraw", approved->withdraw, "Take approval back");
  approve_verb->footer("Example: gatehouse device approve 123456789");

  auto imported = std::make_shared<ImportOptions>();
  auto* import_verb =
      device->add_subcommand("import", "Ban what is banned in a console's db_v2.sqlite3, which is only read");
  import_verb->add_option("file", imported->file, "The database, on the gateway's machine")->required();
  import_verb->add_flag("--dry-run", imported->dry_run, "Only say what would be banned");
  import_verb->footer("Example: gatehouse device import /var/lib/rustdesk-server/db_v2.sqlite3 --dry-run");

  add_device_watch_verb(*device, context);

  context.actions[list_verb] = [&context, listed] { return list(context, *listed); };
  context.actions[show_verb] = [&context, shown] { return show_device(context, *shown); };
  context.actions[approve_verb] = [&context, approved] { return approve(context, *approved); };
  context.actions[import_verb] = [&context, imported] { return import_bans(context, *imported); };
}

}  // namespace gatehouse::cli
