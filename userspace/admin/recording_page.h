// The page that plays a recording: HTML, style and script as they are in page/ beside this file, compiled in.
#pragma once

#include <string_view>
#include <vector>

namespace gatehouse::admin {

struct PagePart {
  std::string_view name;  // "recording.html", "player.js"
  const char* content_type;
  std::string_view text;
};

const std::vector<PagePart>& recording_page_parts();

}  // namespace gatehouse::admin
