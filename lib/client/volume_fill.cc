// Copies of foreign parents' blocks into the own lineage (design 9.4).
#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/client/volume.h"

namespace storpool::client {
namespace {

Part BlockPart(const Part& part, BlockRange blocks) {
  return {.chunk = part.chunk,
          .first_sector = blocks.first * kSectorsPerBlock,
          .sectors = blocks.count * kSectorsPerBlock};
}

}  // namespace

// The head cannot complete the blocks at the edges of this write: they are filled, then it is
// repeated with its number.
void Volume::FillBaseOf(Request* write) {
  write->chain->Park(write);
  const BlockRange blocks = write->part.blocks();
  const uint32_t end = write->part.first_sector + write->part.sectors;
  BlockRange edges[2];
  uint32_t count = 0;
  if (write->part.first_sector % kSectorsPerBlock != 0) edges[count++] = {blocks.first, 1};
  if (end % kSectorsPerBlock != 0 && (count == 0 || blocks.count > 1)) {
    edges[count++] = {blocks.end() - 1, 1};
  }
  for (uint32_t i = 0; i < count; ++i) {
    BaseFill* fill = write->bases[i] = context_.fills.Take();
    fill->write = write;
    fill->holes = true;  // the head needs an entry to complete
    fill->part = BlockPart(write->part, edges[i]);
  }
  for (BaseFill* fill : std::array<BaseFill*, 2>(write->bases)) {
    if (fill != nullptr) StartBase(fill, false);
  }
}

void Volume::Fill(const Part& part, bool holes, FillPieceEvents* owner) {
  BaseFill* fill = context_.fills.Take();
  fill->owner = owner;
  fill->holes = holes;
  fill->part = part;
  StartBase(fill, true);
}

// `ask_own`: which blocks are absent here is not known yet.
void Volume::StartBase(BaseFill* fill, bool ask_own) {
  fill->payload = context_.pool.Allocate(fill->part.size_bytes());
  Request* request = context_.requests.Take();
  request->volume = this;
  request->fill = fill;
  request->kind = RequestKind::kBase;
  request->part = fill->part;
  request->chain = &SessionOf(0, request->part.chunk);
  if (ask_own || !has_parents()) return request->chain->Add(request);
  ParentRead& read = ParentsOf(request);
  for (uint32_t i = 0; i < request->part.blocks().count; ++i) {
    read.missing.Set(i);
    fill->absent.Set(i);
  }
  read.own_answered = true;
  UseParents(read);
}

// What the ancestors have of the part is in the payload.
void Volume::OnBaseRead(BaseFill* fill, const absl::Status& status) {
  fill->status = status;
  if (status.ok() && (fill->write != nullptr || fill->owner != nullptr)) SendFills(fill);
  if (fill->requests_left == 0) FinishFill(fill);
}

void Volume::SendFills(BaseFill* fill) {
  const BlockBits& wanted = fill->holes ? fill->absent : fill->data;
  const uint32_t first = fill->part.blocks().first;
  List<Request> list;
  for (BlockRange run = wanted.NextRun(0); run.count > 0; run = wanted.NextRun(run.end())) {
    Request* request = context_.requests.Take();
    request->volume = this;
    request->fill = fill;
    request->kind = RequestKind::kFill;
    request->part = BlockPart(fill->part, {first + run.first, run.count});
    request->chain = &SessionOf(0, request->part.chunk);
    request->payload =
        fill->payload.Slice(size_t{run.first} * kBlockBytes, request->part.size_bytes());
    request->checksums = Checksums(run.count, context_.pool);
    for (uint32_t i = 0; i < run.count; ++i) {
      request->checksums.span()[i] =
          Crc32c(request->payload.data() + size_t{i} * kBlockBytes, kBlockBytes);
    }
    ++fill->requests_left;
    list.PushBack(request);
  }
  while (Request* request = list.PopFront()) {
    if (fill->write != nullptr) {
      request->chain->AddFill(request, fill->write);
    } else {
      request->chain->Add(request);
    }
  }
}

void Volume::OnFillPart(BaseFill* fill, const absl::Status& status) {
  if (fill->status.ok()) fill->status = status;
  if (--fill->requests_left == 0) FinishFill(fill);
}

void Volume::FinishFill(BaseFill* fill) {
  const absl::Status status = fill->status;
  Request* write = fill->write;
  FillPieceEvents* owner = fill->owner;
  context_.fills.Return(fill);
  if (owner != nullptr) return owner->OnFilled(status);
  if (write == nullptr) return;  // it has ended
  for (BaseFill*& waited_for : write->bases) {
    if (waited_for == fill) waited_for = nullptr;
  }
  if (!status.ok()) {
    EndPart(write, status);
  } else if (write->bases == std::array<BaseFill*, 2>{}) {
    write->chain->Resume(write);
  }
}

// The parent was cut because everything is here already: nothing is left to be filled.
void Volume::EndFillsWithoutParents() {
  if (has_parents()) return;
  EachChain([&](ChainSession& chain) {
    while (Request* fill = chain.FindFill()) EndPart(fill, absl::OkStatus());
  });
}

}  // namespace storpool::client
