#include "lib/chunkstore/stream_writer.h"

#include <algorithm>
#include <cstring>

#include "lib/base/check.h"

namespace storpool::chunkstore {
namespace {

constexpr size_t kPartsMax = 500;  // of one vectored write, below the system's 1024

}  // namespace

Batch::Batch(BufferPool& pool, StreamWriter* stream, uint32_t slot_number)
    : slot(slot_number),
      owner(stream),
      memory(pool.Allocate(StreamWriter::kHeaderRoom + kDescriptorBytesMax)),
      writer(memory.span().subspan(StreamWriter::kHeaderRoom)) {
  op = Op::kWrite;
  durable = true;
  // Now, not when a batch that is seldom needed grows on the path of a write.
  parts.reserve(kPartsMax);
  slice_list.reserve(kPartsMax + 1);
}

void Batch::OnDone(const absl::Status& status) { owner->OnBatchDone(*this, status); }

bool Batch::HasRoom(uint32_t record_bytes, uint32_t blocks, uint32_t blocks_max) const {
  return writer.HasRoom(record_bytes) && payload_blocks + blocks <= blocks_max &&
         parts.size() < kPartsMax && writer.records() < UINT16_MAX - 1;
}

const uint8_t* Batch::PayloadBlock(uint32_t block) const {
  if (block >= payload_blocks) return nullptr;
  auto part = std::upper_bound(parts.begin(), parts.end(), block,
                               [](uint32_t b, const Part& p) { return b < p.first_block; });
  --part;
  return part->data.data() + size_t{block - part->first_block} * kBlockBytes;
}

void Batch::AddPayload(Buffer data) {
  SP_CHECK(data.size() % kBlockBytes == 0 && !data.empty());
  const auto blocks = static_cast<uint32_t>(data.size() / kBlockBytes);
  parts.push_back({payload_blocks, std::move(data)});
  payload_blocks += blocks;
}

StreamWriter::StreamWriter(StreamId stream, const Superblock& superblock, SegmentTable& segments,
                           env::Device& device, BufferPool& pool, StreamHost& host)
    : stream_(stream),
      superblock_(superblock),
      segments_(segments),
      device_(device),
      pool_(pool),
      host_(host) {}

void StreamWriter::Begin(BatchName last) {
  last_ = last;
  durable_number_ = last.number;
}

Batch* StreamWriter::NewBatch() {
  if (spare_.empty()) {
    batches_.push_back(
        std::make_unique<Batch>(pool_, this, static_cast<uint32_t>(batches_.size())));
    spare_.push_back(batches_.back().get());
  }
  Batch* batch = spare_.back();
  spare_.pop_back();
  batch->writer.Reset();
  batch->parts.clear();
  batch->payload_blocks = 0;
  batch->last_position = 0;
  batch->drain_first = batch->forced = batch->sealed = batch->done = false;
  return batch;
}

Batch& StreamWriter::OpenFor(uint32_t record_bytes, uint32_t blocks) {
  if (!has_unsealed() || !queue_.back()->HasRoom(record_bytes, blocks, blocks_max_)) {
    queue_.push_back(NewBatch());
  }
  Batch& batch = *queue_.back();
  SP_CHECK(batch.HasRoom(record_bytes, blocks, blocks_max_));
  return batch;
}

uint32_t StreamWriter::BytesOf(const Batch& batch) const {
  return static_cast<uint32_t>(RoundUp(batch.writer.bytes(), superblock_.sector_bytes)) +
         batch.payload_blocks * kBlockBytes;
}

void StreamWriter::PokeBut(size_t last) {
  while (!failed_ && unsealed() > last && sealed_ < kUnderWayMax) {
    Batch& batch = *queue_[sealed_];
    if (batch.drain_first && sealed_ > 0) return;
    if (!Seal(batch)) return;
  }
}

void StreamWriter::CloseSegment() {
  if (segment_ == kNoSegment) return;
  segments_.Close(segment_);
  segment_ = kNoSegment;
}

bool StreamWriter::Seal(Batch& batch) {
  host_.BeforeSeal(batch);
  const uint32_t bytes = BytesOf(batch);
  if (segment_ != kNoSegment && bytes > superblock_.segment_bytes - offset_) CloseSegment();
  bool first = false;
  if (segment_ == kNoSegment) {
    const std::optional<uint32_t> taken = host_.TakeSegment(batch);
    if (!taken) return false;
    segment_ = *taken;
    offset_ = superblock_.sector_bytes;
    first = true;
    SP_CHECK(bytes <= superblock_.segment_bytes - offset_);
  }
  const BatchName before = last_;
  FillHeader(batch);
  if (first) {
    SegmentHeader header;
    header.stream = static_cast<uint8_t>(stream_);
    header.store = superblock_.store;
    header.incarnation = superblock_.incarnation;
    header.segment_sequence = segments_[segment_].sequence;
    header.before = before;
    SealSegmentHeader(&header);
    uint8_t* at = batch.memory.data() + kHeaderRoom - superblock_.sector_bytes;
    std::memset(at, 0, superblock_.sector_bytes);
    std::memcpy(at, &header, sizeof header);
  }
  batch.sealed = true;
  ++sealed_;
  host_.OnSealed(batch);
  Submit(batch, first);
  return true;
}

void StreamWriter::FillHeader(Batch& batch) {
  BatchHeader& h = batch.header;
  h = BatchHeader();
  h.store = superblock_.store;
  h.incarnation = superblock_.incarnation;
  h.number = last_.number + 1;
  h.before_crc = last_.crc;
  h.stream = static_cast<uint8_t>(stream_);
  h.record_count = batch.writer.records();
  h.descriptor_bytes = batch.writer.bytes();
  h.payload_blocks = batch.payload_blocks;
  h.first_sequence = host_.TakeSequences(std::max<uint32_t>(h.record_count, 1));
  h.mark = durable_number_;
  h.segment_sequence = segments_[segment_].sequence;
  h.offset_bytes = offset_;
  uint8_t* descriptor = batch.memory.data() + kHeaderRoom;
  const uint64_t padded = RoundUp(h.descriptor_bytes, superblock_.sector_bytes);
  std::memcpy(descriptor, &h, sizeof h);
  std::memset(descriptor + h.descriptor_bytes, 0, padded - h.descriptor_bytes);
  h.crc = SealDescriptor({descriptor, h.descriptor_bytes});
  last_ = {h.number, h.crc, 0};
  batch.payload_location = (segments_.OffsetOf(segment_) + offset_ + padded) / kLocationUnitBytes;
}

void StreamWriter::Submit(Batch& batch, bool first_in_segment) {
  const uint32_t bytes = BytesOf(batch);
  const uint64_t padded = RoundUp(batch.header.descriptor_bytes, superblock_.sector_bytes);
  const uint32_t extra = first_in_segment ? superblock_.sector_bytes : 0;
  batch.slice_list.clear();
  batch.slice_list.push_back({batch.memory.data() + kHeaderRoom - extra, padded + extra});
  for (const Batch::Part& part : batch.parts) {
    batch.slice_list.push_back({part.data.data(), part.data.size()});
  }
  batch.slices = batch.slice_list;
  batch.offset_bytes = segments_.OffsetOf(segment_) + offset_ - extra;
  offset_ += bytes;
  bytes_written_ += bytes + extra;
  device_.Queue(&batch);
}

void StreamWriter::OnBatchDone(Batch& batch, const absl::Status& status) {
  if (!status.ok()) {
    failed_ = true;
    host_.OnDeviceFailed(status);
    return;
  }
  batch.done = true;
  while (!failed_ && sealed_ > 0 && queue_.front()->done) {
    Batch* front = queue_.front();
    queue_.erase(queue_.begin());
    --sealed_;
    durable_number_ = front->header.number;
    host_.OnBatchDurable(*front);
    front->parts.clear();
    spare_.push_back(front);
  }
}

StreamPosition StreamWriter::position() const {
  StreamPosition position;
  position.last = last_;
  if (segment_ != kNoSegment) {
    position.segment = segment_;
    position.segment_sequence = segments_[segment_].sequence;
    position.offset_bytes = offset_;
  }
  return position;
}

const uint8_t* StreamWriter::FindUnderWay(uint64_t location) const {
  for (uint32_t i = 0; i < sealed_; ++i) {
    const Batch& batch = *queue_[i];
    if (location < batch.payload_location) continue;
    const uint64_t block = (location - batch.payload_location) / kUnitsPerBlock;
    if (block < batch.payload_blocks) return batch.PayloadBlock(static_cast<uint32_t>(block));
  }
  return nullptr;
}

const uint8_t* StreamWriter::FindUnsealed(uint64_t memory_location) const {
  const uint64_t slot = (memory_location & ~kMemoryLocation) >> 16;
  SP_CHECK(slot < batches_.size());
  return batches_[slot]->PayloadBlock(memory_location & 0xffff);
}

}  // namespace storpool::chunkstore
