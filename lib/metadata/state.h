// What metadata knows: a deterministic state machine over a key-value store (design 6.1).
//
// Invariants: the state is a function of the log (Apply knows no clock, no randomness, no
// connection); the store equals the memory after every command; the applied index is stored in the
// same batch as the changes of its command, so a command is applied exactly once. A command that
// fails changes nothing but that index.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/types.h"
#include "lib/env/key_value.h"
#include "lib/metadata/collection.h"
#include "proto/cluster.pb.h"
#include "proto/metadata.pb.h"

namespace storpool::metadata {

// What a command changed, for those who tell others.
struct Events {
  std::set<std::string> sections;  // names, as in control.proto
  std::set<uint64_t> lines;        // with a new version
  std::set<uint64_t> fills;        // lineages whose fill changed hands or went on
  std::vector<uint64_t> operations_over;
  std::set<uint32_t> named;             // chains with a new name
  std::set<uint32_t> opened;            // chains whose newest name was opened
  std::set<uint32_t> disks_with_drops;  // have something (more) to drop
  std::vector<uint64_t> fences;         // started
  std::vector<FenceRecord> fences_done;
};

struct Outcome {
  absl::Status status;
  CommandResult result;
  Events events;
  std::set<uint32_t> fenced_tables;  // by this command; their unopened chains are named at its end
};

class State {
 public:
  using Pair = std::pair<uint64_t, uint64_t>;

  explicit State(env::KeyValueStore& store);

  // Reads everything. kDataLoss if a record cannot be read.
  absl::Status Load();
  // Applies the command of log entry `index`, which must be applied() + 1. The store is written
  // without sync: the log is the truth until Sync.
  Outcome Apply(uint64_t index, const Command& command);
  // Makes everything up to applied() durable in the store; then the log may be trimmed.
  absl::Status Sync();

  uint64_t applied() const { return applied_; }
  bool initialized() const { return !cluster_.uuid().empty(); }
  const ClusterRecord& cluster() const { return cluster_; }

  // By id, in order of ids.
  const std::map<uint64_t, Node>& nodes() const { return nodes_.all(); }
  const std::map<uint64_t, DiskRecord>& disks() const { return disks_.all(); }
  const std::map<uint64_t, ClientRecord>& clients() const { return clients_.all(); }
  const std::map<uint64_t, PlacementGroup>& groups() const { return groups_.all(); }
  const std::map<uint64_t, Template>& templates() const { return templates_.all(); }
  const std::map<uint64_t, Table>& tables() const { return tables_.all(); }
  const std::map<uint64_t, ChainRecord>& chains() const { return chains_.all(); }  // by raw id
  const std::map<uint64_t, Volume>& volumes() const { return volumes_.all(); }     // and snapshots
  // Of volumes and snapshots that have one, those in deletion not; and of those being made.
  const std::map<std::string, uint64_t, std::less<>>& names() const { return names_; }
  const std::map<uint64_t, Line>& lines() const { return lines_.all(); }       // without layers
  const std::map<Pair, LayerRecord>& layers() const { return layers_.all(); }  // lineage, layer
  const std::map<Pair, RemovedRecord>& removed_layers() const { return removed_.all(); }
  const std::map<uint64_t, OperationRecord>& operations() const { return operations_.all(); }
  bool HasOperation(uint64_t lineage) const { return operations_of_.contains(lineage); }
  // Nodes have something to do for this line: layers were removed, or snapshots are being made.
  bool HasWork(uint64_t lineage) const;
  const std::map<uint64_t, FillRecord>& fills() const { return fills_.all(); }  // by lineage
  const std::map<uint64_t, BucketRecord>& buckets() const { return buckets_.all(); }
  // Attachments (volume, client) of sessions that may still write a layer that is not the newest.
  const std::set<Pair>& behind() const { return behind_; }
  // When snapshots are to go, seconds since 1970, and which.
  const std::set<std::pair<int64_t, uint64_t>>& expiring() const { return expiring_; }
  const std::map<Pair, AttachmentRecord>& attachments() const {  // by volume, client
    return attachments_.all();
  }
  const std::set<Pair>& attachments_by_client() const { return by_client_; }  // client, volume
  const std::map<uint64_t, FenceRecord>& fences() const { return fences_.all(); }
  const std::map<uint64_t, DropRecord>& drops() const { return drops_.all(); }
  const std::map<Pair, FormerRecord>& formers() const { return formers_.all(); }  // disk, chain

