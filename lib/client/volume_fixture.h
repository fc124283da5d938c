// A volume over scripted nodes: one table of four chains, each on disks 1, 2, 3 behind the
// addresses n1, n2, n3, opened in epoch 2; a volume of 256 MiB without a parent.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "lib/base/crc32c.h"
#include "lib/block/test_io.h"
#include "lib/client/scripted_nodes.h"
#include "lib/client/volume.h"
#include "lib/env/memory/manual_reactor.h"
#include "lib/placement/locate.h"

namespace storpool::client {

class QuietLog final : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return true; }
  void Log(env::LogLevel, std::string_view, std::string_view text) override {
    lines.emplace_back(text);
  }
  std::vector<std::string> lines;
};

class VolumeFixture : public testing::Test, public NodeEvents, public VolumeEvents {
 protected:
  static constexpr LineageId kLineage{70};
  static constexpr TableId kTable{1};
  static constexpr uint64_t kSize = 256u << 20;

  VolumeFixture() {
    Section table;
    table.set_name("table/1");
    table.set_version(1);
    table.mutable_table()->set_table(1);
    table.mutable_table()->set_chains(4);
    table.mutable_table()->set_complete(true);
    SP_CHECK(directory.Apply(table).ok());
    Section disks;
    disks.set_name("disks");
    disks.set_version(1);
    for (uint32_t id = 1; id <= 3; ++id) {
      Disk* disk = disks.mutable_disks()->add_disks();
      disk->set_id(id);
      disk->set_address("n" + std::to_string(id));
    }
    SP_CHECK(directory.Apply(disks).ok());
    for (uint16_t i = 0; i < 4; ++i) directory.Apply(Config(i, 2, {1, 2, 3}, true));
    directory.Apply(Line(1));
    Open();
  }
  ~VolumeFixture() override { volume.reset(); }

  static VolumeIdentity Identity() {
    VolumeIdentity identity;
    identity.session = {VolumeId(5), ClientId(9), Generation(3)};
    identity.name = "disk1";
    identity.lineage = kLineage;
    return identity;
  }
  void Open() { volume = std::make_unique<Volume>(context, identity, *this); }

  static model::Line Line(uint32_t version) {
    model::Line line;
    line.lineage = kLineage;
    line.volume = VolumeId(5);
    line.table = kTable;
    line.version = LineVersion(version);
    line.layers.push_back({.id = LayerId(version), .size_bytes = kSize, .cut_bytes = kSize});
    return line;
  }

  static model::ChainConfig Config(uint16_t index, uint32_t epoch, std::vector<uint16_t> disks,
                                   bool opened) {
    model::ChainConfig config;
    config.chain = ChainId(kTable, index);
    config.epoch = Epoch(epoch);
    config.opened = opened;
    for (uint16_t disk : disks) {
      config.members.push_back({DiskId(disk), StoreId(disk), model::Role::kServing, Version()});
    }
    return config;
  }

  static uint16_t IndexOf(uint32_t chunk) {
    return placement::Locate(kLineage, ChunkIndex(chunk), 4);
  }

  void Learn(const model::ChainConfig& config) {
    for (ChainId chain : directory.Apply(config).chains) volume->OnChain(chain);
  }
  void Learn(const model::Line& line) {
    if (!directory.Apply(line).lines.empty()) volume->OnMap();
  }
  // One that chunk 0 is on.
  void LearnOpened(uint32_t epoch, std::vector<uint16_t> disks) {
    Learn(Config(IndexOf(0), epoch, std::move(disks), true));
  }

  block::TestIo* Write(uint64_t offset_bytes, uint64_t size_bytes, uint8_t fill = 1) {
    block::TestIo* io = NewIo();
    volume->Start(block::PrepareWrite(io, pool, offset_bytes, size_bytes, fill));
    return io;
  }
  block::TestIo* Start(block::BlockOp op, uint64_t offset_bytes, uint64_t size_bytes) {
    block::TestIo* io = NewIo();
    volume->Start(block::Prepare(io, op, offset_bytes, size_bytes));
    return io;
  }
  block::TestIo* Read(uint64_t offset_bytes, uint64_t size_bytes) {
    return Start(block::BlockOp::kRead, offset_bytes, size_bytes);
  }

