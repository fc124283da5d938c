// A chunk store behind a chunk store: passes everything on. What a test wants to see or to spoil it
// overrides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "lib/chunkstore/chunk_store.h"
#include "lib/node/node.h"
#include "lib/sim/ledger.h"

namespace storpool::sim {

class StoreTap : public chunkstore::ChunkStore {
 public:
  explicit StoreTap(std::unique_ptr<chunkstore::ChunkStore> inner) : inner_(std::move(inner)) {}

  void SetEvents(chunkstore::StoreEvents* events) override { inner_->SetEvents(events); }
  const chunkstore::StoreIdentity& identity() const override { return inner_->identity(); }
  bool damaged() const override { return inner_->damaged(); }
  std::map<ChainId, ChainRecord> TakeChains() override { return inner_->TakeChains(); }
  chunkstore::StoreUsage usage() const override { return inner_->usage(); }
  bool Reserve(uint64_t bytes) override { return inner_->Reserve(bytes); }
  void Unreserve(uint64_t bytes) override { inner_->Unreserve(bytes); }
  uint64_t AppendEntry(ChainId chain, Entry entry) override {
    return inner_->AppendEntry(chain, std::move(entry));
  }
  uint64_t AppendHeal(ChainId chain, Entry entry) override {
    return inner_->AppendHeal(chain, std::move(entry));
  }
  uint64_t AppendAdopt(ChainId chain, Epoch epoch, std::string config) override {
    return inner_->AppendAdopt(chain, epoch, std::move(config));
  }
  uint64_t AppendVoid(ChainId chain, Version above, Epoch below) override {
    return inner_->AppendVoid(chain, above, below);
  }
  uint64_t AppendBase(ChainId chain, Version base) override {
    return inner_->AppendBase(chain, base);
  }
  uint64_t AppendChunkBase(ChainId chain, ChunkKey chunk, Version base) override {
    return inner_->AppendChunkBase(chain, chunk, base);
  }
  uint64_t AppendCompleteUpTo(ChainId chain, Version complete_up_to) override {
    return inner_->AppendCompleteUpTo(chain, complete_up_to);
  }
  uint64_t AppendMinGeneration(ChainId chain, VolumeId volume, ClientId client,
                               Generation generation) override {
    return inner_->AppendMinGeneration(chain, volume, client, generation);
  }
  uint64_t AppendWindow(ChainId chain, const Session& session,
                        const RequestWindow& window) override {
    return inner_->AppendWindow(chain, session, window);
  }
  uint64_t AppendEndSession(ChainId chain, const Session& session) override {
    return inner_->AppendEndSession(chain, session);
  }
  uint64_t AppendDiscardChain(ChainId chain) override { return inner_->AppendDiscardChain(chain); }
  uint64_t AppendDropLineage(LineageId lineage) override {
    return inner_->AppendDropLineage(lineage);
  }
  uint64_t AppendLine(const model::Line& line) override { return inner_->AppendLine(line); }
  chunkstore::KeptLine LineOf(LineageId lineage) const override { return inner_->LineOf(lineage); }
  const std::map<LineageId, model::Line>& lines() const override { return inner_->lines(); }
  void CountLayers(chunkstore::LayerCounter* counter) const override {
    inner_->CountLayers(counter);
  }
  uint64_t AppendNote(std::string key, std::string value) override {
    return inner_->AppendNote(std::move(key), std::move(value));
  }
  std::optional<std::string> Note(const std::string& key) const override {
    return inner_->Note(key);
  }
  void SetCommitted(ChainId chain, Version committed) override {
    inner_->SetCommitted(chain, committed);
  }
  Version DurableCommitted(ChainId chain) const override { return inner_->DurableCommitted(chain); }
  BlockRange Extent(const ChunkKey& chunk, BlockRange blocks) const override {
    return inner_->Extent(chunk, blocks);
  }
  void Read(chunkstore::ReadOp* op) override { inner_->Read(op); }
  std::vector<ChunkSize> ChunksAbove(ChainId chain, Version above) const override {
    return inner_->ChunksAbove(chain, above);
  }
  void Scan(chunkstore::ScanOp* op) override { inner_->Scan(op); }
  void PendingAbove(ChainId chain, Version above,
                    absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) override {
    inner_->PendingAbove(chain, above, std::move(done));
  }
  void Close(absl::AnyInvocable<void(absl::Status)> done) override {
    inner_->Close(std::move(done));
  }

 protected:
  chunkstore::ChunkStore& inner() { return *inner_; }

 private:
  const std::unique_ptr<chunkstore::ChunkStore> inner_;
};

// Tells the ledger what passes.
class LedgerStore final : public StoreTap, private chunkstore::StoreEvents {
 public:
  LedgerStore(std::unique_ptr<chunkstore::ChunkStore> inner, Ledger& ledger)
      : StoreTap(std::move(inner)), ledger_(ledger), disk_(identity().disk) {}

  void SetEvents(chunkstore::StoreEvents* events) override;
  std::map<ChainId, ChainRecord> TakeChains() override;
  uint64_t AppendEntry(ChainId chain, Entry entry) override;
  uint64_t AppendHeal(ChainId chain, Entry entry) override;
  uint64_t AppendAdopt(ChainId chain, Epoch epoch, std::string config) override;
  uint64_t AppendVoid(ChainId chain, Version above, Epoch below) override;
  uint64_t AppendDiscardChain(ChainId chain) override;
  void SetCommitted(ChainId chain, Version committed) override;

 private:
  void OnDurable(uint64_t position) override;
  void OnFailed(const absl::Status& status) override { events_->OnFailed(status); }
  void OnRoom() override { events_->OnRoom(); }
  void OnLine(LineageId lineage) override { events_->OnLine(lineage); }

  Ledger& ledger_;
  const DiskId disk_;
  chunkstore::StoreEvents* events_ = nullptr;
};

using WrapStore =
    std::function<std::unique_ptr<chunkstore::ChunkStore>(std::unique_ptr<chunkstore::ChunkStore>)>;

// Opens stores under the ledger's eyes, with `wrap`, if any, on top.
node::OpenStore OpenTapped(Ledger& ledger, WrapStore wrap);

}  // namespace storpool::sim
