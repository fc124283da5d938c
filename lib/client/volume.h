// A volume as this client uses it: a block device whose requests go to the chains of its chunks
// (design 9.1), in one session (5.8).
//
// Invariant: a request ends by an answer of its chain, or with the session; never because time has
// passed (hazards 1.3, 1.12). What a caller is told is true: a completed write is on every serving
// mirror, bytes read have matched their checksums.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "lib/block/block_device.h"
#include "lib/client/chain_session.h"
#include "lib/client/node_connections.h"
#include "lib/client/request.h"
#include "lib/directory/directory.h"
#include "lib/env/log_sink.h"
#include "lib/env/reactor.h"

namespace storpool::client {

// What all volumes of a client share. All outlive the volumes.
struct VolumeContext {
  env::Reactor& reactor;
  const directory::Directory& directory;
  NodeConnections& connections;
  BufferPool& pool;
  Pool<Call>& calls;
  Pool<Request>& requests;
  ReadIds& read_ids;
  env::LogSink& log;
};

// What a volume is while one session lasts.
struct VolumeIdentity {
  Session session;
  std::string name;
  LineageId lineage;
  bool read_only = false;
  // S2: nothing is sent to these chains in a lower epoch.
  absl::btree_map<ChainId, Epoch> floors;
};

class VolumeEvents {
 public:
  virtual ~VolumeEvents() = default;
  // A member has another line of this lineage: fetch it from metadata.
  virtual void OnLineNeeded(LineageId lineage) = 0;
};

class Volume final : public block::BlockDevice, private LaneOwner, private env::PhaseHook {
 public:
  // The directory knows the line of `identity.lineage` and its table.
  Volume(VolumeContext& context, VolumeIdentity identity, VolumeEvents& events);
  ~Volume() override;

  // block::BlockDevice. Unaligned edges (512 bytes) are whole blocks on the way: reads fetch them,
  // writes leave the merge to the head. A volume that has ended answers everything with its reason.
  block::BlockDeviceInfo info() const override;
  void Start(block::BlockIo* io) override;
  BufferPool& pool() override { return context_.pool; }

  const std::string& name() const { return identity_.name; }
  const Session& session() const { return identity_.session; }
  LineageId lineage() const { return identity_.lineage; }
  // Requests are under way, or were ended and not yet told.
  bool busy() const;
  // OK while the session lasts.
  const absl::Status& ended() const { return ended_; }
  // Ends the session here: all requests fail with `reason`, which is not OK.
  void End(const absl::Status& reason);

  // What the client gets and passes on.
  void OnWriteAnswer(const wire::WriteAnswer& answer);
  void OnReadAnswer(Request* request, const wire::ReadAnswer& answer);
  void OnChain(ChainId chain);
  void OnMap();  // disks have other addresses, or the line has changed
  void OnConnectionReady(const NodeConnection& connection);
  void OnConnectionLost(const NodeConnection& connection, bool was_ready);
  void OnTick();

 private:
  // LaneOwner
  void Transmit(Request& request) override;
  void Forget(Request& request) override;
  // env::PhaseHook: completes what needs no chain.
  void OnPhase(env::Phase phase) override;

  absl::Status Check(const block::BlockIo& io) const;
  ChainSession& SessionOf(ChunkIndex chunk);
  void TakeLine();
  void AddParts(Call* call, RequestKind kind, uint64_t size_bytes);
  void CompleteSoon(Call* call, absl::Status status);
  void FinishPart(Request* request, const absl::Status& status);
  void Finish(Call* call);
  void FillExtents(Call& call) const;
  // Copies what was read to the caller. Nothing if the read was sent again.
  std::optional<absl::Status> TakeRead(Request* request, const wire::ReadAnswer& answer);
  // What an answer that is not kOk means: an error, or nothing if the request stays and is sent
  // again. May end the session, and with it the request.
  std::optional<absl::Status> TakeRefusal(Request* request, wire::Result result);
  absl::Status Failed(const Request& request, absl::StatusCode code, std::string_view why) const;

  VolumeContext& context_;
  const VolumeIdentity identity_;
  VolumeEvents& events_;
  absl::Status ended_;
  model::Line line_;
  std::vector<std::unique_ptr<ChainSession>>
      chains_;       // by index in the table; made when first used
  List<Call> soon_;  // to be completed without any chain
};

}  // namespace storpool::client
