// The chunk store: ties state, streams, reader, checkpoints and cleaning together.
// chunk_store.h says what it promises; this is how the turns go.
//
// Phase::kBatch: the log seals what may go, reads that needed no device end, and coroutines that
// wait for progress go on. Everything else happens in device completions. Always holds: the log
// waits for nothing but the device and free segments; checkpoint and cleaner run one at a time and
// never wait for the log to get a segment.
#pragma once

#include <coroutine>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "lib/chunkstore/chunk_store.h"
#include "lib/chunkstore/reader.h"
#include "lib/chunkstore/recovery.h"
#include "lib/chunkstore/room.h"
#include "lib/chunkstore/stream_writer.h"
#include "lib/chunkstore/task.h"

namespace storpool::chunkstore {

class ChunkStoreImpl : public ChunkStore,
                       public StreamHost,
                       public Reader::Host,
                       private env::PhaseHook {
 public:
  // `damaged`: a durable batch was lost, and what follows from it is not durable yet.
  ChunkStoreImpl(const Options& options, std::unique_ptr<StoreCore> core, bool damaged);
  ~ChunkStoreImpl() override;

  // Makes the incarnation durable and pins what recovery accepted (section 5, step 6).
  Task Begin();

  void SetEvents(StoreEvents* events) override { events_ = events; }
  const StoreIdentity& identity() const override { return identity_; }
  bool damaged() const override { return damaged_ || !damaged_chains_.empty(); }
  std::map<ChainId, ChainRecord> TakeChains() override { return std::move(recovered_chains_); }
  StoreUsage usage() const override;

  bool Reserve(uint64_t bytes) override;
  void Unreserve(uint64_t bytes) override;

  uint64_t AppendEntry(ChainId chain, Entry entry) override;
  uint64_t AppendHeal(ChainId chain, Entry entry) override;
  uint64_t AppendAdopt(ChainId chain, Epoch epoch, std::string config) override;
  uint64_t AppendVoid(ChainId chain, Version above, Epoch below) override;
  uint64_t AppendBase(ChainId chain, Version base) override;
  uint64_t AppendChunkBase(ChainId chain, ChunkKey chunk, Version base) override;
  uint64_t AppendCompleteUpTo(ChainId chain, Version complete_up_to) override;
  uint64_t AppendMinGeneration(ChainId chain, VolumeId volume, ClientId client,
                               Generation generation) override;
  uint64_t AppendWindow(ChainId chain, const Session& session,
                        const RequestWindow& window) override;
  uint64_t AppendEndSession(ChainId chain, const Session& session) override;
  uint64_t AppendDiscardChain(ChainId chain) override;
  uint64_t AppendDropLineage(LineageId lineage) override;
  uint64_t AppendLine(const model::Line& line) override;
  KeptLine LineOf(LineageId lineage) const override;
  const std::map<LineageId, model::Line>& lines() const override { return state_.lines().all(); }
  uint64_t AppendNote(std::string key, std::string value) override;
  std::optional<std::string> Note(const std::string& key) const override;
  void SetCommitted(ChainId chain, Version committed) override;
  Version DurableCommitted(ChainId chain) const override;

  void Read(ReadOp* op) override { reader_.Read(op); }
  BlockRange Extent(const ChunkKey& chunk, BlockRange blocks) const override;
  std::vector<ChunkSize> ChunksAbove(ChainId chain, Version above) const override;
  void Scan(ScanOp* op) override;
  void CountLayers(LayerCounter* counter) const override;
  void PendingAbove(ChainId chain, Version above,
                    absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done) override;
  void Close(absl::AnyInvocable<void(absl::Status)> done) override;

 private:
  // An entry to be handed out with its payload: blocks of it and where they are.
  struct Fetch {
    size_t entry = 0;
    uint64_t location = 0;
    uint32_t first = 0;  // block within the entry
    uint32_t count = 0;
  };
  // A block of an entry that could not be read, or not verified.
  struct DamagedAt {
    size_t entry = 0;
    uint32_t block = 0;  // within the entry
  };
  // A segment being cleaned: the next batch of it, and a piece of the device with its descriptor.
  struct Victim {
    uint32_t segment = 0;
    uint64_t at = 0;  // on the device, of the batch
    BatchHeader header;
    uint64_t payload = 0;  // on the device
    Buffer window;
    uint64_t window_at = 0;
    uint32_t window_bytes = 0;  // of the next one
  };
  // Live blocks of one record that lie side by side.
  struct LiveRun {
    MovedRecord record;
    size_t first = 0;  // of LiveBlocks::blocks
    uint64_t at = 0;   // on the device
    uint64_t end() const { return at + uint64_t{record.block_count} * kBlockBytes; }
  };
  struct LiveBlocks {
    std::vector<LiveRun> runs;
    std::vector<MovedBlock> blocks;
  };
  // A line on its way: kept up to `durable`; `appended` is durable when `position` is. All chunks
  // were handed over by `passed`, those from `next` on are left by the pass under way.
  struct LineProgress {
    LineVersion durable;
    LineVersion appended;
    uint64_t position = 0;
    LineVersion passed;
    ChunkKey next;
    uint64_t chunks_left = 0;
  };
  // Suspends a coroutine until the next kBatch phase after something happened.
  struct Progress {
    ChunkStoreImpl& store;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) { store.waiters_.push_back(h); }
    void await_resume() const {}
  };