  // nullptr if there is none.
  const Node* FindNode(uint32_t id) const { return nodes_.Find(id); }
  const DiskRecord* FindDisk(uint32_t id) const { return disks_.Find(id); }
  const ClientRecord* FindClient(uint32_t id) const { return clients_.Find(id); }
  const ChainRecord* FindChain(uint32_t raw) const { return chains_.Find(raw); }
  const Line* FindLine(uint64_t lineage) const { return lines_.Find(lineage); }  // without layers
  // With its layers: all, or, if the reader has version `known` and that is enough, only those that
  // changed since (Line.since). The lineage must be there.
  Line WholeLine(uint64_t lineage, uint32_t known = 0) const;
  const LayerRecord* FindLayer(uint64_t lineage, uint32_t layer) const {
    return layers_.Find({lineage, layer});
  }
  // 0: there is none.
  uint32_t NewestLayer(uint64_t lineage) const;
  uint32_t OldestLayer(uint64_t lineage) const;
  uint32_t NextNewer(uint64_t lineage, uint32_t layer) const;
  uint32_t NextOlder(uint64_t lineage, uint32_t layer) const;
  uint32_t Clones(uint64_t lineage, uint32_t layer) const;  // lineages whose parent this layer is
  std::vector<uint64_t> Ancestors(uint64_t lineage) const;  // of its foreign parents, nearest first
  bool IsAncestor(const Volume& snapshot, const Volume& volume) const;
  std::set<uint32_t> DisksOfTable(uint32_t table) const;  // also members that are away
  bool AllOpen(uint32_t table) const;                     // the newest name of each chain is open
  // A read-write session of the volume that may write a layer older than `layer`; nullptr if there
  // is none.
  const AttachmentRecord* WriterBelow(uint64_t volume, uint32_t layer) const;
  const BucketRecord* FindBucket(std::string_view name) const;
  const PlacementGroup* FindGroup(std::string_view name) const;
  const Template* FindTemplate(std::string_view name) const;
  const Template* FindTemplate(uint32_t id) const { return templates_.Find(id); }
  const Table* FindTable(uint32_t id) const { return tables_.Find(id); }
  // A volume or snapshot by name or "~globalId"; objectDoesNotExist with the name in it.
  absl::StatusOr<Volume> FindVolume(std::string_view name) const;
  // It must be a snapshot, or must be none.
  absl::StatusOr<Volume> FindVolume(std::string_view name, bool snapshot) const;
  // Whether nothing stands in the way of deleting it.
  absl::Status CheckDeletable(const Volume& volume) const;
  // A volume or a snapshot; with `snapshot` the latter only.
  absl::StatusOr<Volume> FindAttachable(std::string_view name, bool snapshot) const;
  const Volume* FindVolume(uint64_t id) const { return volumes_.Find(id); }
  // It was made after a backup that was restored since: no word of metadata about it counts.
  bool IsLost(uint64_t lineage) const;
  // The newest line of such a lineage that a node has told, for members of its chains that lack it;
  // nobody decides by it or changes it. nullptr if none has.
  const Line* FindLostLine(uint64_t lineage) const { return lost_lines_.Find(lineage); }
  // As people and clients see it: called as by NameOf, with the name of its template.
  Volume Shown(const Volume& volume) const;
  Attachment Shown(const AttachmentRecord& record) const;
  std::vector<uint32_t> ChainsOfDisk(uint32_t disk) const;  // member of the newest name
  std::vector<uint32_t> ChainsOfTable(uint32_t table) const;

  // Of a section; 0 if it never changed. Grows for ever, also over a change of leader.
  uint64_t SectionVersion(const std::string& name) const;

  // A detach has closed the volume on this client; its fence is under way.
  bool IsDetachFenced(uint64_t volume, uint32_t client) const;

  const env::KeyValueStore& store() const { return store_; }

