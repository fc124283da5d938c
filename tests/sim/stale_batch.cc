#include "tests/sim/stale_batch.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "lib/chunkstore/format.h"
#include "lib/chunkstore/superblock.h"

namespace storpool::sim {
namespace {

using chunkstore::BatchHeader;
using chunkstore::Record;
using chunkstore::RecordKind;
using chunkstore::RecordReader;
using chunkstore::StreamId;

struct Batch {
  uint64_t offset_bytes = 0;    // on the device
  std::vector<uint64_t> words;  // aligned as a descriptor must be
  size_t size_bytes = 0;
  BatchHeader header;

  std::span<uint8_t> bytes() { return {reinterpret_cast<uint8_t*>(words.data()), size_bytes}; }
};

std::optional<Batch> BatchIn(const env::DeviceIo& io) {
  std::vector<uint8_t> all;
  for (const env::IoSlice& s : io.slices) all.insert(all.end(), s.data, s.data + s.size_bytes);
  // The first batch of a segment comes in one write with the segment's header, a sector before it.
  for (const size_t at : {size_t{0}, size_t{512}, size_t{4096}}) {
    BatchHeader header;
    if (all.size() < at + sizeof header) continue;
    if (!chunkstore::LooksLikeBatch(std::span(all).subspan(at), &header)) continue;
    Batch batch{io.offset_bytes + at, {}, all.size() - at, header};
    batch.words.resize((batch.size_bytes + 7) / 8);
    std::memcpy(batch.words.data(), all.data() + at, batch.size_bytes);
    return batch;
  }
  return std::nullopt;
}

class StaleBatches {
 public:
  void OnWrite(const env::DeviceIo& io) {
    std::optional<Batch> batch = BatchIn(io);
    if (!batch) return;
    next_sequence_ =
        std::max(next_sequence_,
                 batch->header.first_sequence + std::max<uint64_t>(batch->header.record_count, 1));
    if (batch->header.stream != static_cast<uint8_t>(StreamId::kLog)) return;
    if (!log_.empty() && log_.back().header.incarnation < batch->header.incarnation) {
      Recovered(*batch);
    }
    log_.push_back(*std::move(batch));
    if (log_.size() > kKept) log_.pop_front();
  }

  void BeforeStart(env::MemoryDisk& medium) {
    Batch* end = nullptr;
    for (Batch& batch : log_) {
      if (!IsOn(medium, batch)) break;
      end = &batch;
    }
    if (end == nullptr || !stale_) return;
    std::vector<uint8_t> block(chunkstore::kSuperblockBytes);
    medium.Read(0, block);
    chunkstore::Superblock super;
    if (!chunkstore::DecodeSuperblock(block, &super).ok()) return;
    const uint64_t offset = end->header.offset_bytes + end->size_bytes;
    if (offset + stale_->size_bytes > super.segment_bytes) return;
    BatchHeader& h = stale_->header;
    h.incarnation = end->header.incarnation;
    h.number = end->header.number + 1;
    h.before_crc = end->header.crc;
    h.mark = end->header.mark;
    h.segment_sequence = end->header.segment_sequence;
    h.offset_bytes = static_cast<uint32_t>(offset);
    h.first_sequence = next_sequence_;
    std::memcpy(stale_->bytes().data(), &h, sizeof h);
    chunkstore::SealDescriptor(stale_->bytes().first(h.descriptor_bytes));
    medium.Write(end->offset_bytes + end->size_bytes, stale_->bytes());
    stale_.reset();
  }

 private:
  static constexpr size_t kKept = 64;

  static bool IsOn(const env::MemoryDisk& medium, Batch& batch) {
    std::vector<uint8_t> now(batch.size_bytes);
    medium.Read(batch.offset_bytes, now);
    return std::equal(now.begin(), now.end(), batch.bytes().begin());
  }

  static bool HasEntry(Batch& batch) {
    RecordReader reader(batch.bytes().first(batch.header.descriptor_bytes), batch.header);
    for (Record record; reader.Next(&record);) {
      if (record.kind == RecordKind::kEntry) return true;
    }
    return false;
  }

  // `first` says what its recovery took of the log; what is left is stale.
  void Recovered(Batch& first) {
    RecordReader reader(first.bytes().first(first.header.descriptor_bytes), first.header);
    Record record;
    if (reader.Next(&record) && record.kind == RecordKind::kRecovered) {
      for (Batch& batch : log_) {
        if (batch.header.number > record.recovered.ends[0].number && HasEntry(batch)) {
          stale_ = std::move(batch);
          break;
        }
      }
    }
    log_.clear();
  }

  std::deque<Batch> log_;  // of the newest incarnation, the last ones
  std::optional<Batch> stale_;
  uint64_t next_sequence_ = 1;
};

}  // namespace

Seams StaleBatchAccepted() {
  auto disks = std::make_shared<std::map<DiskId, StaleBatches>>();
  Seams seams;
  seams.on_device = [disks](DiskId disk, env::DeviceIo& io) {
    if (io.op == env::DeviceIo::Op::kWrite) (*disks)[disk].OnWrite(io);
    return false;
  };
  seams.before_start = [disks](DiskId disk, env::MemoryDisk& medium) {
    (*disks)[disk].BeforeStart(medium);
  };
  return seams;
}

}  // namespace storpool::sim
