#include "lib/env/posix/socket_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <charconv>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace storpool::env {
namespace {

absl::Status BadAddress(std::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat("address \"", std::string(text),
                   "\" is none: write IPv4:PORT, [IPv6]:PORT, localhost:PORT or unix:PATH"));
}

absl::StatusOr<SocketAddress> ParseUnix(std::string_view path) {
  SocketAddress address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof un->sun_path) {
    return absl::InvalidArgumentError(absl::StrCat("socket path \"", std::string(path),
                                                   "\" must have 1 to ", sizeof un->sun_path - 1,
                                                   " bytes: choose a shorter folder"));
  }
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  address.size_bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

}  // namespace

absl::StatusOr<SocketAddress> SocketAddress::Parse(std::string_view text) {
  if (text.starts_with("unix:")) return ParseUnix(text.substr(5));
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return BadAddress(text);
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
  if (parsed.ec != std::errc() || parsed.ptr != end) return BadAddress(text);
  std::string host(text.substr(0, colon));
  SocketAddress address;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    auto* in6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    address.size_bytes = sizeof(sockaddr_in6);
    host = host.substr(1, host.size() - 2);
    if (inet_pton(AF_INET6, host.c_str(), &in6->sin6_addr) != 1) return BadAddress(text);
    return address;
  }
  if (host == "localhost") host = "127.0.0.1";
  auto* in = reinterpret_cast<sockaddr_in*>(&address.storage);
  in->sin_family = AF_INET;
  in->sin_port = htons(port);
  address.size_bytes = sizeof(sockaddr_in);
  if (inet_pton(AF_INET, host.c_str(), &in->sin_addr) != 1) return BadAddress(text);
  return address;
}

SocketAddress SocketAddress::Local(int fd) {
  SocketAddress address;
  getsockname(fd, address.raw(), &address.size_bytes);
  return address;
}

SocketAddress SocketAddress::Peer(int fd) {
  SocketAddress address;
  getpeername(fd, address.raw(), &address.size_bytes);
  return address;
}

std::string SocketAddress::unix_path() const {
  const auto* un = reinterpret_cast<const sockaddr_un*>(&storage);
  if (!is_unix() || size_bytes <= offsetof(sockaddr_un, sun_path)) return "";
  return std::string(un->sun_path);
}

std::string SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    const auto* in = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    return absl::StrCat(text, ":", ntohs(in->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    return absl::StrCat("[", text, "]:", ntohs(in6->sin6_port));
  }
  return absl::StrCat("unix:", unix_path());
}

}  // namespace storpool::env
