#include "lib/metadata/backup.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/digest.h"
#include "lib/base/types.h"
#include "lib/metadata/jumps.h"
#include "lib/metadata/keys.h"
#include "proto/metadata.pb.h"

namespace storpool::metadata {
namespace {

constexpr std::string_view kMagic = "SPMETA01";
constexpr size_t kUuidBytes = 16;
constexpr uint32_t kEnd = 0xffffffff;
constexpr size_t kPieceBytes = 1 << 20;
constexpr uint32_t kKeyBytesMax = 1 << 10;
constexpr uint32_t kValueBytesMax = 64 << 20;

void AppendU32(std::string& to, uint32_t value) {
  for (int i = 0; i < 4; ++i) to += static_cast<char>(value >> (8 * i));
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool U32(uint32_t& value) {
    if (bytes_.size() < 4) return false;
    value = 0;
    for (int i = 0; i < 4; ++i) value |= uint32_t{static_cast<uint8_t>(bytes_[i])} << (8 * i);
    bytes_.remove_prefix(4);
    return true;
  }
  bool Bytes(size_t size, std::string_view& out) {
    if (bytes_.size() < size) return false;
    out = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return true;
  }
  bool empty() const { return bytes_.empty(); }

 private:
  std::string_view bytes_;
};

// A record read, changed and put back; false if it cannot be read.
template <class Record, class Change>
bool Jump(std::string& value, Change change) {
  Record record;
  if (!record.ParseFromString(value)) return false;
  change(record);
  value = record.SerializeAsString();
  return true;
}

bool HasPrefix(std::string_view key, std::string_view prefix) {
  return key.substr(0, prefix.size()) == prefix;
}

bool JumpRecord(std::string_view key, std::string& value) {
  if (HasPrefix(key, "chain/")) {
    return Jump<ChainRecord>(value, [](ChainRecord& chain) {
      const uint32_t now = std::max(chain.epoch_floor(), chain.config().named().epoch());
      chain.set_epoch_floor(std::min(now + kEpochJump, kEpochMax - 1));
      chain.clear_lives();  // so that it is named again, above what its members have adopted
    });
  }
  if (HasPrefix(key, "volume/")) {
    return Jump<Volume>(value, [](Volume& volume) {
      volume.set_next_generation(volume.next_generation() + kGenerationJump);
    });
  }
  if (HasPrefix(key, "line/")) {
    return Jump<Line>(value, [](Line& line) {
      line.set_version(line.version() + kLineVersionJump);
      line.set_since(line.version());  // what was given out since the backup is not in our history
    });
  }
  if (HasPrefix(key, "fill/")) {  // a revert since may have freed what it had copied
    return Jump<FillRecord>(value, [](FillRecord& fill) {
      fill.set_client(0);
      fill.set_next(0);
      fill.set_done(false);
      fill.set_layer(0);
    });
  }
  if (HasPrefix(key, "client/")) {  // every session after a restore is a new one, under its fence
    return Jump<ClientRecord>(value, [](ClientRecord& client) { client.set_process(0); });
  }
  if (HasPrefix(key, "attachment/")) {
    return Jump<AttachmentRecord>(
        value, [](AttachmentRecord& a) { a.mutable_attachment()->set_granted(false); });
  }
  return true;
}

absl::Status Parse(std::string_view body, env::KeyValueBatch& batch, ClusterRecord& cluster) {
  const absl::Status damaged = absl::DataLossError("the backup is damaged: a record is cut off");
  Reader reader(body);
  ClusterRecord found;
  std::vector<uint32_t> nodes;
  uint64_t applied = 0;
  while (true) {
    uint32_t key_bytes = 0, value_bytes = 0;
    std::string_view key, stored;
    if (!reader.U32(key_bytes)) return damaged;
    if (key_bytes == kEnd) break;
    if (key_bytes > kKeyBytesMax || !reader.Bytes(key_bytes, key)) return damaged;
    if (!reader.U32(value_bytes) || value_bytes > kValueBytesMax) return damaged;
    if (!reader.Bytes(value_bytes, stored)) return damaged;
    std::string value(stored);
    if (key == kAppliedKey) {  // the log begins anew
      if (!DecodeKey(value, applied)) return damaged;
      continue;
    }
    if (HasPrefix(key, "operation/")) continue;  // how it ended nodes know: by their lines
    if (!JumpRecord(key, value)) return damaged;
    if (key == kClusterKey) {
      if (!found.ParseFromString(value)) return damaged;
      continue;
    }
    Node node;
    if (HasPrefix(key, "node/") && node.ParseFromString(value)) nodes.push_back(node.id());
    batch.Put(std::string(key), std::move(value));
  }
  if (!reader.empty() || found.uuid().size() != kUuidBytes) return damaged;
  LineageRange& lost = *found.add_lost_lineages();
  lost.set_first(found.next_lineage());
  lost.set_end(found.next_lineage() + kIdJump);
  found.set_layers_above(found.layers_above() + kLayerJump);
  found.set_next_volume(found.next_volume() + kIdJump);
  found.set_next_lineage(found.next_lineage() + kIdJump);
  found.set_next_fence(found.next_fence() + kIdJump);
  found.set_last_operation(found.last_operation() + kIdJump);
  found.set_next_table(found.next_table() + kTableJump);
  found.set_next_template(found.next_template() + kTableJump);
  found.set_version_base(found.version_base() + applied + kIdJump);
  found.set_restoring(!nodes.empty());
  found.clear_restore_waits_for();
  for (uint32_t id : nodes) found.add_restore_waits_for(id);
  cluster = found;
  return absl::OkStatus();
}

}  // namespace

absl::Status Backup(const env::KeyValueStore& store,
                    const std::function<void(std::string_view piece)>& on_piece) {
  ClusterRecord cluster;
  const auto record = store.Get(kClusterKey);
  if (!record.ok() || !cluster.ParseFromString(*record)) {
    return absl::FailedPreconditionError("there is no cluster here to back up");
  }
  Sha256 hash;
  std::string piece(kMagic);
  piece += cluster.uuid();
  const auto flush = [&](size_t above) {
    if (piece.size() <= above) return;
    hash.Add(piece);
    on_piece(piece);
    piece.clear();
  };
  SP_RETURN_IF_ERROR(store.Scan("", [&](std::string_view key, std::string_view value) {
    AppendU32(piece, static_cast<uint32_t>(key.size()));
    piece += key;
    AppendU32(piece, static_cast<uint32_t>(value.size()));
    piece += value;
    flush(kPieceBytes);
    return true;
  }));
  AppendU32(piece, kEnd);
  flush(0);
  on_piece(AsText(hash.Finish()));
  return absl::OkStatus();
}

absl::Status Restore(std::string_view backup, env::KeyValueStore& store) {
  const size_t frame = kMagic.size() + kUuidBytes + sizeof(Digest);
  if (backup.substr(0, kMagic.size()) != kMagic) {
    return absl::InvalidArgumentError("this is no backup of metadata (made by 'metadata backup')");
  }
  if (backup.size() < frame) return absl::DataLossError("the backup is cut off");
  const std::string_view content = backup.substr(0, backup.size() - sizeof(Digest));
  Sha256 hash;
  hash.Add(content);
  if (AsText(hash.Finish()) != backup.substr(content.size())) {
    return absl::DataLossError("the backup is damaged: its checksum differs; take another one");
  }
  if (store.Get(kClusterKey).ok()) {
    return absl::AlreadyExistsError(
        "there is a cluster in this folder already; restore into an empty one");
  }
  env::KeyValueBatch batch;
  ClusterRecord cluster;
  SP_RETURN_IF_ERROR(Parse(content.substr(kMagic.size() + kUuidBytes), batch, cluster));
  batch.Put(kClusterKey, cluster.SerializeAsString());
  return store.Write(batch, true);
}

}  // namespace storpool::metadata
