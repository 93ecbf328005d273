// What a client types and points at, for who records it.
//
// Threads: that of the leg to the client.
#pragma once

#include <cstdint>

namespace gatehouse::rdp {

class Session;

void note_scan_code(Session& session, std::uint16_t flags, std::uint8_t code);
void note_unicode(Session& session, std::uint16_t flags, std::uint16_t code);
void note_mouse(Session& session, std::uint16_t flags, std::uint16_t x, std::uint16_t y);
void note_extended_mouse(Session& session, std::uint16_t flags, std::uint16_t x, std::uint16_t y);
void note_relative_mouse(Session& session, std::uint16_t flags, std::int16_t x, std::int16_t y);

}  // namespace gatehouse::rdp
