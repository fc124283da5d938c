#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "lib/block/memory_block_device.h"
#include "lib/env/memory/manual_reactor.h"
#include "tests/bench/cases.h"
#include "tests/bench/child.h"
#include "tests/bench/floor.h"
#include "tests/bench/floor_program.h"
#include "tests/bench/load.h"
#include "tests/bench/process_cpu.h"
#include "tests/bench/report.h"

namespace storpool::bench {
namespace {

TEST(CasesTest, NamesAreReadBack) {
  EXPECT_EQ(GatedCases().size(), 12u);
  for (Case c : GatedCases()) {
    EXPECT_EQ(*ParseCase(c.Name()), c);
    c.flushed = false;
    EXPECT_EQ(*ParseCase(c.Name()), c);
  }
  EXPECT_EQ(ParseCase("write-1m-qd8-r2-tmpfs")->block_bytes, 1u << 20);
  for (const char* bad : {"", "write-4k-qd1-r3", "write-5k-qd1-r3-ext4", "write-4k-qd0-r3-ext4",
                          "erase-4k-qd1-r3-ext4", "read-4k-qd1-r4-tmpfs", "read-4k-qd1-r3-xfs",
                          "read-2m-qd1-r3-ext4", "read-4k-qd1-r3-ext4-fast"}) {
    EXPECT_FALSE(ParseCase(bad).ok()) << bad;
  }
}

TEST(CasesTest, OptionsChooseAndErrorsName) {
  const auto options = ParseOptions({"--json", "--case=read-4k-qd32-r3-tmpfs", "--seconds=1.5",
                                     "--rounds=3", "--floor=/opt/chainlimit"});
  ASSERT_TRUE(options.ok());
  EXPECT_TRUE(options->json);
  EXPECT_EQ(options->cases.size(), 1u);
  EXPECT_EQ(options->seconds, 1.5);
  EXPECT_EQ(options->rounds, 3u);
  EXPECT_EQ(options->floor_program, "/opt/chainlimit");
  EXPECT_EQ(ParseOptions({})->cases, GatedCases());
  EXPECT_EQ(ParseOptions({})->volume_bytes, uint64_t{4} << 30);
  const auto small = ParseOptions({"--dir=/data", "--volume-mib=64", "--counters"});
  ASSERT_TRUE(small.ok());
  EXPECT_EQ(small->folder, "/data");
  EXPECT_EQ(small->volume_bytes, 64u << 20);
  EXPECT_EQ(small->disk_bytes, 0u);
  EXPECT_EQ(ParseOptions({"--disk-mib=1024"})->disk_bytes, 1024u << 20);
  EXPECT_TRUE(small->counters);
  for (const char* bad : {"--seconds=0", "--rounds=x", "--what", "--case=foo", "--floor=", "--dir=",
                          "--volume-mib=31", "--volume-mib=x", "--disk-mib=0", "--disk-mib=x"}) {
    EXPECT_FALSE(ParseOptions({bad}).ok()) << bad;
  }
}

TEST(ReportTest, MediansAndJson) {
  std::vector<CaseResult> rounds(3);
  rounds[0].iops = 5, rounds[1].iops = 100, rounds[2].iops = 7;
  EXPECT_EQ(Median(rounds).iops, 7);
  rounds.pop_back();
  EXPECT_EQ(Median(rounds).iops, 52.5);
  CaseReport report{GatedCases()[0], rounds[1], rounds[0], std::nullopt};
  EXPECT_EQ(ToJson(report).find("{\"case\":\"write-4k-qd1-r3-ext4\",\"iops\":100,"), 0u);
  EXPECT_NE(ToJson(report).find("\"floor\":{\"iops\":5,"), std::string::npos);
  EXPECT_NE(ToTable({report}).find("20.00"), std::string::npos);
  EXPECT_EQ(ToJson(report).find("own_floor"), std::string::npos);
  report.own_floor = rounds[1];
  EXPECT_NE(ToJson(report).find("\"own_floor\":{\"iops\":100,"), std::string::npos);
  EXPECT_NE(ToTable({report}).find("our own floor 100 IOPS"), std::string::npos);
}

TEST(ReportTest, CostsOfAnOperation) {
  const ProbeCounts before{.polls = 1, .sends = 2}, after{.polls = 5, .sends = 12};
  const OperationCosts costs{.sleeps = 1.5, .client = after.Since(before).Each(4), .nodes = {}};
  EXPECT_EQ(costs.client.system_calls(), 3.5);
  const std::string json = CostsToJson(GatedCases()[0], costs);
  EXPECT_EQ(json.find("{\"case\":\"write-4k-qd1-r3-ext4\",\"sleeps\":1.50,\"client\":{\"system"),
            0u);
  EXPECT_NE(json.find("\"polls\":1.00,"), std::string::npos) << json;
  EXPECT_NE(json.find("\"sends\":2.50,"), std::string::npos) << json;
}

TEST(FloorProgramTest, ReadsItsLineAndRefusesOthers) {
  const FloorResult result{1000, 12.5, 11, 99, 250, 3};
  const auto read = ParseFloor(ToJson(FloorOptions(), result));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->iops, 1000);
  EXPECT_EQ(read->mean_us, 12.5);
  EXPECT_EQ(read->p999_us, 250);
  for (const char* bad : {"", "floor: no room", "{}", "[1]", "{\"iops\":\"many\"}"}) {
    EXPECT_FALSE(ParseFloor(bad).ok()) << bad;
  }
}

TEST(ChildTest, CommandsGiveTheirOutputOrTheirError) {
  EXPECT_EQ(*RunToEnd({{"/bin/echo", "a b"}, {}}), "a b\n");
  EXPECT_EQ(*RunToEnd({{"/bin/sh", "-c", "echo $X"}, {"X=1"}}), "1\n");
  const auto failed = RunToEnd({{"/bin/sh", "-c", "echo why >&2; exit 3"}, {}});
  EXPECT_NE(failed.status().message().find("why"), absl::string_view::npos);
  auto child = Child::Start({{"/bin/sleep", "1000"}, {}}, testing::TempDir() + "/log");
  ASSERT_TRUE(child.ok());
  EXPECT_TRUE(child->Running());
  EXPECT_FALSE(child->Stop().ok());  // the signal ended it
  EXPECT_FALSE(child->Running());
}

class LoadTest : public testing::Test {
 protected:
  // Runs the load until `turns` turns are over, or to its end if it has one.
  void Run(Load& load, int turns) {
    load.SetMeasuring(true);
    load.Start();
    for (int i = 0; i < turns; ++i) reactor.RunTurn();
    load.Stop();
    reactor.RunUntilIdle();
    ASSERT_TRUE(load.done());
  }
  env::ManualReactor reactor;
  block::MemoryBlockDevice device{reactor, {.size_bytes = 8 << 20, .read_only = false}};
  Content content{device.pool(), 8 << 20, 3};
};

TEST_F(LoadTest, PrefillThenWriteThenReadFindsEveryBlock) {
  Load fill(device, reactor.clock(), content,
            {.read = false, .sequential = true, .block_bytes = 1 << 20, .depth = 2, .seed = 1});
  Run(fill, 1000);
  EXPECT_EQ(fill.latencies().count(), 8u);
  Load write(device, reactor.clock(), content, {.read = false, .depth = 8, .seed = 2});
  Run(write, 300);
  EXPECT_GT(write.latencies().count(), 300u);
  Load read(device, reactor.clock(), content, {.read = true, .depth = 8, .seed = 3});
  Run(read, 300);
  EXPECT_GT(read.latencies().count(), 300u);
  EXPECT_TRUE(read.status().ok()) << read.status();
}

TEST_F(LoadTest, ABlockThatDiffersStopsTheLoad) {
  Load read(device, reactor.clock(), content, {.read = true, .depth = 4, .seed = 3});
  Run(read, 300);  // nothing was ever written: zeroes
  EXPECT_TRUE(absl::IsDataLoss(read.status())) << read.status();
}

TEST(ProcessCpuTest, GrowsWithWork) {
  const pid_t self = getpid();
  const uint64_t before = CpuNanos({&self, 1});
  volatile uint64_t sum = 0;
  for (int i = 0; i < 30'000'000; ++i) sum = sum + static_cast<uint64_t>(i);
  EXPECT_GT(CpuNanos({&self, 1}), before + 1'000'000);
  const pid_t nobody = 1 << 22;
  EXPECT_EQ(CpuNanos({&nobody, 1}), 0u);
}

TEST(ProcessCpuTest, SleepsAreCounted) {
  const pid_t self = getpid();
  const uint64_t before = Sleeps({&self, 1});
  usleep(1000);
  EXPECT_GT(Sleeps({&self, 1}), before);
}

TEST(FloorTest, MeasuresEveryLengthOfChainForWritesAndReads) {
  FloorOptions options;
  options.depth = 4;
  options.file_bytes = 4 << 20;
  options.folder = testing::TempDir();
  options.seconds = 0.1;
  options.warm_up_seconds = 0;
  for (options.replicas = 1; options.replicas <= 3; ++options.replicas) {
    for (options.read = false;; options.read = true) {
      const auto result = MeasureFloor(options);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_GT(result->iops, 0);
      EXPECT_LE(result->p50_us, result->p99_us);
      EXPECT_GT(result->cpu_us_per_op, 0);
      if (options.read) break;
    }
  }
  options.folder = "/does/not/exist";
  EXPECT_FALSE(MeasureFloor(options).ok());
  // Files that are kept are made once and used again; reads may come from another.
  options.replicas = 1;
  options.kept_files = testing::TempDir() + "/kept";
  options.read = false;
  ASSERT_TRUE(MeasureFloor(options).ok());
  EXPECT_EQ(std::filesystem::file_size(options.kept_files + ".0"), options.file_bytes);
  options.read_file = options.kept_files + ".0";
  options.read = true;
  options.kept_files.clear();
  EXPECT_TRUE(MeasureFloor(options).ok());
  options.read_file = "/does/not/exist";
  EXPECT_FALSE(MeasureFloor(options).ok());
}

}  // namespace
}  // namespace storpool::bench
