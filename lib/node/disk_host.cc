#include "lib/node/disk_host.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/control/convert.h"
#include "lib/node/chain_table.h"
#include "lib/node/lines.h"
#include "lib/node/metadata_session.h"
#include "lib/node/peers.h"
#include "lib/node/scan_queue.h"

namespace storpool::node {

// Kept and used again: a read allocates nothing in steady state.
class DiskHost::ReadRun : public chunkstore::ReadOp {
 public:
  explicit ReadRun(DiskHost& disk) : disk_(disk) {}

  void Start(ChainHost& host, chain::StoreRead&& read) {
    host_ = &host;
    id_ = read.id;
    line = std::move(read.line);
    layer = read.layer;
    found_.resize(read.blocks.count);
    payload_ = disk_.services_.request_pool.Allocate(size_t{read.blocks.count} * kBlockBytes);
    chunk = read.chunk;
    blocks = read.blocks;
    include_pending = read.include_pending;
    results = found_;
    target = payload_.data();
    disk_.store().Read(this);
  }
  void OnDone(const absl::Status& status) override {
    ChainHost& host = *host_;
    host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      r.OnStoreRead({id_, status.ok(), found_, std::move(payload_)}, now, out);
    });
    payload_ = Buffer();
    line = nullptr;
    disk_.free_reads_.push_back(this);
  }

 private:
  DiskHost& disk_;
  ChainHost* host_ = nullptr;
  uint64_t id_ = 0;
  std::vector<BlockResult> found_;
  Buffer payload_;
};

class DiskHost::ScanRun : public chunkstore::ScanOp {
 public:
  explicit ScanRun(DiskHost& disk) : disk_(disk) {}

  void Start(ChainHost& host, const chain::StoreScan& scan) {
    host_ = &host;
    id_ = scan.id;
    chunk = scan.chunk;
    above = scan.above;
    cursor = scan.cursor;
    of_resync_ = scan.of_resync;
    at_end = false;
    entries.clear();
    disk_.store().Scan(this);
  }
  void OnDone(const absl::Status& status) override {
    ChainHost& host = *host_;
    // No older than the line by which the store had handed over when it looked (S7).
    const model::Line* line = disk_.services_.lines->Find(chunk.lineage);
    const LineVersion line_version = line == nullptr ? LineVersion() : line->version;
    host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
      chain::StoreScanResult result{id_,          status.ok(),        cursor, at_end,
                                    line_version, std::move(entries), {}};
      for (const Damaged& d : damaged) result.damaged.push_back({d.layer, d.block, d.version});
      r.OnStoreScan(std::move(result), now, out);
    });
    entries.clear();
    disk_.free_scans_.push_back(this);
    if (of_resync_) disk_.services_.scans->OnEnded(disk_.id());
  }

 private:
  DiskHost& disk_;
  ChainHost* host_ = nullptr;
  uint64_t id_ = 0;
  bool of_resync_ = false;
};

DiskHost::DiskHost(Services& services, std::unique_ptr<chunkstore::ChunkStore> store,
                   std::string name, std::string device_class)
    : services_(services),
      name_(std::move(name)),
      device_class_(std::move(device_class)),
      store_(std::move(store)) {
  const chunkstore::StoreIdentity& identity = store_->identity();
  own_ = {identity.disk, identity.store, identity.incarnation};
  store_->SetEvents(this);
}

DiskHost::~DiskHost() = default;

void DiskHost::LoadChains() {
  const std::map<ChainId, ChainRecord> found = store_->TakeChains();
  const auto damaged = std::ranges::count_if(found, [](const auto& c) { return c.second.damaged; });
  if (damaged > 0) {
    damage_ = absl::StrCat("disk ", own_.disk.value(), " (", name_,
                           ") has lost what was durable: ", damaged, " of its ", found.size(),
                           " chains are filled anew from their ",
                           "other mirrors; replace it if that comes again");
    services_.Log(env::LogLevel::kError, damage_);
  }
  for (const auto& [chain, record] : found) {
    std::optional<model::NamedConfig> config;
    NamedConfig message;
    if (!record.config.empty() && message.ParseFromString(record.config)) {
      auto model = control::ToModel(message);
      if (model.ok()) config = *std::move(model);
    }
    if (!config && record.epoch.value() > 0) {
      // The replica waits for metadata's next name; it never guesses (R2).
      services_.Log(env::LogLevel::kWarning,
                    absl::StrCat("disk ", own_.disk.value(), ": chain ", ToString(chain),
                                 " has no readable config; it waits for metadata"));
    }
    chains_[chain] = std::make_unique<ChainHost>(services_, *this, record, std::move(config));
    services_.chains->Add(*chains_[chain]);
  }
}