  block::TestIo* NewFlush() {
    block::TestIo* io = NewIo();
    io->op = block::BlockOp::kFlush;
    volume->Start(io);
    return io;
  }
  // The outcome of a request that needs no answer.
  absl::Status Ended(block::TestIo* io) {
    SP_CHECK(io->done == 0);
    Run();
    SP_CHECK(io->done == 1);
    return io->status;
  }

  void Answer(const std::string& address, const wire::WriteRequest& request,
              wire::Result result = wire::Result::kOk) {
    nodes.Deliver(address, wire::WriteAnswer{request.chain, request.session, request.number, result,
                                             request.attempt});
  }
  // Every block data, filled with `fill`.
  wire::ReadAnswer Filled(const wire::ReadRequest& request, uint8_t fill) {
    wire::ReadAnswer answer;
    answer.chain = request.chain;
    answer.number = request.number;
    answer.blocks = request.blocks.count;
    for (uint32_t i = 0; i < answer.blocks; ++i) answer.data[i / 64] |= uint64_t{1} << (i % 64);
    answer.payload = pool.Allocate(size_t{answer.blocks} * kBlockBytes);
    std::fill_n(answer.payload.data(), answer.payload.size(), fill);
    answer.checksums = Checksums(answer.blocks, pool);
    for (uint32_t& sum : answer.checksums.span()) sum = Crc32c(answer.payload.data(), kBlockBytes);
    return answer;
  }

  // NodeEvents
  void OnConnectionReady(NodeConnection& connection) override {
    volume->OnConnectionReady(connection);
  }
  void OnConnectionLost(NodeConnection& connection, bool was_ready, const absl::Status&) override {
    volume->OnConnectionLost(connection, was_ready);
  }
  void OnNodeMessage(NodeConnection&, wire::Message& message) override {
    if (const auto* answer = std::get_if<wire::WriteAnswer>(&message)) {
      Deliver(*answer);
    } else if (const auto* read = std::get_if<wire::ReadAnswer>(&message)) {
      Request* request = read_ids.Find(read->number);
      if (request != nullptr) request->volume->OnReadAnswer(request, *read);
    } else if (const auto* hint = std::get_if<wire::ConfigHint>(&message)) {
      Learn(hint->config);
    }
  }
  // To the volume whose session it is.
  virtual void Deliver(const wire::WriteAnswer& answer) { volume->OnWriteAnswer(answer); }
  // VolumeEvents
  void OnLineNeeded(LineageId) override { ++lines_needed; }
  void OnHeld(const Session&, uint64_t id) override { held.push_back(id); }
  void OnReleased(const Session&, uint64_t id, const HoldEnd& end) override {
    released.push_back({id, end});
  }

  void Run() { reactor.RunUntilIdle(); }
  void Pass(int64_t ms) { reactor.AdvanceBy(Duration::Millis(ms)); }

  env::ManualReactor reactor;
  BufferPool pool;
  directory::Directory directory;
  ScriptedNodes nodes{reactor};
  NodeConnections connections{reactor, nodes, *this};
  Pool<Call> calls;
  Pool<Request> requests;
  Pool<ParentRead> parent_reads;
  Pool<BaseFill> fills;
  ReadIds read_ids;
  Turns turns;
  QuietLog log;
  VolumeContext context{reactor,      directory, connections, pool,  calls, requests,
                        parent_reads, fills,     read_ids,    turns, log};
  VolumeIdentity identity = Identity();
  std::unique_ptr<Volume> volume;
  int lines_needed = 0;
  std::vector<uint64_t> held;
  struct Released {
    uint64_t id;
    HoldEnd end;
    bool operator==(const Released&) const = default;
  };
  std::vector<Released> released;

 private:
  block::TestIo* NewIo() { return ios_.emplace_back(std::make_unique<block::TestIo>()).get(); }
  std::vector<std::unique_ptr<block::TestIo>> ios_;
};

}  // namespace storpool::client
