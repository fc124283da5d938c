#include "lib/rpc/probe.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace storpool::rpc {
namespace {

constexpr int kTries = 3;
constexpr int kTryMs = 20;

// The errno of one try to connect; 0 if it was accepted, ETIMEDOUT without an answer.
int TryConnect(const addrinfo& where) {
  const int fd = socket(where.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  int result = 0;
  if (connect(fd, where.ai_addr, where.ai_addrlen) < 0) {
    result = errno;
    if (result == EINPROGRESS) {
      pollfd waiting{fd, POLLOUT, 0};
      socklen_t size = sizeof result;
      if (poll(&waiting, 1, kTryMs) <= 0) {
        result = ETIMEDOUT;
      } else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &result, &size) < 0) {
        result = errno;
      }
    }
  }
  close(fd);
  return result;
}

}  // namespace

bool ConnectionIsRefused(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return false;
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* where = nullptr;
  if (getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &where) != 0) return false;
  int result = 0;
  for (int i = 0; i < kTries; ++i) {
    // A dying process closes its sockets one after the other.
    if (i > 0) {
      const timespec pause{0, kTryMs * 1000000};
      nanosleep(&pause, nullptr);
    }
    result = TryConnect(*where);
    if (result == ECONNREFUSED) break;
  }
  freeaddrinfo(where);
  return result == ECONNREFUSED;
}

}  // namespace storpool::rpc
