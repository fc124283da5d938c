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
#include "lib/client/ancestry.h"
#include "lib/client/base_fill.h"
#include "lib/client/chain_session.h"
#include "lib/client/node_connections.h"
#include "lib/client/parent_read.h"
#include "lib/client/read_result.h"
#include "lib/client/request.h"
#include "lib/client/turns.h"
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
  Pool<ParentRead>& parent_reads;
  Pool<BaseFill>& fills;
  ReadIds& read_ids;
  Turns& turns;
  env::LogSink& log;
};

// What a volume is while one session lasts.
struct VolumeIdentity {
  Session session;
  std::string name;
  std::string global_id;
  LineageId lineage;
  bool read_only = false;
  LayerId snapshot;  // the layer that is read; LayerId(): a volume, the newest
  LayerId layer;     // that is written until Hold says otherwise; LayerId(): the newest
  size_t parents_max = kForeignParentsMax;  // of a fill that leaves older ones: so many are read
  // S2: nothing is sent to these chains in a lower epoch.
  absl::btree_map<ChainId, Epoch> floors;
};

// How a session went on in the layer of a snapshot.
struct HoldEnd {
  bool held = false;     // from OnHeld until its Release, without a time-out
  bool drained = false;  // nothing is out to an older layer; said once more when that becomes true
  Duration pause = {};   // for so long new writes waited

  bool operator==(const HoldEnd&) const = default;
};

class VolumeEvents {
 public:
  virtual ~VolumeEvents() = default;
  // A member has another line of this lineage, or it is not known here: fetch it from metadata.
  virtual void OnLineNeeded(LineageId lineage) = 0;
  // Of snapshot `id`: nothing is out to the layer before the new one, and nothing is sent.
  virtual void OnHeld(const Session& session, uint64_t id) = 0;
  // The session writes the new layer.
  virtual void OnReleased(const Session& session, uint64_t id, const HoldEnd& end) = 0;
};