 private:
  using Result = absl::Status;
  // One for each command; each validates everything before it changes anything.
  Result Do(const InitCluster& c, Outcome& out);
  Result Do(const NodeJoined& c, Outcome& out);
  Result Do(const ClientJoined& c, Outcome& out);
  Result Do(const ChangeMembers& c, Outcome& out);
  Result Do(const OpenChains& c, Outcome& out);
  Result Do(const ForgetDisk& c, Outcome& out);
  Result Do(const UpdateGroup& c, Outcome& out);
  Result Do(const DeleteGroup& c, Outcome& out);
  Result Do(const CreateTemplate& c, Outcome& out);
  Result Do(const UpdateTemplate& c, Outcome& out);
  Result Do(const DeleteTemplate& c, Outcome& out);
  Result Do(const CreateVolume& c, Outcome& out);
  Result Do(const UpdateVolume& c, Outcome& out);
  Result Do(const Reassign& c, Outcome& out);
  Result Do(const CreateSnapshots& c, Outcome& out);
  Result Do(const SealSnapshots& c, Outcome& out);
  Result Do(const AbortSnapshots& c, Outcome& out);
  Result Do(const SessionMoved& c, Outcome& out);
  Result Do(const RenewSession& c, Outcome& out);
  Result Do(const FreezeVolume& c, Outcome& out);
  Result Do(const DeleteExpired& c, Outcome& out);
  Result Do(const RevertVolume& c, Outcome& out);
  Result Do(const RebaseVolume& c, Outcome& out);
  Result Do(const FillChanged& c, Outcome& out);
  Result Do(const RetireLayers& c, Outcome& out);
  Result Do(const KeyValueChangeRequest& c, Outcome& out);
  Result Do(const DeleteVolume& c, Outcome& out);
  Result Do(const Attach& c, Outcome& out);
  Result Do(const Detach& c, Outcome& out);
  Result Do(const AttachmentChanged& c, Outcome& out);
  Result Do(const FenceDone& c, Outcome& out);
  Result Do(const DropsDone& c, Outcome& out);
  Result Do(const ForgetService& c, Outcome& out);
  Result ForgetNode(uint32_t id, Outcome& out);
  Result ForgetClient(uint32_t id, Outcome& out);
  Result Do(const LinesFound& c, Outcome& out);
  void TakeFound(const Line& found, Outcome& out);
  void TakeLost(const Line& found);
  void TakeRemoved(uint64_t lineage, const RemovedLayer& found, uint32_t version, Outcome& out);
  void ForgetSnapshot(uint64_t id, Outcome& out);
  void OpenSealed(Outcome& out);
  absl::Status CheckRestored(const Command& command) const;
  void NoLongerAwait(uint32_t node, Outcome& out);
  Result Do(const EjectDisk& c, Outcome& out);
  Result Do(const UpdateDisk& c, Outcome& out);
  Result Do(const SetRelocator& c, Outcome& out);
  Result Dispatch(const Command& command, Outcome& out);
  Result DispatchOfVolumes(const Command& command, Outcome& out);

  // state.cc
  uint64_t Now() const { return cluster_.version_base() + index_; }  // version of what it changes
  void Touch(const std::string& section, Outcome& out);
  void TouchAttachments(uint64_t client, Outcome& out);
  void PutCluster(const ClusterRecord& record);
  void BumpGeneration(Outcome& out);

  // apply_disks.cc
  // Chains that nobody serves but this disk.
  uint32_t OnlyServedBy(uint32_t disk) const;

  // apply_cluster.cc
  absl::Status CheckNode(const NodeJoined& c) const;
  void TakeDisk(const NodeJoined& c, const DiskHere& here, Outcome& out);
  void ForgetContent(const DiskHere& here, Outcome& out);
  void TakeHighest(const NodeJoined& c);
  absl::Status CheckDisks(const UpdateGroup& c) const;
  // For people: who cannot do without it.
  std::vector<std::string> UsersOfGroup(const std::string& group) const;

  // apply_templates.cc
  // What the update makes of the template, its table apart.
  absl::StatusOr<Template> Updated(const Template& known,
                                   const TemplateUpdateRequest& update) const;
  // The template's volumes and snapshots get its limits; its tables its policy.
  void Propagate(const Template& t, Outcome& out);
  // The id of a snapshot; 0 for no name.
  absl::StatusOr<uint64_t> ParentOf(const std::string& snapshot) const;
  // Volumes of template `id` show another one, or its new name.
  void ShowTemplate(uint32_t id, uint32_t now, const std::string& name);

  // apply_tables.cc: all fail before they change anything, and only if the policy cannot be kept.
  absl::Status CheckPolicy(const Table& policy) const;
  // A new table of this policy (replication, groups, template_id); its id.
  absl::StatusOr<uint32_t> MakeTable(const Table& policy, Outcome& out);
  // One of this policy and template_id that is there already, or a new one. template_id 0: for
  // volumes with values of their own (6.11).
  absl::StatusOr<uint32_t> FindOrMakeTable(const Table& policy, Outcome& out);
  uint32_t FindTableFor(const Table& policy) const;  // the same; 0: there is none
  // To be called whenever a lineage or a template has left it.
  void EraseTableIfUnused(uint32_t table, Outcome& out);

