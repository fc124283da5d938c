// A disk that was changed while nobody looked, then opened. It is refused with a reason, or opens,
// and what is read is what was written or "damaged", never anything else; and it goes on to work.
// After a single change of a few bytes (rot) nothing that was durable may be missing in silence.
//
// An input is a list of edits of 8 bytes: what (1), where (3), with what (4). Edits that seal again
// what they changed go deeper than checksums: there only crashes, hangs and wrong data count.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/chunkstore/chunk_store.h"
#include "lib/chunkstore/format.h"
#include "lib/chunkstore/superblock.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/env/memory/memory_device.h"
#include "lib/model/line_view.h"

namespace storpool::chunkstore {
namespace {

const ChainId kChain(TableId(1), 7);
const LayerId kLayer(1);
constexpr uint64_t kDiskBytes = uint64_t{64} << 20;
constexpr uint32_t kChunks = 2;
constexpr uint32_t kBlocks = 64;  // of each chunk, in use
constexpr size_t kEditsMax = 16;

ChunkKey Key(uint32_t chunk) { return {LineageId(11), ChunkIndex(chunk)}; }

// What a version of a block is: it names itself.
void Fill(uint8_t* block, uint32_t chunk, uint32_t number, Version version) {
  const uint64_t seed[4] = {chunk, number, version.raw(), ~version.raw()};
  for (uint32_t i = 0; i < kBlockBytes; i += sizeof seed) std::memcpy(block + i, seed, sizeof seed);
}

class Silent : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return false; }
  void Log(env::LogLevel, std::string_view, std::string_view) override {}
};

// One life of the store.
class Life : public StoreEvents {
 public:
  Life(env::MemoryDisk* disk, BufferPool& pool, uint64_t checkpoint_log_bytes = 256 << 10)
      : pool_(pool), device_(reactor_, disk) {
    ChunkStore::Open({device_, reactor_, pool_, log_, checkpoint_log_bytes}, ClusterUuid{},
                     [this](absl::StatusOr<std::unique_ptr<ChunkStore>> store) {
                       if (!store.ok()) return;
                       store_ = *std::move(store);
                       store_->SetEvents(this);
                     });
    reactor_.RunUntilIdle();
  }
  ~Life() override { reactor_.RunUntilIdle(); }
  bool open() const { return store_ != nullptr; }
  ChunkStore& store() { return *store_; }
  env::ManualReactor& reactor() { return reactor_; }
  env::Device& device() { return device_; }

  void Write(uint32_t chunk, BlockRange range, EntryKind kind, Version version) {
    Entry entry;
    entry.place = {Key(chunk).lineage, Key(chunk).chunk, kLayer, range};
    entry.version = version;
    entry.kind = kind;
    entry.arrival = Arrival::kPending;
    if (kind == EntryKind::kData) {
      entry.payload = pool_.Allocate(size_t{range.count} * kBlockBytes);
      entry.checksums = Checksums(range.count, pool_);
      for (uint32_t i = 0; i < range.count; ++i) {
        uint8_t* block = entry.payload.data() + size_t{i} * kBlockBytes;
        Fill(block, chunk, range.first + i, version);
        entry.checksums.span()[i] = Crc32c(block, kBlockBytes);
      }
      if (!store_->Reserve(entry.payload.size())) return;
    }
    store_->AppendEntry(kChain, std::move(entry));
    reactor_.RunUntilIdle();
  }
  void Close() {
    store_->Close([](const absl::Status&) {});
    reactor_.RunUntilIdle();
  }

  void OnDurable(uint64_t) override {}
  void OnFailed(const absl::Status&) override {}
  void OnRoom() override {}

 private:
  BufferPool& pool_;
  Silent log_;
  env::ManualReactor reactor_;
  env::MemoryDevice device_;
  std::unique_ptr<ChunkStore> store_;
};

// The newest version of every block, committed or pending.
class ReadAll : public ReadOp {
 public:
  ReadAll(Life& life, BufferPool& pool, uint32_t chunk_index) : results_(kBlocks) {
    memory_ = pool.AllocateZeroed(size_t{kBlocks} * kBlockBytes);
    chunk = Key(chunk_index);
    model::Line whole;
    whole.lineage = chunk.lineage;
    whole.version = LineVersion(1);
    whole.layers.push_back(
        {.id = kLayer, .size_bytes = kVolumeBytesMax, .cut_bytes = kVolumeBytesMax});
    line = std::make_shared<const model::LineView>(whole);
    layer = kLayer;
    blocks = {0, kBlocks};
    include_pending = true;
    results = results_;
    target = memory_.data();
    life.store().Read(this);
    life.reactor().RunUntilIdle();
    SP_CHECK(done_);
    for (uint32_t i = 0; i < kBlocks && ok_; ++i) {
      if (results_[i].state != BlockResult::State::kData) continue;
      uint8_t want[kBlockBytes];
      Fill(want, chunk_index, i, results_[i].version);
      SP_CHECK(std::memcmp(want, target + size_t{i} * kBlockBytes, kBlockBytes) == 0);
    }
  }
  void OnDone(const absl::Status& status) override {
    done_ = true;
    ok_ = status.ok();
  }
  bool ok() const { return ok_; }
  const BlockResult& operator[](size_t i) const { return results_[i]; }

