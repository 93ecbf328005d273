// Files of a recording, as a worker that was taken over could write them, read by who may read everything: an identity,
// a chain, events that are searched. Whatever they say, nothing outside of them is touched.
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "rdp/recording_files.h"
#include "rdp/recording_search.h"
#include "rdp/recording_verify.h"

namespace rdp = gatehouse::rdp;

namespace {

// A recording of its own for each process, with a right identity.
struct Place {
  Place() : directory(std::filesystem::temp_directory_path() / ("recording_fuzz." + std::to_string(::getpid()))) {
    std::filesystem::create_directories(directory);
    const auto gateway = rdp::SigningKey::of_secret(std::string(64, '1'));
    rdp::RecordingIdentity identity{.session = 17, .user = "bob"};
    identity.key = rdp::SigningKey::of_secret(std::string(64, '2'))->public_key();
    write(rdp::identity_file, rdp::signed_identity(identity, *gateway));
  }
  ~Place() { std::filesystem::remove_all(directory); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  void write(const char* name, std::string_view text) const {
    std::ofstream(directory / name, std::ios::binary | std::ios::trunc) << text;
  }
  std::filesystem::path directory;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Place place;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto identity = rdp::read_identity(text); identity && text.size() > rdp::longest_identity) std::abort();
  static_cast<void>(rdp::public_key_of(std::string(text)));
  place.write(rdp::chain_file, text);
  place.write(rdp::events_file, text);
  const auto finding = rdp::verify_recording(place.directory);
  // Nobody here has the key: nothing can be vouched for.
  if (!finding || finding->pieces > 0 || finding->ended) std::abort();
  const auto found = rdp::search_recording(place.directory, {}, text.substr(0, 3));
  if (found.list.size() > rdp::SearchLimits{}.matches) std::abort();
  return 0;
}
