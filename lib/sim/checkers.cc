#include "lib/sim/checkers.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chain/state.h"
#include "lib/chunkstore/chunk_store.h"

namespace storpool::sim {

using Role = chain::ReplicaStatus::Role;

// ---- While it runs ------------------------------------------------------------------------------

void Watch::LookAt(const SimNode& node, const node::ChainHere& here) {
  const chain::ReplicaState& s = here.replica->state();
  cluster_.site().ledger.LookAt(here.disk, s);
  const chain::ReplicaStatus& status = here.status;
  const auto key = std::pair(here.disk, here.chain);
  const auto fail = [&](const std::string& what) {
    if (verdict_.ok()) {
      verdict_ = absl::InternalError(
          absl::StrCat(what, " on ", node.host(), " chain ", ToString(here.chain)));
    }
  };
  if (s.told.has_value()) waits_.insert({here.disk, here.chain, s.told->config.named.epoch});
  // Until it is durable, a crash may take an adoption back: a syncing member learns of an opened
  // epoch before its record of it is durable, and does nothing in it until then (seed 107).
  const bool adopted =
      s.change.adopted || (status.opened && status.role == chain::ReplicaStatus::Role::kServing);
  Epoch& epoch = epochs_[key];
  if (status.epoch < epoch)
    fail(absl::StrCat("5.5b: epoch fell from ", epoch.value(), " to ", status.epoch.value()));
  if (adopted) epoch = std::max(epoch, status.epoch);
  auto& [life, committed] = committed_[key];
  if (life != s.self.incarnation) committed = Version();
  life = s.self.incarnation;
  if (status.role == Role::kServing && status.committed < committed && !s.has_base) {
    fail(absl::StrCat("I7: W fell from ", ToString(committed), " to ", ToString(status.committed)));
  }
  if (status.role == Role::kServing) committed = status.committed;
  if (status.role != Role::kServing || !status.opened) return;
  opened_[here.chain].insert(status.epoch);
  Members& members = members_[{here.chain, status.epoch}];
  if (!members.any || status.durable < members.lowest_durable) {
    members.lowest_durable = status.durable;
  }
  members.highest_committed = std::max(members.highest_committed, status.committed);
  members.any = true;
}

void Watch::Look() {
  members_.clear();
  for (const auto& node : cluster_.nodes()) {
    if (node->node() == nullptr) continue;
    for (const node::ChainHere& here : node->node()->chains()) LookAt(*node, here);
  }
  cluster_.site().ledger.LookDone();
  for (const auto& [key, m] : members_) {
    if (m.highest_committed <= m.lowest_durable || !verdict_.ok()) continue;
    verdict_ = absl::InternalError(absl::StrCat(
        "I6: chain ", ToString(key.first), " epoch ", key.second.value(), ": W is ",
        ToString(m.highest_committed), " and a member has only ", ToString(m.lowest_durable)));
  }
}

uint64_t Watch::epochs_opened() const {
  uint64_t most = 0;
  for (const auto& [chain, epochs] : opened_) most = std::max(most, uint64_t{epochs.size()});
  return most;
}

// ---- At rest ------------------------------------------------------------------------------------

absl::Status CheckSettled(Cluster& cluster) {
  std::map<ChainId, Version> committed;
  for (const auto& node : cluster.nodes()) {
    if (node->node() == nullptr) return absl::UnavailableError("a node is down");
    for (const node::ChainHere& here : node->node()->chains()) {
      const chain::ReplicaStatus& s = here.status;
      const std::string who = absl::StrCat(node->host(), " chain ", ToString(here.chain));
      if (s.role != Role::kServing || !s.opened) {
        return absl::UnavailableError(absl::StrCat("I8: ", who, " does not serve"));
      }
      if (s.pending != 0 || s.waiting != 0 || s.durable != s.committed) {
        return absl::UnavailableError(absl::StrCat(who, ": ", s.pending, " pending, ", s.waiting,
                                                   " waiting, D ", ToString(s.durable), ", W ",
                                                   ToString(s.committed)));
      }
      const auto [it, is_new] = committed.emplace(here.chain, s.committed);
      if (it->second != s.committed) {
        return absl::UnavailableError(absl::StrCat(who, ": W ", ToString(s.committed),
                                                   " and elsewhere ", ToString(it->second)));
      }
    }
  }
  return absl::OkStatus();
}

namespace {

constexpr Duration kReadTime = Duration::Seconds(60);

struct Block {
  Version version;
  EntryKind kind = EntryKind::kHole;
  uint32_t checksum = 0;
  std::string Text() const {
    return absl::StrCat(ToString(version), kind == EntryKind::kData ? " data " : " hole ",
                        checksum);
  }
};
using BlockKey = std::tuple<ChainId, ChunkKey, LayerId, uint32_t>;
using Content = std::map<BlockKey, Block>;

struct ScanOne final : chunkstore::ScanOp {
  void OnDone(const absl::Status& s) override { status = s; }
  std::optional<absl::Status> status;
};

// One store, opened as a node would.
class StoreReader {
 public:
  StoreReader(Cluster& cluster, SimNode::DiskHere& disk)
      : cluster_(cluster),
        reactor_(cluster.world().MakeReactor()),
        log_(cluster.site().log, "checker"),
        device_(*reactor_, &disk.disk) {}

