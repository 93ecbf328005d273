// Where the recording of a session begins: its directory, with identity.json, and the keys that vouch for it. While
// somebody writes to it its directory is locked (flock): a recording that nobody has locked has ended or broken off,
// also after a death of everything (rdp/recordings.h asks for that).
//
// Threads: any; on an event loop, some small files' time. Errors name the file; what was begun is taken back.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "rdp/recording_identity.h"

namespace gatehouse::gate {

struct NewRecording {
  Fd directory;      // for the worker; locked as long as it, or a copy of it, is open
  std::string key;   // for the worker: a secret
  std::string base;  // SHA-256 of identity.json, hexadecimal
};

// `identity.key` is made here. `owner`: whose directory it is, if not the daemon's.
Result<NewRecording> begin_recording(const std::filesystem::path& recordings, rdp::RecordingIdentity identity,
                                     const rdp::SigningKey& gateway, std::optional<unsigned> owner);

}  // namespace gatehouse::gate