  // apply_chains.cc
  // Writes the next name of the chain: the epoch, the stores, the raises, the floors of fences.
  void Name(ChainRecord record, std::vector<ChainMember> members, Outcome& out);
  // The same members again.
  void NameAgain(ChainRecord record, Outcome& out);
  void PutFormer(uint32_t disk, uint32_t chain);
  absl::Status CheckName(const ChainRecord& record, const NameChain& c) const;
  // `failed`: the life in which it has failed; 0: it has not.
  void DiskBecomes(uint32_t disk, Disk::State state, const std::string& reason, int64_t seconds,
                   Outcome& out, uint64_t failed = 0);
  // Disks of the `before` config that the opened one does not have: they are to drop the chain.
  void Leave(const ChainConfig& before, const ChainConfig& opened, Outcome& out);
  void TellFormers(uint32_t chain, Outcome& out) const;
  void Open(const OpenChains::One& c, Outcome& out);

  // volume_lookup.cc
  void IndexVolumes();
  void AddToIndex(const Volume& volume);
  void TakeFromIndex(const Volume& volume);
  void IndexOperation(const OperationRecord& record);
  void PutVolume(const Volume& volume);  // names too
  void EraseVolume(uint64_t id);
  void TouchVolume(uint64_t id, Outcome& out);  // its attachments show it
  absl::Status CheckName(const std::string& name, bool snapshot) const;

  // lines.cc
  uint32_t BumpLine(uint64_t lineage, Outcome& out);  // the new line version
  void PutLayer(uint64_t lineage, uint32_t layer, const LayerRecord& record);
  void EraseLayer(uint64_t lineage, uint32_t layer);
  void NewLine(Line line, uint64_t size_bytes, Outcome& out);
  void EraseLine(uint64_t lineage, Outcome& out);
  absl::Status CheckRoomForLayer(const Volume& volume) const;
  uint32_t AddLayer(const Volume& volume, uint64_t size_bytes, Outcome& out);
  bool Needs(uint64_t lineage, uint32_t layer) const;
  enum class Why { kChildDeleted, kOther };
  bool GoesByItself(const Volume& snapshot, Why why) const;
  void Collect(uint64_t lineage, uint32_t layer, Why why, Outcome& out);
  void RemoveLayer(uint64_t lineage, uint32_t layer, uint32_t into, Outcome& out);
  void DropLine(uint64_t lineage, Why why, Outcome& out);
  void ForgetParent(uint64_t lineage, Outcome& out);
  void CutParent(uint64_t lineage, Outcome& out);

  // apply_volumes.cc
  struct NewVolume {
    Volume volume;
    Line line;
    Table policy;  // of the table where it is to lie
  };
  absl::Status CheckDetached(const Volume& volume) const;
  absl::StatusOr<NewVolume> PlanVolume(const CreateVolume& c, const Volume* parent) const;
  absl::Status SetPolicy(const VolumeCreateRequest& create, const Volume* parent,
                         NewVolume& plan) const;
  // Where it is to lie; fails before it changes anything.
  absl::Status ChooseTable(NewVolume& plan, Outcome& out);
  void PutNewVolume(NewVolume plan, uint64_t id, Outcome& out);
  absl::Status UpdateSnapshotParts(const VolumeUpdateRequest& update, Volume& volume) const;
  absl::Status CheckResize(const Volume& volume, uint64_t size_bytes, bool shrink_ok) const;
  void Resize(Volume& volume, uint64_t size_bytes, Outcome& out);
  void DeleteSnapshot(Volume snapshot, Outcome& out);

  // apply_snapshots.cc
  absl::Status CheckOneWriter(const Volume& volume) const;
  bool IsQuiet(const Volume& volume) const;
  absl::StatusOr<OperationRecord> PlanSnapshots(const CreateSnapshots& c) const;
  absl::Status StartSnapshots(OperationRecord plan, Outcome& out);
  // `clone`: of the snapshot, if one was asked for.
  void FinishSnapshots(const OperationRecord& record, std::optional<NewVolume> clone, Outcome& out);
  void EndOperation(const OperationRecord& record, Outcome& out);

