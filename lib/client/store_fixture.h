// A volume over nodes that answer from one ScriptedStore: every member serves, in every epoch.
#pragma once

#include <vector>

#include "lib/client/scripted_store.h"
#include "lib/client/volume_fixture.h"

namespace storpool::client {

class StoreFixture : public VolumeFixture {
 protected:
  static constexpr LineageId kParent{60}, kGrandparent{50};
  static constexpr LayerId kParentLayer{4}, kGrandparentLayer{2};

  StoreFixture() {
    store.SetLine(Line(1));
    nodes.set_script(
        [this](ScriptedNodes::Node& node, const wire::Message& message) { Serve(node, message); });
  }

  virtual void Serve(ScriptedNodes::Node& node, const wire::Message& message) {
    if (const auto* write = std::get_if<wire::WriteRequest>(&message)) {
      writes.push_back(*write);
      Answer(node.address, *write, store.Write(*write));
    } else if (const auto* read = std::get_if<wire::ReadRequest>(&message)) {
      reads.push_back(*read);
      nodes.Deliver(node, store.Read(*read, pool));
    } else if (const auto* hint = std::get_if<wire::LineHint>(&message)) {
      ++hints;
      Teach(hint->line);
    }
  }

  void Teach(const model::Line& hint) {
    model::Line line = store.LineOf(hint.lineage);
    if (hint.version <= line.version || !line.CanTake(hint)) return;
    line.Take(hint);
    store.SetLine(line);
  }

  static model::Line LineOf(LineageId lineage, uint32_t version, std::vector<uint32_t> layers,
                            std::optional<model::ForeignParent> parent = std::nullopt) {
    model::Line line = Line(version);
    line.lineage = lineage;
    line.layers.clear();
    for (uint32_t id : layers) {
      line.layers.push_back({.id = LayerId(id), .size_bytes = kSize, .cut_bytes = kSize});
      line.layers.back().sealed = id != layers.back();
    }
    line.foreign_parent = parent;
    return line;
  }
  // Known to the client and to the nodes alike.
  void SetLine(const model::Line& line) {
    store.SetLine(line);
    Learn(line);
  }
  // From now on the volume is a clone of a snapshot of a volume that is a clone itself.
  void MakeClone(uint64_t parent_bytes = kSize, uint64_t grandparent_bytes = kSize) {
    volume.reset();
    model::Line grandparent = LineOf(kGrandparent, 1, {1, 2, 3});
    store.SetLine(grandparent);
    directory.Apply(grandparent);
    model::Line parent =
        LineOf(kParent, 1, {4, 5},
               model::ForeignParent{kGrandparent, kGrandparentLayer, grandparent_bytes});
    store.SetLine(parent);
    directory.Apply(parent);
    model::Line own =
        LineOf(kLineage, 2, {1}, model::ForeignParent{kParent, kParentLayer, parent_bytes});
    store.SetLine(own);
    directory.Apply(own);
    Open();
  }
  void PutBlock(LineageId lineage, LayerId layer, uint64_t at, uint8_t fill) {
    store.Put(lineage, layer, ChunkIndex(static_cast<uint32_t>(at / kChunkBytes)),
              static_cast<uint32_t>(at % kChunkBytes / kBlockBytes),
              ScriptedStore::Bytes(kBlockBytes, fill));
  }
  std::vector<uint8_t> BytesRead(uint64_t offset_bytes, uint64_t size_bytes) {
    block::TestIo* io = Read(offset_bytes, size_bytes);
    Run();
    EXPECT_EQ(io->done, 1);
    EXPECT_TRUE(io->status.ok()) << io->status;
    return io->bytes;
  }
  // What was sent, without the details; and forgets it.
  std::vector<LineageId> ReadsTaken() {
    std::vector<LineageId> lineages;
    for (const wire::ReadRequest& read : reads) lineages.push_back(read.lineage);
    reads.clear();
    return lineages;
  }

  ScriptedStore store;
  std::vector<wire::WriteRequest> writes;
  std::vector<wire::ReadRequest> reads;
  int hints = 0;
};

}  // namespace storpool::client
