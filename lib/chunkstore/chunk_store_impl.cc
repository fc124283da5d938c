#include "lib/chunkstore/chunk_store_impl.h"

#include <algorithm>
#include <string>
#include <utility>

#include "lib/base/check.h"

namespace storpool::chunkstore {
namespace {

// How long the log must be silent before a witness is written.
constexpr Duration kIdle = Duration::Millis(20);

}  // namespace

ChunkStoreImpl::ChunkStoreImpl(const Options& options, std::unique_ptr<StoreCore> core,
                               bool damaged)
    : device_(options.device),
      reactor_(options.reactor),
      pool_(options.pool),
      log_sink_(options.log),
      checkpoint_log_bytes_(options.checkpoint_log_bytes),
      core_(std::move(core)),
      segments_(core_->segments),
      state_(core_->state),
      damaged_(damaged),
      recovered_chains_(state_.CopyChains()),
      writers_{},
      reader_(device_, segments_, state_,
              *(writers_[0] = std::make_unique<StreamWriter>(StreamId::kLog, core_->superblock,
                                                             segments_, device_, pool_, *this)),
              *this),
      idle_timer_(reactor_, [this] { OnIdle(); }),
      discards_(device_.info().can_discard),
      clean_tried_(segments_.size(), 0),
      hand_over_timer_(reactor_, [this] { ScheduleBatch(); }) {
  for (int i = 1; i < kStreams; ++i) {
    writers_[i] = std::make_unique<StreamWriter>(static_cast<StreamId>(i), core_->superblock,
                                                 segments_, device_, pool_, *this);
  }
  for (int i = 0; i < kStreams; ++i) writers_[i]->Begin(core_->ends[i]);
  const uint32_t part = segments_.segment_bytes() / kBlockBytes / 16;
  for (const StreamId s : {StreamId::kSurvivors1, StreamId::kSurvivors2}) {
    writer(s).set_blocks_max(std::clamp<uint32_t>(part, 32, kBatchBlocksMax));
  }
  const Superblock& s = core_->superblock;
  std::copy(std::begin(s.cluster), std::end(s.cluster), identity_.cluster.begin());
  identity_.disk = DiskId(s.disk);
  identity_.store = StoreId(s.store);
  identity_.incarnation = Incarnation(s.incarnation);
  LoadDamage();
}

ChunkStoreImpl::~ChunkStoreImpl() { reactor_.Unschedule(this); }

Task ChunkStoreImpl::WriteSuperblocks() {
  Superblock& s = core_->superblock;
  ++s.generation;
  Buffer block = pool_.Allocate(kSuperblockBytes);
  EncodeSuperblock(s, block.span());
  for (int copy = 0; copy < 2; ++copy) {  // never both at once (4.1)
    SP_RETURN_CO(co_await WriteDevice(device_, SuperblockOffset(s.size_bytes, copy), block.span()));
  }
  co_return absl::OkStatus();
}

Task ChunkStoreImpl::Begin() {
  Superblock& s = core_->superblock;
  ++s.incarnation;
  if (damaged_) s.flags |= Superblock::kDamaged;
  identity_.incarnation = Incarnation(s.incarnation);
  SP_RETURN_CO(co_await WriteSuperblocks());
  // After many crashes in a row: first free what they used. The root pins what was accepted, too.
  if (segments_.free_count() < room().cleaning_segments()) {
    maintaining_ = true;
    SP_RETURN_CO(co_await Checkpoint());
    maintaining_ = false;
  }
  RecoveredRecord record;
  std::copy(std::begin(core_->ends), std::end(core_->ends), record.ends);
  OpenLog(sizeof record, 0).writer.AddFixed(RecordKind::kRecovered, record);
  if (damaged_) AppendDamage();
  log().Poke();
  while (failure_.ok() && !log().idle()) co_await Progress{*this};
  SP_RETURN_CO(failure_);
  witnessed_ = log().durable_number();
  if (damaged_) {  // the note says it now
    s.flags &= static_cast<uint16_t>(~Superblock::kDamaged);
    maintaining_ = true;
    SP_RETURN_CO(co_await WriteSuperblocks());
    maintaining_ = false;
  }
  KickMaintenance();
  for (const auto& [lineage, line] : state_.lines().all()) {
    LineProgress& progress = line_progress_[lineage];
    progress.durable = progress.appended = line.version;
    BeginHandOver(lineage);
  }
  KickHandOver();
  co_return absl::OkStatus();
}

Room ChunkStoreImpl::room() const {
  return Room::Of(segments_.size(), segments_.segment_bytes(), state_.index().bytes());
}

StoreUsage ChunkStoreImpl::usage() const {
  StoreUsage usage;
  usage.size_bytes = core_->superblock.size_bytes;
  usage.usable_bytes = room().usable_bytes();
  usage.stored_bytes = state_.stored_bytes();
  usage.reserved_bytes = reserved_bytes_;
  const uint64_t taken = usage.stored_bytes + reserved_bytes_;
  usage.free_bytes = usage.usable_bytes > taken ? usage.usable_bytes - taken : 0;
  usage.entries = state_.index().entries();
  usage.chunks = state_.index().chunks().size();
  usage.unreadable_bytes = segments_.unreadable_blocks() * kBlockBytes;
  return usage;
}

bool ChunkStoreImpl::Reserve(uint64_t bytes) {
  const uint64_t usable = room().usable_bytes();
  const uint64_t taken = state_.stored_bytes() + reserved_bytes_;
  if (!failure_.ok() || taken > usable || bytes > usable - taken) {
    denied_ = true;
    return false;
  }
  reserved_bytes_ += bytes;
  return true;
}

void ChunkStoreImpl::Unreserve(uint64_t bytes) {
  // Entries fetched in a level-out are pending, too, and took what was not promised to them; the
  // reserve that backs no credits stands for them (4.11).
  reserved_bytes_ -= std::min(reserved_bytes_, bytes);
  if (denied_) ScheduleBatch();
}

void ChunkStoreImpl::TellRoom() {
  if (!denied_ || events_ == nullptr || usage().free_bytes < kBlockBytes) return;
  denied_ = false;
  events_->OnRoom();
}

void ChunkStoreImpl::OnPhase(env::Phase) {
  log().Poke();
  reader_.Complete();
  resuming_.swap(waiters_);
  for (const std::coroutine_handle<> h : resuming_) h.resume();
  resuming_.clear();
  if (log().has_unsealed()) log().Poke();
  TellRoom();
}

std::optional<uint32_t> ChunkStoreImpl::TakeSegment(const Batch& batch) {
  const bool is_log = batch.owner == &log();
  const bool clients = is_log && batch.payload_blocks > 0;
  const uint32_t keep = clients ? room().kept_segments() : is_log ? 1 : 0;
  if (segments_.free_count() <= keep) {
    if (is_log) log_waits_ = true;
    KickMaintenance();
    return std::nullopt;
  }
  StreamId stream = StreamId::kLog;
  for (int i = 0; i < kStreams; ++i) {
    if (writers_[i].get() == batch.owner) stream = static_cast<StreamId>(i);
  }
  const std::optional<uint32_t> segment = segments_.Take(stream);
  if (segment && stream == StreamId::kIndex) new_index_segments_.push_back(*segment);
  if (NeedsMaintenance()) KickMaintenance();
  return segment;
}

void ChunkStoreImpl::BeforeSeal(Batch& batch) {
  if (batch.owner != &log()) return;
  std::vector<ChainState*>& dirty = state_.dirty();
  while (!dirty.empty()) {  // W travels with later records (5.3d)
    ChainState& chain = *dirty.back();
    if (chain.applied > chain.written) {
      if (!batch.writer.HasRoom(DescriptorWriter::RecordBytes(sizeof(VersionRecord)))) return;
      VersionRecord record;
      record.chain = chain.record.chain.raw();
      record.version = chain.applied.raw();
      batch.writer.AddFixed(RecordKind::kCommitted, record);
      chain.written = chain.applied;
      if (chain.marked_in <= log().durable_number()) {
        chain.proven = std::exchange(chain.marked, chain.applied);
        chain.marked_in = log().last_sealed().number + 1;
      }
    }
    chain.listed_dirty = false;
    dirty.pop_back();
  }
}

uint64_t ChunkStoreImpl::TakeSequences(uint32_t count) {
  const uint64_t first = core_->next_sequence;
  core_->next_sequence += count;
  return first;
}

void ChunkStoreImpl::OnSealed(Batch& batch) {
  if (batch.owner == &log()) ApplyBatch(batch);
}

// The same function as in replay; survivors take effect when they are durable.
void ChunkStoreImpl::ApplyBatch(const Batch& batch) {
  const std::span<const uint8_t> descriptor =
      batch.memory.span().subspan(StreamWriter::kHeaderRoom, batch.header.descriptor_bytes);
  RecordReader reader(descriptor, batch.header);
  Record record;
  uint32_t block = 0;
  while (reader.Next(&record)) {
    state_.Apply(record, batch.payload_location + uint64_t{block} * kUnitsPerBlock,
                 MemoryLocation(batch.slot, block), false);
    block += record.payload_blocks;
  }
  SP_CHECK(reader.status().ok());
}

void ChunkStoreImpl::OnBatchDurable(Batch& batch) {
  if (!waiters_.empty()) ScheduleBatch();
  if (batch.owner != &log()) {
    if (batch.owner != &writer(StreamId::kIndex)) ApplyBatch(batch);
    if (batch.owner->has_unsealed()) batch.owner->Poke();
    return;
  }
  if (batch.forced) witnessed_ = batch.header.number;
  if (!idle_timer_.active()) idle_timer_.StartIn(kIdle);
  if (log().has_unsealed() || denied_) ScheduleBatch();
  if (batch.last_position == 0) return;
  if (events_ != nullptr) events_->OnDurable(batch.last_position);
  FindDurableLines(batch.last_position);
}

// The log has fallen idle: the newest data gets its witness (S4), and W its record.
void ChunkStoreImpl::OnIdle() {
  if (!failure_.ok() || closing_) return;
  if (!log().idle()) {
    idle_timer_.StartIn(kIdle);
    return;
  }
  if (witnessed_ < log().durable_number() || !state_.dirty().empty()) AppendWitness();
  if (NeedsMaintenance()) KickMaintenance();
}

void ChunkStoreImpl::AppendWitness() {
  log().OpenFor(0, 0).forced = true;
  ScheduleBatch();
}

void ChunkStoreImpl::OnDeviceFailed(const absl::Status& status) {
  if (!failure_.ok()) return;
  failure_ = absl::Status(status.code(), "disk " + std::to_string(identity_.disk.value()) +
                                             " failed: " + std::string(status.message()));
  for (const auto& w : writers_) w->Fail();
  reader_.Fail(failure_);
  idle_timer_.Stop();
  hand_over_timer_.Stop();
  log_sink_.Log(env::LogLevel::kError, "chunkstore", failure_.ToString());
  ScheduleBatch();
  if (events_ != nullptr) events_->OnFailed(failure_);
}

std::optional<std::string> ChunkStoreImpl::Note(const std::string& key) const {
  const auto it = state_.notes().find(key);
  if (it == state_.notes().end()) return std::nullopt;
  return it->second;
}

BlockRange ChunkStoreImpl::Extent(const ChunkKey& key, BlockRange blocks) const {
  const Index::Chunk* chunk = state_.index().Find(key);
  if (chunk == nullptr) return {};
  BlockRange extent = chunk->Extent(blocks);
  const ChainState* chain = chunk->pending == 0 ? nullptr : state_.FindChain(chunk->chain);
  if (chain == nullptr) return extent;
  for (const auto& pending : chain->pending) {
    const Place& place = pending.entry.place;
    const bool here = place.lineage == key.lineage && place.chunk == key.chunk;
    if (!here || pending.entry.kind == EntryKind::kEmpty || !place.blocks.Overlaps(blocks))
      continue;
    const BlockRange all = extent.count == 0 ? place.blocks : extent;
    const uint32_t first = std::max(std::min(all.first, place.blocks.first), blocks.first);
    const uint32_t end = std::min(std::max(all.end(), place.blocks.end()), blocks.end());
    extent = {first, end - first};
  }
  return extent;
}

std::vector<ChunkSize> ChunkStoreImpl::ChunksAbove(ChainId chain, Version above) const {
  std::vector<ChunkSize> chunks;
  for (const ChunkKey& key : state_.index().ChunksOf(chain)) {
    const Index::Chunk* chunk = state_.index().Find(key);
    if (chunk->highest <= above) continue;
    uint64_t blocks = 0;
    for (const Index::Pages& pages : chunk->runs) {
      for (const Index::Page& page : pages) blocks += page.uniform_hole ? 0 : page.count();
    }
    chunks.push_back({key, blocks * kBlockBytes});
  }
  return chunks;
}

void ChunkStoreImpl::StartTask(Task task) {
  tasks_.remove_if([](const Task& t) { return t.done(); });
  tasks_.push_back(std::move(task));
  tasks_.back().Start();
}

void ChunkStoreImpl::Close(absl::AnyInvocable<void(absl::Status)> done) {
  closing_ = true;
  idle_timer_.Stop();
  hand_over_timer_.Stop();
  StartTask(RunClose(std::move(done)));
  ScheduleBatch();
}

Task ChunkStoreImpl::RunClose(absl::AnyInvocable<void(absl::Status)> done) {
  co_await Progress{*this};
  absl::Status status;
  while (failure_.ok() && status.ok() && (maintaining_ || !log().idle())) {
    KickMaintenance();
    if (log_waits_ && !maintaining_ && log().under_way() == 0) {
      status = absl::ResourceExhaustedError("disk " + std::to_string(identity_.disk.value()) +
                                            " is full: what it was given last is not on it");
    } else {
      co_await Progress{*this};
    }
  }
  if (!failure_.ok()) status = failure_;
  if (status.ok()) status = co_await Checkpoint();
  if (status.ok()) {
    AppendWitness();
    while (failure_.ok() && !log().idle()) co_await Progress{*this};
    status = failure_;
  }
  while (!reader_.idle()) {
    ScheduleBatch();
    co_await Progress{*this};
  }
  done(status);
  co_return status;
}

}  // namespace storpool::chunkstore
