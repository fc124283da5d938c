// The fields of every message, in the order of docs/wire-format.md: Fields(archive, message) writes
// them with a FieldWriter and reads them with a FieldReader. Ranges are checked while reading.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "lib/base/limits.h"
#include "lib/wire/field_archive.h"
#include "lib/wire/messages.h"

namespace storpool::wire {

// A RepairAnswer may be incomplete: what does not fit a body is left to the next question.
inline constexpr size_t kRepairEntriesMax = 64;

// M is const when writing.
template <class M, class T>
concept Is = std::is_same_v<std::remove_const_t<M>, T>;

template <class A, class M>
void SessionFields(A& a, M& m) {
  a(m.volume), a(m.client), a(m.generation);
}

template <class A, class M>
void ChunkFields(A& a, M& m) {
  a(m.lineage), a(m.chunk);
}

// Blocks of one chunk; with a payload, at most one request of them.
template <class A, class M>
void RangeFields(A& a, M& m) {
  a(m.first), a(m.count);
  if (m.count == 0 || m.count > kBlocksPerChunk || m.first > kBlocksPerChunk - m.count) a.Fail();
}

template <class A, class M>
void CommonFields(A& a, M& m) {
  auto& h = a.header();
  a.Slot(h.chain, m.chain), a.Slot(h.epoch, m.epoch);
  a.Slot(h.durable, m.durable), a.Slot(h.committed, m.committed);
  a.Slot(h.from, m.from), a.Slot(h.to, m.to);
  if constexpr (A::kWriting) {
    if (m.opened) h.flags |= kFlagOpened;
  } else {
    m.opened = (h.flags & kFlagOpened) != 0;
  }
  if (m.opened) a(m.opened_at);
}

// Without the version and line version, which are in the header or before it.
template <class A, class M>
void EntryFields(A& a, M& m) {
  a(m.place.lineage), a(m.place.chunk), a(m.place.layer);
  RangeFields(a, m.place.blocks);
  a.Enum(m.kind, EntryKind::kData, EntryKind::kEmpty);
  a.Enum(m.arrival, Arrival::kPending, Arrival::kCommitted);
  SessionFields(a, m.session);
  a(m.number), a(m.answered_below);
  if (m.kind != EntryKind::kData || !a.ok()) return;
  const size_t count = m.place.blocks.count;
  if (count > kRequestBlocksMax) return a.Fail();
  a.Sums(m.checksums, count);
  a.Blocks(m.payload, count * kBlockBytes);
}

template <class A, class M>
void HeadedEntryFields(A& a, M& m) {
  a.Slot(a.header().number, m.version), a.Slot(a.header().line_version, m.line_version);
  EntryFields(a, m);
}

template <class A, class M>
void SyncFields(A& a, M& m) {
  a(m.source), a(m.target), a(m.number);
}

template <class A, class W, class R>
void SessionLists(A& a, W& windows, R& raises) {
  a.List(windows, 54, false, [](A& l, auto& item) {
    SessionFields(l, item.session);
    if constexpr (A::kWriting) {
      l(item.window.mark()), l.Bytes(item.window.bits());
    } else {
      uint64_t mark = 0;
      RequestWindow::Bits bits = {};
      l(mark), l.Bytes(bits);
      item.window = RequestWindow::FromParts(mark, bits);
    }
  });
  a.List(raises, 14, false,
         [](A& l, auto& item) { l(item.volume), l(item.client), l(item.generation); });
}

template <class A, Is<Hello> M>
void Fields(A& a, M& m) {
  a(m.protocol_min), a(m.protocol_max);
  a.Bytes(m.cluster), a.Bytes(m.nonce), a.Bytes(m.proof);
  a(m.is_client), a(m.node), a(m.client), a(m.process);
  a.List(m.disks, 18, false, [](A& l, auto& d) { l(d.disk), l(d.store), l(d.incarnation); });
}

template <class A, Is<WriteRequest> M>
void Fields(A& a, M& m) {
  auto& h = a.header();
  a.Slot(h.chain, m.chain), a.Slot(h.epoch, m.epoch), a.Slot(h.number, m.number);
  a.Slot(h.line_version, m.line_version);
  SessionFields(a, m.session);
  a(m.answered_below), a(m.attempt);
  a.Enum(m.op, WriteOp::kWrite, WriteOp::kFill);
  a(m.lineage), a(m.chunk), a(m.layer), a(m.first_sector), a(m.sectors);
  constexpr uint32_t kSectors = kBlocksPerChunk * kSectorsPerBlock;
  if (m.sectors == 0 || m.sectors > kSectors || m.first_sector > kSectors - m.sectors) a.Fail();
  if (m.op == WriteOp::kHole || !a.ok()) return;
  if (m.sectors > kRequestBytesMax / kSectorBytes) return a.Fail();
  const uint32_t first = m.first_sector / kSectorsPerBlock;
  const uint32_t last = (m.first_sector + m.sectors - 1) / kSectorsPerBlock;
  a.Sums(m.checksums, last - first + 1);
  a.Blocks(m.payload, size_t{m.sectors} * kSectorBytes);
}

template <class A, Is<WriteAnswer> M>
void Fields(A& a, M& m) {
  a.Slot(a.header().chain, m.chain), a.Slot(a.header().number, m.number);
  SessionFields(a, m.session);
  a.Enum(m.result, Result::kOk, Result::kMediaError), a(m.attempt);
}

template <class A, Is<ReadRequest> M>
void Fields(A& a, M& m) {
  auto& h = a.header();
  a.Slot(h.chain, m.chain), a.Slot(h.epoch, m.epoch), a.Slot(h.number, m.number);
  a.Slot(h.line_version, m.line_version);
  SessionFields(a, m.session);
  a(m.lineage), a(m.chunk), a(m.layer);
  RangeFields(a, m.blocks);
  a(m.states_only);
  if (m.blocks.count > kRequestBlocksMax) a.Fail();
}

template <class A, Is<ReadAnswer> M>
void Fields(A& a, M& m) {
  a.Slot(a.header().chain, m.chain), a.Slot(a.header().number, m.number);
  a.Enum(m.result, Result::kOk, Result::kMediaError);
  a(m.blocks), a.Bytes(m.data), a.Bytes(m.absent);
  if (m.blocks > kRequestBlocksMax) a.Fail();
  size_t count = 0;
  for (size_t i = 0; i < m.data.size(); ++i) {
    const size_t first = i * 64;
    const uint64_t beyond = m.blocks >= first + 64 ? 0
                            : m.blocks <= first    ? ~uint64_t{0}
                                                   : ~uint64_t{0} << (m.blocks - first);
    // A block is data, or absent, or a hole.
    if (((m.data[i] | m.absent[i]) & beyond) != 0 || (m.data[i] & m.absent[i]) != 0) a.Fail();
    count += static_cast<size_t>(std::popcount(m.data[i]));
  }
  bool states_only = count > 0 && m.checksums.size() == 0;
  a(states_only);
  if (states_only && count == 0) a.Fail();
  if (states_only || !a.ok()) return;
  a.Sums(m.checksums, count);
  a.Blocks(m.payload, count * kBlockBytes);
}

template <class A, Is<ConfigHint> M>
void Fields(A& a, M& m) {
  auto& c = m.config;
  a.Slot(a.header().chain, c.chain), a.Slot(a.header().epoch, c.epoch);
  a(c.opened), a(c.opened_at);
  uint8_t count = static_cast<uint8_t>(c.members.size());
  a(count);
  if (count > kChainMembersMax) return a.Fail();
  if constexpr (!A::kWriting) c.members.resize(count);
  for (auto& member : c.members) {
    a(member.disk), a(member.store);
    a.Enum(member.role, model::Role::kServing, model::Role::kAway);
    a(member.excluded_at);
  }
  if constexpr (!A::kWriting) {
    if (a.ok() && !c.Validate().ok()) a.Fail();
  }
}

template <class A, Is<LineHint> M>
void Fields(A& a, M& m) {
  auto& line = m.line;
  a.Slot(a.header().line_version, line.version);
  a(line.lineage), a(line.volume), a(line.table), a(line.since), a(line.dropped);
  bool has_parent = line.foreign_parent.has_value();
  model::ForeignParent parent = line.foreign_parent.value_or(model::ForeignParent{});
  a(has_parent);
  if (has_parent) a(parent.lineage), a(parent.layer), a(parent.size_bytes);
  if constexpr (!A::kWriting) {
    if (has_parent) line.foreign_parent = parent;
  }
  a.List(line.layers, 25, false, [](A& l, auto& layer) {
    l(layer.id), l(layer.size_bytes), l(layer.cut_bytes), l(layer.sealed), l(layer.changed);
  });
  a.List(line.removed, 20, false, [](A& l, auto& removed) {
    l(removed.layer), l(removed.into), l(removed.cut_bytes), l(removed.changed);
  });
  if constexpr (!A::kWriting) {
    if (a.ok() && !line.Validate().ok()) a.Fail();
  }
}

template <class A, Is<Forward> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  HeadedEntryFields(a, m.entry);
}

