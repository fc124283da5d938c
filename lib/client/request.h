// One caller's request (Call) and the parts that chains take of it (Request), with the pools that
// they come from: in steady state nothing is allocated for a request.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "lib/base/buffer.h"
#include "lib/base/check.h"
#include "lib/base/checksums.h"
#include "lib/base/types.h"
#include "lib/block/block_device.h"
#include "lib/client/request_list.h"
#include "lib/client/splitter.h"

namespace storpool::client {

class NodeConnection;
class ChainSession;
class Volume;
struct BaseFill;
struct ParentRead;

// Ends when all its parts have; its status is that of the first part that failed (hazard 1.16).
struct Call : ListNode<Call> {
  block::BlockIo* io = nullptr;
  uint32_t parts_left = 0;
  absl::Status status;
  bool out = false;  // has its turn (turns.h)
  // kBlockStatus: a bit for each block that it touches, set where there is data.
  std::vector<uint64_t> data_bits;

  void Reset() {
    io = nullptr;
    parts_left = 0;
    status = absl::OkStatus();
    out = false;
  }
};

enum class RequestKind : uint8_t {
  kWrite,
  kHole,
  kFill,  // whole blocks, where the lineage has no entry (9.4)
  kRead,
  kStates,
  kBase,  // what foreign parents have of blocks that are absent here, for a fill
};

// From its first sending on it stays the same request, with the same
// number, until it is answered or its session ends (design 5.8).
struct Request : ListNode<Request> {
  Volume* volume = nullptr;
  Call* call = nullptr;      // whose part it is; nullptr if that is of `fill`, or level > 0
  BaseFill* fill = nullptr;  // kFill, kBase: what it belongs to
  std::array<BaseFill*, 2> bases = {};  // of a small write: what it waits for
  ParentRead* parents =
      nullptr;        // of a read that goes on in foreign parents; of its requests there
  uint8_t level = 0;  // of reads: 0: own lineage; n: the n-th foreign parent
  ChainSession* chain = nullptr;
  Part part;
  RequestKind kind = RequestKind::kRead;
  uint64_t order = 0;    // within its lane; for writes the number of 5.8
  uint64_t read_id = 0;  // of the last try; 0 if it is not out
  Epoch epoch;           // of the last try
  uint32_t tries = 0;
  LineVersion taught;     // the last line that a member was taught for it
  LayerId oldest_layer;   // of a write: the oldest that a copy was sent to
  bool parked = false;    // ChainSession::Park
  uint32_t reserved = 0;  // numbers kept for the fills of a small write
  NodeConnection* sent_to = nullptr;
  uint32_t bad_answers = 0;  // to a read, which do not have its shape
  Checksums checksums;       // kWrite, kFill
  Buffer payload;            // kWrite, kFill

  bool is_write() const {
    return kind == RequestKind::kWrite || kind == RequestKind::kHole || kind == RequestKind::kFill;
  }
  // Pieces of blocks at its edges, which its head completes (4.13): 0 to 2.
  uint32_t EdgeBlocks() const {
    const uint32_t end = part.first_sector + part.sectors;
    const bool first = part.first_sector % kSectorsPerBlock != 0;
    const bool last = end % kSectorsPerBlock != 0;
    return first && last && part.blocks().count == 1 ? 1 : uint32_t{first} + uint32_t{last};
  }
  bool Overlaps(const Request& o) const {
    return part.chunk == o.part.chunk && part.first_sector < o.part.first_sector + o.part.sectors &&
           o.part.first_sector < part.first_sector + part.sectors;
  }

  void Reset() {
    volume = nullptr;
    call = nullptr;
    fill = nullptr;
    bases = {};
    parents = nullptr;
    level = 0;
    chain = nullptr;
    order = read_id = 0;
    parked = false;
    reserved = 0;
    epoch = Epoch();
    tries = 0;
    taught = LineVersion();
    oldest_layer = LayerId();
    sent_to = nullptr;
    bad_answers = 0;
    checksums = Checksums();
    payload = Buffer();
  }
};

// Objects that are used again and again. T derives from ListNode<T> and has Reset().
template <class T>
class Pool {
 public:
  T* Take() {
    T* object = free_.PopFront();
    if (object != nullptr) return object;
    return &storage_.emplace_back();
  }
  void Return(T* object) {
    object->Reset();
    free_.PushBack(object);
  }
  size_t objects() const { return storage_.size(); }

 private:
  std::deque<T> storage_;
  List<T> free_;
};

// The ids under which reads are out. An id is never used twice, so a late answer to an earlier try
// finds nothing (hazard 2.12).
class ReadIds {
 public:
  uint64_t Take(Request* request) {
    uint32_t slot;
    if (free_.empty()) {
      slot = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    slots_[slot] = {++last_ << 20 | slot, request};
    SP_CHECK(slot < 1u << 20);
    return slots_[slot].id;
  }
  // nullptr if nothing is out under this id.
  Request* Find(uint64_t id) const {
    const uint64_t slot = id & ((1u << 20) - 1);
    return slot < slots_.size() && slots_[slot].id == id ? slots_[slot].request : nullptr;
  }
  void Release(uint64_t id) {
    SP_CHECK(Find(id) != nullptr);
    const uint32_t slot = static_cast<uint32_t>(id & ((1u << 20) - 1));
    slots_[slot] = {};
    free_.push_back(slot);
  }

 private:
  struct Slot {
    uint64_t id = 0;
    Request* request = nullptr;
  };
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t last_ = 0;
};

}  // namespace storpool::client