class Volume final : public block::BlockDevice,
                     private LaneOwner,
                     private TurnTaker,
                     private env::PhaseHook {
 public:
  // The directory knows the line of `identity.lineage`, those of its foreign parents, their tables.
  Volume(VolumeContext& context, VolumeIdentity identity, VolumeEvents& events);
  ~Volume() override;

  // block::BlockDevice. Unaligned edges (512 bytes) are whole blocks on the way: reads fetch them,
  // writes leave the merge to the head. A volume that has ended answers everything with its reason.
  block::BlockDeviceInfo info() const override;
  void Start(block::BlockIo* io) override;
  BufferPool& pool() override { return context_.pool; }

  const std::string& name() const { return identity_.name; }
  // The same volume, called otherwise from now on.
  void set_name(std::string name) { identity_.name = std::move(name); }
  const std::string& global_id() const { return identity_.global_id; }
  const Session& session() const { return identity_.session; }
  LineageId lineage() const { return identity_.lineage; }
  // What foreign parents may have of it; 0 without one.
  uint64_t parent_bytes() const;
  LayerId snapshot() const { return identity_.snapshot; }  // LayerId(): it is a volume
  // Requests are under way, or were ended and not yet told.
  bool busy() const;
  // OK while the session lasts.
  const absl::Status& ended() const { return ended_; }
  // Copies what the lineage lacks of `part`, whole blocks, from its foreign parents; with `holes`
  // also what reads as zeroes there.
  void Fill(const Part& part, bool holes, FillPieceEvents* owner);

  // A snapshot of this volume begins (9.3): new writes wait, and go to `layer` after Release or
  // after the time-out. Safe to repeat.
  void Hold(uint64_t id, LayerId layer, Duration timeout);
  void Release(uint64_t id);
  // The snapshot that writes wait for, and whether OnHeld was called; 0: none.
  uint64_t held_for() const { return hold_id_; }
  bool held() const { return hold_id_ != 0 && hold_said_; }

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
  // The chains of a table, by index; made when first used. The first table is the volume's own.
  struct TableChains {
    TableId table;
    std::vector<std::unique_ptr<ChainSession>> chains;
  };

  // LaneOwner
  void Transmit(Request& request) override;
  void Forget(Request& request) override;
  // TurnTaker
  void OnTurn(Call* call) override;
  // env::PhaseHook: completes what needs no chain.
  void OnPhase(env::Phase phase) override;

  absl::Status Check(const block::BlockIo& io) const;
  ChainSession& SessionOf(size_t level, ChunkIndex chunk);
  ChainSession* FindSession(ChainId chain);
  void EachChain(const auto& fn) {
    for (const TableChains& table : tables_) {
      for (const auto& chain : table.chains) {
        if (chain != nullptr) fn(*chain);
      }
    }
  }
  const Ancestor& own() const { return lines_.lines.front(); }
  bool has_parents() const { return own().has_parent; }
  void TakeLines();
  void TakeWriteLayer();
  void AskForLines();
  void AddParts(Call* call, RequestKind kind, uint64_t size_bytes);
  void CompleteSoon(Call* call, absl::Status status);
  void FinishPart(Request* request, const absl::Status& status);
  void Finish(Call* call);
  void FillExtents(Call& call) const;
  void EndPart(Request* request, const absl::Status& status);
  // Copies what was read to the caller. Nothing if the read was sent again.
  std::optional<absl::Status> TakeRead(Request* request, const wire::ReadAnswer& answer);
  std::optional<absl::Status> BadAnswer(Request* request, const absl::Status& bad);
  ReadSink SinkOf(const Request& request) const;
  // What an answer that is not kOk means: an error, or nothing if the request stays and is sent
  // again. May end the session, and with it the request.
  std::optional<absl::Status> TakeRefusal(Request* request, wire::Result result);
  void SendHint(const Request& request);

  // Foreign parents (volume_parents.cc).
  bool NothingHere(ChunkIndex chunk) const;
  void NoteHere(ChunkIndex chunk, bool nothing);
  ParentRead& ParentsOf(Request* own);
  void AskParents(ParentRead& read);
  void OnParentAnswer(Request* request, const wire::ReadAnswer& answer);
  void UseParents(ParentRead& read);
  bool UseParent(ParentRead& read, const ParentStep& step, size_t level);
  void DropSteps(ParentRead& read);
  void EndParents(Request* own);
  void RestartParentReads();

  // Snapshots (volume_hold.cc).
  void CheckDrained();
  bool Drained() const;
  void GoOn(bool held);

  // Fills (volume_fill.cc).
  void FillBaseOf(Request* write);
  void StartBase(BaseFill* fill, bool ask_own);
  void OnBaseRead(BaseFill* fill, const absl::Status& status);
  void SendFills(BaseFill* fill);
  void OnFillPart(BaseFill* fill, const absl::Status& status);
  void FinishFill(BaseFill* fill);
  void EndFillsWithoutParents();

  absl::Status Failed(const Request& request, absl::StatusCode code, std::string_view why) const;

  VolumeContext& context_;
  VolumeIdentity identity_;  // but for the name it stays as it is
  VolumeEvents& events_;
  absl::Status ended_;
  Ancestry lines_;
  LayerId write_layer_;
  std::vector<TableChains> tables_;
  uint64_t hold_id_ = 0;    // writes wait for this snapshot
  bool hold_said_ = false;  // nothing was out any more
  LayerId hold_layer_;      // that is written afterwards
  Instant hold_since_;
  Duration pause_;             // of the last hold
  uint64_t undrained_id_ = 0;  // the last snapshot that timed out, while older copies are out
  env::Timer hold_timer_;
  List<Call> soon_;  // to be completed without any chain
  List<ParentRead> parent_reads_;
  std::vector<uint64_t> nothing_here_;  // a bit for each chunk; empty without foreign parents
};

}  // namespace storpool::client