template <class A, Is<FetchEntry> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  HeadedEntryFields(a, m.entry);
}

template <class A, class M>
  requires Is<M, Progress> || Is<M, Release>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
}

template <class A, Is<Resend> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.have);
}

template <class A, Is<RelayAnswer> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.answer.number), a.Slot(a.header().chain, m.answer.chain);
  SessionFields(a, m.answer.session);
  a.Enum(m.answer.result, Result::kOk, Result::kMediaError), a(m.answer.attempt);
}

template <class A, Is<Adopted> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.complete_up_to);
  a(m.incarnation), a(m.store), a(m.damaged);
}

template <class A, Is<Level> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.level);
}

template <class A, Is<Leveled> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.level);
  a(m.credit_bytes);
}

template <class A, Is<Fetch> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.up_to);
  a(m.above);
}

template <class A, Is<FetchEnd> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.up_to);
  a(m.more);
  SessionLists(a, m.windows, m.min_generations);
}

template <class A, Is<PromiseRequest> M>
void Fields(A& a, M& m) {
  a.Slot(a.header().number, m.nonce);
  a(m.heard), a(m.duration_ms);
}

template <class A, Is<PromiseAnswer> M>
void Fields(A& a, M& m) {
  a.Slot(a.header().number, m.nonce);
  a(m.duration_ms);
  a.List(m.named, 8, false, [](A& l, auto& item) { l(item.chain), l(item.epoch); });
}