  // env::PhaseHook
  void OnPhase(env::Phase phase) override;
  // StreamHost
  std::optional<uint32_t> TakeSegment(const Batch& batch) override;
  void BeforeSeal(Batch& batch) override;
  uint64_t TakeSequences(uint32_t count) override;
  void OnSealed(Batch& batch) override;
  void OnBatchDurable(Batch& batch) override;
  void OnDeviceFailed(const absl::Status& status) override;
  // Reader::Host
  void OnReadsReady() override { ScheduleBatch(); }

  // Chains that lost records (damage.cc).
  void LoadDamage();
  uint64_t AppendDamage();

  StreamWriter& log() { return writer(StreamId::kLog); }
  StreamWriter& writer(StreamId stream) { return *writers_[static_cast<size_t>(stream)]; }
  Batch& OpenLog(uint32_t body_bytes, uint32_t blocks);
  uint64_t AddEntry(ChainId chain, Entry&& entry);
  uint64_t Appended(Batch& batch);
  template <class Body>
  uint64_t AppendFixed(RecordKind kind, const Body& body);
  void ApplyBatch(const Batch& batch);
  void ScheduleBatch() { reactor_.Schedule(env::Phase::kBatch, this); }
  void OnIdle();
  void AppendWitness();
  Room room() const;
  void TellRoom();

  Task WriteSuperblocks();
  // Checkpoint (checkpoint.cc).
  Task Checkpoint();
  bool MayAddToIndex();
  CheckpointRoot BeginRoot(bool whole);
  void SnapshotLines(StreamWriter& index);
  void SnapshotChains(StreamWriter& index);
  void SnapshotSegments(StreamWriter& index);
  void SnapshotPages(StreamWriter& index, const ChunkKey& key, Index::Chunk& chunk, bool all);
  // Maintenance (cleaner.cc).
  void KickMaintenance();
  bool MaintenanceMayHelp() const;
  bool NeedsMaintenance() const;
  bool NeedsSpace() const;
  Task Maintain();
  Task MakeSpace();
  std::optional<uint32_t> ChooseVictim() const;
  Task FreeSegments();
  void SetAside(uint32_t victim);
  // Moving what lives (survivors.cc).
  Task Clean(uint32_t victim);
  Task LoadBatch(Victim* victim, bool* valid);
  void FindLive(const Victim& victim, uint32_t blocks_max, LiveBlocks* live) const;
  Task MoveLive(StreamWriter& to, const Victim& victim, const LiveBlocks& live);
  void Move(StreamWriter& to, const LiveBlocks& live, const LiveRun& run, const Buffer& payload);
  // Lines and hand-over (hand_over.cc).
  void FindDurableLines(uint64_t position);
  void KickHandOver();
  void BeginHandOver(LineageId lineage);
  void EndHandOver(LineageId lineage);
  Task HandOver();
  Task HandOverLine(LineageId lineage);
  bool HandOverSome(LineageId lineage, LineProgress& progress);
  // Scans (scan.cc).
  Task RunScan(ScanOp* op);
  std::vector<Fetch> CollectScan(ScanOp* op);
  bool CollectPage(ScanOp* op, const Index::Page& page, uint64_t from, uint32_t* blocks,
                   std::vector<Fetch>* fetches);
  void TakeOut(ScanOp* op, const std::vector<DamagedAt>& damaged);
  Task RunPending(ChainId chain, Version above,
                  absl::AnyInvocable<void(absl::StatusOr<std::vector<Entry>>)> done);
  Task FetchPayload(std::vector<Entry>* entries, std::vector<Fetch> fetches,
                    std::vector<DamagedAt>* damaged);
  void StartTask(Task task);
  Task RunClose(absl::AnyInvocable<void(absl::Status)> done);

  env::Device& device_;
  env::Reactor& reactor_;
  BufferPool& pool_;
  env::LogSink& log_sink_;
  const uint64_t checkpoint_log_bytes_;
  std::unique_ptr<StoreCore> core_;
  SegmentTable& segments_;
  StoreState& state_;
  const bool damaged_;
  std::set<ChainId> damaged_chains_;
  StoreIdentity identity_;
  StoreEvents* events_ = nullptr;
  std::map<ChainId, ChainRecord> recovered_chains_;
  std::unique_ptr<StreamWriter> writers_[kStreams];
  Reader reader_;
  env::Timer idle_timer_;
  absl::Status failure_;

  uint64_t position_ = 0;
  uint64_t reserved_bytes_ = 0;
  bool denied_ = false;     // Reserve said no since OnRoom
  bool log_waits_ = false;  // for a segment
  bool closing_ = false;
  bool discards_;           // freed segments, before they are used again
  uint64_t witnessed_ = 0;  // number of the last log batch that needs no witness
  uint64_t checkpointed_log_bytes_ = 0;
  std::vector<uint32_t> new_index_segments_;
  uint64_t index_bytes_ = 0;           // of the last whole index; 0: none in this incarnation
  uint64_t index_end_bytes_ = 0;       // of its stream when that one ended
  std::vector<uint64_t> clean_tried_;  // per segment: checkpoints begun when it was tried
  uint64_t checkpoints_begun_ = 0;
  Task maintenance_;
  bool maintaining_ = false;
  std::optional<uint64_t> gave_up_at_;  // SegmentTable::changes() when maintenance gave up
  std::list<Task> tasks_;
  std::map<LineageId, LineProgress> line_progress_;
  std::deque<std::pair<uint64_t, LineageId>> lines_under_way_;  // by position, not durable yet
  std::set<LineageId> to_hand_over_;
  bool handing_over_ = false;
  env::Timer hand_over_timer_;
  std::vector<std::coroutine_handle<>> waiters_;
  std::vector<std::coroutine_handle<>> resuming_;
};

}  // namespace storpool::chunkstore