  // apply_clones.cc
  absl::Status SetParent(Line& line, const Volume& parent) const;
  absl::Status CloneOfVolume(const CreateVolume& c, Outcome& out);
  absl::StatusOr<NewVolume> PlanClone(const OperationRecord& record) const;
  void BeginLine(Line line, Volume& volume, Outcome& out);
  void StartFill(const Volume& volume);

  // apply_moves.cc
  absl::StatusOr<Table> PlaceWanted(const VolumeUpdateRequest& update, const Volume& volume) const;
  absl::Status ChangePlace(const VolumeUpdateRequest& update, Volume& volume, Outcome& out);
  absl::Status MoveTo(const Table& place, Volume& volume, Outcome& out);

  // apply_attachments.cc
  struct Move {
    uint64_t volume = 0;
    bool force = false;
    std::vector<uint32_t> detach;
    std::map<uint32_t, Rights> attach;  // by client
    std::map<uint32_t, Rights> change;  // those that have it with other rights
  };
  absl::StatusOr<Rights> RightsFor(const Volume& volume, Rights wanted) const;
  absl::Status CheckAttach(const Volume& volume, uint32_t client, Rights rights) const;
  absl::Status CheckWriter(const Volume& volume, Rights rights) const;
  void AddAttachment(Volume volume, uint32_t client, Rights rights, bool waits, Outcome& out);
  void BeginSession(AttachmentRecord record, Outcome& out);
  uint32_t LayerFor(const Volume& volume, Rights rights) const;
  void BeginDetach(Attachment a, bool force, Rights next, Outcome& out);
  void GrantOrHoldBack(AttachmentRecord& record) const;
  void GrantHeldBack(uint64_t volume, Outcome& out);
  void AttachNext(uint64_t volume, uint32_t client, Rights next, Outcome& out);
  absl::StatusOr<Move> PlanMove(const ReassignRequest::One& entry) const;
  bool IsBeingDetached(uint64_t volume) const;
  void ForgetWaiting(uint64_t volume, Outcome& out);
  void GrantWaiting(uint64_t volume, Outcome& out);
  void PutAttachment(const AttachmentRecord& record);
  void FindBehind(uint64_t volume);
  void RemoveAttachment(uint64_t volume, uint32_t client, Outcome& out);

  // apply_fences.cc
  void StartFence(Attachment attachment, FenceRecord::Purpose purpose, Outcome& out);
  void NameFenced(Outcome& out);
  void SetFloors(Attachment& a) const;
  void DropFencesOf(uint64_t volume, uint32_t client);

  env::KeyValueStore& store_;
  env::KeyValueBatch batch_;  // of the command being applied
  uint64_t applied_ = 0;
  uint64_t index_ = 0;  // of the command being applied
  ClusterRecord cluster_;
  Collection<uint64_t, Node> nodes_;
  Collection<uint64_t, DiskRecord> disks_;
  Collection<uint64_t, ClientRecord> clients_;
  Collection<uint64_t, PlacementGroup> groups_;
  Collection<uint64_t, Template> templates_;
  Collection<uint64_t, Table> tables_;
  Collection<uint64_t, ChainRecord> chains_;
  Collection<uint64_t, Volume> volumes_;
  Collection<uint64_t, Line> lines_;
  Collection<Pair, LayerRecord> layers_;
  Collection<Pair, RemovedRecord> removed_;
  Collection<uint64_t, Line> lost_lines_;
  Collection<uint64_t, OperationRecord> operations_;
  Collection<uint64_t, FillRecord> fills_;
  Collection<uint64_t, BucketRecord> buckets_;
  Collection<Pair, AttachmentRecord> attachments_;
  Collection<uint64_t, FenceRecord> fences_;
  Collection<uint64_t, DropRecord> drops_;
  Collection<Pair, FormerRecord> formers_;
  std::map<std::string, uint64_t> sections_;  // those of lines have their line's version
  // Derived from the above.
  std::map<std::string, uint64_t, std::less<>> names_;
  std::set<Pair> by_client_;
  std::set<Pair> behind_;
  std::map<uint32_t, uint64_t> lines_on_;  // by table: how many
  std::set<std::pair<int64_t, uint64_t>> expiring_;
  std::map<uint64_t, uint64_t> operations_of_;                        // by lineage
  std::set<std::tuple<uint64_t, uint32_t, uint64_t>> clones_;         // parent's layer, lineage
  std::set<std::tuple<uint64_t, uint32_t, uint32_t>> layer_changes_;  // lineage, changed, layer
};

}  // namespace storpool::metadata
