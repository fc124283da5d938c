// Format, Identify and Open.
#include <memory>
#include <string>
#include <utility>

#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

Task RunFormat(env::Device& device, BufferPool& pool, FormatOptions options) {
  Superblock old;
  const absl::Status there = co_await ReadSuperblocks(device, pool, &old);
  if (!options.overwrite && !absl::IsNotFound(there)) {
    if (!there.ok() && !absl::IsDataLoss(there) && !absl::IsFailedPrecondition(there)) {
      co_return there;
    }
    co_return absl::AlreadyExistsError(
        "the device already is disk " + std::to_string(old.disk) +
        " of a cluster: use another device, or overwrite it if its content is not needed");
  }
  Superblock fresh;
  SP_RETURN_CO(ChooseGeometry(device.info(), &fresh));
  fresh.generation = 1;
  std::copy(options.cluster.begin(), options.cluster.end(), fresh.cluster);
  fresh.store = options.store.value();
  fresh.disk = options.disk.value();
  Buffer block = pool.Allocate(kSuperblockBytes);
  EncodeSuperblock(fresh, block.span());
  for (int copy = 0; copy < 2; ++copy) {
    SP_RETURN_CO(
        co_await WriteDevice(device, SuperblockOffset(fresh.size_bytes, copy), block.span()));
  }
  co_return absl::OkStatus();
}

Detached StartFormat(env::Device& device, env::Reactor& reactor, BufferPool& pool,
                     FormatOptions options, absl::AnyInvocable<void(absl::Status)> done) {
  co_await NextTurn{reactor};
  done(co_await RunFormat(device, pool, options));
}

Detached StartIdentify(env::Device& device, env::Reactor& reactor, BufferPool& pool,
                       absl::AnyInvocable<void(absl::StatusOr<StoreIdentity>)> done) {
  co_await NextTurn{reactor};
  Superblock s;
  const absl::Status status = co_await ReadSuperblocks(device, pool, &s);
  if (!status.ok()) {
    done(status);
    co_return;
  }
  StoreIdentity identity;
  std::copy(std::begin(s.cluster), std::end(s.cluster), identity.cluster.begin());
  identity.disk = DiskId(s.disk);
  identity.store = StoreId(s.store);
  identity.incarnation = Incarnation(s.incarnation);
  done(identity);
}

Task RunOpen(const ChunkStore::Options& options, const ClusterUuid& cluster,
             std::unique_ptr<ChunkStoreImpl>* store) {
  Superblock s;
  SP_RETURN_CO(co_await ReadSuperblocks(options.device, options.pool, &s));
  if (!std::equal(cluster.begin(), cluster.end(), std::begin(s.cluster))) {
    co_return absl::FailedPreconditionError(
        "disk " + std::to_string(s.disk) +
        " belongs to another cluster: return it there, or initialise it for this one");
  }
  SP_RETURN_CO(CheckGeometry(s, options.device.info()));
  auto core = std::make_unique<StoreCore>(s, options.pool);
  bool damaged = false;
  {
    Recovery recovery(options.device, options.pool, *core);
    SP_RETURN_CO(co_await recovery.Run());
    // What a killed process had under way may stand in the drive's cache only: from here on we
    // rely on it (5.3a).
    SP_RETURN_CO(co_await FlushDevice(options.device));
    // Found now, or by a recovery that was cut off before its note was durable.
    damaged = recovery.damaged() || (s.flags & Superblock::kDamaged) != 0;
  }
  *store = std::make_unique<ChunkStoreImpl>(options, std::move(core), damaged);
  co_return co_await (*store)->Begin();
}

Detached StartOpen(ChunkStore::Options options, ClusterUuid cluster,
                   absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<ChunkStore>>)> done) {
  co_await NextTurn{options.reactor};
  std::unique_ptr<ChunkStoreImpl> store;
  const absl::Status status = co_await RunOpen(options, cluster, &store);
  if (status.ok()) {
    done(std::unique_ptr<ChunkStore>(std::move(store)));
    co_return;
  }
  // Not from within one of the store's own calls.
  co_await NextTurn{options.reactor};
  store = nullptr;
  done(status);
}

}  // namespace

void Format(env::Device& device, env::Reactor& reactor, BufferPool& pool,
            const FormatOptions& options, absl::AnyInvocable<void(absl::Status)> done) {
  StartFormat(device, reactor, pool, options, std::move(done));
}

void ChunkStore::Identify(env::Device& device, env::Reactor& reactor, BufferPool& pool,
                          absl::AnyInvocable<void(absl::StatusOr<StoreIdentity>)> done) {
  StartIdentify(device, reactor, pool, std::move(done));
}

void ChunkStore::Open(const Options& options, const ClusterUuid& cluster,
                      absl::AnyInvocable<void(absl::StatusOr<std::unique_ptr<ChunkStore>>)> done) {
  StartOpen(options, cluster, std::move(done));
}

}  // namespace storpool::chunkstore
