// Listens for NBD clients and keeps their sessions. Any number of clients, and of connections of
// one client, may have one export open; they see one another's completed writes at once.
// Reactor thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"
#include "lib/env/stream.h"
#include "lib/frontends/nbd/export_directory.h"
#include "lib/frontends/nbd/session.h"

namespace storpool::nbd {

class Server final : public Session::Host, private env::PhaseHook {
 public:
  // All must outlive the server.
  Server(env::Reactor& reactor, env::LogSink& log, ExportDirectory& exports);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Nothing may be under way: after Stop has called back (or as a simulated crash).
  ~Server() override;

  // `address` as in env::Network::Listen, whose errors these are. Once.
  absl::Status Listen(env::Network& network, std::string_view address);
  // With the port that was taken; "" before Listen and after Stop.
  std::string address() const { return listener_ == nullptr ? "" : listener_->address(); }

  // Ends the connections of a device that the directory gives no more (Session::Drain). `done`
  // comes in a later turn, when no session uses the device. A device that has nothing under way may
  // go as soon as this returns, but for its pool: answers on their way out may still hold buffers
  // of it.
  void CloseDevice(const block::BlockDevice& device, absl::AnyInvocable<void()> done);
  // The same for all connections; nobody is let in any more.
  void Stop(absl::AnyInvocable<void()> done);

  // Who has the device open, by whichever of its names: addresses, one for each connection.
  std::vector<std::string> ClientsOf(const block::BlockDevice& device) const;

  const Counters& counters() const { return counters_; }

 private:
  // Somebody waits for these sessions to end.
  struct Closing {
    std::vector<Session*> sessions;
    absl::AnyInvocable<void()> done;
  };

  ExportDirectory& exports() override { return exports_; }
  Counters& session_counters() override { return counters_; }
  env::LogSink& log() override { return log_; }
  env::Reactor& reactor() override { return reactor_; }
  void OnSessionOver(Session* session) override;
  void OnPhase(env::Phase phase) override;

  env::StreamHandler* Accept(std::unique_ptr<env::Stream> stream);
  void CloseSessions(std::vector<Session*> sessions, absl::AnyInvocable<void()> done);

  env::Reactor& reactor_;
  env::LogSink& log_;
  ExportDirectory& exports_;
  std::unique_ptr<env::Listener> listener_;
  Counters counters_;
  std::vector<std::unique_ptr<Session>> sessions_;  // in the order of their arrival
  std::vector<Session*> over_;
  std::vector<Closing> closing_;
};

}  // namespace storpool::nbd
