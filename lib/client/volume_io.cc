// The requests of a volume: taken apart, sent, answered.
#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/client/read_result.h"
#include "lib/client/volume.h"

namespace storpool::client {
namespace {

// A read whose answer has another shape is asked for again so often: another member may answer.
constexpr uint32_t kBadAnswersMax = 3;
// Of each kind, so that a hint fits a frame.
constexpr size_t kHintLayersMax = 128;
// What one kBlockStatus tells at most.
constexpr uint64_t kStatusBytesMax = 16u << 20;

// Asks for memory that is read next. A caller's data lies in no cache, and the three strides of a
// CRC-32C over a block defeat the processor's own look-ahead: a MiB takes 60 us so, 150 without.
void FetchAhead(const uint8_t* data, size_t size_bytes) {
  constexpr size_t kCacheLineBytes = 64;
  for (size_t at = 0; at < size_bytes; at += kCacheLineBytes) __builtin_prefetch(data + at);
}

// CRC-32C of each block, or piece of a block at an unaligned edge, that the payload covers.
Checksums ChecksumsOf(const Part& part, const Buffer& payload, BufferPool& pool) {
  Checksums checksums(part.blocks().count, pool);
  size_t at = 0;
  size_t piece = kBlockBytes - part.first_sector % kSectorsPerBlock * kSectorBytes;
  for (uint32_t& checksum : checksums.span()) {
    const size_t size = std::min(piece, payload.size() - at);
    const size_t next = at + size;
    FetchAhead(payload.data() + next, std::min<size_t>(kBlockBytes, payload.size() - next));
    checksum = Crc32c(payload.data() + at, size);
    at = next;
    piece = kBlockBytes;
  }
  return checksums;
}

bool StatesOnly(const Request& request) {
  return request.kind == RequestKind::kStates ||
         (request.kind == RequestKind::kBase && request.level == 0);
}

}  // namespace

absl::Status Volume::Check(const block::BlockIo& io) const {
  if (!ended_.ok()) return ended_;
  if (io.op == block::BlockOp::kFlush) return absl::OkStatus();
  const uint64_t size = info().size_bytes;
  if (io.size_bytes == 0 || io.size_bytes % kSectorBytes != 0 ||
      io.offset_bytes % kSectorBytes != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("a request to volume ", name(), " is no multiple of 512 bytes"));
  }
  if (io.offset_bytes > size || io.size_bytes > size - io.offset_bytes) {
    return absl::OutOfRangeError(absl::StrCat("a request goes beyond the end of volume ", name(),
                                              ", which has ", size, " bytes"));
  }
  const bool changes = io.op != block::BlockOp::kRead && io.op != block::BlockOp::kBlockStatus;
  if (changes && identity_.read_only) {
    return absl::PermissionDeniedError(
        absl::StrCat("volume ", name(), " is attached for reading only"));
  }
  SP_CHECK(io.op != block::BlockOp::kWrite || io.payload.size() == io.size_bytes);
  SP_CHECK(io.op != block::BlockOp::kRead || io.target.size() == io.size_bytes);
  SP_CHECK(io.op != block::BlockOp::kBlockStatus || io.extents_max > 0);
  return absl::OkStatus();
}

void Volume::Start(block::BlockIo* io) {
  Call* call = context_.calls.Take();
  call->io = io;
  const absl::Status status = Check(*io);
  // A completed write is durable already: a flush has nothing left to do (design 9.2).
  if (!status.ok() || io->op == block::BlockOp::kFlush) return CompleteSoon(call, status);
  if (context_.turns.Ask(*this, call)) OnTurn(call);
}

void Volume::OnTurn(Call* call) {
  call->out = true;
  const block::BlockIo* io = call->io;
  switch (io->op) {
    case block::BlockOp::kRead:
      return AddParts(call, RequestKind::kRead, io->size_bytes);
    case block::BlockOp::kWrite:
      return AddParts(call, RequestKind::kWrite, io->size_bytes);
    case block::BlockOp::kTrim:
    case block::BlockOp::kWriteZeroes:
      return AddParts(call, RequestKind::kHole, io->size_bytes);
    case block::BlockOp::kBlockStatus: {
      const uint64_t size = std::min(io->size_bytes, kStatusBytesMax);
      call->data_bits.assign(size / kBlockBytes / 64 + 2, 0);
      return AddParts(call, RequestKind::kStates, size);
    }
    case block::BlockOp::kFlush:
      return;
  }
}

