// Whether a recording is as it was written: its chain, the signatures of its pieces, and the gateway's word for the key
// that made them. What could not be checked is said: it is not the same as good.
//
// Threads: any. Reads the whole recording, piece by piece.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "rdp/recording_identity.h"

namespace gatehouse::rdp {

struct RecordingFinding {
  std::optional<RecordingIdentity> identity = {};  // absent only with a fault
  std::uint64_t pieces = 0;                        // that are as they were written
  std::string hash = {};                           // of the last of them
  bool ended = false;                              // orderly: nothing is missing behind the last piece
  std::uint64_t beyond = 0;                        // bytes behind what the chain vouches for
  std::string fault = {};                          // what is wrong; empty: nothing
  std::vector<std::string> unchecked = {};         // what nobody could know from here, in sentences
};

// `gateway`: the key that is known to be the gateway's. `session`: the number that the recording must be of.
// Error: there is no recording, or it cannot be read.
Result<RecordingFinding> verify_recording(const std::filesystem::path& directory,
                                          const std::optional<PublicKey>& gateway = {},
                                          std::optional<std::uint64_t> session = {});

// identity.json of a recording; without looking at anything else.
Result<RecordingIdentity> identity_of(const std::filesystem::path& directory);

}  // namespace gatehouse::rdp
