// HTTP/1.1 below the JSON API: one thread, one request a connection. It bounds what it reads
// (limits.h: header, body, time, connections), so that neither slow clients nor many of them take
// anything away from the rest of the process. Boost.Beast and OpenSSL are known here only.
//
// Invariant: a connection beyond the limit is told so with 503 and closed; a body is read only
// after `admit` has agreed with the header.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "lib/env/log_sink.h"
#include "lib/http/message.h"

namespace storpool::http {

struct ServerOptions {
  std::string listen;  // "host:port"; port 0: any
  // TLS, if not empty: files in PEM form, the certificate with its chain. Both or neither.
  std::string certificate_file;
  std::string key_file;
  uint32_t connections_max = 0;  // 0: kHttpConnectionsMax, or less if few files may be open
  // Server's thread. What the header alone refuses: its response; nothing: go on.
  std::function<std::optional<Response>(const Head& head)> admit;
  std::function<void(Request request, Reply reply)> handle;
  env::LogSink* log = nullptr;  // outlives the server
};

class Server {
 public:
  // kUnavailable, kPermissionDenied, kInvalidArgument name the address or file and the way out.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Closes all connections. Replies that come later are dropped.
  ~Server();

  // With the port that was taken.
  const std::string& address() const;

 private:
  class Core;
  explicit Server(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace storpool::http
