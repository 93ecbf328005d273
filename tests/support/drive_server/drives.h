// The server's side of redirected drives (MS-RDPEFS), over a static channel of FreeRDP's server library. Of its own and
// not FreeRDP's rdpdr server, which in 3.10 takes the client's answers to a write and a rename for broken and deletes
// in a way that no client of 3.10 does.
//
// Threads: all calls from one, which is not the one that serves the peer. Errors: a status of the client (0 is good),
// or `no_answer`.
#pragma once

#include <winpr/handle.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drive_server {

inline constexpr std::uint32_t no_answer = 0xFFFFFFFF;

class Drives {
 public:
  // Of the channel manager of a peer that is active and has joined rdpdr.
  explicit Drives(HANDLE channels);
  ~Drives();
  Drives(const Drives&) = delete;
  Drives& operator=(const Drives&) = delete;

  // Begins, and waits until the client has redirected a drive: its name. nullopt: it has not.
  std::optional<std::string> wait(std::chrono::milliseconds patience);

  std::uint32_t read(const std::string& path, std::string& content);
  std::uint32_t write(const std::string& path, const std::string& content);
  std::uint32_t remove(const std::string& path);
  std::uint32_t rename(const std::string& from, const std::string& to);

 private:
  using Body = std::vector<std::uint8_t>;
  struct Answer {
    std::uint32_t status = no_answer;
    Body rest;
  };
  void send(const Body& message);
  std::optional<Body> receive(std::chrono::steady_clock::time_point until);
  void greet(const Body& message);
  void take_devices(const Body& message);
  Answer ask(std::uint32_t function, std::uint32_t file, const Body& parameters);
  Answer open(const std::string& path, std::uint32_t access, std::uint32_t disposition, std::uint32_t& file);
  std::uint32_t close(std::uint32_t file);
  std::uint32_t set(std::uint32_t file, std::uint32_t information, const Body& content);

  HANDLE channel_;
  HANDLE arrived_ = nullptr;
  std::uint32_t completion_ = 0;
  std::optional<std::uint32_t> drive_;
  std::string name_;
};

}  // namespace drive_server
