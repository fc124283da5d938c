#include "lib/node/node.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/directory/directory.h"
#include "lib/link/connection.h"
#include "lib/node/chain_table.h"
#include "lib/node/clients.h"
#include "lib/node/disk_host.h"
#include "lib/node/doorstep.h"
#include "lib/node/leases.h"
#include "lib/node/lines.h"
#include "lib/node/metadata_session.h"
#include "lib/node/peers.h"
#include "lib/node/scan_queue.h"
#include "lib/node/space.h"

namespace storpool::node {
namespace {

// How long Stop waits for writes that are under way, and how often it looks.
constexpr Duration kStopPatience = Duration::Millis(1000);
constexpr Duration kStopLook = Duration::Millis(5);
// How soon metadata is told of disks that did not open, once it can be told.
constexpr Duration kTellAgain = Duration::Millis(200);

absl::Status Named(const absl::Status& status, const std::string& what) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", std::string(status.message())));
}

}  // namespace

class Node::Impl {
 public:
  Impl(NodeOptions options, env::Reactor& reactor, env::Network& network, env::Entropy& entropy,
       env::LogSink& log, control::MetadataLink& metadata);

  void Start(absl::AnyInvocable<void(absl::Status)> done);
  void Stop(absl::AnyInvocable<void(absl::Status)> done);
  std::string address() const { return listener_ == nullptr ? "" : listener_->address(); }

 private:
  friend class Node;

  NodeIdentity MakeIdentity() const;
  void OpenNext();
  void OnOpened(absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>> store);
  void OnAllOpened();
  void TellAlarms();
  absl::Status AddDisk(std::unique_ptr<chunkstore::ChunkStore> store);
  absl::Status Listen();
  void Finish(const absl::Status& status);
  uint64_t ScanBytesOut() const;
  void LookWhetherDone();
  void CloseNext();

  // Order matters: what is used by others is made before them and goes after them.
  NodeOptions options_;
  env::Reactor& reactor_;
  env::Network& network_;
  env::LogSink& log_;
  BufferPool pool_, request_pool_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Graveyard graveyard_;
  Services services_;
  link::Local local_;
  directory::Directory directory_;
  Lines lines_;
  MetadataSession metadata_;
  Peers peers_;
  Leases leases_;
  ChainTable chains_;
  ScanQueue scans_;
  Clients clients_;
  Space space_;
  Doorstep doorstep_;
  std::vector<std::unique_ptr<DiskHost>> disks_;
  std::unique_ptr<env::Listener> listener_;
  size_t next_ = 0;                     // disk to open or close
  std::vector<absl::Status> unopened_;  // why disks are not here
  std::vector<std::string> alarms_;     // that metadata has not been told
  env::Timer tell_timer_;
  absl::AnyInvocable<void(absl::Status)> done_;
  absl::Status close_status_;
  Instant stop_until_;
  env::Timer stop_timer_;
};

Node::Impl::Impl(NodeOptions options, env::Reactor& reactor, env::Network& network,
                 env::Entropy& entropy, env::LogSink& log, control::MetadataLink& metadata)
    : options_(std::move(options)),
      reactor_(reactor),
      network_(network),
      log_(log),
      graveyard_(reactor),
      services_{.reactor = reactor,
                .pool = pool_,
                .request_pool = request_pool_,
                .log = log,
                .self = options_.id,
                .started = reactor.Now(),
                .graveyard = graveyard_},
      local_{.reactor = reactor,
             .pool = pool_,
             .entropy = entropy,
             .secret_key = SecretKey(options_.secret),
             .self = {}},
      lines_(services_, directory_),
      metadata_(services_, MakeIdentity(), entropy, metadata, directory_),
      peers_(services_, local_, network),
      leases_(services_),
      chains_(services_),
      scans_(reactor, [this] { return ScanBytesOut(); }),
      clients_(services_),
      space_(services_),
      doorstep_(services_, local_),
      tell_timer_(reactor, [this] { TellAlarms(); }),
      stop_timer_(reactor, [this] { LookWhetherDone(); }) {
  local_.self.cluster = options_.cluster;
  local_.self.node = options_.id;
  local_.self.process = Incarnation(entropy.Next());
  metadata_.SetProcess(local_.self.process);
  services_.space = &space_;
  services_.chains = &chains_;
  services_.clients = &clients_;
  services_.leases = &leases_;
  services_.lines = &lines_;
  services_.metadata = &metadata_;
  services_.peers = &peers_;
  services_.scans = &scans_;
}

NodeIdentity Node::Impl::MakeIdentity() const {
  NodeIdentity identity;
  identity.cluster = options_.cluster;
  identity.secret_key = SecretKey(options_.secret);
  identity.name =
      options_.name.empty() ? absl::StrCat("node ", options_.id.value()) : options_.name;
  identity.fault_set = options_.fault_set;
  identity.version = options_.version;
  identity.on_refused = options_.on_refused;
  return identity;
}

void Node::Impl::Start(absl::AnyInvocable<void(absl::Status)> done) {
  done_ = std::move(done);
  services_.started = reactor_.Now();
  OpenNext();
}

void Node::Impl::OpenNext() {
  if (next_ == options_.disks.size()) return OnAllOpened();
  chunkstore::ChunkStore::Options store = {
      .device = *options_.disks[next_].device, .reactor = reactor_, .pool = pool_, .log = log_};
  options_.open_store(store, options_.cluster,
                      [this, alive = std::weak_ptr<bool>(alive_)](
                          absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>> opened) {
                        if (!alive.expired()) OnOpened(std::move(opened));
                      });
}