 private:
  std::vector<BlockResult> results_;
  Buffer memory_;
  bool done_ = false, ok_ = false;
};

struct ScanAll : ScanOp {
  void OnDone(const absl::Status&) override { done = true; }
  bool done = false;
};

// A disk with a history: incarnations, checkpoints, holes, what is pending, clean stops and deaths.
class Image {
 public:
  Image() : disk_(kDiskBytes) {
    {
      env::ManualReactor reactor;
      env::MemoryDevice device(reactor, &disk_);
      FormatOptions options;
      options.disk = DiskId(5);
      options.store = StoreId(99);
      Format(device, reactor, pool_, options, [](const absl::Status& s) { SP_CHECK(s.ok()); });
      reactor.RunUntilIdle();
    }
    for (const bool clean_stop : {true, false, true, false}) Live(clean_stop);
    Find();
  }

  const env::MemoryDisk& disk() const { return disk_; }
  BufferPool& pool() { return pool_; }
  Version newest(uint32_t chunk, uint32_t block) const { return newest_[chunk][block]; }
  // Sectors that hold something.
  const std::vector<uint64_t>& sectors() const { return sectors_; }
  // Superblocks, segment headers and descriptors: what has a seal.
  struct Sealed {
    uint64_t offset_bytes = 0;
    uint32_t size_bytes = 0;
  };
  const std::vector<Sealed>& sealed() const { return sealed_; }

 private:
  void Live(bool clean_stop) {
    // The last one leaves all that it has written to the log alone.
    Life life(&disk_, pool_, clean_stop ? 256 << 10 : 1 << 30);
    SP_CHECK(life.open());
    for (uint32_t i = 0; i < 60; ++i) {
      const Version version(Epoch(1), ++sequence_);
      const uint32_t chunk = sequence_ % kChunks;
      const BlockRange range{sequence_ * 7 % (kBlocks - 4), 1 + sequence_ % 4};
      const EntryKind kind = sequence_ % 9 == 0 ? EntryKind::kHole : EntryKind::kData;
      life.Write(chunk, range, kind, version);
      for (uint32_t b = range.first; b < range.end(); ++b) newest_[chunk][b] = version;
      if (i % 8 == 7) life.store().SetCommitted(kChain, Version(Epoch(1), sequence_ - 3));
      if (i % 16 == 15) life.reactor().AdvanceBy(Duration::Millis(200));
    }
    life.store().AppendNote("map", "of the cluster");
    life.store().AppendAdopt(kChain, Epoch(2), "a config");
    life.reactor().AdvanceBy(Duration::Millis(200));  // what is idle has its witness
    if (clean_stop) life.Close();
  }
  void Find() {
    std::vector<uint8_t> bytes(kDescriptorBytesMax);
    for (int copy = 0; copy < 2; ++copy) {
      sealed_.push_back({SuperblockOffset(kDiskBytes, copy), sizeof(Superblock)});
    }
    for (uint64_t at = 0; at + kDescriptorBytesMax < kDiskBytes; at += kLocationUnitBytes) {
      const std::span<uint8_t> sector(bytes.data(), kLocationUnitBytes);
      disk_.Read(at, sector);
      if (std::all_of(sector.begin(), sector.end(), [](uint8_t b) { return b == 0; })) continue;
      sectors_.push_back(at);
      uint64_t magic = 0;
      std::memcpy(&magic, bytes.data(), sizeof magic);
      if (magic == SegmentHeader::kMagic) sealed_.push_back({at, sizeof(SegmentHeader)});
      BatchHeader header;
      if (!LooksLikeBatch(sector, &header)) continue;
      disk_.Read(at, bytes);
      if (ParseBatchHeader(bytes, &header).ok()) sealed_.push_back({at, header.descriptor_bytes});
    }
  }

  BufferPool pool_;
  env::MemoryDisk disk_;
  uint32_t sequence_ = 0;
  Version newest_[kChunks][kBlocks];
  std::vector<uint64_t> sectors_;
  std::vector<Sealed> sealed_;
};

struct Edit {
  enum class What : uint8_t { kRot, kZero, kCopy, kSealed };
  What what = What::kRot;
  uint32_t where = 0;
  uint32_t with = 0;
};

