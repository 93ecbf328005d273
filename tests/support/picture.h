// Pictures, compared within what codecs lose, and pictures out of a video.
//
// Threads: one. Errors: std::runtime_error with what the tool said, unless a value says so.
#pragma once

#include <filesystem>
#include <string>

#include "support/directories.h"

namespace gatehouse::test {

// Pixels whose colours differ by more than an eighth; `area`: "WxH+X+Y", or all. Of pictures of other
// sizes: very many.
long differing_pixels(const std::string& one, const std::string& other, const std::string& area = {});

// Of displays of 1024x768: as a codec leaves a picture.
bool alike(const std::string& one, const std::string& other);

// The path of a PNG file in `directory`; empty: there is no picture in the video (yet).
std::string last_picture(const TemporaryDirectory& directory, const std::filesystem::path& video);

}  // namespace gatehouse::test