void Volume::AddParts(Call* call, RequestKind kind, uint64_t size_bytes) {
  const block::BlockIo& io = *call->io;
  Splitter splitter(io.offset_bytes, size_bytes,
                    kind == RequestKind::kHole ? kBlocksPerChunk : kRequestBlocksMax);
  while (!splitter.done()) {
    Request* request = context_.requests.Take();
    request->volume = this;
    request->call = call;
    request->kind = kind;
    request->part = splitter.Next();
    request->chain = &SessionOf(0, request->part.chunk);
    if (has_parents() && request->is_write()) {
      request->reserved = request->EdgeBlocks();
      NoteHere(request->part.chunk, false);
    }
    if (kind == RequestKind::kWrite) {
      request->payload = io.payload.Slice(request->part.at_bytes, request->part.size_bytes());
      request->checksums = ChecksumsOf(request->part, request->payload, context_.pool);
    }
    ++call->parts_left;
    request->chain->Add(request);
    if (has_parents() && !request->is_write() && NothingHere(request->part.chunk)) {
      AskParents(ParentsOf(request));
    }
  }
}

void Volume::Transmit(Request& request) {
  const Part& part = request.part;
  if (request.is_write()) {
    if (request.oldest_layer == LayerId()) request.oldest_layer = write_layer_;
    wire::WriteRequest m;
    m.chain = request.chain->chain();
    m.epoch = request.epoch;
    m.session = identity_.session;
    m.number = request.order;
    m.answered_below = request.chain->answered_below();
    m.attempt = request.tries;
    m.line_version = own().version;
    m.op = request.kind == RequestKind::kHole   ? wire::WriteOp::kHole
           : request.kind == RequestKind::kFill ? wire::WriteOp::kFill
                                                : wire::WriteOp::kWrite;
    m.lineage = identity_.lineage;
    m.chunk = part.chunk;
    m.layer = write_layer_;
    m.first_sector = part.first_sector;
    m.sectors = part.sectors;
    m.checksums = request.checksums;
    m.payload = request.payload;
    return request.sent_to->Send(m);
  }
  const Ancestor& line = lines_.lines[request.level];
  wire::ReadRequest m;
  m.chain = request.chain->chain();
  m.epoch = request.epoch;
  m.session = identity_.session;
  m.number = request.read_id = context_.read_ids.Take(&request);
  m.line_version = line.version;
  m.lineage = line.lineage;
  m.chunk = part.chunk;
  // What the volume holds now is for the tail to say: the newest layer may not be known here yet.
  const bool newest = request.level == 0 && identity_.snapshot == LayerId();
  m.layer = newest ? LayerId() : line.layer;
  m.blocks = part.blocks();
  m.states_only = StatesOnly(request);
  request.sent_to->Send(m);
}

void Volume::Forget(Request& request) {
  if (request.read_id != 0) context_.read_ids.Release(request.read_id);
  request.read_id = 0;
}

void Volume::OnWriteAnswer(const wire::WriteAnswer& answer) {
  if (!ended_.ok() || answer.session != identity_.session) return;
  ChainSession* chain = FindSession(answer.chain);
  Request* request = chain == nullptr ? nullptr : chain->FindWrite(answer.number);
  if (request == nullptr) return;  // answered before, by another member
  std::optional<absl::Status> status = absl::OkStatus();
  if (answer.result != wire::Result::kOk) {
    // A refusal counts for the try that is out only, and not if it is about an earlier one; one
    // that is not out is about to be sent anyway.
    if (request->sent_to == nullptr || answer.attempt != request->tries) return;
    if (answer.result == wire::Result::kNeedsBase && has_parents() && request->reserved > 0) {
      return FillBaseOf(request);
    }
    status = TakeRefusal(request, answer.result);
    if (!status.has_value()) return;
  }
  EndPart(request, *status);
}

