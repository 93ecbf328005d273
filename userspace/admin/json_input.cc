#include "admin/json_input.h"

#include <algorithm>
#include <vector>

namespace gatehouse::admin {
namespace {

using nlohmann::json;

// Builds the document event by event, so that depth and repeated keys are judged before anything is kept. The names of
// the functions are those that nlohmann-json calls.
class DocumentBuilder {
 public:
  using number_integer_t = json::number_integer_t;
  using number_unsigned_t = json::number_unsigned_t;
  using number_float_t = json::number_float_t;
  using string_t = json::string_t;
  using binary_t = json::binary_t;

  bool null() { return take(json()); }
  bool boolean(bool value) { return take(json(value)); }
  bool number_integer(number_integer_t value) { return take(json(value)); }
  bool number_unsigned(number_unsigned_t value) { return take(json(value)); }
  bool number_float(number_float_t value, const string_t&) { return take(json(value)); }
  bool string(string_t& value) { return take(json(std::move(value))); }
  bool binary(binary_t&) { return refuse("binary data", "send text"); }
  bool start_object(std::size_t) { return open(json::object()); }
  bool start_array(std::size_t) { return open(json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(string_t& name) {
    json& object = *open_.back();
    if (object.contains(name)) return refuse("the key '" + name + "' stands twice in one object", "leave one of them");
    member_ = &object[name];
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    return refuse("the body is not JSON (at byte " + std::to_string(position) + ")", "send one JSON object in UTF-8");
  }

  Result<json> finish() {
    if (fault_) return std::unexpected(*fault_);
    return std::move(root_);
  }

 private:
  json* place(json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return &open_.back()->back();
    }
    *member_ = std::move(value);
    return member_;
  }
  bool take(json value) {
    place(std::move(value));
    return true;
  }
  bool open(json value) {
    if (open_.size() == deepest_json) {
      return refuse("the body is nested more than " + std::to_string(deepest_json) + " levels deep",
                    "no request needs that (docs/api.md)");
    }
    open_.push_back(place(std::move(value)));
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  bool refuse(std::string what, std::string mend) {
    fault_ = Error{std::move(what), std::move(mend)};
    return false;
  }

  json root_;
  std::vector<json*> open_;  // the containers being read; a parent does not change while a child of it is open
  json* member_ = nullptr;   // of the innermost object: where the value after a key goes
  std::optional<Error> fault_;
};

std::string type_of(const json& value) {
  if (value.is_number_float()) return "a fraction";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "text";
  if (value.is_array()) return "a list";
  return value.is_null() ? "null" : value.is_boolean() ? "a boolean" : "an object";
}

}  // namespace

Result<json> parse_json(std::string_view bytes) {
  DocumentBuilder builder;
  json::sax_parse(bytes, &builder);
  return builder.finish();
}

Result<void> check_line(std::string_view text, std::size_t longest) {
  if (text.empty()) return failure("is empty", "give it a value or leave it out");
  if (text.size() > longest) {
    return failure("is " + std::to_string(text.size()) + " bytes long", "write at most " + std::to_string(longest));
  }
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return failure("has a control character", "write it as one line of plain text");
  }
  return {};
}

ObjectReader::ObjectReader(const json& value, std::string place, std::initializer_list<std::string_view> allowed,
                           std::optional<Error>& fault)
    : place_(std::move(place)), fault_(fault) {
  if (fault_) return;
  const std::string name = place_.empty() ? "the body" : place_;
  if (!value.is_object()) {
    fault_ = Error{name + " is " + type_of(value), "send an object"};
    return;
  }
  std::string known;
  for (const auto key : allowed) known += (known.empty() ? "" : ", ") + std::string(key);
  for (const auto& item : value.items()) {
    if (std::find(allowed.begin(), allowed.end(), item.key()) == allowed.end()) {
      fault_ = Error{name + " has the unknown key '" + item.key() + "'",
                     known.empty() ? "it takes no keys" : "its keys are " + known};
      return;
    }
  }
  object_ = &value;
}

std::string ObjectReader::place_of(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

void ObjectReader::complain(std::string_view key, Error error) {
  if (!fault_) fault_ = Error{place_of(key) + ": " + error.what, std::move(error.mend)};
}

const json* ObjectReader::member(std::string_view key, bool required) {
  if (object_ == nullptr || fault_) return nullptr;
  const auto found = object_->find(std::string(key));
  if (found != object_->end()) return &*found;
  if (required) complain(key, {"is missing", "send it"});
  return nullptr;
}

std::optional<std::string> ObjectReader::text(std::string_view key, bool required) {
  const auto* value = member(key, required);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    complain(key, {"is " + type_of(*value), "send text"});
    return std::nullopt;
  }
  return value->get<std::string>();
}

std::optional<std::string> ObjectReader::line(std::string_view key, std::size_t longest, bool required) {
  auto value = text(key, required);
  if (!value) return std::nullopt;
  if (auto checked = check_line(*value, longest); !checked) {
    complain(key, checked.error());
    return std::nullopt;
  }
  return value;
}

std::optional<std::uint64_t> ObjectReader::number(std::string_view key, std::uint64_t least, std::uint64_t most,
                                                  bool required) {
  const auto* value = member(key, required);
  if (value == nullptr) return std::nullopt;
  const std::string range = "send a whole number from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value->is_number_unsigned()) {
    complain(key, {value->is_number_integer() ? "is negative" : "is " + type_of(*value), range});
    return std::nullopt;
  }
  const auto number = value->get<std::uint64_t>();
  if (number < least || number > most) {
    complain(key, {"is " + std::to_string(number), range});
    return std::nullopt;
  }
  return number;
}

const json* ObjectReader::list(std::string_view key, std::size_t longest, bool required) {
  const auto* value = member(key, required);
  if (value == nullptr) return nullptr;
  if (!value->is_array()) {
    complain(key, {"is " + type_of(*value), "send a list"});
    return nullptr;
  }
  if (value->size() > longest) {
    complain(key, {"has " + std::to_string(value->size()) + " entries",
                   "send at most " + std::to_string(longest) + " at once"});
    return nullptr;
  }
  return value;
}

}  // namespace gatehouse::admin
