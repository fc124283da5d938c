#include "lib/wire/message_samples.h"

#include <algorithm>

#include "lib/base/check.h"
#include "lib/base/crc32c.h"
#include "lib/wire/codec.h"

namespace storpool::wire {
namespace {

class Sampler {
 public:
  Sampler(Random& random, BufferPool& pool) : random_(random), pool_(pool) {}

  template <class T>
  T Any() {
    if constexpr (std::is_same_v<T, bool>) {
      return random_.Below(2) == 1;
    } else if constexpr (std::is_integral_v<T>) {
      return static_cast<T>(random_.Next());
    } else if constexpr (requires { T::FromRaw(0); }) {
      return T::FromRaw(static_cast<decltype(T().raw())>(random_.Next()));
    } else {
      return T(static_cast<typename T::rep>(random_.Next()));
    }
  }
  template <class E>
  E AnyOf(E lowest, E highest) {
    const auto low = static_cast<uint64_t>(lowest);
    return static_cast<E>(low + random_.Below(static_cast<uint64_t>(highest) - low + 1));
  }
  template <class B>
  void Bytes(B& bytes) {
    for (auto& b : bytes) b = static_cast<std::remove_reference_t<decltype(b)>>(random_.Next());
  }
  template <class T>
  void Set(T& value) {
    value = Any<T>();
  }
  template <class T, class... More>
  void Set(T& value, More&... more) {
    Set(value);
    Set(more...);
  }

  Session AnySession() { return {Any<VolumeId>(), Any<ClientId>(), Any<Generation>()}; }
  SyncSession AnySync() { return {Any<Incarnation>(), Any<Incarnation>(), Any<uint32_t>()}; }
  ChunkKey AnyChunk() { return {Any<LineageId>(), Any<ChunkIndex>()}; }
  BlockRange AnyRange(uint32_t count_max) {
    const uint32_t count = 1 + static_cast<uint32_t>(random_.Below(count_max));
    return {static_cast<uint32_t>(random_.Below(kBlocksPerChunk - count + 1)), count};
  }
  Buffer AnyPayload(size_t size_bytes) {
    Buffer payload = pool_.Allocate(size_bytes);
    Bytes(payload);
    return payload;
  }
  void Bytes(Buffer& payload) {
    for (uint8_t& b : payload.span()) b = static_cast<uint8_t>(random_.Next());
  }
  Checksums Sums(const Buffer& payload) {
    Checksums sums(payload.size() / kBlockBytes, pool_);
    for (size_t i = 0; i < sums.size(); ++i) {
      sums.span()[i] = Crc32c(payload.data() + i * kBlockBytes, kBlockBytes);
    }
    return sums;
  }

  Common AnyCommon() {
    Common c;
    Set(c.chain, c.from, c.to, c.epoch, c.durable, c.committed, c.opened);
    if (c.opened) Set(c.opened_at);
    return c;
  }
  Entry AnyEntry() {
    Entry e;
    e.kind = AnyOf(EntryKind::kData, EntryKind::kEmpty);
    e.arrival = AnyOf(Arrival::kPending, Arrival::kCommitted);
    const bool data = e.kind == EntryKind::kData;
    e.place = {Any<LineageId>(), Any<ChunkIndex>(), Any<LayerId>(),
               AnyRange(data ? 6 : kBlocksPerChunk)};
    e.session = AnySession();
    Set(e.version, e.number, e.answered_below, e.line_version);
    if (data) {
      e.payload = AnyPayload(size_t{e.place.blocks.count} * kBlockBytes);
      e.checksums = Sums(e.payload);
    }
    return e;
  }
  std::vector<SessionState> AnyWindows() {
    std::vector<SessionState> windows(random_.Below(4));
    for (SessionState& w : windows) {
      RequestWindow::Bits bits;
      Bytes(bits);
      w = {AnySession(), RequestWindow::FromParts(Any<uint64_t>(), bits)};
    }
    return windows;
  }
  std::vector<model::Raise> AnyRaises() {
    std::vector<model::Raise> raises(random_.Below(3));
    for (model::Raise& r : raises) Set(r.volume, r.client, r.generation);
    return raises;
  }

