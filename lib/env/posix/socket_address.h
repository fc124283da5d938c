// Addresses as our interfaces write them, "127.0.0.1:41234", "[::1]:80", "localhost:80",
// "unix:/run/x.sock", and as the kernel wants them. Names other than localhost are not looked up:
// that would block the reactor.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace storpool::env {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size_bytes = sizeof(sockaddr_storage);

  // Errors name the address and how it is written.
  static absl::StatusOr<SocketAddress> Parse(std::string_view text);
  // What a socket is bound to, or whom it is connected with.
  static SocketAddress Local(int fd);
  static SocketAddress Peer(int fd);

  std::string ToString() const;
  bool is_unix() const { return storage.ss_family == AF_UNIX; }
  // Empty unless is_unix.
  std::string unix_path() const;
  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

}  // namespace storpool::env
