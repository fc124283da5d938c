// The node's talk with metadata (proto/control.proto): registers with what its disks hold, beats,
// hands orders to the replicas and their reports back.
//
// Invariant: everything is safe to repeat; after the link came up again the node registers anew and
// says again what metadata may have missed: failed disks and fences that were raised.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "lib/base/digest.h"
#include "lib/control/link.h"
#include "lib/directory/directory.h"
#include "lib/env/entropy.h"
#include "lib/model/chain_config.h"
#include "lib/node/services.h"

namespace storpool::node {

class DiskHost;

struct NodeIdentity {
  std::array<uint8_t, 16> cluster = {};
  Digest secret_key = {};
  Incarnation process;
  std::string name;
  std::string address;  // where its reactor listens
  std::string fault_set;
  std::string version;
  std::function<void(std::string_view reason)> on_refused;  // for good
};

class MetadataSession : private control::MetadataLink::Handler {
 public:
  MetadataSession(Services& services, NodeIdentity identity, env::Entropy& entropy,
                  control::MetadataLink& link, directory::Directory& directory);

  void SetProcess(Incarnation process) { identity_.process = process; }
  void SetAddress(std::string address) { identity_.address = std::move(address); }
  // The map as the disk kept it.
  void LoadFrom(DiskHost& disk);
  void Start() { link_.Start(this); }
  void Stop();
  bool registered() const { return registered_; }

  void Send(const ToMetadata& message);
  // The whole of it, and then what changes.
  void SubscribeLine(LineageId lineage);
  void Alarm(const std::string& text);
  void Suspect(NodeId node);
  void DiskFailed(DiskId disk, const std::string& reason);
  void Raised(uint64_t fence, DiskId disk, ChainId chain, Epoch epoch);
  void Discarded(DiskId disk, const std::vector<ChainId>& chains);

 private:
  void OnLinkUp() override;
  void OnLinkMessage(const FromMetadata& message) override;
  void OnLinkDown(const absl::Status& reason) override;

  void Register();
  void OnRefused(const Refused& refused);
  void OnRegistered(const Registered& registered);
  void OnNames(const Names& names);
  void OnName(const model::NamedConfig& config);
  void OnOpened(const Opened& opened);
  void OnSections(const Sections& sections);
  void OnRaise(const RaiseOrder& order);
  void OnDrop(const DropOrder& order);
  void DropChains(const DropOrder& order);
  void DropLineages(const DropOrder& order);
  void OnHorizons(const Horizons& horizons);
  void Beat();
  void SendBases();
  void SendResyncs();
  void SendRaised();
  void KeepDisks(const DisksSection& disks);
  void FillDisk(DiskHost& disk, storpool::DiskHere& message) const;

  Services& services_;
  NodeIdentity identity_;
  env::Entropy& entropy_;
  control::MetadataLink& link_;
  directory::Directory& directory_;
  bool registered_ = false;
  uint64_t term_ = 0;
  uint64_t beats_ = 0;
  Duration beat_every_;
  env::Timer beat_;
  env::Timer register_again_;
  std::string refusal_;  // the last one, until registered
  std::map<DiskId, std::string> failed_;
  std::map<std::pair<uint64_t, DiskId>, std::map<ChainId, Epoch>> raised_;  // to be sent
  env::Timer raised_timer_;
};

}  // namespace storpool::node
