#include "lib/chunkstore/format.h"

#include <bit>
#include <cstring>
#include <string>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/base/entry.h"
#include "lib/base/limits.h"

namespace storpool::chunkstore {
namespace {

template <class T>
bool Take(std::span<const uint8_t>* bytes, T* value) {
  if (bytes->size() < sizeof(T)) return false;
  std::memcpy(value, bytes->data(), sizeof(T));
  *bytes = bytes->subspan(sizeof(T));
  return true;
}

template <class T>
bool TakeSpan(std::span<const uint8_t>* bytes, size_t count, std::span<const T>* out) {
  if (bytes->size() / sizeof(T) < count) return false;
  *out = {reinterpret_cast<const T*>(bytes->data()), count};
  *bytes = bytes->subspan(count * sizeof(T));
  return true;
}

bool TakeText(std::span<const uint8_t>* bytes, size_t count, std::string_view* out) {
  if (bytes->size() < count) return false;
  *out = {reinterpret_cast<const char*>(bytes->data()), count};
  *bytes = bytes->subspan(count);
  return true;
}

bool IsVersion(uint64_t raw) { return raw >> 32 <= kEpochMax; }

uint32_t HeaderCrc(SegmentHeader header) {
  header.crc = 0;
  return Crc32c(&header, sizeof header);
}

uint32_t DescriptorCrc(std::span<const uint8_t> descriptor) {
  const uint32_t zero = 0;
  uint32_t crc = Crc32c(descriptor.first(offsetof(BatchHeader, crc)));
  crc = Crc32c(&zero, sizeof zero, crc);
  return Crc32c(descriptor.subspan(offsetof(BatchHeader, crc) + sizeof zero), crc);
}

}  // namespace

void SealSegmentHeader(SegmentHeader* header) { header->crc = HeaderCrc(*header); }

bool IsValid(const SegmentHeader& header, uint64_t store) {
  return header.magic == SegmentHeader::kMagic && header.store == store &&
         header.stream < kStreams && header.crc == HeaderCrc(header);
}

uint32_t SealDescriptor(std::span<uint8_t> descriptor) {
  const uint32_t crc = DescriptorCrc(descriptor);
  std::memcpy(descriptor.data() + offsetof(BatchHeader, crc), &crc, sizeof crc);
  return crc;
}

bool LooksLikeBatch(std::span<const uint8_t> bytes, BatchHeader* header) {
  if (bytes.size() < sizeof *header) return false;
  std::memcpy(header, bytes.data(), sizeof *header);
  return header->magic == BatchHeader::kMagic && header->stream < kStreams &&
         header->descriptor_bytes >= sizeof *header &&
         header->descriptor_bytes <= kDescriptorBytesMax && header->descriptor_bytes % 8 == 0 &&
         header->payload_blocks <= kBatchBlocksMax;
}

absl::Status ParseBatchHeader(std::span<const uint8_t> bytes, BatchHeader* header) {
  if (!LooksLikeBatch(bytes, header)) return absl::DataLossError("no batch begins here");
  if (header->descriptor_bytes > bytes.size()) return absl::DataLossError("batch is cut short");
  if (DescriptorCrc(bytes.first(header->descriptor_bytes)) != header->crc) {
    return absl::DataLossError("batch checksum is wrong");
  }
  return absl::OkStatus();
}

RecordReader::RecordReader(std::span<const uint8_t> descriptor, const BatchHeader& header)
    : rest_(descriptor.subspan(sizeof(BatchHeader), header.descriptor_bytes - sizeof(BatchHeader))),
      records_left_(header.record_count),
      payload_left_(header.payload_blocks) {}

bool RecordReader::Fail(std::string_view what) {
  status_ = absl::DataLossError("malformed record: " + std::string(what));
  return false;
}

bool RecordReader::Next(Record* record) {
  if (!status_.ok()) return false;
  if (records_left_ == 0) {
    if (!rest_.empty() || payload_left_ != 0) return Fail("batch has more than its records");
    return false;
  }
  RecordHeader header;
  std::span<const uint8_t> rest = rest_;
  if (!Take(&rest, &header)) return Fail("cut short");
  if (header.bytes < sizeof header || header.bytes % 8 != 0 || header.bytes > rest_.size()) {
    return Fail("length");
  }
  record->kind = static_cast<RecordKind>(header.kind);
  record->payload_blocks = 0;
  if (!Decode(rest.first(header.bytes - sizeof header), record)) {
    return Fail("kind " + std::to_string(header.kind));
  }
  if (record->payload_blocks > payload_left_) return Fail("payload");
  payload_left_ -= record->payload_blocks;
  rest_ = rest_.subspan(header.bytes);
  --records_left_;
  return true;
}

bool RecordReader::DecodeEntry(std::span<const uint8_t> body, Record* record) {
  EntryRecord& e = record->entry;
  if (!Take(&body, &e)) return false;
  if (!IsVersion(e.version) || e.first_block > kBlocksPerChunk ||
      e.block_count > kBlocksPerChunk - e.first_block) {
    return false;
  }
  if (e.arrival != static_cast<uint8_t>(Arrival::kPending) &&
      e.arrival != static_cast<uint8_t>(Arrival::kCommitted)) {
    return false;
  }
  record->checksums = {};
  if (e.entry_kind == static_cast<uint8_t>(EntryKind::kData)) {
    if (e.block_count == 0 || e.block_count > kRequestBlocksMax) return false;
    if (record->kind == RecordKind::kEntry) record->payload_blocks = e.block_count;
    return TakeSpan(&body, e.block_count, &record->checksums);
  }
  return e.entry_kind == static_cast<uint8_t>(EntryKind::kHole) ||
         e.entry_kind == static_cast<uint8_t>(EntryKind::kEmpty);
}

bool RecordReader::DecodeLists(std::span<const uint8_t> body, Record* record) {
  if (record->kind == RecordKind::kMoved) {
    if (!Take(&body, &record->moved) || record->moved.block_count > kBatchBlocksMax) return false;
    record->payload_blocks = record->moved.block_count;
    if (!TakeSpan(&body, record->moved.block_count, &record->moved_blocks)) return false;
    for (const MovedBlock& b : record->moved_blocks) {
      if (b.block >= kBlocksPerChunk || !IsVersion(b.version)) return false;
    }
    return true;
  }
  if (record->kind == RecordKind::kPage) {
    const PageRecord& page = record->page;
    if (!Take(&body, &record->page) || page.run >= kBlocksPerChunk / kRunBlocks) return false;
    size_t bits = 0;
    for (const uint64_t word : page.bitmap) bits += static_cast<size_t>(std::popcount(word));
    if (page.flags == PageRecord::kUniformHole) {
      if (page.entry_count != 1 || bits != kRunBlocks) return false;
    } else if (page.flags != 0 || page.entry_count != bits) {
      return false;
    }
    return TakeSpan(&body, page.entry_count, &record->entries);
  }
  const SegmentUseRecord& use = record->segment_use;
  return Take(&body, &record->segment_use) &&
         TakeSpan(&body, RoundUp(use.segments, 64) / 64, &record->use_bits);
}

bool RecordReader::Decode(std::span<const uint8_t> body, Record* record) {
  switch (record->kind) {
    case RecordKind::kEntry:
    case RecordKind::kPendingAt:
      return DecodeEntry(body, record);
    case RecordKind::kAdopt:
      return Take(&body, &record->adopt) && record->adopt.epoch <= kEpochMax &&
             TakeText(&body, record->adopt.text_bytes, &record->text);
    case RecordKind::kVoid:
    case RecordKind::kBase:
    case RecordKind::kCompleteUpTo:
    case RecordKind::kCommitted:
      return Take(&body, &record->version) && IsVersion(record->version.version);
    case RecordKind::kChunkBase:
      return Take(&body, &record->chunk_base) && IsVersion(record->chunk_base.version);
    case RecordKind::kMinGeneration:
    case RecordKind::kWindow:
    case RecordKind::kEndSession:
      return Take(&body, &record->session);
    case RecordKind::kDiscardChain:
    case RecordKind::kDropLineage:
      return Take(&body, &record->id);
    case RecordKind::kNote:
      return Take(&body, &record->note) && TakeText(&body, record->note.key_bytes, &record->key) &&
             TakeText(&body, record->note.value_bytes, &record->text);
    case RecordKind::kRecovered:
      return Take(&body, &record->recovered);
    case RecordKind::kMoved:
    case RecordKind::kPage:
    case RecordKind::kSegmentUse:
      return DecodeLists(body, record);
    case RecordKind::kLine:
      return Take(&body, &record->line) && record->line.layer_count <= kLinePieceMax &&
             record->line.removed_count <= kLinePieceMax &&
             TakeSpan(&body, record->line.layer_count, &record->line_layers) &&
             TakeSpan(&body, record->line.removed_count, &record->line_removed);
  }
  return false;
}

DescriptorWriter::DescriptorWriter(std::span<uint8_t> memory) : memory_(memory) {}

uint8_t* DescriptorWriter::Add(RecordKind kind, uint32_t body_bytes) {
  const uint32_t bytes = RecordBytes(body_bytes);
  SP_CHECK(HasRoom(bytes) && records_ < UINT16_MAX);
  uint8_t* at = memory_.data() + bytes_;
  RecordHeader header;
  header.kind = static_cast<uint8_t>(kind);
  header.bytes = bytes;
  std::memcpy(at, &header, sizeof header);
  std::memset(at + sizeof header, 0, bytes - sizeof header);
  bytes_ += bytes;
  ++records_;
  return at + sizeof header;
}

void DescriptorWriter::Reset() {
  bytes_ = sizeof(BatchHeader);
  records_ = 0;
}

}  // namespace storpool::chunkstore
