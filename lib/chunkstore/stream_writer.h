// One stream of the store (log, survivors, index): a queue of batches in memory, of which the first
// are sealed and under way to the device (design 4.2).
//
// Always holds: batches are sealed in the order they were opened; at most two are under way; one is
// reported durable only when all before it are; each is one durable device write inside one
// segment; in steady state nothing is allocated.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/pending_set.h"
#include "lib/chunkstore/segment_table.h"
#include "lib/chunkstore/superblock.h"
#include "lib/env/device.h"

namespace storpool::chunkstore {

class StreamWriter;

class Batch : public env::DeviceIo {
 public:
  struct Part {
    uint32_t first_block = 0;  // of the payload
    Buffer data;
  };

  Batch(BufferPool& pool, StreamWriter* owner, uint32_t slot_number);
  void OnDone(const absl::Status& status) override;

  bool HasRoom(uint32_t record_bytes, uint32_t blocks, uint32_t blocks_max) const;
  bool empty() const { return writer.records() == 0 && !forced; }
  // The memory of a block of the payload.
  const uint8_t* PayloadBlock(uint32_t block) const;
  void AddPayload(Buffer data);

  const uint32_t slot;  // for MemoryLocation
  StreamWriter* const owner;
  Buffer memory;  // kHeaderRoom, then the descriptor
  DescriptorWriter writer;
  std::vector<Part> parts;
  std::vector<env::IoSlice> slice_list;
  uint32_t payload_blocks = 0;
  uint64_t last_position = 0;  // of the log: the last position in it; 0: none
  bool drain_first = false;    // nothing may be under way when it is sealed (R14)
  bool forced = false;         // a witness: written though it has no records

  // Set when it is sealed.
  bool sealed = false;
  bool done = false;
  BatchHeader header;
  uint64_t payload_location = 0;
};

class StreamHost {
 public:
  virtual ~StreamHost() = default;
  // A segment for the batch, or none: it waits until Poke is called again.
  virtual std::optional<uint32_t> TakeSegment(const Batch& batch) = 0;
  // Last chance to add records.
  virtual void BeforeSeal(Batch& batch) = 0;
  // Gives log-wide sequence numbers.
  virtual uint64_t TakeSequences(uint32_t count) = 0;
  // Location and name are set, the device write is queued after this returns.
  virtual void OnSealed(Batch& batch) = 0;
  // In order. The batch is used again after this returns.
  virtual void OnBatchDurable(Batch& batch) = 0;
  virtual void OnDeviceFailed(const absl::Status& status) = 0;
};

class StreamWriter {
 public:
  static constexpr uint32_t kHeaderRoom = 4096;
  static constexpr uint32_t kUnderWayMax = 2;

  StreamWriter(StreamId stream, const Superblock& superblock, SegmentTable& segments,
               env::Device& device, BufferPool& pool, StreamHost& host);

  // Where the stream goes on: the last batch that recovery accepted. Always in a new segment.
  void Begin(BatchName last);
  // The most payload of one batch: less wastes descriptors, more wastes the ends of segments.
  void set_blocks_max(uint32_t blocks) { blocks_max_ = blocks; }
  uint32_t blocks_max() const { return blocks_max_; }
  // The batch to add a record to; one within the limits always finds room.
  Batch& OpenFor(uint32_t record_bytes, uint32_t blocks);
  // Seals and submits what can go.
  void Poke() { PokeBut(0); }
  // The same, but for the last batch, which may take more records.
  void PokeFull() { PokeBut(1); }
  // Closes the segment: the next batch begins a new one.
  void CloseSegment();
  // Stops: nothing is submitted any more.
  void Fail() { failed_ = true; }

  bool idle() const { return queue_.empty(); }
  bool has_unsealed() const { return sealed_ < queue_.size(); }
  size_t unsealed() const { return queue_.size() - sealed_; }
  uint32_t under_way() const { return sealed_; }
  BatchName last_sealed() const { return last_; }
  uint64_t durable_number() const { return durable_number_; }
  uint64_t bytes_written() const { return bytes_written_; }
  uint32_t segment() const { return segment_; }
  StreamPosition position() const;
  // Payload that is not known to be on the device yet, or nullptr.
  const uint8_t* FindUnderWay(uint64_t location) const;
  const uint8_t* FindUnsealed(uint64_t memory_location) const;

 private:
  friend class Batch;
  void PokeBut(size_t last);
  Batch* NewBatch();
  bool Seal(Batch& batch);
  void FillHeader(Batch& batch);
  void Submit(Batch& batch, bool first_in_segment);
  void OnBatchDone(Batch& batch, const absl::Status& status);
  uint32_t BytesOf(const Batch& batch) const;

  const StreamId stream_;
  const Superblock& superblock_;  // store and incarnation
  SegmentTable& segments_;
  env::Device& device_;
  BufferPool& pool_;
  StreamHost& host_;

  std::vector<std::unique_ptr<Batch>> batches_;  // by slot
  std::vector<Batch*> spare_;
  std::vector<Batch*> queue_;  // oldest first; the first sealed_ of them are under way
  uint32_t sealed_ = 0;
  BatchName last_;
  uint64_t durable_number_ = 0;
  uint32_t segment_ = kNoSegment;
  uint32_t offset_ = 0;
  uint64_t bytes_written_ = 0;
  uint32_t blocks_max_ = kBatchBlocksMax;
  bool failed_ = false;
};

}  // namespace storpool::chunkstore
