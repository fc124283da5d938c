// Accepted connections of clients and their requests (design 5.8).
//
// Invariants: of one client only the newest connection is listened to; a request is handed to a
// replica only with the line of its lineage; reading from clients, and only from them, pauses while
// too much of their data is on its way (5.3f).
#pragma once

#include <map>
#include <memory>
#include <string>

#include "lib/chain/effects.h"
#include "lib/link/connection.h"
#include "lib/node/services.h"
#include "lib/wire/messages.h"

namespace storpool::node {

class Clients {
 public:
  explicit Clients(Services& services);
  ~Clients();

  // A connection that a client has made and proved.
  void Adopt(std::unique_ptr<link::Connection> connection);

  // False if there is no such connection any more.
  template <class M>
  bool Send(chain::ClientRef client, const M& message) {
    link::Connection* connection = Find(client);
    if (connection == nullptr) return false;
    connection->Send(message);
    return true;
  }
  // Over the connection of the session's client, else over `client`.
  bool AnswerWrite(chain::ClientRef client, const wire::WriteAnswer& answer);
  // Takes no more requests; answers still go out.
  void StopReading();
  void Stop();

 private:
  class Client;

  link::Connection* Find(chain::ClientRef client) const;
  void Forget(chain::ClientRef client, const absl::Status& reason);
  void OnMessage(Client& client, wire::Message&& message);
  void OnWrite(Client& client, wire::WriteRequest&& request);
  void OnRead(Client& client, const wire::ReadRequest& request);
  // The line of a request, or why there is none.
  wire::Result FindLine(LineageId lineage, LineVersion version, const model::Line** line);
  void CheckFlow(Client& client);
  void ResumeReading();

  Services& services_;
  chain::ClientRef last_ref_ = 0;
  bool reading_stopped_ = false;
  std::map<chain::ClientRef, std::shared_ptr<Client>> clients_;
  std::map<ClientId, chain::ClientRef> newest_;
  env::Timer resume_;
};

}  // namespace storpool::node
