#include "cli/policy_listing.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

#include "cli/table.h"
#include "cli/text.h"

namespace gatehouse::cli {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 3> numbers{"port", "backend_port", "session_limit"};

json value_of(const policy::Field& field) {
  if (field.is_list()) return field.values;
  if (field.values.empty()) return nullptr;
  const auto& text = field.values.front();
  if (field.shape == policy::Field::Shape::literal) return text == "true";
  if (std::ranges::find(numbers, field.key) != numbers.end()) {
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
  }
  return text;
}

std::string title_of(std::string_view key) {
  std::string title;
  for (const char c : key) title += c == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return title;
}

}  // namespace

json json_of(const ListedThing& thing) {
  json object{{"name", thing.name}};
  for (const auto& field : thing.fields) object[std::string(field.key)] = value_of(field);
  return object;
}

int print_things(const Context& context, std::uint64_t version, const char* key, const std::vector<ListedThing>& things,
                 const std::vector<std::string_view>& columns) {
  if (context.json) {
    json list = json::array();
    for (const auto& thing : things) list.push_back(json_of(thing));
    context.print_json({{"policy_version", version}, {key, std::move(list)}});
    return exit_ok;
  }
  std::vector<Table::Column> titles{{"NAME"}};
  for (const auto column : columns) titles.push_back({title_of(column)});
  Table table(std::move(titles));
  for (const auto& thing : things) {
    std::vector<std::string> cells{escape(thing.name)};
    for (const auto column : columns) {
      const auto field = std::ranges::find(thing.fields, column, &policy::Field::key);
      std::string cell;
      if (field != thing.fields.end()) {
        for (const auto& value : field->values) cell += (cell.empty() ? "" : ", ") + escape(value);
      }
      cells.push_back(cell.empty() ? "-" : std::move(cell));
    }
    table.add(std::move(cells));
  }
  if (table.empty()) {
    context.out() << "The policy has none.\n";
  } else {
    table.print(context.out());
  }
  return exit_ok;
}

}  // namespace gatehouse::cli