  // Of the chains that the disk serves.
  absl::StatusOr<Content> Read(const std::set<ChainId>& chains) {
    std::optional<absl::Status> opened;
    chunkstore::ChunkStore::Open(
        {.device = device_, .reactor = *reactor_, .pool = pool_, .log = log_},
        cluster_.site().cluster,
        [&](absl::StatusOr<std::unique_ptr<chunkstore::ChunkStore>> store) {
          opened = store.status();
          if (store.ok()) store_ = *std::move(store);
        });
    if (!Wait([&] { return opened.has_value(); })) return absl::UnavailableError("no open");
    SP_RETURN_IF_ERROR(*opened);
    if (store_->damaged()) return absl::DataLossError("the store is damaged");
    for (const auto& [chain, record] : store_->TakeChains()) {
      if (!chains.contains(chain)) continue;
      for (const ChunkSize& chunk : store_->ChunksAbove(chain, Version())) {
        SP_RETURN_IF_ERROR(ReadChunk(chain, chunk.chunk));
      }
      SP_RETURN_IF_ERROR(ReadPending(chain, record.committed));
    }
    return std::move(content_);
  }

 private:
  bool Wait(const std::function<bool()>& done) {
    return cluster_.world().RunUntil(cluster_.world().now() + kReadTime, done);
  }

  absl::Status ReadChunk(ChainId chain, const ChunkKey& chunk) {
    ScanOne op;
    op.chunk = chunk;
    while (!op.at_end) {
      op.status.reset();
      op.entries.clear();
      store_->Scan(&op);
      if (!Wait([&op] { return op.status.has_value(); })) return absl::UnavailableError("no scan");
      SP_RETURN_IF_ERROR(*op.status);
      for (const Entry& entry : op.entries) SP_RETURN_IF_ERROR(Take(chain, entry));
    }
    return absl::OkStatus();
  }

  // The store's W lags (5.3d): at rest everything is committed.
  absl::Status ReadPending(ChainId chain, Version committed) {
    std::optional<absl::StatusOr<std::vector<Entry>>> pending;
    store_->PendingAbove(chain, committed, [&pending](auto entries) { pending = entries; });
    if (!Wait([&pending] { return pending.has_value(); })) return absl::UnavailableError("no end");
    SP_RETURN_IF_ERROR(pending->status());
    for (const Entry& entry : **pending) SP_RETURN_IF_ERROR(Take(chain, entry));
    return absl::OkStatus();
  }

