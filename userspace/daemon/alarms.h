// What is wrong right now, for operators: raised and cleared by name, logged once each time. Control thread only.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/result.h"

namespace gatehouse::daemon {

class Alarms {
 public:
  // Told of each that is raised (or whose text changed), and (nullptr) of each that is over.
  using Listener = std::function<void(const std::string& name, const Error* error)>;
  void set_listener(Listener listener) { listener_ = std::move(listener); }

  void raise(const std::string& name, const Error& error);
  void clear(const std::string& name);
  // Raised when `result` is an error, cleared when it is none.
  template <typename T>
  void follow(const std::string& name, const Result<T>& result) {
    if (result) {
      clear(name);
    } else {
      raise(name, result.error());
    }
  }
  [[nodiscard]] bool is_raised(const std::string& name) const { return list_.contains(name); }
  [[nodiscard]] const std::map<std::string, Error>& list() const { return list_; }

 private:
  std::map<std::string, Error> list_;
  Listener listener_;
};

}  // namespace gatehouse::daemon
