// Feeds the decoder of batches arbitrary bytes, with a right checksum put over them, so that the
// records are reached, too.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lib/chunkstore/format.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace storpool::chunkstore;
  std::vector<uint64_t> memory(size / 8 + 1);
  std::span<uint8_t> bytes(reinterpret_cast<uint8_t*>(memory.data()), size);
  if (size > 0) std::memcpy(bytes.data(), data, size);
  BatchHeader header;
  if (!LooksLikeBatch(bytes, &header) || header.descriptor_bytes > size) return 0;
  SealDescriptor(bytes.first(header.descriptor_bytes));
  if (!ParseBatchHeader(bytes, &header).ok()) __builtin_trap();
  RecordReader reader(bytes, header);
  Record record;
  uint64_t touched = 0;
  while (reader.Next(&record)) {
    for (const uint32_t c : record.checksums) touched += c;
    for (const MovedBlock& b : record.moved_blocks) touched += b.crc;
    for (const IndexEntry& e : record.entries) touched += e.low;
    for (const uint64_t w : record.use_bits) touched += w;
    for (const LineLayer& l : record.line_layers) touched += l.layer;
    for (const LineRemoved& r : record.line_removed) touched += r.layer;
    for (const char c : record.text) touched += static_cast<uint64_t>(c);
  }
  volatile uint64_t sink = touched;
  (void)sink;
  return 0;
}