std::vector<Edit> Edits(std::span<const uint8_t> input) {
  std::vector<Edit> edits;
  for (; input.size() >= 8 && edits.size() < kEditsMax; input = input.subspan(8)) {
    Edit edit;
    edit.what = static_cast<Edit::What>(input[0] % 4);
    edit.where = input[1] | uint32_t{input[2]} << 8 | uint32_t{input[3]} << 16;
    std::memcpy(&edit.with, input.data() + 4, 4);
    edits.push_back(edit);
  }
  return edits;
}

void Seal(std::span<uint8_t> bytes) {
  uint64_t magic = 0;
  std::memcpy(&magic, bytes.data(), sizeof magic);
  if (magic == Superblock::kMagic) {
    Superblock s;
    std::memcpy(&s, bytes.data(), sizeof s);
    std::vector<uint8_t> block(kSuperblockBytes);
    EncodeSuperblock(s, block);
    std::memcpy(bytes.data(), block.data(), bytes.size());
  } else if (magic == SegmentHeader::kMagic) {
    SegmentHeader h;
    std::memcpy(&h, bytes.data(), sizeof h);
    SealSegmentHeader(&h);
    std::memcpy(bytes.data(), &h, sizeof h);
  } else if (static_cast<uint32_t>(magic) == BatchHeader::kMagic) {
    SealDescriptor(bytes);
  }
}

void Apply(const Image& image, const Edit& edit, env::MemoryDisk* disk) {
  const auto Xor = [&edit](uint8_t* at, size_t bytes) {
    for (size_t i = 0; i < bytes; ++i) at[i] ^= static_cast<uint8_t>(edit.with >> 8 * i);
  };
  if (edit.what == Edit::What::kSealed) {
    const Image::Sealed& sealed = image.sealed()[(edit.where & 0xfff) % image.sealed().size()];
    std::vector<uint8_t> bytes(sealed.size_bytes);
    disk->Read(sealed.offset_bytes, bytes);
    Xor(bytes.data() + (edit.where >> 12) % (bytes.size() - 3), 4);
    Seal(bytes);
    disk->Write(sealed.offset_bytes, bytes);
    return;
  }
  const std::vector<uint64_t>& sectors = image.sectors();
  const uint64_t at = sectors[edit.where % sectors.size()];
  std::vector<uint8_t> bytes(kLocationUnitBytes);
  if (edit.what == Edit::What::kRot) {
    disk->Read(at, bytes);
    Xor(bytes.data() + (edit.where >> 15) * 4 % (kLocationUnitBytes - 3), 4);
  } else if (edit.what == Edit::What::kCopy) {
    disk->Read(sectors[edit.with % sectors.size()], bytes);
  }
  disk->Write(at, bytes);
}

// Nothing that was durable is missing, unless the store says so.
void CheckNothingLost(const Image& image, const ReadAll& read, uint32_t chunk) {
  for (uint32_t b = 0; b < kBlocks; ++b) {
    if (read[b].state == BlockResult::State::kDamaged) continue;
    if (read[b].version == image.newest(chunk, b)) continue;
    std::printf("block %u of chunk %u: version %s, not %s\n", b, chunk,
                ToString(read[b].version).c_str(), ToString(image.newest(chunk, b)).c_str());
    std::abort();
  }
}

void Use(Life& life, BufferPool& pool) {
  life.store().TakeChains();
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
    ScanAll scan;
    scan.chunk = Key(chunk);
    life.store().Scan(&scan);
    life.reactor().RunUntilIdle();
    SP_CHECK(scan.done);
  }
  life.store().PendingAbove(kChain, Version(), [](const auto&) {});
  life.reactor().RunUntilIdle();
  for (uint32_t i = 1; i <= 4; ++i) {
    life.Write(i % kChunks, {i, 2}, EntryKind::kData, Version(Epoch(100), i));
  }
  life.store().SetCommitted(kChain, Version(Epoch(100), 4));
  life.reactor().AdvanceBy(Duration::Millis(200));
  for (uint32_t chunk = 0; chunk < kChunks; ++chunk) ReadAll(life, pool, chunk);
  life.Close();
}

}  // namespace
}  // namespace storpool::chunkstore

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace storpool::chunkstore;
  static Image* const image = new Image;  // kept: its buffers outlive every input
  const std::vector<Edit> edits = Edits({data, size});
  storpool::env::MemoryDisk disk = image->disk();
  for (const Edit& edit : edits) Apply(*image, edit, &disk);
  const bool rot = edits.empty() || (edits.size() == 1 && edits[0].what == Edit::What::kRot);
  for (int again = 0; again < 2; ++again) {
    Life life(&disk, image->pool());
    if (!life.open()) return 0;
    for (uint32_t chunk = 0; chunk < kChunks; ++chunk) {
      const ReadAll read(life, image->pool(), chunk);
      if (rot && again == 0 && read.ok() && !life.store().damaged()) {
        CheckNothingLost(*image, read, chunk);
      }
    }
    Use(life, image->pool());
  }
  return 0;
}