void Volume::OnReadAnswer(Request* request, const wire::ReadAnswer& answer) {
  if (answer.chain != request->chain->chain()) return;
  if (request->level > 0) return OnParentAnswer(request, answer);
  const std::optional<absl::Status> status = answer.result == wire::Result::kOk
                                                 ? TakeRead(request, answer)
                                                 : TakeRefusal(request, answer.result);
  if (!status.has_value()) return;
  ParentRead* parents = request->parents;
  if (!status->ok() || parents == nullptr || !parents->missing.Any()) {
    return EndPart(request, *status);
  }
  request->chain->End(request);
  parents->own_answered = true;
  UseParents(*parents);
}

// Where the blocks of a read, or of a fill's base, go.
ReadSink Volume::SinkOf(const Request& request) const {
  const Part& part = request.part;
  if (request.fill != nullptr) {
    BaseFill& fill = *request.fill;
    return {part, {fill.payload.data(), fill.payload.size()}, fill.data.words(), 0};
  }
  Call& call = *request.call;
  if (request.kind == RequestKind::kStates) {
    const uint64_t first = call.io->offset_bytes / kBlockBytes;
    return {
        part, {}, call.data_bits, (call.io->offset_bytes + part.at_bytes) / kBlockBytes - first};
  }
  return {part, call.io->target.subspan(part.at_bytes, part.size_bytes()), {}, 0};
}

std::optional<absl::Status> Volume::TakeRead(Request* request, const wire::ReadAnswer& answer) {
  const Part& part = request->part;
  absl::Status status = CheckShape(answer, part.blocks().count, StatesOnly(*request));
  if (!status.ok()) return BadAnswer(request, status);
  BlockBits absent;
  // Of a fill's base, what is here already is no part.
  ReadSink sink = request->fill != nullptr ? ReadSink(part, {}, {}, 0) : SinkOf(*request);
  TakeOwn(answer, has_parents(), sink, absent);
  if (request->fill != nullptr) {
    request->fill->absent = absent;
    request->fill->data = BlockBits();
  }
  if (!has_parents()) return status;
  const bool all_absent = absent.NextRun(0).count == answer.blocks;
  NoteHere(part.chunk, all_absent);
  if (absent.Any()) ParentsOf(request);
  if (request->parents != nullptr) request->parents->missing = absent;
  return status;
}

std::optional<absl::Status> Volume::BadAnswer(Request* request, const absl::Status& bad) {
  const absl::Status failed =
      Failed(*request, bad.code(), std::string_view(bad.message().data(), bad.message().size()));
  context_.log.Log(env::LogLevel::kWarning, "client",
                   std::string_view(failed.message().data(), failed.message().size()));
  if (++request->bad_answers > kBadAnswersMax) {
    return Failed(*request, absl::StatusCode::kInternal,
                  "the node's answers do not fit what was asked");
  }
  request->chain->reads().Repeat(request);
  return std::nullopt;
}

// A member that is behind learns the line from us (9.3; metadata may be dead): its last changes,
// which are all that it can lack for long. What does not fit a frame is left to metadata.
void Volume::SendHint(const Request& request) {
  const model::Line* line = context_.directory.FindLine(lines_.lines[request.level].lineage);
  if (line == nullptr) return;
  const wire::LineHint hint{line->Newest(kHintLayersMax)};
  if (hint.line.layers.size() > kHintLayersMax || hint.line.removed.size() > kHintLayersMax) return;
  request.sent_to->Send(hint);
}