template <class A, Is<Confirm> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.round);
}

template <class A, Is<ConfirmAnswer> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.round);
  a(m.highest_adopted);
}

template <class A, Is<CreditAsk> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.want_bytes);
}

template <class A, Is<CreditGrant> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.total_bytes);
  a(m.denied);
}

template <class A, Is<SyncOpen> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
  a(m.more), a(m.base);
  a.List(m.chunk_bases, 20, false, [](A& l, auto& item) {
    ChunkFields(l, item.first);
    l(item.second);
  });
}

template <class A, Is<SyncBegin> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
  a.Slot(a.header().number, m.stream_base);
  a(m.more);
  SessionLists(a, m.windows, m.min_generations);
}

template <class A, class M>
  requires Is<M, SyncStream> || Is<M, SyncScan>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
  HeadedEntryFields(a, m.entry);
}

template <class A, Is<SyncChunkEnd> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
  a.Slot(a.header().line_version, m.line_version);
  ChunkFields(a, m.chunk);
}

template <class A, Is<SyncScanEnd> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
}

template <class A, Is<SyncAck> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
  a.Slot(a.header().number, m.stream_durable);
  a(m.scan_bytes_durable), a(m.lacks_nothing);
}

template <class A, Is<SyncEnd> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  SyncFields(a, m.session);
  a.List(m.reason, 1, true, [](A& l, auto& c) {
    if constexpr (A::kWriting) {
      l(static_cast<uint8_t>(c));
    } else {
      uint8_t byte = 0;
      l(byte);
      c = static_cast<char>(byte);
    }
  });
}

template <class A, Is<RepairRead> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.number);
  ChunkFields(a, m.chunk);
  a(m.layer);
  RangeFields(a, m.blocks);
  a(m.version);
  if (m.blocks.count > kRequestBlocksMax) a.Fail();
}

template <class A, Is<RepairAnswer> M>
void Fields(A& a, M& m) {
  CommonFields(a, m.common);
  a.Slot(a.header().number, m.number);
  uint16_t count = static_cast<uint16_t>(std::min(m.entries.size(), kRepairEntriesMax));
  a(count);
  if (count > kRepairEntriesMax) return a.Fail();
  if constexpr (!A::kWriting) m.entries.resize(count);
  for (size_t i = 0; i < count && a.ok(); ++i) {
    a(m.entries[i].version), a(m.entries[i].line_version);
    EntryFields(a, m.entries[i]);
  }
}

}  // namespace storpool::wire
