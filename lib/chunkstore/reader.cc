#include "lib/chunkstore/reader.h"

#include <cstring>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"

namespace storpool::chunkstore {
namespace {

template <class T>
T* TakeSpare(std::vector<std::unique_ptr<T>>* all, std::vector<T*>* spare) {
  if (spare->empty()) {
    all->push_back(std::make_unique<T>());
    spare->push_back(all->back().get());
  }
  T* object = spare->back();
  spare->pop_back();
  return object;
}

uint64_t ByteOf(ChunkIndex chunk, uint32_t block) {
  return uint64_t{chunk.value()} * kChunkBytes + uint64_t{block} * kBlockBytes;
}

}  // namespace

void Reader::FindPending(const ReadOp& op, const Index::Chunk& chunk, uint32_t block,
                         model::LayerSearch* search, Found* found) const {
  const ChainState* chain = state_.FindChain(chunk.chain);
  if (chain == nullptr) return;
  for (auto it = chain->pending.end(); it != chain->pending.begin();) {
    --it;
    const Entry& e = it->entry;
    if (e.kind == EntryKind::kEmpty || e.place.lineage != op.chunk.lineage ||
        e.place.chunk != op.chunk.chunk || !e.place.blocks.Contains(block) ||
        !search->Take(e.place.layer, e.version)) {
      continue;
    }
    if (e.kind == EntryKind::kHole) {
      found->result.state = BlockResult::State::kHole;
      continue;
    }
    const uint32_t i = block - e.place.blocks.first;
    found->result.state = BlockResult::State::kData;
    found->result.checksum = e.checksums[i];
    // Blocks of an unsealed batch are counted in blocks, those on the device in units.
    found->location = it->location + (IsMemory(it->location) ? i : uint64_t{i} * kUnitsPerBlock);
  }
}

Reader::Found Reader::Locate(const ReadOp& op, const Index::Chunk* chunk, uint32_t block,
                             bool has_floor) const {
  Found found;
  const uint64_t byte = ByteOf(op.chunk.chunk, block);
  const LayerId floor = has_floor ? op.line->FloorOf(op.layer, byte) : LayerId();
  model::LayerSearch search(*op.line, op.layer, byte, floor);
  const IndexEntry* entry = nullptr;
  if (chunk != nullptr) {
    if (op.include_pending && chunk->pending > 0) FindPending(op, *chunk, block, &search, &found);
    entry = chunk->Search(block, &search);
  }
  found.result.layer = search.found;
  found.result.version = search.version;
  if (search.found == LayerId()) {  // 4.7: beyond the cut it is a hole
    if (floor != LayerId()) found.result.state = BlockResult::State::kHole;
    return found;
  }
  if (entry == nullptr) return found;  // a pending one
  if (entry->is_hole()) {
    found.result.state = BlockResult::State::kHole;
    return found;
  }
  found.result.state = BlockResult::State::kData;
  found.result.checksum =
      entry->crc() ^ ChecksumSeed(op.chunk.lineage, op.chunk.chunk, block, entry->version());
  found.location = entry->location();
  return found;
}

void Reader::Read(ReadOp* op) {
  SP_CHECK(op->results.size() >= op->blocks.count && op->blocks.end() <= kBlocksPerChunk);
  Job* job = TakeSpare(&jobs_, &spare_jobs_);
  *job = Job{op, 0, failure_};
  ++under_way_;
  Run* run = nullptr;
  const Index::Chunk* chunk = state_.index().Find(op->chunk);
  const bool has_floor = ByteOf(op->chunk.chunk, op->blocks.end()) > op->line->LowestCut(op->layer);
  for (uint32_t i = 0; i < op->blocks.count && failure_.ok(); ++i) {
    const Found found = Locate(*op, chunk, op->blocks.first + i, has_floor);
    op->results[i] = found.result;
    if (found.result.state != BlockResult::State::kData) {
      run = nullptr;
      continue;
    }
    const uint8_t* memory = IsMemory(found.location) ? log_.FindUnsealed(found.location)
                                                     : log_.FindUnderWay(found.location);
    if (memory != nullptr) {
      std::memcpy(op->target + size_t{i} * kBlockBytes, memory, kBlockBytes);
      run = nullptr;
      continue;
    }
    SP_CHECK(!IsMemory(found.location));
    AddToRun(job, &run, i, found.location);
  }
  // Only now: what a device has been given must not change any more.
  for (Run* r : growing_) device_.Queue(r);
  growing_.clear();
  if (job->runs == 0) {
    ready_.push_back(job);
    host_.OnReadsReady();
  }
}

void Reader::AddToRun(Job* job, Run** run, uint32_t i, uint64_t location) {
  Run* r = *run;
  if (r != nullptr && location == r->location + uint64_t{r->count} * kUnitsPerBlock &&
      segments_.SegmentOf(location) == segments_.SegmentOf(r->location)) {
    ++r->count;
    r->slice.size_bytes += kBlockBytes;
    return;
  }
  r = TakeSpare(&runs_, &spare_runs_);
  r->reader = this;
  r->job = job;
  r->first = i;
  r->count = 1;
  r->location = location;
  r->op = env::DeviceIo::Op::kRead;
  r->offset_bytes = location * kLocationUnitBytes;
  r->slice = {job->op->target + size_t{i} * kBlockBytes, kBlockBytes};
  r->slices = {&r->slice, 1};
  segments_.AddReader(location);
  ++job->runs;
  *run = r;
  growing_.push_back(r);
}

void Reader::Verify(const Run& run) {
  const ReadOp& op = *run.job->op;
  for (uint32_t i = run.first; i < run.first + run.count; ++i) {
    const uint8_t* block = op.target + size_t{i} * kBlockBytes;
    if (Crc32c(block, kBlockBytes) != op.results[i].checksum) {
      op.results[i].state = BlockResult::State::kDamaged;
    }
  }
}

void Reader::OnRunDone(Run* run, const absl::Status& status) {
  Job* job = run->job;
  segments_.DropReader(run->location);
  const bool unreadable = absl::IsDataLoss(status);  // these bytes, not the disk
  if (status.ok()) {
    Verify(*run);
  } else if (unreadable) {
    for (uint32_t i = run->first; i < run->first + run->count; ++i) {
      job->op->results[i].state = BlockResult::State::kDamaged;
    }
  } else if (job->status.ok()) {
    job->status = status;
  }
  spare_runs_.push_back(run);
  const bool last = --job->runs == 0;
  if (!status.ok() && !unreadable) host_.OnDeviceFailed(status);
  if (last) End(job);
}

void Reader::End(Job* job) {
  ReadOp* op = job->op;
  const absl::Status status = std::exchange(job->status, absl::OkStatus());
  spare_jobs_.push_back(job);
  --under_way_;
  op->OnDone(status);
}

void Reader::Complete() {
  completing_.swap(ready_);
  for (Job* job : completing_) End(job);
  completing_.clear();
}

}  // namespace storpool::chunkstore
