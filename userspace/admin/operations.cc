#include "admin/operations.h"

#include <pwd.h>

#include <array>

namespace gatehouse::admin {

std::string Peer::text() const {
  if (!token.empty()) return "token " + token + " (" + source.text() + ")";
  std::string text = "uid " + std::to_string(uid);
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> buffer{};
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr) {
    text += " (" + std::string(found->pw_name) + ")";
  }
  return text;
}

}  // namespace gatehouse::admin
