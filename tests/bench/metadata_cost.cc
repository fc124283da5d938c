// What a volume and a snapshot cost metadata: memory, RocksDB, time. No daemon, no network: the
// state machine over its store.
//
// Usage: metadata_cost FOLDER [VOLUMES]
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "lib/base/check.h"
#include "lib/env/rocksdb/rocks_database.h"
#include "lib/metadata/state.h"

namespace storpool::bench {
namespace {

using metadata::Command;

uint64_t ResidentBytes() {
  uint64_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * 4096;
}

uint64_t FolderBytes(const std::string& path) {
  uint64_t sum = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && entry.path().extension() == ".sst") sum += entry.file_size();
  }
  return sum;
}

class Cost {
 public:
  Cost(std::string folder, env::KeyValueStore& store) : folder_(std::move(folder)), state_(store) {
    SP_CHECK(state_.Load().ok());
  }

  metadata::Outcome Do(const Command& command) {
    metadata::Outcome outcome = state_.Apply(state_.applied() + 1, command);
    SP_CHECK(outcome.status.ok());
    return outcome;
  }

  void Cluster() {
    Command init;
    init.mutable_init()->set_uuid("0123456789abcdef");
    init.mutable_init()->set_name("a.b");
    init.mutable_init()->set_secret(std::string(32, 's'));
    Do(init);
    Command group, join, create;
    join.mutable_node_joined()->mutable_node()->set_id(1);
    DiskHere& disk = *join.mutable_node_joined()->mutable_node()->add_disks();
    disk.set_id(1);
    disk.set_store(1);
    disk.set_size_bytes(uint64_t{1} << 40);
    Do(join);
    group.mutable_update_group()->set_name("default");
    group.mutable_update_group()->add_add_disks(1);
    Do(group);
    create.mutable_create_template()->set_name("t");
    create.mutable_create_template()->set_replication(1);
    Do(create);
    Command open;
    for (const auto& [raw, chain] : state_.chains()) {
      auto& one = *open.mutable_open_chains()->add_chains();
      one.set_chain(static_cast<uint32_t>(raw));
      one.set_epoch(chain.config().named().epoch());
    }
    Do(open);
  }

  // Calls `make` with 0 to count - 1 and prints what each call cost.
  template <class Make>
  void Measure(const char* what, uint64_t count, Make make) {
    const uint64_t memory = ResidentBytes();
    const uint64_t disk = FolderBytes(folder_);
    const auto begin = std::chrono::steady_clock::now();
    for (uint64_t i = 0; i < count; ++i) make(i);
    const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - begin;
    const auto each = [count](uint64_t before, uint64_t after) {
      return static_cast<double>(after > before ? after - before : 0) / static_cast<double>(count);
    };
    std::printf("%-44s %8lu: %6.0f bytes of memory, %6.0f of tables, %6.1f us each\n", what,
                static_cast<unsigned long>(count), each(memory, ResidentBytes()),
                each(disk, FolderBytes(folder_)), time.count() / static_cast<double>(count));
  }

  void Volume(uint64_t number) {
    Command command;
    auto& create = *command.mutable_create_volume()->mutable_create();
    create.set_name("volume-" + std::to_string(number));
    create.set_template_name("t");
    create.set_size_bytes(uint64_t{100} << 30);
    command.mutable_create_volume()->set_now_seconds(1764000000);
    Do(command);
  }

  void Snapshot(uint64_t volume) {
    Command command;
    auto& one = *command.mutable_create_snapshots()->mutable_create()->add_volumes();
    one.set_volume("volume-" + std::to_string(volume));
    command.mutable_create_snapshots()->set_now_seconds(1764000000);
    Do(command);
  }

  void Clone(uint64_t number) {
    Command command;
    auto& create = *command.mutable_create_volume()->mutable_create();
    create.set_name("clone-" + std::to_string(number));
    create.set_base_on("volume-0");
    command.mutable_create_volume()->set_now_seconds(1764000000);
    Do(command);
  }

 private:
  const std::string folder_;
  metadata::State state_;
};

int Main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: metadata_cost FOLDER [VOLUMES]\n");
    return 2;
  }
  const uint64_t volumes = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 100000;
  auto database = env::RocksDatabase::Open(argv[1], env::RocksDatabase::IfMissing::kCreate);
  SP_CHECK(database.ok());
  auto store = (*database)->Store("state");
  SP_CHECK(store.ok());
  Cost cost(argv[1], **store);
  cost.Cluster();
  cost.Measure("volumes", volumes, [&](uint64_t i) { cost.Volume(i); });
  cost.Measure("snapshots, one of each volume", volumes, [&](uint64_t i) { cost.Snapshot(i); });
  cost.Measure("snapshots of one volume, first", 1000, [&](uint64_t) { cost.Snapshot(1); });
  cost.Measure("snapshots of one volume, up to 9,000", 8000, [&](uint64_t) { cost.Snapshot(1); });
  cost.Measure("snapshots of one volume, up to 10,000", 1000, [&](uint64_t) { cost.Snapshot(1); });
  cost.Measure("clones of one volume (baseOn)", 1000, [&](uint64_t i) { cost.Clone(i); });
  return 0;
}

}  // namespace
}  // namespace storpool::bench

int main(int argc, char** argv) { return storpool::bench::Main(argc, argv); }
