// Reads that go on in foreign parents (design 9.4).
#include <algorithm>
#include <utility>

#include "lib/base/check.h"
#include "lib/client/volume.h"

namespace storpool::client {

uint64_t Volume::parent_bytes() const {
  if (!has_parents()) return 0;
  return lines_.lines.size() > 1 ? lines_.lines[1].size_bytes : own().size_bytes;
}

// Of a chunk that had nothing here the last time, own chain and parent are asked at once.
bool Volume::NothingHere(ChunkIndex chunk) const {
  const uint32_t bit = chunk.value();
  return bit / 64 < nothing_here_.size() && (nothing_here_[bit / 64] >> (bit % 64) & 1) != 0;
}

void Volume::NoteHere(ChunkIndex chunk, bool nothing) {
  const uint32_t bit = chunk.value();
  if (bit / 64 >= nothing_here_.size()) return;
  const uint64_t mask = uint64_t{1} << (bit % 64);
  nothing_here_[bit / 64] =
      nothing ? nothing_here_[bit / 64] | mask : nothing_here_[bit / 64] & ~mask;
}

ParentRead& Volume::ParentsOf(Request* own) {
  if (own->parents == nullptr) {
    own->parents = context_.parent_reads.Take();
    own->parents->own = own;
    parent_reads_.PushBack(own->parents);
  }
  return *own->parents;
}

// One ancestor first, then twice as many with each round: most are near, and 32 in a row are asked
// in six rounds.
void Volume::AskParents(ParentRead& read) {
  const size_t asked = read.steps.size();
  const size_t end = std::min(lines_.lines.size() - 1, std::max<size_t>(1, 2 * asked));
  const Part& part = read.own->part;
  const BlockRange blocks = part.blocks();
  const BlockRange wanted = read.own_answered ? read.missing.Cover() : BlockRange{0, blocks.count};
  const uint64_t start =
      uint64_t{part.chunk.value()} * kChunkBytes + uint64_t{blocks.first} * kBlockBytes;
  for (size_t level = asked + 1; level <= end; ++level) {
    ParentStep& step = read.steps.emplace_back();
    const uint64_t size = lines_.lines[level].size_bytes;
    const uint64_t visible = size <= start ? 0 : (size - start + kBlockBytes - 1) / kBlockBytes;
    step.first = wanted.first;
    step.count = static_cast<uint32_t>(std::min<uint64_t>(wanted.end(), visible) -
                                       std::min<uint64_t>(wanted.first, visible));
    if (step.count == 0) continue;
    Request* request = context_.requests.Take();
    step.request = request;
    request->volume = this;
    request->kind = read.own->kind;
    request->parents = &read;
    request->level = static_cast<uint8_t>(level);
    request->part = {.chunk = part.chunk,
                     .first_sector = (blocks.first + step.first) * kSectorsPerBlock,
                     .sectors = step.count * kSectorsPerBlock};
    request->chain = &SessionOf(level, part.chunk);
    request->chain->Add(request);
  }
}

void Volume::OnParentAnswer(Request* request, const wire::ReadAnswer& answer) {
  ParentRead& read = *request->parents;
  std::optional<absl::Status> failed;
  if (answer.result == wire::Result::kOk) {
    const absl::Status status =
        CheckShape(answer, request->part.blocks().count, request->kind == RequestKind::kStates);
    if (!status.ok()) {
      failed = BadAnswer(request, status);
      if (!failed.has_value()) return;
    }
  } else {
    failed = TakeRefusal(request, answer.result);
    if (!failed.has_value()) return;
  }
  if (failed.has_value()) return EndPart(request, *failed);
  request->chain->End(request);
  ParentStep& step = read.steps[request->level - 1u];
  step.request = nullptr;
  step.answer = answer;
  context_.requests.Return(request);
  UseParents(read);
}

// Uses what has been answered, in order, as far as that goes; an answer counts only together with
// "no entry" from the own chain.
void Volume::UseParents(ParentRead& read) {
  if (!read.own_answered) return;
  while (true) {
    while (read.used < read.steps.size() && read.steps[read.used].request == nullptr) {
      const size_t level = ++read.used;
      if (!UseParent(read, read.steps[level - 1], level)) {
        return FinishPart(read.own, absl::OkStatus());
      }
    }
    if (read.used < read.steps.size()) return;
    if (read.used + 1 < lines_.lines.size()) {
      AskParents(read);
    } else if (lines_.complete() && read.own->fill != nullptr) {
      // A fill that leaves the older ancestors: what they have stays theirs.
      BlockBits& absent = read.own->fill->absent;
      for (uint32_t i = 0; i < read.own->part.blocks().count; ++i) {
        if (read.missing.Has(i)) absent.Clear(i);
      }
      return FinishPart(read.own, absl::OkStatus());
    } else {
      return AskForLines();  // a newer line starts the read again
    }
  }
}

// False if nothing is missing any more.
bool Volume::UseParent(ParentRead& read, const ParentStep& step, size_t level) {
  const BlockRange blocks = read.own->part.blocks();
  const uint64_t start =
      uint64_t{read.own->part.chunk.value()} * kChunkBytes + uint64_t{blocks.first} * kBlockBytes;
  const uint64_t size = lines_.lines[level].size_bytes;
  const bool has_parent = lines_.lines[level].has_parent;
  ReadSink sink = SinkOf(*read.own);
  if (step.count > 0) {
    TakeParents(step.answer, step.first, has_parent, size > start ? size - start : 0, read.missing,
                sink);
  }
  // Beyond the end of an ancestor there are zeroes.
  for (uint32_t i = 0; i < blocks.count; ++i) {
    if (!read.missing.Has(i) || (i >= step.first && i < step.first + step.count)) continue;
    read.missing.Clear(i);
    sink.Zero(i);
  }
  return read.missing.Any();
}

void Volume::DropSteps(ParentRead& read) {
  for (ParentStep& step : read.steps) {
    if (step.request == nullptr) continue;
    step.request->chain->End(step.request);
    context_.requests.Return(step.request);
  }
  read.steps.clear();
  read.used = 0;
}

void Volume::EndParents(Request* own) {
  ParentRead* read = std::exchange(own->parents, nullptr);
  DropSteps(*read);
  parent_reads_.Remove(read);
  context_.parent_reads.Return(read);
}

// Some line has changed: what was asked may be gone, or lie elsewhere.
void Volume::RestartParentReads() {
  for (ParentRead* read = parent_reads_.front(); read != nullptr;) {
    ParentRead* next = List<ParentRead>::After(read);
    Request* own = read->own;
    const bool again = read->own_answered;
    EndParents(own);
    if (again) own->chain->Add(own);
    read = next;
  }
}

}  // namespace storpool::client
