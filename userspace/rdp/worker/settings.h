// What the two legs tell each other about: which of the client's abilities the backend is told, and what of both is
// never used, because nothing here could pass it on (drawing orders and their caches, compression, other transports).
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "rdp/control_message.h"

using freerdp_peer = struct rdp_freerdp_peer;
using rdpContext = struct rdp_context;
using rdpSettings = struct rdp_settings;

namespace gatehouse::rdp {

// Before the client's first byte.
Result<void> set_up_front(rdpSettings& settings, const Start& start);

// Of a client that is connected, for a backend that is not yet. `decode`: the picture is wanted here as well.
Result<void> set_up_back(const rdpSettings& front, rdpSettings& back, const Start& start, Security security,
                         const std::optional<Credentials>& credentials, bool decode);

// Whether this leg's client has RDPGFX.
bool announces_graphics(const rdpSettings& settings);

// Drawing orders: none. FreeRDP fills them in anew now and then.
void forget_orders(rdpSettings& settings);

LogonQuery logon_of(const rdpContext& front, std::vector<std::string> channels, Security security);
std::vector<std::string> accepted_channels(freerdp_peer* peer);

bool same_size(const rdpSettings& one, const rdpSettings& other);
bool copy_size(const rdpSettings& from, rdpSettings& to);

// How bitmaps of 32 bits may be packed (drawingFlags, MS-RDPBCGR 2.2.7.1.2): a client reads them by what the server has
// announced. True: the backend keeps to what the client was told.
bool keeps_to_drawing(const rdpSettings& back, const rdpSettings& front);
bool copy_drawing(const rdpSettings& from, rdpSettings& to);

}  // namespace gatehouse::rdp
