// How fast the whole is: three nodes as processes of their own, a volume on them, load from a
// client, by turns with the floor of the machine. See README.md for the options.
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/cases.h"
#include "tests/bench/floor_program.h"
#include "tests/bench/measure.h"
#include "tests/bench/report.h"

namespace storpool::bench {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kFloorFileBytes = 512 * kMiB;  // of the reference program

void Say(const std::string& text) { std::fprintf(stderr, "%s\n", text.c_str()); }

uint64_t AvailableMemory() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;) {
    uint64_t kib = 0;
    if (word == "MemAvailable:" && file >> kib) return kib << 10;
  }
  return 0;
}

// Room for five rounds of a case before the log must be cleaned, unless the machine is very fast:
// the floor, which writes in place, has nothing like it (--disk-mib=N makes it smaller: a disk in
// use for long). In memory as much of that as there is, leaving something to others.
uint64_t DiskBytes(const BenchOptions& options, Place place, uint64_t free_bytes) {
  const uint64_t volume = options.volume_bytes;
  if (options.disk_bytes > 0) return options.disk_bytes;
  const uint64_t wanted = 3 * volume + 1024 * kMiB;
  if (place == Place::kExt4) return wanted;
  constexpr uint64_t kForOthers = 1024 * kMiB + 3 * kFloorFileBytes;
  const uint64_t each = free_bytes > kForOthers ? (free_bytes - kForOthers) / 3 : 0;
  return std::clamp(each, volume * 5 / 4 + 512 * kMiB, wanted) / kMiB * kMiB;
}

// Cases that can share a cluster. On a device one that writes has its own, so that it begins on a
// volume just filled and its figure does not depend on what ran before: a fast machine fills the
// disks with one such case, and the next would run beside the cleaning of what that one left.
bool SameCluster(const Case& a, const Case& b) {
  return a.place == b.place && a.replicas == b.replicas && a.flushed == b.flushed &&
         (a.place == Place::kTmpfs || (a.read && b.read));
}

class Bench {
 public:
  explicit Bench(BenchOptions options) : options_(std::move(options)) {}

  absl::Status Run() {
    const absl::StatusOr<std::string> own = ProgramPath("tests/bench/floor");
    if (!own.ok()) return own.status();
    own_floor_ = *own;
    std::vector<Case> left = options_.cases;
    while (!left.empty()) {
      std::vector<Case> group, others;
      group.push_back(left[0]);
      for (size_t i = 1; i < left.size(); ++i) {
        (SameCluster(left[i], left[0]) ? group : others).push_back(left[i]);
      }
      const absl::Status done = RunGroup(group);
      if (!done.ok()) return done;
      left = others;
    }
    if (!options_.json && !options_.counters) std::printf("%s", ToTable(reports_).c_str());
    return absl::OkStatus();
  }

 private:
  std::string PlaceFolder(Place place) const {
    if (place == Place::kTmpfs) return "/dev/shm";
    if (!options_.folder.empty()) return std::filesystem::absolute(options_.folder);
    const char* test = std::getenv("TEST_TMPDIR");
    return test != nullptr ? std::string(test) : std::filesystem::temp_directory_path().string();
  }

  // The size of a disk; the floor's files fit beside ours, and something is left for others.
  absl::StatusOr<uint64_t> FindRoom(const std::string& folder, Place place) const {
    constexpr long kExt4Magic = 0xef53;
    struct statvfs room = {};
    struct statfs kind = {};
    if (statvfs(folder.c_str(), &room) != 0 || statfs(folder.c_str(), &kind) != 0) {
      return absl::ErrnoToStatus(errno, folder);
    }
    if (place == Place::kExt4 && kind.f_type != kExt4Magic) {
      Say(absl::StrCat("note: ", folder, " is not on ext4; --dir=FOLDER chooses another"));
    }
    const uint64_t floor = place == Place::kExt4 ? options_.volume_bytes : kFloorFileBytes;
    uint64_t free = uint64_t{room.f_bavail} * room.f_frsize;
    if (place == Place::kTmpfs) free = std::min(free, AvailableMemory());
    const uint64_t disk = DiskBytes(options_, place, free);
    const uint64_t wanted = 3 * (disk + floor) + 256 * kMiB;
    if (free >= wanted) return disk;
    return absl::ResourceExhaustedError(
        absl::StrCat(folder, " has ", free / kMiB, " MiB left, the run needs ", wanted / kMiB,
                     "; choose a smaller --volume-mib or another --dir"));
  }

  // A device answers the faster the closer together and the fresher its blocks are: on one, the
  // floor writes files as large and as old as the volume, and reads what a node reads, the disk of
  // node 1. Another program makes its own files each time.
  FloorRun FloorOf(const std::string& program, Place place, const BenchCluster& cluster) const {
    FloorRun run;
    run.program = program;
    run.folder = PlaceFolder(place);
    run.file_bytes = std::min(kFloorFileBytes, options_.volume_bytes);
    run.seconds = options_.seconds;
    if (place == Place::kExt4 && options_.floor_program.empty()) {
      run.file_bytes = options_.volume_bytes;
      run.kept_files = cluster.folder() + "/floor";
      run.read_file = cluster.a_disk();
    }
    return run;
  }

  // The volume and, beside it, the files that the floor will use.
  absl::Status Fill(Measurement& measurement, const Case& first, const FloorRun& floor) {
    absl::StatusOr<std::string> made = "";
    std::thread maker;
    if (!floor.kept_files.empty() && !options_.counters) {
      FloorRun short_run = floor;
      short_run.seconds = 0.01;
      Case writes = first;  // reads would need no files
      writes.read = false;
      maker = std::thread([&made, words = FloorWords(short_run, writes)] {
        made = RunToEnd({words, {}});
      });
    }
    const absl::Status filled = measurement.Fill();
    if (maker.joinable()) maker.join();
    return filled.ok() ? made.status() : filled;
  }

