// disk ...
#include <algorithm>
#include <functional>
#include <ostream>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/commands.h"
#include "cli/size.h"
#include "cli/table.h"
#include "lib/base/limits.h"
#include "lib/embed/cluster_file.h"
#include "lib/embed/disk_init.h"
#include "lib/json/disks.h"

namespace storpool::cli {
namespace {

std::string UsedPercent(const DiskInfo& info) {
  const uint64_t usable = info.usable_bytes();
  if (usable == 0) return "-";
  const uint64_t free = std::min(info.free_bytes(), usable);
  return absl::StrCat((usable - free) * 100 / usable, " %");
}

absl::StatusOr<Output> List(Session& session, const Arguments&) {
  const absl::StatusOr<uint64_t> generation = GenerationForJson(session);
  if (!generation.ok()) return generation.status();
  const absl::StatusOr<DiskListAnswer> answer =
      session.admin.Call(&Admin::StubInterface::DiskList, DiskListRequest());
  if (!answer.ok()) return answer.status();
  Table table({{"disk", Table::Align::kRight},
               {"server", Table::Align::kRight},
               {"size", Table::Align::kRight},
               {"used", Table::Align::kRight},
               {"est.free", Table::Align::kRight},
               {"%", Table::Align::kRight},
               {"chains", Table::Align::kRight},
               {"status"}});
  json::Json data = json::Json::object();
  std::string reasons;
  for (const DiskInfo& info : answer->disks()) {
    const Disk& disk = info.disk();
    data[absl::StrCat(disk.id())] = json::JsonOf(info);
    const std::string state = absl::AsciiStrToLower(Disk::State_Name(disk.state()));
    const bool syncing = disk.state() == Disk::UP && info.chains_syncing() > 0;
    table.AddRow({absl::StrCat(disk.id()), absl::StrCat(disk.node()), FormatSize(disk.size_bytes()),
                  FormatSize(info.stored_bytes()), FormatSize(info.free_bytes()), UsedPercent(info),
                  absl::StrCat(info.chains()), syncing ? "syncing" : state});
    if (syncing) {
      absl::StrAppend(&reasons, "disk ", disk.id(), " is syncing: ", info.chains_syncing(),
                      " chains, ", FormatSize(info.syncing_bytes()), " left\n");
    }
    if (disk.state() != Disk::UP && !disk.state_reason().empty()) {
      absl::StrAppend(&reasons, "disk ", disk.id(), " is ", state, ": ", disk.state_reason(), "\n");
    }
  }
  return Output{data, *generation, table.Text() + reasons};
}

absl::StatusOr<Output> Forget(Session& session, const Arguments& arguments) {
  DiskForgetRequest request;
  request.set_disk(arguments.Id("ID"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::DiskForget, request));
}

// "disk 101:  45 %" on a line of its own, on a terminal.
std::function<void(uint64_t)> ProgressTo(World& world, const std::string& path, uint64_t size) {
  if (!world.err_is_terminal || size == 0) return [](uint64_t) {};
  return [&world, path, size](uint64_t done_bytes) {
    world.err << absl::StrFormat("\r%s: %3d %%", path, done_bytes * 100 / size)
              << (done_bytes >= size ? "\n" : "") << std::flush;
  };
}

absl::StatusOr<Output> Init(Session& session, const Arguments& arguments) {
  const absl::StatusOr<embed::ClusterFile> cluster =
      embed::LoadClusterFile(arguments.Text("cluster"));
  if (!cluster.ok()) return cluster.status();
  const embed::DiskInitOptions options = {
      .path = arguments.Text("PATH"),
      .disk = DiskId(static_cast<uint16_t>(arguments.Number("id"))),
      .cluster = cluster->uuid,
      .size_bytes = arguments.Number("size"),
      .sparse = arguments.Has("sparse"),
      .force = arguments.Has("force"),
      .progress = ProgressTo(session.world, arguments.Text("PATH"), arguments.Number("size"))};
  const absl::StatusOr<embed::InitializedDisk> disk =
      embed::InitDisk(options, session.world.entropy);
  if (!disk.ok()) return disk.status();
  return LocalOutput({{"ok", true},
                      {"id", options.disk.value()},
                      {"path", options.path},
                      {"size", disk->size_bytes},
                      {"clusterName", cluster->name}},
                     absl::StrCat("OK\n", options.path, " is disk ", options.disk.value(), " of ",
                                  cluster->name, ", ", FormatSize(disk->size_bytes), "\n"));
}

std::vector<Parameter> InitParameters() {
  return {{.word = "id",
           .value = "ID",
           .kind = Kind::kNumber,
           .help = "0 to 4095, of no other disk of the cluster; by custom the node's times 100, "
                   "and a count.",
           .required = true,
           .max = kDiskIdMax},
          {.word = "cluster",
           .value = "FILE",
           .kind = Kind::kPath,
           .help = "The cluster file: metadata init made it.",
           .required = true},
          {.word = "size",
           .value = "SIZE",
           .kind = Kind::kSize,
           .help = "Makes a file of this size, such as 10G."},
          {.word = "sparse",
           .kind = Kind::kFlag,
           .help = "The file takes no room yet. For tests: it is slower, and may find no room."},
          {.word = "force",
           .value = "yes",
           .kind = Kind::kChoice,
           .help = "Whatever is there goes.",
           .choices = {"yes"}}};
}

}  // namespace

std::vector<Command> DiskCommands() {
  return {
      {.pattern = "disk init PATH",
       .summary = "Make a file or block device a disk of the cluster",
       .values = {{.word = "PATH",
                   .value = "PATH",
                   .kind = Kind::kPath,
                   .help = "A block device, a file, or where to make a file."}},
       .parameters = InitParameters(),
       .details = "Needs no server; the node that owns it is started with it afterwards. What "
                  "holds data is refused.",
       .example = "disk init /dev/nvme0n1 id 101 cluster /etc/storpool/cluster",
       .run = Init},
      {.pattern = "disk list",
       .summary = "List the disks: size, use, chains, and why one is not up",
       .run = List},
      {.pattern = "disk ID forget",
       .summary = "Remove a disk that is down from all groups; other disks take its chains",
       .values = {{.word = "ID",
                   .value = "ID",
                   .kind = Kind::kNumber,
                   .help = "0 to 4095; see disk list.",
                   .max = kDiskIdMax}},
       .example = "disk 101 forget",
       .run = Forget},
  };
}

}  // namespace storpool::cli
