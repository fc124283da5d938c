// The invariants of design 5.10, checked from outside while a world of replicas runs: what was
// ordered, committed, opened and acknowledged is remembered here and compared with what is durable
// on the disks. A violation is a text; nothing aborts, so that a planted bug can be counted.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/chain/world.h"

namespace storpool::chain {

class Invariants : public Watcher {
 public:
  explicit Invariants(World& world);

  void OnEffect(DiskId disk, const Effect& effect) override;
  void OnOpened(const model::ChainConfig& opened) override;

  // Everything acknowledged and committed is durable on every serving member (I1, I6), which are
  // equal up to W (I3) and have nothing that was voided (I5).
  void CheckDisks();

  // For reads: the versions of a block that a read may return which began when `at_start` was the
  // highest committed version (I4). Version 0: the block was never written.
  std::vector<Version> Readable(uint32_t block, Version at_start) const;
  Version committed() const { return committed_; }
  // The entry that made this version of the block.
  const Entry* Ordered(Version version) const;
  // Was a version of this request committed?
  bool IsCommitted(const Session& session, uint64_t number) const;
  // From now on nothing of a lower generation of this client may be committed (5.9).
  void Granted(ClientId client, Generation generation) { granted_[client] = generation; }
  bool IsVoided(Version version) const;

  const std::vector<std::string>& violations() const { return violations_; }
  size_t ordered() const { return ordered_.size(); }
  size_t opened() const { return opened_.size(); }
  size_t voided() const;
  size_t empty() const;  // steps without effect

 private:
  void Violated(std::string text) { violations_.push_back(std::move(text)); }
  void OnOrdered(const Entry& entry);
  void OnCommitted(DiskId disk, Version committed);
  void CommitTo(Version committed, const model::ChainConfig& config);
  const model::ChainConfig* OpenedConfig(Epoch epoch) const;

  World& world_;
  std::map<Version, Entry> ordered_;  // without payload
  std::map<std::pair<Session, uint64_t>, Version> requests_;
  std::map<std::pair<Session, uint64_t>, bool> acknowledged_;
  std::map<uint32_t, std::vector<Version>> blocks_;
  std::vector<model::ChainConfig> opened_;
  std::map<ClientId, Generation> granted_;
  std::map<LineageId, LayerId> newest_layer_;
  Version committed_;
  std::vector<std::string> violations_;
};

}  // namespace storpool::chain