  void Make(Hello& m) {
    Set(m.protocol_min, m.protocol_max, m.is_client, m.node, m.client, m.process);
    Bytes(m.cluster), Bytes(m.nonce), Bytes(m.proof);
    m.disks.resize(random_.Below(4));
    for (DiskHere& d : m.disks) Set(d.disk, d.store, d.incarnation);
  }
  void Make(WriteRequest& m) {
    Set(m.chain, m.epoch, m.number, m.answered_below, m.attempt, m.line_version);
    Set(m.lineage, m.chunk, m.layer);
    m.session = AnySession();
    m.op = AnyOf(WriteOp::kWrite, WriteOp::kFill);
    m.sectors = 1 + static_cast<uint32_t>(random_.Below(40));
    m.first_sector = static_cast<uint32_t>(random_.Below(65536 - 40));
    if (m.op == WriteOp::kHole) return;
    m.payload = AnyPayload(size_t{m.sectors} * kSectorBytes);
    const uint32_t last = (m.first_sector + m.sectors - 1) / kSectorsPerBlock;
    m.checksums = Checksums(last - m.first_sector / kSectorsPerBlock + 1, pool_);
    size_t at = 0;
    uint32_t sector = m.first_sector;
    for (uint32_t& sum : m.checksums.span()) {
      const uint32_t sectors = kSectorsPerBlock - sector % kSectorsPerBlock;
      const size_t bytes = std::min(size_t{sectors} * kSectorBytes, m.payload.size() - at);
      sum = Crc32c(m.payload.data() + at, bytes);
      at += bytes;
      sector += sectors;
    }
  }
  void Make(WriteAnswer& m) {
    Set(m.chain, m.number, m.attempt);
    m.session = AnySession();
    m.result = AnyOf(Result::kOk, Result::kMediaError);
  }
  void Make(ReadRequest& m) {
    Set(m.chain, m.epoch, m.number, m.line_version, m.lineage, m.chunk, m.layer, m.states_only);
    m.session = AnySession();
    m.blocks = AnyRange(kRequestBlocksMax);
  }
  void Make(ReadAnswer& m) {
    Set(m.chain, m.number);
    m.blocks = 1 + static_cast<uint32_t>(random_.Below(12));
    size_t count = 0;
    for (uint32_t i = 0; i < m.blocks; ++i) {
      const uint64_t state = random_.Below(3);
      if (state == 0) m.data[0] |= uint64_t{1} << i, ++count;
      if (state == 1) m.absent[0] |= uint64_t{1} << i;
    }
    if (count == 0 || random_.Below(3) == 0) return;
    m.payload = AnyPayload(count * kBlockBytes);
    m.checksums = Sums(m.payload);
  }
  void Make(ConfigHint& m) {
    Set(m.config.chain, m.config.opened, m.config.opened_at);
    m.config.epoch = Epoch(1 + static_cast<uint32_t>(random_.Below(kEpochMax)));
    const size_t count = 1 + random_.Below(kReplicationMax);
    for (size_t i = 0; i < count; ++i) {
      model::Member member;
      member.disk = DiskId(static_cast<uint16_t>(100 * i + random_.Below(100)));
      Set(member.store);
      member.role = i == 0 ? model::Role::kServing : model::Role::kSyncing;
      m.config.members.push_back(member);
    }
  }
  void Make(LineHint& m) {
    Set(m.line.lineage, m.line.volume, m.line.table, m.line.version, m.line.dropped);
    m.line.version = LineVersion(2 + static_cast<uint32_t>(random_.Below(1000)));
    m.line.layers.resize(1 + random_.Below(3));
    uint32_t id = 0;
    for (model::Layer& layer : m.line.layers) {
      Set(layer.sealed);
      id += 1 + static_cast<uint32_t>(random_.Below(1000));
      layer.id = LayerId(id);
      layer.size_bytes = random_.Below(kVolumeBytesMax);
      layer.cut_bytes = random_.Below(layer.size_bytes + 1);
      layer.changed = LineVersion(static_cast<uint32_t>(random_.Below(2)));
    }
    if (random_.Below(2) == 1) m.line.since = LineVersion(1);
    if (random_.Below(2) == 1) {
      m.line.removed = {{LayerId(id + 1), LayerId(), random_.Below(kVolumeBytesMax), {}},
                        {LayerId(id + 7), LayerId(), 0, LineVersion(1)}};
    }
    if (random_.Below(2) == 1) {
      m.line.foreign_parent = {Any<LineageId>(), Any<LayerId>(), Any<uint64_t>()};
    }
  }
  void Make(Forward& m) { m = {AnyCommon(), AnyEntry()}; }
  void Make(Progress& m) { m = {AnyCommon()}; }
  void Make(Resend& m) { m = {AnyCommon(), Any<Version>()}; }
  void Make(RelayAnswer& m) {
    m.common = AnyCommon();
    Make(m.answer);
    m.answer.chain = m.common.chain;
  }
  void Make(Adopted& m) {
    m.common = AnyCommon();
    Set(m.complete_up_to, m.incarnation, m.store, m.damaged);
  }
  void Make(Level& m) { m = {AnyCommon(), Any<Version>()}; }
  void Make(Leveled& m) { m = {AnyCommon(), Any<Version>(), Any<uint64_t>()}; }
  void Make(Fetch& m) { m = {AnyCommon(), Any<Version>(), Any<Version>()}; }
  void Make(FetchEntry& m) { m = {AnyCommon(), AnyEntry()}; }
  void Make(FetchEnd& m) {
    m = {AnyCommon(), Any<Version>(), Any<bool>(), AnyWindows(), AnyRaises()};
  }
  void Make(PromiseRequest& m) { Set(m.nonce, m.heard, m.duration_ms); }
  void Make(PromiseAnswer& m) {
    Set(m.nonce, m.duration_ms);
    m.named.resize(random_.Below(3));
    for (NamedChain& n : m.named) Set(n.chain, n.epoch);
  }
  void Make(Release& m) { m = {AnyCommon()}; }
  void Make(Confirm& m) { m = {AnyCommon(), Any<uint64_t>()}; }
  void Make(ConfirmAnswer& m) { m = {AnyCommon(), Any<uint64_t>(), Any<Epoch>()}; }
  void Make(CreditAsk& m) { m = {AnyCommon(), Any<uint64_t>()}; }
  void Make(CreditGrant& m) { m = {AnyCommon(), Any<uint64_t>(), Any<bool>()}; }
  void Make(SyncOpen& m) {
    m.common = AnyCommon();
    m.session = AnySync();
    Set(m.more, m.base);
    m.chunk_bases.resize(random_.Below(4));
    for (auto& [chunk, base] : m.chunk_bases) chunk = AnyChunk(), Set(base);
  }
  void Make(SyncBegin& m) {
    m = {AnyCommon(), AnySync(), Any<bool>(), Any<Version>(), AnyWindows(), AnyRaises()};
  }
  void Make(SyncStream& m) { m = {AnyCommon(), AnySync(), AnyEntry()}; }
  void Make(SyncScan& m) { m = {AnyCommon(), AnySync(), AnyEntry()}; }
  void Make(SyncChunkEnd& m) { m = {AnyCommon(), AnySync(), AnyChunk(), Any<LineVersion>()}; }
  void Make(SyncScanEnd& m) { m = {AnyCommon(), AnySync()}; }
  void Make(SyncAck& m) {
    m = {AnyCommon(), AnySync(), Any<Version>(), Any<uint64_t>(), Any<bool>()};
  }
  void Make(SyncEnd& m) { m = {AnyCommon(), AnySync(), std::string(random_.Below(20), 'r')}; }
  void Make(RepairRead& m) {
    m.common = AnyCommon();
    Set(m.number, m.layer, m.version);
    m.chunk = AnyChunk();
    m.blocks = AnyRange(kRequestBlocksMax);
  }
  void Make(RepairAnswer& m) {
    m.common = AnyCommon();
    Set(m.number);
    m.entries.resize(random_.Below(4));
    for (Entry& e : m.entries) e = AnyEntry();
  }

 private:
  Random& random_;
  BufferPool& pool_;
};

template <size_t I = 0>
Message Make(size_t index, Sampler& sampler) {
  if constexpr (I < std::variant_size_v<Message>) {
    if (index != I) return Make<I + 1>(index, sampler);
    Message message(std::in_place_index<I>);
    sampler.Make(*std::get_if<I>(&message));
    return message;
  } else {
    SP_CHECK(false);
  }
}

}  // namespace

Message SampleMessage(size_t index, Random& random, BufferPool& pool) {
  Sampler sampler(random, pool);
  return Make(index, sampler);
}

std::vector<uint8_t> FrameBytes(const Message& message, BufferPool& pool) {
  std::vector<uint8_t> bytes(kFrameHeadBytesMax);
  Payload payload;
  bytes.resize(Encode(message, pool, bytes, payload));
  for (const Buffer& part : payload)
    bytes.insert(bytes.end(), part.span().begin(), part.span().end());
  return bytes;
}

}  // namespace storpool::wire