std::optional<absl::Status> Volume::TakeRefusal(Request* request, wire::Result result) {
  Lane& lane = request->chain->LaneOf(*request);
  switch (result) {
    case wire::Result::kOk:
      return absl::OkStatus();
    case wire::Result::kStaleLine:
      // If we are behind, metadata tells us; if the member was, it knows now.
      events_.OnLineNeeded(lines_.lines[request->level].lineage);
      if (request->taught != lines_.lines[request->level].version) {
        request->taught = lines_.lines[request->level].version;
        SendHint(*request);
        lane.Repeat(request);
      } else {
        lane.Refused(request);
      }
      return std::nullopt;
    case wire::Result::kGone:
      // The new line, of an ancestor or of ours, starts the read again (9.4).
      events_.OnLineNeeded(lines_.lines[request->level].lineage);
      if (request->level > 0) events_.OnLineNeeded(own().lineage);
      lane.Refused(request);
      return std::nullopt;
    case wire::Result::kWrongEpoch:
    case wire::Result::kNotServing:
      lane.Refused(request);
      return std::nullopt;
    case wire::Result::kFenced:
      End(absl::AbortedError(absl::StrCat(
          "volume ", name(), " was taken from this client: another attachment has replaced it")));
      return std::nullopt;
    case wire::Result::kNoSpace:
      // The last copy that was sent is refused, and no earlier one can land any more (hazard 1.3):
      // in a lower epoch nothing is committed now, or this head would know it; in this one the head
      // had all earlier copies before this, or takes nothing from their connection (5.8).
      return Failed(*request, absl::StatusCode::kResourceExhausted,
                    "a disk of its chain is full: delete or trim something, or add disks");
    case wire::Result::kBeyondEnd:
      return Failed(*request, absl::StatusCode::kOutOfRange, "it is beyond the volume's end");
    case wire::Result::kMediaError:
      return Failed(*request, absl::StatusCode::kDataLoss, "every mirror's copy is damaged");
    case wire::Result::kNeedsBase:
      if (has_parents() && request->is_write()) break;
      SendHint(*request);  // its parent was cut: the member does not know yet
      lane.Refused(request);
      return std::nullopt;
    case wire::Result::kRefusedNumber:
      break;
  }
  return Failed(*request, absl::StatusCode::kInternal,
                result == wire::Result::kNeedsBase
                    ? "the chain asks for the parent's blocks again after they were filled"
                    : "the chain refused the request's number");
}

absl::Status Volume::Failed(const Request& request, absl::StatusCode code,
                            std::string_view why) const {
  const uint64_t offset = uint64_t{request.part.chunk.value()} * kChunkBytes +
                          uint64_t{request.part.first_sector} * kSectorBytes;
  return absl::Status(
      code, absl::StrCat(request.is_write() ? "write to" : "read of", " volume ", name(),
                         " at byte ", offset, ", chain ", ToString(request.chain->chain()), ": ",
                         absl::string_view(why.data(), why.size())));
}

// Takes the request out of wherever it is, with all that is under way for it; a request in a
// foreign parent stands for the read that it belongs to.
void Volume::EndPart(Request* request, const absl::Status& status) {
  if (request->level > 0) request = request->parents->own;
  if (request->parents == nullptr || !request->parents->own_answered) {
    request->chain->End(request);
  }
  FinishPart(request, status);
}

void Volume::FinishPart(Request* request, const absl::Status& status) {
  if (request->parents != nullptr) EndParents(request);
  Call* call = request->call;
  BaseFill* fill = request->fill;
  const bool base = request->kind == RequestKind::kBase;
  const bool write = request->is_write();
  for (BaseFill* waited_for : request->bases) {
    if (waited_for != nullptr) waited_for->write = nullptr;
  }
  context_.requests.Return(request);
  if (fill != nullptr) {
    base ? OnBaseRead(fill, status) : OnFillPart(fill, status);
  } else {
    if (call->status.ok()) call->status = status;
    if (--call->parts_left == 0) Finish(call);
  }
  if (write && (hold_id_ != 0 || undrained_id_ != 0)) CheckDrained();
}

void Volume::Finish(Call* call) {
  block::BlockIo* io = call->io;
  if (io->op == block::BlockOp::kBlockStatus && call->status.ok()) FillExtents(*call);
  const absl::Status status = std::move(call->status);
  if (call->out) context_.turns.Done(*this, *call);
  context_.calls.Return(call);
  io->OnDone(status);
}

void Volume::FillExtents(Call& call) const {
  block::BlockIo& io = *call.io;
  const uint64_t end = io.offset_bytes + std::min(io.size_bytes, kStatusBytesMax);
  const uint64_t first = io.offset_bytes / kBlockBytes;
  io.extents_count = 0;
  for (uint64_t at = io.offset_bytes; at < end;) {
    const uint64_t next = std::min((at / kBlockBytes + 1) * kBlockBytes, end);
    const uint64_t bit = at / kBlockBytes - first;
    const bool hole = (call.data_bits[bit / 64] >> (bit % 64) & 1) == 0;
    if (io.extents_count == 0 || io.extents[io.extents_count - 1].hole != hole) {
      if (io.extents_count == io.extents_max) return;
      io.extents[io.extents_count++] = {.size_bytes = 0, .hole = hole};
    }
    io.extents[io.extents_count - 1].size_bytes += next - at;
    at = next;
  }
}

}  // namespace storpool::client
