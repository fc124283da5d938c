#include "lib/chunkstore/recovery.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"

namespace storpool::chunkstore {

Task ReadSuperblocks(env::Device& device, BufferPool& pool, Superblock* superblock) {
  const uint64_t size = device.info().size_bytes;
  if (size < 2 * kAreaBytes + 4096) co_return absl::NotFoundError("too small for a chunk store");
  Buffer block = pool.Allocate(kSuperblockBytes);
  absl::Status problem =
      absl::NotFoundError("it is no disk of a cluster: 'disk init' makes it one");
  bool found = false;
  uint64_t end = size;
  for (int copy = 0; copy < 2; ++copy) {
    const uint64_t offset = SuperblockOffset(end, copy);
    absl::Status status = co_await ReadDevice(device, offset, block.span());
    if (!status.ok() && !absl::IsDataLoss(status)) co_return status;
    Superblock candidate;
    if (status.ok()) status = DecodeSuperblock(block.span(), &candidate);
    if (!status.ok()) {
      if (!absl::IsNotFound(status)) problem = status;
      continue;
    }
    // The end area lies where the store's size says, also on a device that has grown.
    if (copy == 0 && candidate.size_bytes <= size) end = candidate.size_bytes;
    if (!found || candidate.generation > superblock->generation) *superblock = candidate;
    found = true;
  }
  co_return found ? absl::OkStatus() : problem;
}

// Where a whole window cannot be read no more than what is asked for is read, until it is passed:
// one bad sector makes only itself unreadable, and costs two failing reads rather than one for each
// step.
Task DeviceWindow::Load(uint64_t offset, uint64_t bytes, uint64_t limit) {
  SP_CHECK(offset < limit && bytes <= kBytes);
  const uint64_t wanted = std::min(bytes, limit - offset);
  if (Has(offset, wanted)) co_return absl::OkStatus();
  start_ = offset;
  size_ = 0;
  if (offset < bad_from_ || offset >= bad_until_) {
    const uint64_t whole = std::min<uint64_t>(kBytes, limit - offset);
    const absl::Status read = co_await ReadDevice(device_, offset, memory_.span().first(whole));
    if (read.ok()) size_ = whole;
    if (!absl::IsDataLoss(read)) co_return read;
    bad_from_ = offset;
    bad_until_ = offset + whole;
  }
  SP_RETURN_CO(co_await ReadDevice(device_, offset, memory_.span().first(wanted)));
  size_ = wanted;
  co_return absl::OkStatus();
}

std::span<const uint8_t> DeviceWindow::At(uint64_t offset) const {
  return memory_.span().subspan(offset - start_, start_ + size_ - offset);
}

Task Recovery::Run() {
  SP_RETURN_CO(co_await ReadHeaders());
  SP_RETURN_CO(co_await LoadIndex());
  // Pages of removed layers in older parts of the index may name places that are used again since.
  HandOverAll();
  for (const StreamId stream : {StreamId::kLog, StreamId::kSurvivors1, StreamId::kSurvivors2}) {
    Walk walk = StartOf(stream);
    SP_RETURN_CO(co_await WalkStream(&walk));
    SP_RETURN_CO(co_await VerifyTail(&walk));
    if (stream == StreamId::kLog) SP_RETURN_CO(co_await LookForWitness(walk));
    core_.ends[static_cast<int>(stream)] = walk.at.last;
    walks_.push_back(std::move(walk));
  }
  RestoreSegments();
  SP_RETURN_CO(co_await ApplyAll());
  // What replay has put into layers that were removed further on in the log: their line may have
  // forgotten them long since, and then nobody who reads by it would find them there.
  HandOverAll();
  co_return absl::OkStatus();
}

void Recovery::HandOverAll() {
  for (const auto& [lineage, line] : core_.state.lines().all()) {
    if (line.view->has_removed()) core_.state.index().HandOverAll(lineage, *line.view);
  }
}

Task Recovery::ReadHeaders() {
  const uint32_t sector = core_.superblock.sector_bytes;
  Buffer memory = pool_.Allocate(2 * sector);
  headers_.resize(core_.segments.size());
  unreadable_.resize(headers_.size());
  for (uint32_t i = 0; i < headers_.size(); ++i) {
    bool readable = true;
    SP_RETURN_CO(co_await ReadHeader(i, memory.span(), &readable));
    unreadable_[i] = !readable;
    std::memcpy(&headers_[i], memory.data(), sizeof headers_[i]);
    if (!IsValid(headers_[i], core_.superblock.store)) {
      headers_[i] = HeaderOfFirstBatch(memory.span().subspan(sector));
      continue;
    }
    core_.segments.RaiseSequence(headers_[i].segment_sequence);
  }
  core_.segments.RaiseSequence(core_.superblock.root.segment_sequence);
  co_return absl::OkStatus();
}

// The header and what stands behind it; each reads as zeroes where it cannot be read.
Task Recovery::ReadHeader(uint32_t segment, std::span<uint8_t> to, bool* readable) {
  const absl::Status both = co_await ReadDevice(device_, DeviceOffset(segment, 0), to);
  if (!absl::IsDataLoss(both)) co_return both;
  const uint32_t sector = core_.superblock.sector_bytes;
  for (const uint32_t at : {0u, sector}) {
    const std::span<uint8_t> part = to.subspan(at, sector);
    const absl::Status read = co_await ReadDevice(device_, DeviceOffset(segment, at), part);
    if (!read.ok() && !absl::IsDataLoss(read)) co_return read;
    if (read.ok()) continue;
    std::ranges::fill(part, 0);
    if (at == 0) *readable = false;
  }
  co_return absl::OkStatus();
}

// In place of a header that is not valid: good enough to look for witnesses behind it, no more.
SegmentHeader Recovery::HeaderOfFirstBatch(std::span<const uint8_t> bytes) const {
  SegmentHeader header;
  header.magic = 0;
  BatchHeader first;
  if (!LooksLikeBatch(bytes, &first) || first.store != core_.superblock.store) return header;
  header.stream = first.stream;
  header.segment_sequence = first.segment_sequence;
  return header;
}

Recovery::Walk Recovery::StartOf(StreamId stream) const {
  Walk walk;
  walk.stream = stream;
  walk.at = core_.superblock.root.streams[static_cast<int>(stream)];
  if (walk.at.segment >= core_.segments.size()) {
    walk.at.segment = kNoSegment;
    return walk;
  }
  const SegmentHeader& header = headers_[walk.at.segment];
  if (header.magic == 0 || header.segment_sequence != walk.at.segment_sequence) {
    walk.at.segment = kNoSegment;
  } else {
    walk.segment_incarnation = header.incarnation;
  }
  return walk;
}

// Segments whose first batch says that it follows the walk's last one, highest incarnation first.
std::vector<uint32_t> Recovery::Continuations(const Walk& walk, uint64_t least,
                                              uint64_t above) const {
  std::vector<uint32_t> found;
  for (uint32_t i = 0; i < headers_.size(); ++i) {
    const SegmentHeader& h = headers_[i];
    if (h.magic == 0 || h.stream != static_cast<uint8_t>(walk.stream) ||
        !(h.before == walk.at.last) || h.incarnation < least || h.incarnation <= above) {
      continue;
    }
    if (walk.at.segment != kNoSegment && h.segment_sequence <= walk.at.segment_sequence) continue;
    found.push_back(i);
  }
  std::sort(found.begin(), found.end(), [this](uint32_t a, uint32_t b) {
    const SegmentHeader& x = headers_[a];
    const SegmentHeader& y = headers_[b];
    return std::pair(x.incarnation, x.segment_sequence) >
           std::pair(y.incarnation, y.segment_sequence);
  });
  return found;
}

uint64_t Recovery::LeastIncarnationAfter(StreamId stream, const BatchName& last) const {
  uint64_t least = 0;
  // Behind a root nothing of an incarnation before it can come: it recovered its streams itself.
  const CheckpointRoot& root = core_.superblock.root;
  if (last == root.streams[static_cast<int>(stream)].last) least = root.incarnation;
  for (const NamedEnd& end : named_ends_) {
    if (end.ends[static_cast<int>(stream)] == last) least = std::max(least, end.incarnation);
  }
  return least;
}

Task Recovery::WalkStream(Walk* walk) {
  for (bool went_on = true; went_on;) SP_RETURN_CO(co_await Step(walk, &went_on));
  co_return absl::OkStatus();
}

// Section 5, step 2: a later incarnation first, then the same segment, then a segment that follows.
Task Recovery::Step(Walk* walk, bool* went_on) {
  *went_on = false;
  const uint64_t least = LeastIncarnationAfter(walk->stream, walk->at.last);
  const bool in_place = walk->at.segment != kNoSegment && walk->segment_incarnation >= least;
  const uint64_t here = walk->at.segment == kNoSegment ? 0 : walk->segment_incarnation;
  for (const uint32_t segment : Continuations(*walk, least, here)) {
    SP_RETURN_CO(co_await TryBatch(walk, segment, core_.superblock.sector_bytes, went_on));
    if (*went_on) co_return absl::OkStatus();
  }
  if (!in_place) co_return absl::OkStatus();
  SP_RETURN_CO(co_await TryBatch(walk, walk->at.segment, walk->at.offset_bytes, went_on));
  if (*went_on) co_return absl::OkStatus();
  for (const uint32_t segment : Continuations(*walk, std::max(least, here), here - 1)) {
    if (headers_[segment].incarnation != here) continue;
    SP_RETURN_CO(co_await TryBatch(walk, segment, core_.superblock.sector_bytes, went_on));
    if (*went_on) co_return absl::OkStatus();
  }
  co_return absl::OkStatus();
}

// Makes the descriptor of the batch at `at` available in the window. Not valid: none is there, or
// it cannot be read, which is the same.
Task Recovery::LoadDescriptor(uint64_t at, uint64_t limit, BatchHeader* h, bool* valid) {
  *valid = false;
  absl::Status read = co_await window_.Load(at, kDescriptorBytesMax, limit);
  if (absl::IsDataLoss(read)) {  // something behind the descriptor, perhaps
    read = co_await window_.Load(at, core_.superblock.sector_bytes, limit);
    if (read.ok() && LooksLikeBatch(window_.At(at), h)) {
      const uint64_t padded = RoundUp(h->descriptor_bytes, core_.superblock.sector_bytes);
      read = co_await window_.Load(at, padded, limit);
    }
  }
  if (absl::IsDataLoss(read)) co_return absl::OkStatus();
  SP_RETURN_CO(read);
  *valid = ParseBatchHeader(window_.At(at), h).ok();
  co_return absl::OkStatus();
}

Task Recovery::TryBatch(Walk* walk, uint32_t segment, uint32_t offset, bool* accepted) {
  const Superblock& super = core_.superblock;
  if (offset + super.sector_bytes > super.segment_bytes) co_return absl::OkStatus();
  const uint64_t at = DeviceOffset(segment, offset);
  const uint64_t limit = DeviceOffset(segment, 0) + super.segment_bytes;
  BatchHeader h;
  bool valid = false;
  SP_RETURN_CO(co_await LoadDescriptor(at, limit, &h, &valid));
  if (!valid) co_return absl::OkStatus();
  const SegmentHeader& home = headers_[segment];
  const uint64_t bytes =
      RoundUp(h.descriptor_bytes, super.sector_bytes) + uint64_t{h.payload_blocks} * kBlockBytes;
  if (h.store != super.store || h.stream != static_cast<uint8_t>(walk->stream) ||
      h.number != walk->at.last.number + 1 || h.before_crc != walk->at.last.crc ||
      h.incarnation != home.incarnation || h.segment_sequence != home.segment_sequence ||
      h.offset_bytes != offset || at + bytes > limit) {
    co_return absl::OkStatus();
  }
  if (h.incarnation != walk->segment_incarnation && walk->stream == StreamId::kLog) {
    RecordReader reader(window_.At(at), h);
    Record record;
    if (reader.Next(&record) && record.kind == RecordKind::kRecovered) {
      NamedEnd& end = named_ends_.emplace_back();
      end.incarnation = h.incarnation;
      std::copy(std::begin(record.recovered.ends), std::end(record.recovered.ends), end.ends);
    }
  }
  walk->batches.push_back({h, segment});
  walk->segment_incarnation = h.incarnation;
  walk->at = {
      {h.number, h.crc, 0}, h.segment_sequence, segment, static_cast<uint32_t>(offset + bytes)};
  *accepted = true;
  co_return absl::OkStatus();
}

void Recovery::TruncateTo(Walk* walk, size_t batches) {
  const Walk start = StartOf(walk->stream);
  walk->batches.resize(batches);
  if (batches == 0) {
    walk->at = start.at;
    return;
  }
  const BatchHeader& last = walk->batches.back().header;
  walk->at.last = {last.number, last.crc, 0};
  walk->at.segment = walk->batches.back().segment;
  walk->at.segment_sequence = last.segment_sequence;
  walk->at.offset_bytes = static_cast<uint32_t>(
      last.offset_bytes + RoundUp(last.descriptor_bytes, core_.superblock.sector_bytes) +
      uint64_t{last.payload_blocks} * kBlockBytes);
}

// Step 3: batches that no mark covers are believed with their payload only.
Task Recovery::VerifyTail(Walk* walk) {
  uint64_t proven = walk->stream == StreamId::kLog ? core_.superblock.root.log_end : 0;
  for (const Accepted& batch : walk->batches) proven = std::max(proven, batch.header.mark);
  for (size_t i = 0; i < walk->batches.size(); ++i) {
    if (walk->batches[i].header.number <= proven) continue;
    bool valid = false;
    SP_RETURN_CO(co_await VerifyPayload(walk->batches[i], &valid));
    if (!valid) {
      TruncateTo(walk, i);
      break;
    }
  }
  co_return absl::OkStatus();
}

Task Recovery::VerifyPayload(const Accepted& batch, bool* valid) {
  const BatchHeader& h = batch.header;
  const uint64_t at = DeviceOffset(batch.segment, h.offset_bytes);
  const uint64_t limit = DeviceOffset(batch.segment, 0) + core_.superblock.segment_bytes;
  const uint64_t padded = RoundUp(h.descriptor_bytes, core_.superblock.sector_bytes);
  const absl::Status read =
      co_await window_.Load(at, padded + h.payload_blocks * kBlockBytes, limit);
  *valid = false;
  if (absl::IsDataLoss(read)) co_return absl::OkStatus();
  SP_RETURN_CO(read);
  std::span<const uint8_t> payload = window_.At(at).subspan(padded);
  RecordReader reader(window_.At(at), h);
  Record record;
  *valid = true;
  while (*valid && reader.Next(&record)) {
    for (uint32_t i = 0; i < record.payload_blocks; ++i) {
      const bool moved = record.kind == RecordKind::kMoved;
      const EntryRecord& e = record.entry;
      const uint32_t seed =
          moved ? ChecksumSeed(LineageId(record.moved.lineage), ChunkIndex(record.moved.chunk),
                               record.moved_blocks[i].block,
                               Version::FromRaw(record.moved_blocks[i].version))
                : ChecksumSeed(LineageId(e.lineage), ChunkIndex(e.chunk), e.first_block + i,
                               Version::FromRaw(e.version));
      const uint32_t want = moved ? record.moved_blocks[i].crc : record.checksums[i];
      if ((Crc32c(payload.first(kBlockBytes)) ^ seed) != want) *valid = false;
      payload = payload.subspan(kBlockBytes);
    }
  }
  if (!reader.status().ok()) *valid = false;
  co_return absl::OkStatus();
}

// Step 4 (S4): only now, when no segment goes on from the last good batch, are marks compared.
Task Recovery::LookForWitness(const Walk& walk) {
  const uint64_t last = walk.at.last.number;
  if (core_.superblock.root.log_end > last) damaged_ = true;
  uint64_t sequence = 0;
  if (walk.at.segment != kNoSegment) {
    sequence = walk.at.segment_sequence;
    SP_RETURN_CO(co_await ScanForMark(walk.at.segment, walk.at.offset_bytes, sequence, last));
  }
  for (uint32_t i = 0; i < headers_.size() && !damaged_; ++i) {
    const SegmentHeader& h = headers_[i];
    // Also where the header is not valid (magic 0): its rot hides all that the segment holds.
    if (h.stream != static_cast<uint8_t>(StreamId::kLog)) continue;
    // Nor is a segment passed by whose sequence nobody knows, since its begin cannot be read.
    if (h.segment_sequence <= sequence && !(unreadable_[i] && h.segment_sequence == 0)) continue;
    SP_RETURN_CO(co_await ScanForMark(i, core_.superblock.sector_bytes, sequence + 1, last));
  }
  co_return absl::OkStatus();
}

// A batch of the log, in the segment as it was opened at `least` or later, that knows more than
// `above` to be durable.
Task Recovery::ScanForMark(uint32_t segment, uint32_t from, uint64_t least, uint64_t above) {
  const Superblock& super = core_.superblock;
  const uint64_t limit = DeviceOffset(segment, 0) + super.segment_bytes;
  for (uint32_t at = from; at + super.sector_bytes <= super.segment_bytes;
       at += super.sector_bytes) {
    const uint64_t offset = DeviceOffset(segment, at);
    const absl::Status read = co_await window_.Load(offset, super.sector_bytes, limit);
    if (absl::IsDataLoss(read)) continue;
    SP_RETURN_CO(read);
    BatchHeader h;
    if (!LooksLikeBatch(window_.At(offset), &h)) continue;
    const uint64_t sequence = headers_[segment].segment_sequence;
    const bool fits = sequence == 0 ? h.segment_sequence >= least : h.segment_sequence == sequence;
    if (h.store != super.store || h.stream != static_cast<uint8_t>(StreamId::kLog) || !fits ||
        h.offset_bytes != at || h.mark <= above) {
      continue;
    }
    bool valid = false;
    SP_RETURN_CO(co_await LoadDescriptor(offset, limit, &h, &valid));
    if (!valid) continue;
    damaged_ = true;
    co_return absl::OkStatus();
  }
  co_return absl::OkStatus();
}

}  // namespace storpool::chunkstore
