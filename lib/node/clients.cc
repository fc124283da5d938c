#include "lib/node/clients.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/node/chain_table.h"
#include "lib/node/leases.h"
#include "lib/node/lines.h"

namespace storpool::node {
namespace {

// Clients are not read while more memory than this holds data of their requests, or while answers
// of more than this wait for a slow reader.
constexpr uint64_t kBytesInUseMax = uint64_t{256} << 20;
constexpr uint64_t kBytesUnsentMax = uint64_t{32} << 20;
constexpr Duration kLookAgain = Duration::Millis(1);

}  // namespace

class Clients::Client : public link::Connection::Handler {
 public:
  Client(Clients& clients, chain::ClientRef ref, std::unique_ptr<link::Connection> connection)
      : clients_(clients), ref_(ref), connection_(std::move(connection)) {
    connection_->set_handler(*this);
  }
  ~Client() override = default;

  chain::ClientRef ref() const { return ref_; }
  link::Connection& connection() { return *connection_; }
  bool paused() const { return paused_; }
  void Pause() {
    if (!std::exchange(paused_, true)) connection_->PauseReading();
  }
  void Resume() {
    if (std::exchange(paused_, false)) connection_->ResumeReading();
  }

 private:
  void OnReady(link::Connection&) override {}
  void OnMessage(link::Connection&, wire::Message&& message) override {
    clients_.OnMessage(*this, std::move(message));
  }
  void OnClosed(link::Connection&, const absl::Status& reason) override {
    clients_.Forget(ref_, reason);
  }

  Clients& clients_;
  const chain::ClientRef ref_;
  std::unique_ptr<link::Connection> connection_;
  bool paused_ = false;
};

Clients::Clients(Services& services)
    : services_(services), resume_(services.reactor, [this] { ResumeReading(); }) {}

Clients::~Clients() = default;

void Clients::Adopt(std::unique_ptr<link::Connection> connection) {
  const ClientId id = connection->peer().client;
  const chain::ClientRef ref = ++last_ref_;
  services_.Log(env::LogLevel::kInfo, absl::StrCat(connection->peer_name(), " has connected"));
  // 5.8: nothing more is taken from the older one, not even what has arrived already.
  const auto older = newest_.find(id);
  if (older != newest_.end()) {
    Forget(older->second, absl::UnavailableError("it has connected again"));
  }
  newest_[id] = ref;
  connection->set_pool(services_.request_pool);
  auto client = std::make_shared<Client>(*this, ref, std::move(connection));
  if (reading_stopped_) client->Pause();
  clients_[ref] = std::move(client);
}

void Clients::Forget(chain::ClientRef ref, const absl::Status& reason) {
  const auto it = clients_.find(ref);
  if (it == clients_.end()) return;
  std::shared_ptr<Client> client = std::move(it->second);
  clients_.erase(it);
  const wire::Hello& hello = client->connection().peer();
  const auto newest = newest_.find(hello.client);
  if (newest != newest_.end() && newest->second == ref) newest_.erase(newest);
  services_.Log(
      reason.code() == absl::StatusCode::kDataLoss ? env::LogLevel::kWarning : env::LogLevel::kInfo,
      absl::StrCat("connection with ", client->connection().peer_name(),
                   " ended: ", std::string(reason.message())));
  client->connection().Close();
  services_.graveyard.Bury(std::move(client));
  services_.chains->StepAll([ref](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnClientLost(ref, now, out);
  });
}

link::Connection* Clients::Find(chain::ClientRef ref) const {
  const auto it = clients_.find(ref);
  return it == clients_.end() ? nullptr : &it->second->connection();
}

bool Clients::AnswerWrite(chain::ClientRef client, const wire::WriteAnswer& answer) {
  const auto newest = newest_.find(answer.session.client);
  if (newest != newest_.end() && Send(newest->second, answer)) return true;
  return Send(client, answer);
}

void Clients::StopReading() {
  reading_stopped_ = true;
  for (auto& [ref, client] : clients_) client->Pause();
}

void Clients::Stop() {
  resume_.Stop();
  for (auto& [ref, client] : clients_) client->connection().Close();
}

void Clients::OnMessage(Client& client, wire::Message&& message) {
  if (auto* write = std::get_if<wire::WriteRequest>(&message)) {
    OnWrite(client, std::move(*write));
    CheckFlow(client);
  } else if (const auto* read = std::get_if<wire::ReadRequest>(&message)) {
    OnRead(client, *read);
    CheckFlow(client);
  } else if (const auto* hint = std::get_if<wire::LineHint>(&message)) {
    services_.lines->Learn(hint->line);
  } else {
    Forget(client.ref(),
           absl::DataLossError(absl::StrCat("it sent a ", wire::TypeName(wire::TypeOf(message)),
                                            ", as no client may")));
  }
}

wire::Result Clients::FindLine(LineageId lineage, LineVersion version, const model::Line** line) {
  *line = services_.lines->Find(lineage);
  if (*line == nullptr) {
    // The client teaches it, or metadata does (9.3).
    services_.lines->Want(lineage);
    return wire::Result::kStaleLine;
  }
  if ((*line)->dropped) return wire::Result::kGone;
  if ((*line)->version < version) services_.lines->Want(lineage);
  return wire::Result::kOk;
}

void Clients::OnWrite(Client& client, wire::WriteRequest&& request) {
  const model::Line* line = nullptr;
  wire::Result result = FindLine(request.lineage, request.line_version, &line);
  ChainHost* host = services_.chains->HeadOf(request.chain);
  if (host == nullptr) result = wire::Result::kNotServing;
  if (result != wire::Result::kOk) {
    client.connection().Send(
        wire::WriteAnswer{request.chain, request.session, request.number, result, request.attempt});
    return;
  }
  host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnWrite(std::move(request), client.ref(), *line, now, out);
  });
}

void Clients::OnRead(Client& client, const wire::ReadRequest& request) {
  const model::Line* line = nullptr;
  wire::Result result = FindLine(request.lineage, request.line_version, &line);
  ChainHost* host = services_.chains->TailOf(request.chain);
  if (host == nullptr) result = wire::Result::kNotServing;
  if (result != wire::Result::kOk) {
    wire::ReadAnswer answer;
    answer.chain = request.chain;
    answer.number = request.number;
    answer.result = result;
    client.connection().Send(answer);
    return;
  }
  services_.leases->OnRead();
  host->Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
    r.OnRead(request, client.ref(), *line, now, out);
  });
}

void Clients::CheckFlow(Client& client) {
  if (client.connection().closed()) return;
  if (services_.request_pool.bytes_in_use() <= kBytesInUseMax &&
      client.connection().unsent_bytes() <= kBytesUnsentMax) {
    return;
  }
  client.Pause();
  if (!resume_.active()) resume_.StartIn(kLookAgain);
}

void Clients::ResumeReading() {
  if (reading_stopped_) return;
  const bool room = services_.request_pool.bytes_in_use() <= kBytesInUseMax / 2;
  bool waiting = false;
  for (auto& [ref, client] : clients_) {
    if (!client->paused()) continue;
    if (room && client->connection().unsent_bytes() <= kBytesUnsentMax / 2) {
      client->Resume();
    } else {
      waiting = true;
    }
  }
  if (waiting) resume_.StartIn(kLookAgain);
}

}  // namespace storpool::node
