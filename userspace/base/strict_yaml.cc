#include "base/strict_yaml.h"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>
#include <tuple>

namespace gatehouse {
namespace {

constexpr std::size_t most_bytes = std::size_t{64} * 1024 * 1024;
constexpr int most_depth = 32;

std::string joined(std::initializer_list<std::string_view> words) {
  std::string text;
  for (const auto word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

// Refuses what yaml-cpp would resolve by itself (anchors, aliases) and nesting deep enough to exhaust the stack, before
// a node is built.
class Guard : public YAML::EventHandler {
 public:
  explicit Guard(std::optional<std::pair<int, std::string>>& fault) : fault_(&fault) {}
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { check(mark, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { report(mark, "an alias (*name) is not allowed"); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, const std::string&) override {
    check(mark, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    enter(mark, anchor);
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    enter(mark, anchor);
  }
  void OnMapEnd() override { --depth_; }

 private:
  void enter(const YAML::Mark& mark, YAML::anchor_t anchor) {
    check(mark, anchor);
    if (++depth_ > most_depth) {
      report(mark, "nested too deeply");
      throw YAML::ParserException(mark, "nested too deeply");
    }
  }
  void check(const YAML::Mark& mark, YAML::anchor_t anchor) {
    if (anchor != 0) report(mark, "an anchor (&name) is not allowed");
  }
  void report(const YAML::Mark& mark, std::string what) {
    if (!*fault_) *fault_ = {mark.line + 1, std::move(what)};
  }
  std::optional<std::pair<int, std::string>>* fault_;
  int depth_ = 0;
};

// yaml-cpp's scanner recurses per nesting level of flow collections before any event reaches the guard.
bool brackets_too_deep(const std::string& text) {
  int depth = 0;
  for (const char c : text) {
    if (c == '[' || c == '{') {
      if (++depth > 1000) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

std::string Issue::text() const {
  std::string text = file;
  if (line > 0) text += ":" + std::to_string(line);
  text += ": " + what;
  if (!mend.empty()) text += ": " + mend;
  return text;
}

void Issues::add(std::string file, int line, std::string what, std::string mend) {
  list_.push_back({std::move(file), line, std::move(what), std::move(mend)});
}

void Issues::sort() {
  std::stable_sort(list_.begin(), list_.end(),
                   [](const Issue& a, const Issue& b) { return std::tie(a.file, a.line) < std::tie(b.file, b.line); });
}

std::string Issues::text() const {
  std::string text;
  for (const auto& issue : list_) text += issue.text() + "\n";
  return text;
}

int line_of(const YAML::Node& node) {
  return node.Mark().is_null() ? 0 : node.Mark().line + 1;
}

std::optional<YAML::Node> read_yaml(const std::string& file, const std::string& text, Issues& issues) {
  if (text.size() > most_bytes) {
    issues.add(file, 0, "the file is over 64 MiB", "split it");
    return std::nullopt;
  }
  if (text.find('\0') != std::string::npos || brackets_too_deep(text)) {
    issues.add(file, 0, "this is not a YAML text", "check that it is the right file");
    return std::nullopt;
  }
  std::optional<std::pair<int, std::string>> fault;
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    Guard guard(fault);
    int documents = 0;
    // Not further: from a text like ", x" yaml-cpp 0.7 takes empty documents without end.
    while (documents < 2 && parser.HandleNextDocument(guard)) ++documents;
    if (!fault && documents > 1) fault = {1, "the file holds more than one YAML document"};
    if (!fault) return YAML::Load(text);
  } catch (const YAML::Exception& exception) {
    if (!fault)
      fault = {exception.mark.is_null() ? 0 : exception.mark.line + 1, "not valid YAML (" + exception.msg + ")"};
  }
  issues.add(file, fault->first, fault->second, "correct the syntax there");
  return std::nullopt;
}

StrictMap::StrictMap(std::string file, const YAML::Node& node, std::string name,
                     std::initializer_list<std::string_view> allowed, Issues& issues)
    : file_(std::move(file)), node_(node), name_(std::move(name)), issues_(&issues) {
  if (node_.IsNull()) {
    node_ = YAML::Node(YAML::NodeType::Map);
    return;
  }
  if (!node_.IsMap()) {
    issues_->add(file_, gatehouse::line_of(node_), name_ + " is not a map", "write 'key: value' lines");
    node_ = YAML::Node(YAML::NodeType::Map);
    return;
  }
  std::set<std::string> seen;
  for (const auto& entry : node_) {
    if (!entry.first.IsScalar()) {
      issues_->add(file_, gatehouse::line_of(entry.first), name_ + " has a key that is not a word",
                   "write a plain name before the colon");
      continue;
    }
    const auto& key = entry.first.Scalar();
    if (!seen.insert(key).second) {
      issues_->add(file_, gatehouse::line_of(entry.first), "'" + key + "' comes twice in " + name_, "keep one of them");
    }
    if (allowed.size() > 0 && std::find(allowed.begin(), allowed.end(), key) == allowed.end()) {
      issues_->add(file_, gatehouse::line_of(entry.first), "unknown key '" + key + "' in " + name_,
                   "known keys are " + joined(allowed));
    }
  }
}

YAML::Node StrictMap::node(std::string_view key) const {
  for (const auto& entry : node_) {
    if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.second;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

bool StrictMap::has(std::string_view key) const {
  return node(key).IsDefined();
}

int StrictMap::line() const {
  return gatehouse::line_of(node_);
}

int StrictMap::line_of(std::string_view key) const {
  const auto value = node(key);
  return value.IsDefined() ? gatehouse::line_of(value) : line();
}

std::vector<std::pair<std::string, YAML::Node>> StrictMap::entries() const {
  std::vector<std::pair<std::string, YAML::Node>> list;
  for (const auto& entry : node_) {
    if (entry.first.IsScalar()) list.emplace_back(entry.first.Scalar(), entry.second);
  }
  return list;
}

void StrictMap::complain(std::string_view key, const Error& error) const {
  issues_->add(file_, line_of(key), name_ + ", " + std::string(key) + ": " + error.what, error.mend);
}

std::optional<std::string> StrictMap::text(std::string_view key, bool required) const {
  const auto value = node(key);
  if (!value.IsDefined()) {
    if (required) issues_->add(file_, line(), name_ + " has no '" + std::string(key) + "'", "add it");
    return std::nullopt;
  }
  if (!value.IsScalar() || value.Scalar().empty()) {
    complain(key, {"is not a single value", "write one value after the colon"});
    return std::nullopt;
  }
  return value.Scalar();
}

std::optional<bool> StrictMap::boolean(std::string_view key) const {
  const auto value = text(key);
  if (!value) return std::nullopt;
  if (*value == "true" || *value == "yes") return true;
  if (*value == "false" || *value == "no") return false;
  complain(key, {"'" + *value + "' is neither true nor false", "write true or false"});
  return std::nullopt;
}

std::optional<std::int64_t> StrictMap::integer(std::string_view key, std::int64_t least, std::int64_t most,
                                               bool required) const {
  const auto value = text(key, required);
  if (!value) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), number);
  if (error != std::errc{} || end != value->data() + value->size() || number < least || number > most) {
    complain(key, {"'" + *value + "' is not a number from " + std::to_string(least) + " to " + std::to_string(most),
                   "write such a number"});
    return std::nullopt;
  }
  return number;
}

std::vector<std::pair<std::string, int>> StrictMap::texts(std::string_view key, bool required) const {
  const auto value = node(key);
  if (!value.IsDefined() || value.IsNull()) {
    if (required) issues_->add(file_, line(), name_ + " has no '" + std::string(key) + "'", "add it");
    return {};
  }
  if (value.IsScalar()) return {{value.Scalar(), gatehouse::line_of(value)}};
  std::vector<std::pair<std::string, int>> list;
  if (!value.IsSequence()) {
    complain(key, {"is not a list", "write it like [a, b]"});
    return {};
  }
  for (const auto& item : value) {
    if (item.IsScalar()) {
      list.emplace_back(item.Scalar(), gatehouse::line_of(item));
    } else {
      issues_->add(file_, gatehouse::line_of(item),
                   name_ + ", " + std::string(key) + ": an entry is not a single value", "write plain values");
    }
  }
  return list;
}

}  // namespace gatehouse