  // Under the layer whose it is now: mirrors hand entries over when they like (4.8).
  absl::Status Take(ChainId chain, const Entry& entry) {
    if (entry.kind == EntryKind::kEmpty) return absl::OkStatus();
    const Place& place = entry.place;
    model::LineView::Owner owner{place.layer};
    const auto line = store_->lines().find(place.lineage);
    if (line != store_->lines().end()) owner = line->second.view->OwnerOf(place.layer);
    if (owner.layer == LayerId() && owner.removed) return absl::OkStatus();
    if (owner.layer == LayerId()) owner.layer = place.layer;
    const uint64_t first_byte =
        uint64_t{place.chunk.value()} * kChunkBytes + uint64_t{place.blocks.first} * kBlockBytes;
    for (uint32_t i = 0; i < place.blocks.count; ++i) {
      if (first_byte + uint64_t{i} * kBlockBytes >= owner.dead_from_bytes) break;
      Block block{entry.version, entry.kind, 0};
      if (entry.kind == EntryKind::kData) {
        block.checksum = entry.checksums[i];
        const Buffer bytes = entry.payload.Slice(size_t{i} * kBlockBytes, kBlockBytes);
        if (Crc32c(bytes.span()) != block.checksum) {
          return absl::DataLossError(absl::StrCat("chain ", ToString(chain), " version ",
                                                  ToString(entry.version), ": wrong bytes"));
        }
      }
      Block& known = content_[{chain, ChunkKey{place.lineage, place.chunk}, owner.layer,
                               place.blocks.first + i}];
      if (known.version < block.version) known = block;
    }
    return absl::OkStatus();
  }

  Cluster& cluster_;
  std::unique_ptr<env::ManualReactor> reactor_;
  BufferPool pool_;
  ProcessLog log_;
  env::MemoryDevice device_;
  std::unique_ptr<chunkstore::ChunkStore> store_;
  Content content_;
};

// What `a` has and `b` lacks; a hole that is nowhere else was dropped there.
absl::Status Compare(const Content& a, const Content& b, const std::set<ChainId>& on_b) {
  for (const auto& [key, block] : a) {
    if (!on_b.contains(std::get<ChainId>(key))) continue;
    const auto other = b.find(key);
    const bool absent = other == b.end();
    if (absent && block.kind == EntryKind::kHole) continue;
    if (!absent && other->second.version == block.version && other->second.kind == block.kind &&
        other->second.checksum == block.checksum) {
      continue;
    }
    const auto& [chain, chunk, layer, index] = key;
    return absl::DataLossError(absl::StrCat(
        "I3: chain ", ToString(chain), " chunk ", chunk.chunk.value(), " layer ", layer.value(),
        " block ", index, ": ", block.Text(), " and ", absent ? "nothing" : other->second.Text()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckMirrorsEqual(Cluster& cluster) {
  std::map<DiskId, std::set<ChainId>> chains;
  for (const auto& [raw, record] : cluster.metadata().leader().state().chains()) {
    for (const ChainMember& m : record.config().named().members()) {
      chains[DiskId(static_cast<uint16_t>(m.disk()))].insert(ChainId::FromRaw(raw));
    }
  }
  struct Mirror {
    std::string name;
    std::set<ChainId> chains;
    Content content;
  };
  std::vector<Mirror> mirrors;
  for (const auto& node : cluster.nodes()) {
    SP_CHECK(!node->running());
    Content all;
    for (SimNode::DiskHere& disk : node->disks()) {
      absl::StatusOr<Content> content = StoreReader(cluster, disk).Read(chains[disk.id]);
      if (!content.ok()) {
        return absl::Status(
            content.status().code(),
            absl::StrCat("disk ", disk.id.value(), ": ", std::string(content.status().message())));
      }
      all.merge(*content);
    }
    std::set<ChainId> here;
    for (SimNode::DiskHere& disk : node->disks()) here.merge(chains[disk.id]);
    mirrors.push_back({node->host(), std::move(here), std::move(all)});
  }
  for (const Mirror& a : mirrors) {
    for (const Mirror& b : mirrors) {
      const absl::Status status = Compare(a.content, b.content, b.chains);
      if (!status.ok()) {
        return absl::Status(
            status.code(),
            absl::StrCat(a.name, " and ", b.name, " differ: ", std::string(status.message())));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace storpool::sim
