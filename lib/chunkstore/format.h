// The bytes of segments, batches and records: docs/disk-format.md sections 2 and 3.
//
// Always holds: what the decoder hands out lies inside the bytes it was given and obeys every limit
// (ranges inside a chunk, counts, kinds); anything else is an error, never a crash.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/base/types.h"

namespace storpool::chunkstore {

static_assert(std::endian::native == std::endian::little, "the format is little endian");

inline constexpr uint32_t kLocationUnitBytes = 512;
inline constexpr uint32_t kUnitsPerBlock = kBlockBytes / kLocationUnitBytes;
inline constexpr uint32_t kDescriptorBytesMax = 124u << 10;
inline constexpr uint32_t kBatchBlocksMax = kRequestBlocksMax;
inline constexpr uint32_t kNoSegment = 0xffffffffu;
inline constexpr uint32_t kRunBlocks = 256;  // blocks of an index page
inline constexpr uint32_t kRunsPerChunk = kBlocksPerChunk / kRunBlocks;
inline constexpr uint32_t kRecordTextBytesMax = 64u << 10;

enum class StreamId : uint8_t { kLog = 0, kSurvivors1 = 1, kSurvivors2 = 2, kIndex = 3 };
inline constexpr int kStreams = 4;

// A batch, by its number in its stream and its checksum.
struct BatchName {
  uint64_t number = 0;
  uint32_t crc = 0;
  uint32_t reserved = 0;
  bool operator==(const BatchName&) const = default;
};
static_assert(sizeof(BatchName) == 16);

struct SegmentHeader {
  static constexpr uint64_t kMagic = 0x31474553'4c4f5053u;  // "SPOLSEG1"
  uint64_t magic = kMagic;
  uint32_t crc = 0;  // of all 64 bytes, this field zero
  uint8_t stream = 0;
  uint8_t reserved[3] = {};
  uint64_t store = 0;
  uint64_t incarnation = 0;
  uint64_t segment_sequence = 0;
  BatchName before;  // the last batch of the stream before the first one here
  uint64_t reserved2 = 0;
};
static_assert(sizeof(SegmentHeader) == 64);
static_assert(offsetof(SegmentHeader, crc) == 8);
static_assert(offsetof(SegmentHeader, before) == 40);

struct BatchHeader {
  static constexpr uint32_t kMagic = 0x31425053;  // "SPB1"
  uint32_t magic = kMagic;
  uint32_t crc = 0;  // of header and records, this field zero
  uint64_t store = 0;
  uint64_t incarnation = 0;
  uint64_t number = 0;
  uint32_t before_crc = 0;  // of batch number - 1
  uint8_t stream = 0;
  uint8_t reserved = 0;
  uint16_t record_count = 0;
  uint32_t descriptor_bytes = 0;  // header and records
  uint32_t payload_blocks = 0;
  uint64_t first_sequence = 0;  // log-wide
  uint64_t mark = 0;            // the last durable batch of the stream at submission
  uint64_t segment_sequence = 0;
  uint32_t offset_bytes = 0;  // in its segment
  uint32_t reserved2 = 0;
};
static_assert(sizeof(BatchHeader) == 80);
static_assert(offsetof(BatchHeader, before_crc) == 32);
static_assert(offsetof(BatchHeader, first_sequence) == 48);

enum class RecordKind : uint8_t {
  kEntry = 1,
  kAdopt = 2,
  kVoid = 3,
  kBase = 4,
  kChunkBase = 5,
  kCompleteUpTo = 6,
  kMinGeneration = 7,
  kWindow = 8,
  kEndSession = 9,
  kDiscardChain = 10,
  kDropLineage = 11,
  kNote = 12,
  kCommitted = 13,
  kRecovered = 14,
  kMoved = 15,
  kPage = 16,
  kPendingAt = 17,
  kSegmentUse = 18,
  kLine = 19,
};

struct RecordHeader {
  uint8_t kind = 0;
  uint8_t reserved[3] = {};
  uint32_t bytes = 0;  // with this header; a multiple of 8
};
static_assert(sizeof(RecordHeader) == 8);

struct EntryRecord {  // kEntry, kPendingAt; then (kData) block_count checksums of 4 bytes
  uint64_t lineage = 0;
  uint64_t version = 0;
  uint64_t volume = 0;
  uint64_t number = 0;
  uint64_t answered_below = 0;
  uint64_t location = 0;  // kPendingAt only
  uint32_t chain = 0;
  uint32_t chunk = 0;
  uint32_t layer = 0;
  uint32_t first_block = 0;
  uint32_t block_count = 0;
  uint32_t line_version = 0;
  uint32_t generation = 0;
  uint16_t client = 0;
  uint8_t entry_kind = 0;
  uint8_t arrival = 0;
};
static_assert(sizeof(EntryRecord) == 80);

struct AdoptRecord {  // then text_bytes of config
  uint32_t chain = 0;
  uint32_t epoch = 0;
  uint32_t text_bytes = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(AdoptRecord) == 16);

struct VersionRecord {  // kVoid (version: above), kBase, kCompleteUpTo, kCommitted
  uint32_t chain = 0;
  uint32_t below_epoch = 0;  // kVoid only
  uint64_t version = 0;
};
static_assert(sizeof(VersionRecord) == 16);

struct ChunkBaseRecord {
  uint64_t lineage = 0;
  uint32_t chunk = 0;
  uint32_t chain = 0;
  uint64_t version = 0;
};
static_assert(sizeof(ChunkBaseRecord) == 24);

struct SessionRecord {  // kMinGeneration, kWindow, kEndSession
  uint64_t volume = 0;
  uint32_t chain = 0;
  uint32_t generation = 0;
  uint16_t client = 0;
  uint16_t reserved[3] = {};
  uint64_t mark = 0;  // kWindow only, like bits
  uint64_t bits[kWindowNumbers / 64] = {};
};
static_assert(sizeof(SessionRecord) == 64);

struct IdRecord {  // kDiscardChain: the chain; kDropLineage: the lineage
  uint64_t id = 0;
};

struct NoteRecord {  // then key and a piece of the value
  uint16_t key_bytes = 0;
  uint8_t is_first = 0;
  uint8_t is_last = 0;
  uint32_t value_bytes = 0;
};
static_assert(sizeof(NoteRecord) == 8);

struct RecoveredRecord {
  BatchName ends[kStreams];
};
static_assert(sizeof(RecoveredRecord) == 64);

struct MovedBlock {
  uint64_t version = 0;
  uint32_t block = 0;
  uint32_t crc = 0;  // seeded
};
static_assert(sizeof(MovedBlock) == 16);

struct MovedRecord {  // then block_count MovedBlocks
  uint64_t lineage = 0;
  uint32_t chunk = 0;
  uint32_t layer = 0;
  uint32_t block_count = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(MovedRecord) == 24);

struct IndexEntry {
  static constexpr uint64_t kHole = (uint64_t{1} << 40) - 1;