void Node::Impl::OnOpened(absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>> store) {
  const std::string name = absl::StrCat("disk ", options_.disks[next_].name);
  if (store.ok()) {
    const absl::Status added = AddDisk(*std::move(store));
    if (!added.ok()) return Finish(Named(added, name));
  } else {
    unopened_.push_back(Named(store.status(), name));
  }
  ++next_;
  OpenNext();
}

// A disk that is broken does not keep the others from their chains: its own have other mirrors.
void Node::Impl::OnAllOpened() {
  if (disks_.empty() && !unopened_.empty()) return Finish(unopened_.front());
  for (const absl::Status& why : unopened_) {
    services_.Log(env::LogLevel::kError,
                  absl::StrCat(std::string(why.message()), "; the node goes on without it"));
    alarms_.push_back(
        absl::StrCat("node ", options_.id.value(), " is without ", std::string(why.message())));
  }
  for (const auto& disk : disks_) {
    if (!disk->damage().empty()) alarms_.push_back(disk->damage());
  }
  if (!alarms_.empty()) tell_timer_.StartIn(kTellAgain);
  Finish(Listen());
}

void Node::Impl::TellAlarms() {
  if (!metadata_.registered()) return tell_timer_.StartIn(kTellAgain);
  for (const std::string& text : alarms_) metadata_.Alarm(text);
  alarms_.clear();
}

absl::Status Node::Impl::AddDisk(std::unique_ptr<chunkstore::ChunkStore> store) {
  const DiskId id = store->identity().disk;
  for (const auto& disk : disks_) {
    if (disk->id() == id) {
      return absl::InvalidArgumentError(absl::StrCat("it is disk ", id.value(), ", and so is ",
                                                     disk->name(), ": one of them is a copy"));
    }
  }
  const NodeDisk& disk = options_.disks[next_];
  disks_.push_back(
      std::make_unique<DiskHost>(services_, std::move(store), disk.name, disk.device_class));
  chains_.Add(*disks_.back());
  local_.self.disks.push_back(disks_.back()->here());
  lines_.LoadFrom(*disks_.back());
  disks_.back()->LoadChains();
  return absl::OkStatus();
}

absl::Status Node::Impl::Listen() {
  absl::StatusOr<std::unique_ptr<env::Listener>> listener = network_.Listen(
      options_.listen_address,
      [this](std::unique_ptr<env::Stream> stream) { return doorstep_.Accept(std::move(stream)); });
  if (!listener.ok()) return listener.status();
  listener_ = *std::move(listener);
  metadata_.SetAddress(options_.advertised_address.empty() ? listener_->address()
                                                           : options_.advertised_address);
  services_.Log(env::LogLevel::kInfo,
                absl::StrCat("node ", options_.id.value(), " listens at ", listener_->address(),
                             " with ", disks_.size(), " disks"));
  for (ChainHost* host : chains_.all()) chains_.Introduce(*host);
  // Only now: the last map leads to connections, and our hello must name every disk.
  for (const auto& disk : disks_) metadata_.LoadFrom(*disk);
  metadata_.Start();
  return absl::OkStatus();
}

void Node::Impl::Finish(const absl::Status& status) {
  // In a turn of its own: never from within Start.
  reactor_.Post([this, status, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    auto done = std::move(done_);
    done(status);
  });
}

uint64_t Node::Impl::ScanBytesOut() const {
  uint64_t bytes = 0;
  for (const ChainHost* host : chains_.all()) bytes += host->replica().scan_bytes_out();
  return bytes;
}

void Node::Impl::Stop(absl::AnyInvocable<void(absl::Status)> done) {
  done_ = std::move(done);
  listener_.reset();
  doorstep_.Stop();
  clients_.StopReading();
  tell_timer_.Stop();
  stop_until_ = reactor_.Now() + kStopPatience;
  stop_timer_.StartIn(kStopLook);
}

void Node::Impl::LookWhetherDone() {
  bool busy = false;
  for (const ChainHost* host : chains_.all()) {
    const chain::ReplicaStatus status = host->replica().status();
    busy |= status.opened && (status.pending > 0 || status.waiting > 0);
  }
  if (busy && reactor_.Now() < stop_until_) return stop_timer_.StartIn(kStopLook);
  clients_.Stop();
  peers_.Stop();
  metadata_.Stop();
  lines_.Stop();
  scans_.Stop();
  space_.Stop();
  next_ = 0;
  CloseNext();
}

void Node::Impl::CloseNext() {
  if (next_ == disks_.size()) return Finish(close_status_);
  DiskHost& disk = *disks_[next_++];
  disk.store().Close([this, &disk, alive = std::weak_ptr<bool>(alive_)](absl::Status status) {
    if (alive.expired()) return;
    if (!status.ok()) close_status_ = Named(status, absl::StrCat("disk ", disk.name()));
    CloseNext();
  });
}

Node::Node(NodeOptions options, env::Reactor& reactor, env::Network& network, env::Entropy& entropy,
           env::LogSink& log, control::MetadataLink& metadata)
    : impl_(std::make_unique<Impl>(std::move(options), reactor, network, entropy, log, metadata)) {}

Node::~Node() = default;

void Node::Start(absl::AnyInvocable<void(absl::Status)> done) { impl_->Start(std::move(done)); }
void Node::Stop(absl::AnyInvocable<void(absl::Status)> done) { impl_->Stop(std::move(done)); }
std::string Node::address() const { return impl_->address(); }
bool Node::registered() const { return impl_->metadata_.registered(); }
BufferPool& Node::pool() { return impl_->pool_; }

std::vector<ChainHere> Node::chains() const {
  std::vector<ChainHere> result;
  for (const auto& disk : impl_->disks_) {
    for (const auto& [chain, host] : disk->chains()) {
      result.push_back({disk->id(), chain, host->replica().status(), &host->replica()});
    }
  }
  return result;
}

}  // namespace storpool::node
