// The routes of recordings, and of the page that plays them: what answers with a file or a page instead of JSON, and
// the login of a browser. routes.cc has judged the role before.
//
// Sources: RFC 9110 sections 14 and 15.3.7 (ranges), W3C Content Security Policy Level 3.
#pragma once

#include "admin/routes.h"

namespace gatehouse::admin {

// The page and its script and style. They are the same for every recording and have nothing of any in them.
Answer recording_page(const Request& request);
Answer recording_page_part(const Request& request);

Answer get_recording(const Request& request, Operations& operations);
Answer get_recording_file(const Request& request, Operations& operations);

Answer post_login(const Request& request, Operations& operations);
Answer post_logout(const Request& request, Operations& operations);

}  // namespace gatehouse::admin