ChainHost* DiskHost::Find(ChainId chain) const {
  const auto it = chains_.find(chain);
  return it == chains_.end() ? nullptr : it->second.get();
}

ChainHost& DiskHost::FindOrMake(ChainId chain) {
  std::unique_ptr<ChainHost>& host = chains_[chain];
  if (host == nullptr) {
    ChainRecord record;
    record.chain = chain;
    host = std::make_unique<ChainHost>(services_, *this, record, std::nullopt);
    services_.chains->Add(*host);
    services_.chains->Introduce(*host);
    services_.peers->Introduce(*host);
  }
  return *host;
}

void DiskHost::Read(ChainHost& host, chain::StoreRead&& read) {
  if (free_reads_.empty()) {
    reads_.push_back(std::make_unique<ReadRun>(*this));
    free_reads_.push_back(reads_.back().get());
  }
  ReadRun* run = free_reads_.back();
  free_reads_.pop_back();
  run->Start(host, std::move(read));
}

void DiskHost::Scan(ChainHost& host, const chain::StoreScan& scan) {
  if (free_scans_.empty()) {
    scans_.push_back(std::make_unique<ScanRun>(*this));
    free_scans_.push_back(scans_.back().get());
  }
  ScanRun* run = free_scans_.back();
  free_scans_.pop_back();
  run->Start(host, scan);
}

void DiskHost::ReadPending(ChainHost& host, const chain::StorePendingAbove& pending) {
  const uint64_t id = pending.id;
  store_->PendingAbove(
      host.chain(), pending.above, [this, &host, id](absl::StatusOr<std::vector<Entry>> entries) {
        const bool ok = entries.ok();
        // A hole in what this member was sent: its chains go on without it (4.3, 6.7).
        if (absl::IsDataLoss(entries.status())) OnFailed(entries.status());
        host.Step([&](chain::Replica& r, Instant now, chain::Effects& out) {
          r.OnStorePending({id, ok, ok ? *std::move(entries) : std::vector<Entry>()}, now, out);
        });
      });
}

void DiskHost::OnDiscarded(ChainId chain, uint64_t position) {
  WhenDurable(position, [this, chain] { services_.metadata->Discarded(own_.disk, {chain}); });
}

void DiskHost::WhenDurable(uint64_t position, absl::AnyInvocable<void()> done) {
  waiters_.push_back({position, std::move(done)});
}

void DiskHost::OnDurable(uint64_t position) {
  // By index: what a replica does may make others await, behind it.
  for (size_t i = 0; i < awaiting_.size(); ++i) awaiting_[i]->OnDurable(position);
  size_t kept = 0;
  for (ChainHost* host : awaiting_) {
    if (host->StillAwaits()) awaiting_[kept++] = host;
  }
  awaiting_.resize(kept);
  if (waiters_.empty()) return;
  std::vector<Waiter> due;
  for (size_t i = 0; i < waiters_.size();) {
    if (waiters_[i].position <= position) {
      due.push_back(std::move(waiters_[i]));
      waiters_.erase(waiters_.begin() + static_cast<ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
  for (Waiter& w : due) w.done();
}

void DiskHost::OnLine(LineageId lineage) { services_.lines->OnKept(*this, lineage); }

void DiskHost::OnFailed(const absl::Status& status) {
  if (failed_) return;
  failed_ = true;
  services_.Log(env::LogLevel::kError, absl::StrCat("disk ", own_.disk.value(), " (", name_,
                                                    ") failed: ", std::string(status.message()),
                                                    "; it is out, replace it"));
  services_.peers->Withdraw(own_.disk);
  services_.metadata->DiskFailed(own_.disk, std::string(status.message()));
  for (auto& [chain, host] : chains_) {
    host->Step(
        [](chain::Replica& r, Instant now, chain::Effects& out) { r.OnStoreFailed(now, out); });
  }
}

}  // namespace storpool::node
