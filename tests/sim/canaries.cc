#include "tests/sim/canaries.h"

#include <memory>
#include <utility>

#include "lib/sim/store_tap.h"
#include "tests/sim/stale_batch.h"

namespace storpool::sim {
namespace {

using chunkstore::ChunkStore;

// 5.3a: the disk is told to flush nothing.
Seams NoFlush() {
  Seams seams;
  seams.on_device = [](DiskId, env::DeviceIo& io) {
    io.durable = false;
    return io.op == env::DeviceIo::Op::kFlush;
  };
  return seams;
}

// 5.2.4: the tail takes node 1's report for everything, whatever is durable there.
Seams CommitWithoutOneReport() {
  Seams seams;
  seams.on_send = [](const std::string& host, wire::Message& message) {
    if (host != "node1") return;
    std::visit(
        [](auto& m) {
          using M = std::decay_t<decltype(m)>;
          if constexpr (requires { m.common.durable; } && !std::is_same_v<M, wire::Adopted>) {
            if (m.common.durable == Version()) return;
            m.common.durable = Version(m.common.epoch, UINT32_MAX);
          }
        },
        message);
  };
  return seams;
}

// 5.5c: every member but the coordinator claims to have all there is.
Seams LevelIsTheMaximum() {
  Seams seams;
  seams.on_send = [](const std::string&, wire::Message& message) {
    auto* adopted = std::get_if<wire::Adopted>(&message);
    if (adopted == nullptr || adopted->common.durable == Version()) return;
    adopted->common.durable = Version(adopted->common.durable.epoch(), UINT32_MAX);
  };
  return seams;
}

// 5.6: a target says that it has everything up to the epoch.
Seams WrongBase() {
  Seams seams;
  seams.on_send = [](const std::string&, wire::Message& message) {
    auto* open = std::get_if<wire::SyncOpen>(&message);
    if (open == nullptr) return;
    open->base = Version(open->common.epoch, 0);
    for (auto& [chunk, base] : open->chunk_bases) base = open->base;
  };
  return seams;
}

// 5.8: metadata takes every life of the client for the same one, and its session goes on.
Seams SessionUsedAgain() {
  Seams seams;
  seams.to_metadata = [](const std::string&, ToMetadata& message) {
    if (message.has_register_() && message.register_().has_client()) {
      message.mutable_register_()->set_process(7);
    }
  };
  return seams;
}

// 9.3: the layer of a snapshot is given out as the one after it.
Seams ReadsTheNextLayer() {
  Seams seams;
  seams.on_send = [](const std::string& host, wire::Message& message) {
    auto* read = std::get_if<wire::ReadRequest>(&message);
    if (host != "client2" || read == nullptr || read->layer == LayerId()) return;
    read->layer = LayerId(read->layer.value() + 1);
  };
  return seams;
}

// 9.4: what is copied from a parent goes over what is there.
Seams FillsOverWrites() {
  Seams seams;
  seams.on_send = [](const std::string&, wire::Message& message) {
    auto* write = std::get_if<wire::WriteRequest>(&message);
    if (write != nullptr && write->op == wire::WriteOp::kFill) write->op = wire::WriteOp::kWrite;
  };
  return seams;
}

// 9.4: what was trimmed is looked for in the parent.
Seams ReadsThroughHoles() {
  Seams seams;
  seams.on_send = [](const std::string&, wire::Message& message) {
    auto* answer = std::get_if<wire::ReadAnswer>(&message);
    if (answer == nullptr) return;
    for (uint32_t block = 0; block < answer->blocks; ++block) {
      const uint64_t bit = uint64_t{1} << block % 64;
      if ((answer->data[block / 64] & bit) == 0) answer->absent[block / 64] |= bit;
    }
  };
  return seams;
}

template <class Store>
Seams WithStore() {
  Seams seams;
  seams.wrap_store = [](std::unique_ptr<ChunkStore> inner) -> std::unique_ptr<ChunkStore> {
    return std::make_unique<Store>(std::move(inner));
  };
  return seams;
}

// 5.5c: what a level-out voids stays in the store.
class KeepsVoided final : public StoreTap {
 public:
  using StoreTap::StoreTap;
  uint64_t AppendVoid(ChainId, Version, Epoch) override {
    return StoreTap::AppendNote("canary", "");
  }
};

// 9.3: what is written goes on into the layer that a snapshot has sealed.
class WritesTheSealedLayer final : public StoreTap {
 public:
  using StoreTap::StoreTap;
  uint64_t AppendEntry(ChainId chain, Entry entry) override {
    const uint32_t layer = entry.place.layer.value();
    if (layer > 1) entry.place.layer = LayerId(layer - 1);
    return StoreTap::AppendEntry(chain, std::move(entry));
  }
};

// 5.3d: W is written as soon as there is an entry.
class CommitsAhead final : public StoreTap {
 public:
  using StoreTap::StoreTap;
  uint64_t AppendEntry(ChainId chain, Entry entry) override {
    const Version version = entry.version;
    const bool pending = entry.arrival == Arrival::kPending;
    const uint64_t position = StoreTap::AppendEntry(chain, std::move(entry));
    if (pending) StoreTap::SetCommitted(chain, version);
    return position;
  }
};

}  // namespace

std::vector<Canary> Canaries() {
  return {
      {"NoFlush", "I1|5.3a|5.5b|has forgotten epoch [0-9]+", NoFlush()},
      {"CommitWithoutOneReport", "I1", CommitWithoutOneReport()},
      {"LevelIsTheMaximum", "alarm|I1|I3|I8", LevelIsTheMaximum()},
      {"NoVoid", "I3|I5", WithStore<KeepsVoided>()},
      {"WLeads", "5.3d", WithStore<CommitsAhead>()},
      {"WrongBase", "I3|I4", WrongBase()},
      {"StaleBatchAccepted", "I.|5.3d", StaleBatchAccepted()},
      {"SessionUsedAgain", "5.8", SessionUsedAgain()},
      {"ReadsTheNextLayer", "9.3", ReadsTheNextLayer()},
      {"FillsOverWrites", "I4|5.8", FillsOverWrites()},
      {"ReadsThroughHoles", "I4", ReadsThroughHoles()},
      {"WritesTheSealedLayer", "9.3|I9|I4", WithStore<WritesTheSealedLayer>()},
  };
}

}  // namespace storpool::sim
