// Accepted connections until they have proved who they are: then clients go to Clients and nodes to
// Peers.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/link/connection.h"
#include "lib/node/clients.h"
#include "lib/node/peers.h"
#include "lib/node/services.h"

namespace storpool::node {

class Doorstep : public link::Connection::Handler {
 public:
  Doorstep(Services& services, const link::Local& local) : services_(services), local_(local) {}

  env::StreamHandler* Accept(std::unique_ptr<env::Stream> stream) {
    auto connection = std::make_unique<link::Connection>(local_, std::move(stream), *this);
    link::Connection* key = connection.get();
    waiting_[key] = std::move(connection);
    return key->stream_handler();
  }
  void Stop() {
    for (auto& [key, connection] : waiting_) connection->Close();
  }

 private:
  std::unique_ptr<link::Connection> Take(link::Connection& connection) {
    const auto it = waiting_.find(&connection);
    std::unique_ptr<link::Connection> taken = std::move(it->second);
    waiting_.erase(it);
    return taken;
  }
  void OnReady(link::Connection& connection) override {
    if (connection.peer().is_client) {
      services_.clients->Adopt(Take(connection));
    } else {
      services_.peers->Adopt(Take(connection));
    }
  }
  void OnMessage(link::Connection&, wire::Message&&) override {}  // none before OnReady
  void OnClosed(link::Connection& connection, const absl::Status& reason) override {
    services_.Log(env::LogLevel::kWarning, absl::StrCat("refused ", connection.peer_name(), ": ",
                                                        std::string(reason.message())));
    services_.graveyard.Bury(Take(connection));
  }

  Services& services_;
  const link::Local& local_;
  // By address, but never iterated where order could be seen.
  std::map<link::Connection*, std::unique_ptr<link::Connection>> waiting_;
};

}  // namespace storpool::node
