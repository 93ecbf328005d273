// What the gateway answers in place of hbbs: encoded messages, each the one that stock clients handle well. Over TCP
// they are framed (frames.h); over UDP and in a binary WebSocket message they go as they are. hbbr answers nothing: a
// relay is refused by closing it.
//
// None of them can say UUID_MISMATCH: a stock client answers that by drawing a new id, which would undo a ban.
#pragma once

#include <cstdint>
#include <string_view>

#include "rustdesk/bytes.h"
#include "rustdesk/messages.h"

namespace gatehouse::rustdesk {

enum class RegistrationRefusal : std::uint8_t { too_frequent, not_support, server_error, not_deployed };

// To a PunchHoleRequest; then the connection is closed. The client shows `text` as it is, and tries again unless the
// text has one of "offline", "not exist", "failed", "mismatch", "restricted", "not allowed" in it. An empty text would
// read as ID_NOT_EXIST.
Buffer punch_refused(std::string_view text);
Buffer punch_failed(PunchHoleFailure failure);
// To a RequestRelay at hbbs; `text` as above.
Buffer relay_refused(std::string_view text);

// To a RegisterPk.
Buffer registration_refused(RegistrationRefusal refusal);
// To a RegisterPeer, which hbbs then does not hear of: with request_pk the client sends its RegisterPk at once, without
// it takes itself for registered.
Buffer heartbeat_answered(bool request_pk);

// To a TestNatRequest: the source port that was seen.
Buffer nat_test_answered(std::uint16_t port);

}  // namespace gatehouse::rustdesk
