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

// A read whose bytes do not match is asked for again so often: the fault may be on the way.
constexpr uint32_t kBadAnswersMax = 3;
// What one kBlockStatus tells at most.
constexpr uint64_t kStatusBytesMax = 16u << 20;

// CRC-32C of each block, or piece of a block at an unaligned edge, that the payload covers.
Checksums ChecksumsOf(const Part& part, const Buffer& payload, BufferPool& pool) {
  Checksums checksums(part.blocks().count, pool);
  size_t at = 0;
  size_t piece = kBlockBytes - part.first_sector % kSectorsPerBlock * kSectorBytes;
  for (uint32_t& checksum : checksums.span()) {
    const size_t size = std::min(piece, payload.size() - at);
    checksum = Crc32c(payload.data() + at, size);
    at += size;
    piece = kBlockBytes;
  }
  return checksums;
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
    request->chain = &SessionOf(request->part.chunk);
    if (kind == RequestKind::kWrite) {
      request->payload = io.payload.Slice(request->part.at_bytes, request->part.size_bytes());
      request->checksums = ChecksumsOf(request->part, request->payload, context_.pool);
    }
    ++call->parts_left;
    request->chain->Add(request);
  }
}

void Volume::Transmit(Request& request) {
  const Part& part = request.part;
  if (request.is_write()) {
    wire::WriteRequest m;
    m.chain = request.chain->chain();
    m.epoch = request.epoch;
    m.session = identity_.session;
    m.number = request.order;
    m.answered_below = request.chain->answered_below();
    m.attempt = request.tries;
    m.line_version = line_.version;
    m.op = request.kind == RequestKind::kHole ? wire::WriteOp::kHole : wire::WriteOp::kWrite;
    m.lineage = identity_.lineage;
    m.chunk = part.chunk;
    m.layer = line_.newest().id;
    m.first_sector = part.first_sector;
    m.sectors = part.sectors;
    m.checksums = request.checksums;
    m.payload = request.payload;
    return request.sent_to->Send(m);
  }
  wire::ReadRequest m;
  m.chain = request.chain->chain();
  m.epoch = request.epoch;
  m.session = identity_.session;
  m.number = request.read_id = context_.read_ids.Take(&request);
  m.line_version = line_.version;
  m.lineage = identity_.lineage;
  m.chunk = part.chunk;
  m.layer = line_.newest().id;
  m.blocks = part.blocks();
  m.states_only = request.kind == RequestKind::kStates;
  request.sent_to->Send(m);
}

void Volume::Forget(Request& request) {
  if (request.read_id != 0) context_.read_ids.Release(request.read_id);
  request.read_id = 0;
}

void Volume::OnWriteAnswer(const wire::WriteAnswer& answer) {
  if (!ended_.ok() || answer.session != identity_.session) return;
  if (answer.chain.table() != line_.table || answer.chain.index() >= chains_.size()) return;
  ChainSession* chain = chains_[answer.chain.index()].get();
  Request* request = chain == nullptr ? nullptr : chain->FindWrite(answer.number);
  if (request == nullptr) return;  // answered before, by another member
  std::optional<absl::Status> status = absl::OkStatus();
  if (answer.result != wire::Result::kOk) {
    // A refusal counts for the try that is out only, and not if it is about an earlier one; one
    // that is not out is about to be sent anyway.
    if (request->sent_to == nullptr || answer.attempt != request->tries) return;
    status = TakeRefusal(request, answer.result);
    if (!status.has_value()) return;
  }
  chain->End(request);
  FinishPart(request, *status);
}

void Volume::OnReadAnswer(Request* request, const wire::ReadAnswer& answer) {
  if (answer.chain != request->chain->chain()) return;
  const std::optional<absl::Status> status = answer.result == wire::Result::kOk
                                                 ? TakeRead(request, answer)
                                                 : TakeRefusal(request, answer.result);
  if (!status.has_value()) return;
  request->chain->End(request);
  FinishPart(request, *status);
}

std::optional<absl::Status> Volume::TakeRead(Request* request, const wire::ReadAnswer& answer) {
  const Part& part = request->part;
  Call& call = *request->call;
  const bool has_parent = line_.foreign_parent.has_value();
  absl::Status status;
  if (request->kind == RequestKind::kStates) {
    const uint64_t first = call.io->offset_bytes / kBlockBytes;
    const uint64_t bit = (call.io->offset_bytes + part.at_bytes) / kBlockBytes - first;
    status = CopyStates(answer, part, has_parent, bit, call.data_bits);
  } else {
    status = CopyOut(answer, part, has_parent,
                     call.io->target.subspan(part.at_bytes, part.size_bytes()));
  }
  if (status.ok() || absl::IsUnimplemented(status)) return status;
  const absl::Status bad = Failed(
      *request, status.code(), std::string_view(status.message().data(), status.message().size()));
  context_.log.Log(env::LogLevel::kWarning, "client",
                   std::string_view(bad.message().data(), bad.message().size()));
  if (++request->bad_answers > kBadAnswersMax) {
    return Failed(*request, absl::StatusCode::kDataLoss,
                  "the node's answers do not match their checksums");
  }
  request->chain->reads().Repeat(request);
  return std::nullopt;
}

std::optional<absl::Status> Volume::TakeRefusal(Request* request, wire::Result result) {
  Lane& lane = request->chain->LaneOf(*request);
  switch (result) {
    case wire::Result::kOk:
      return absl::OkStatus();
    case wire::Result::kStaleLine:
      // 9.3: a member that is behind learns the line from us; if we are, metadata tells us.
      request->sent_to->Send(wire::LineHint{line_});
      events_.OnLineNeeded(identity_.lineage);
      lane.Refused(request);
      return std::nullopt;
    case wire::Result::kGone:
      events_.OnLineNeeded(identity_.lineage);
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
      return Failed(*request, absl::StatusCode::kUnimplemented,
                    "it needs the volume's parent, which cannot be read yet");
    case wire::Result::kRefusedNumber:
      break;
  }
  return Failed(*request, absl::StatusCode::kInternal, "the chain refused the request's number");
}

absl::Status Volume::Failed(const Request& request, absl::StatusCode code,
                            std::string_view why) const {
  const uint64_t offset = request.call->io->offset_bytes + request.part.at_bytes;
  return absl::Status(
      code, absl::StrCat(request.is_write() ? "write to" : "read of", " volume ", name(),
                         " at byte ", offset, ", chain ", ToString(request.chain->chain()), ": ",
                         absl::string_view(why.data(), why.size())));
}

void Volume::FinishPart(Request* request, const absl::Status& status) {
  Call* call = request->call;
  context_.requests.Return(request);
  if (call->status.ok()) call->status = status;
  if (--call->parts_left == 0) Finish(call);
}

void Volume::Finish(Call* call) {
  block::BlockIo* io = call->io;
  if (io->op == block::BlockOp::kBlockStatus && call->status.ok()) FillExtents(*call);
  const absl::Status status = std::move(call->status);
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
