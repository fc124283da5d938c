// Which chains of a store have lost durable records (design 4.2). A batch that is lost may have
// been of any chain: all that recovery knows are damaged, until each has been discarded and filled
// anew. They stand in a note; the superblock says that a loss was found until that note is durable.
#include <cstring>
#include <set>
#include <string>

#include "lib/chunkstore/chunk_store_impl.h"

namespace storpool::chunkstore {
namespace {

constexpr char kDamageNote[] = "damaged chains";

}  // namespace

void ChunkStoreImpl::LoadDamage() {
  std::set<uint32_t> noted;
  const std::string note = Note(kDamageNote).value_or("");
  for (size_t at = 0; at + sizeof(uint32_t) <= note.size(); at += sizeof(uint32_t)) {
    uint32_t raw = 0;
    std::memcpy(&raw, note.data() + at, sizeof raw);
    noted.insert(raw);
  }
  for (auto& [id, chain] : recovered_chains_) {
    chain.damaged = damaged_ || noted.contains(id.raw());
    if (chain.damaged) damaged_chains_.insert(id);
  }
}

uint64_t ChunkStoreImpl::AppendDamage() {
  std::string note;
  for (const ChainId chain : damaged_chains_) {
    const uint32_t raw = chain.raw();
    note.append(reinterpret_cast<const char*>(&raw), sizeof raw);
  }
  return AppendNote(kDamageNote, std::move(note));
}

}  // namespace storpool::chunkstore