  absl::Status RunGroup(const std::vector<Case>& group) {
    const Case& first = group[0];
    const std::string place = PlaceFolder(first.place);
    const absl::StatusOr<uint64_t> disk_bytes = FindRoom(place, first.place);
    if (!disk_bytes.ok()) return disk_bytes.status();
    ClusterOptions cluster_options;
    cluster_options.folder = absl::StrCat(place, "/storpool-bench.", getpid());
    cluster_options.volume_bytes = options_.volume_bytes;
    cluster_options.disk_bytes = *disk_bytes;
    // Memory that a file has not had before costs a page at a time; on a device it would cost
    // minutes, and blocks there are written for the first time as they would be in use.
    cluster_options.preallocate = first.place == Place::kTmpfs;
    cluster_options.replicas = first.replicas;
    const char* probe = std::getenv(kProbeFolder);
    if (options_.counters || !first.flushed) {
      const absl::StatusOr<std::string> library = ProgramPath("tests/bench/libprobe.so");
      if (!library.ok()) return library.status();
      cluster_options.node_environment.push_back(absl::StrCat("LD_PRELOAD=", *library));
      if (!first.flushed) {
        cluster_options.node_environment.push_back(absl::StrCat(kProbeUnflushed, "=1"));
      }
    }
    Say(absl::StrCat("starting three nodes in ", cluster_options.folder, ", disks of ",
                     cluster_options.disk_bytes / kMiB, " MiB"));
    auto cluster = BenchCluster::Start(cluster_options);
    if (!cluster.ok()) return cluster.status();
    Measurement measurement(**cluster, probe == nullptr ? "" : probe);
    Say(absl::StrCat("filling a volume of ", options_.volume_bytes / kMiB, " MiB, ", first.replicas,
                     " mirrors"));
    absl::Status status = Fill(measurement, first, FloorOf(own_floor_, first.place, **cluster));
    if (status.ok()) {
      Say(absl::StrCat("idle daemons together: ", 100 * measurement.IdleShare(3), " % of a core"));
    }
    for (const Case& c : group) {
      if (status.ok()) status = RunCase(measurement, c, **cluster);
    }
    return status;
  }

  absl::Status RunCase(Measurement& measurement, const Case& c, const BenchCluster& cluster) {
    std::vector<std::string> programs = {own_floor_};
    if (!options_.floor_program.empty()) programs.insert(programs.begin(), options_.floor_program);
    if (options_.counters) programs.clear();
    std::vector<CaseResult> ours;
    std::vector<std::vector<CaseResult>> floors(programs.size());
    Round last;
    for (uint32_t i = 0; i < options_.rounds; ++i) {
      for (size_t f = 0; f < programs.size(); ++f) {
        const absl::StatusOr<FloorResult> floor =
            RunFloor(FloorOf(programs[f], c.place, cluster), c);
        if (!floor.ok()) return floor.status();
        floors[f].push_back(*floor);
      }
      const absl::StatusOr<Round> round = measurement.Run(c, options_.seconds, ++seed_);
      if (!round.ok()) return round.status();
      last = *round;
      ours.push_back(last.result);
    }
    if (options_.counters) {
      std::printf("%s\n", CostsToJson(c, last.costs).c_str());
      std::fflush(stdout);
      return absl::OkStatus();
    }
    reports_.push_back({c, Median(ours), Median(floors[0]), std::nullopt});
    if (floors.size() > 1) reports_.back().own_floor = Median(floors[1]);
    if (options_.json) {
      std::printf("%s\n", ToJson(reports_.back()).c_str());
      std::fflush(stdout);
    } else {
      Say(absl::StrCat(ToTable({reports_.back()}),
                       "wake-ups per operation, all processes: ", last.costs.sleeps));
    }
    return absl::OkStatus();
  }

  BenchOptions options_;
  std::string own_floor_;  // program
  std::vector<CaseReport> reports_;
  uint64_t seed_ = 100;
};

// The client is this process: to be counted, it begins again with the probe in it.
absl::Status BeginAgainWithProbe(char** argv) {
  const absl::StatusOr<std::string> library = ProgramPath("tests/bench/libprobe.so");
  if (!library.ok()) return library.status();
  char folder[] = "/dev/shm/storpool-probe.XXXXXX";
  if (mkdtemp(folder) == nullptr) return absl::ErrnoToStatus(errno, folder);
  setenv(kProbeFolder, folder, 1);
  setenv("LD_PRELOAD", library->c_str(), 1);
  execv("/proc/self/exe", argv);
  return absl::ErrnoToStatus(errno, "exec");
}

}  // namespace
}  // namespace storpool::bench

int main(int argc, char** argv) {
  using namespace storpool::bench;
  RemoveFoldersWhenInterrupted();
  const auto options = ParseOptions({argv + 1, argv + argc});
  if (!options.ok()) {
    Say(std::string(options.status().message()));
    return 2;
  }
  const char* probe = std::getenv(kProbeFolder);
  if (options->counters && probe == nullptr) {
    Say(std::string(BeginAgainWithProbe(argv).message()));
    return 1;
  }
  absl::StatusOr<std::unique_ptr<ScratchFolder>> counts = nullptr;
  if (probe != nullptr) counts = ScratchFolder::Make(probe);
  const absl::Status status = counts.ok() ? Bench(*options).Run() : counts.status();
  if (status.ok()) return 0;
  Say(absl::StrCat("cluster_bench: ", status.message()));
  return 1;
}
