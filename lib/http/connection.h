// One connection of the HTTP server: reads one request within its bounds, sends the answer, closes.
// Used by server.cc only: whoever includes this compiles Boost.Beast.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <functional>
#include <memory>

#include "lib/http/server.h"

namespace storpool::http {

// Lives as long as an operation of its socket is under way. Server's thread only.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void Start() = 0;
  virtual void Close() = 0;
};

struct ConnectionPlan {
  const ServerOptions* options = nullptr;  // outlives all connections
  std::weak_ptr<boost::asio::io_context> context;
  boost::asio::ssl::context* tls = nullptr;  // not null: the connection is encrypted
  bool refused = false;                      // there are too many: answered so at once
  std::function<void(Connection*)> on_end;   // called by the destructor
};

std::shared_ptr<Connection> MakeConnection(boost::asio::ip::tcp::socket socket,
                                           ConnectionPlan plan);

}  // namespace storpool::http