  uint64_t low = 0;   // location: 40 bits, epoch: 24
  uint64_t high = 0;  // sequence: 32 bits, seeded checksum: 32

  static IndexEntry Make(Version version, uint64_t location, uint32_t crc) {
    return {location | uint64_t{version.epoch().value()} << 40,
            version.sequence() | uint64_t{crc} << 32};
  }
  Version version() const {
    return Version(Epoch(static_cast<uint32_t>(low >> 40)), static_cast<uint32_t>(high));
  }
  uint64_t location() const { return low & kHole; }
  bool is_hole() const { return location() == kHole; }
  uint32_t crc() const { return static_cast<uint32_t>(high >> 32); }
  bool operator==(const IndexEntry&) const = default;
};
static_assert(sizeof(IndexEntry) == 16);

struct PageRecord {  // then entry_count IndexEntries
  static constexpr uint8_t kUniformHole = 1;
  uint64_t lineage = 0;
  uint32_t chunk = 0;
  uint32_t layer = 0;
  uint32_t chain = 0;
  uint8_t run = 0;
  uint8_t flags = 0;
  uint16_t entry_count = 0;
  uint64_t bitmap[kRunBlocks / 64] = {};
};
static_assert(sizeof(PageRecord) == 56);

struct SegmentUseRecord {  // then a bit for each segment, padded to 8 bytes
  uint32_t first_segment = 0;
  uint32_t segments = 0;
};
static_assert(sizeof(SegmentUseRecord) == 8);

struct LineRecord {  // then layer_count LineLayers and removed_count LineRemoveds
  static constexpr uint8_t kDropped = 1;
  static constexpr uint8_t kForeignParent = 2;
  static constexpr uint8_t kFirst = 4;  // of the pieces of a line; the header is in each
  static constexpr uint8_t kLast = 8;
  uint64_t lineage = 0;
  uint64_t volume = 0;
  uint64_t parent_lineage = 0;
  uint64_t parent_size_bytes = 0;
  uint32_t parent_layer = 0;
  uint32_t version = 0;
  uint32_t since = 0;  // 0: the whole line
  uint16_t table = 0;
  uint8_t flags = 0;
  uint8_t reserved = 0;
  uint32_t layer_count = 0;
  uint32_t removed_count = 0;
};
static_assert(sizeof(LineRecord) == 56);

struct LineLayer {
  uint64_t size_bytes = 0;
  uint64_t cut_bytes = 0;
  uint32_t layer = 0;
  uint32_t changed = 0;
  uint32_t sealed = 0;
  uint32_t reserved = 0;
};
static_assert(sizeof(LineLayer) == 32);

struct LineRemoved {
  uint64_t cut_bytes = 0;
  uint32_t layer = 0;
  uint32_t into = 0;
  uint32_t changed = 0;
  uint32_t forgotten = 0;  // 1: the line itself does not know it any more
};
static_assert(sizeof(LineRemoved) == 24);

inline constexpr uint32_t kLinePieceMax = 1024;  // layers, and removed ones, of a record

// A decoded record: the member of its kind is set; spans lie in the decoded bytes.
struct Record {
  RecordKind kind = RecordKind::kEntry;
  EntryRecord entry;
  AdoptRecord adopt;
  VersionRecord version;
  ChunkBaseRecord chunk_base;
  SessionRecord session;
  IdRecord id;
  NoteRecord note;
  RecoveredRecord recovered;
  MovedRecord moved;
  PageRecord page;
  SegmentUseRecord segment_use;
  LineRecord line;
  std::span<const uint32_t> checksums;
  std::span<const MovedBlock> moved_blocks;
  std::span<const IndexEntry> entries;
  std::span<const uint64_t> use_bits;
  std::span<const LineLayer> line_layers;
  std::span<const LineRemoved> line_removed;
  std::string_view key;
  std::string_view text;
  uint32_t payload_blocks = 0;  // that this record has in its batch
};

constexpr uint64_t RoundUp(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

void SealSegmentHeader(SegmentHeader* header);
bool IsValid(const SegmentHeader& header, uint64_t store);

// Writes the checksum into an encoded descriptor and returns it.
uint32_t SealDescriptor(std::span<uint8_t> descriptor);
// Checks magic, sizes and checksum of the descriptor that begins at `bytes`; a descriptor longer
// than `bytes` is an error. Does not look into the records.
absl::Status ParseBatchHeader(std::span<const uint8_t> bytes, BatchHeader* header);
// The header alone, without its checksum: is it worth reading descriptor_bytes of it?
bool LooksLikeBatch(std::span<const uint8_t> bytes, BatchHeader* header);

// Walks the records of a descriptor whose header was parsed. `descriptor` is aligned to 8 bytes.
class RecordReader {
 public:
  RecordReader(std::span<const uint8_t> descriptor, const BatchHeader& header);
  // False at the end or at an error.
  bool Next(Record* record);
  // OK after the end when all records were well formed and fit the header.
  absl::Status status() const { return status_; }

 private:
  bool Fail(std::string_view what);
  bool Decode(std::span<const uint8_t> body, Record* record);
  bool DecodeEntry(std::span<const uint8_t> body, Record* record);
  bool DecodeLists(std::span<const uint8_t> body, Record* record);

  std::span<const uint8_t> rest_;
  uint32_t records_left_;
  uint32_t payload_left_;
  absl::Status status_;
};

// Appends records to a descriptor in memory that the caller owns.
class DescriptorWriter {
 public:
  explicit DescriptorWriter(std::span<uint8_t> memory);
  uint32_t bytes() const { return bytes_; }
  uint16_t records() const { return records_; }
  bool HasRoom(uint32_t record_bytes) const { return bytes_ + record_bytes <= memory_.size(); }
  // The size of a record whose body is `body_bytes` long.
  static constexpr uint32_t RecordBytes(uint64_t body_bytes) {
    return static_cast<uint32_t>(sizeof(RecordHeader) + RoundUp(body_bytes, 8));
  }
  // Begins a record and returns its body, zeroed. There must be room.
  uint8_t* Add(RecordKind kind, uint32_t body_bytes);
  template <class Body>
  void AddFixed(RecordKind kind, const Body& body) {
    __builtin_memcpy(Add(kind, sizeof body), &body, sizeof body);
  }
  void Reset();

 private:
  std::span<uint8_t> memory_;
  uint32_t bytes_ = sizeof(BatchHeader);
  uint16_t records_ = 0;
};

}  // namespace storpool::chunkstore
