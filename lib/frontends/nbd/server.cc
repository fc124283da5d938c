#include "lib/frontends/nbd/server.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"

namespace storpool::nbd {

Server::Server(env::Reactor& reactor, env::LogSink& log, ExportDirectory& exports)
    : reactor_(reactor), log_(log), exports_(exports) {}

Server::~Server() { reactor_.Unschedule(this); }

absl::Status Server::Listen(env::Network& network, std::string_view address) {
  auto listener = network.Listen(
      address, [this](std::unique_ptr<env::Stream> stream) { return Accept(std::move(stream)); });
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  return absl::OkStatus();
}

env::StreamHandler* Server::Accept(std::unique_ptr<env::Stream> stream) {
  if (sessions_.size() >= kNbdConnectionsMax) {
    log_.Log(env::LogLevel::kWarning, "nbd",
             absl::StrCat("refused ", stream->peer_address(), ": ", kNbdConnectionsMax,
                          " connections are open already"));
    return nullptr;
  }
  ++counters_.connections;
  ++counters_.connections_open;
  sessions_.push_back(std::make_unique<Session>(*this, std::move(stream)));
  return sessions_.back().get();
}

std::vector<std::string> Server::ClientsOf(const block::BlockDevice& device) const {
  std::vector<std::string> clients;
  for (const auto& session : sessions_) {
    if (session->Uses(device)) clients.push_back(session->peer());
  }
  return clients;
}

void Server::CloseDevice(const block::BlockDevice& device, absl::AnyInvocable<void()> done) {
  std::vector<Session*> sessions;
  for (const auto& session : sessions_) {
    if (session->Uses(device)) sessions.push_back(session.get());
  }
  CloseSessions(std::move(sessions), std::move(done));
}

void Server::Stop(absl::AnyInvocable<void()> done) {
  listener_ = nullptr;
  std::vector<Session*> sessions;
  for (const auto& session : sessions_) sessions.push_back(session.get());
  CloseSessions(std::move(sessions), std::move(done));
}

void Server::CloseSessions(std::vector<Session*> sessions, absl::AnyInvocable<void()> done) {
  closing_.push_back({sessions, std::move(done)});
  for (Session* session : sessions) session->Drain();
  reactor_.Schedule(env::Phase::kReport, this);
}

void Server::OnSessionOver(Session* session) {
  over_.push_back(session);
  reactor_.Schedule(env::Phase::kReport, this);
}

void Server::OnPhase(env::Phase) {
  for (Session* session : std::exchange(over_, {})) {
    --counters_.connections_open;
    for (Closing& closing : closing_) std::erase(closing.sessions, session);
    std::erase_if(sessions_, [&](const auto& owned) { return owned.get() == session; });
  }
  std::vector<absl::AnyInvocable<void()>> done;
  std::erase_if(closing_, [&](Closing& closing) {
    if (!closing.sessions.empty()) return false;
    done.push_back(std::move(closing.done));
    return true;
  });
  for (auto& callback : done) callback();  // The last one may destroy the server.
}

}  // namespace storpool::nbd
