// disk init PATH, disk ID ...: what is done to disks.
#include <algorithm>
#include <functional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/table.h"
#include "lib/base/limits.h"
#include "lib/base/size.h"
#include "lib/embed/cluster_file.h"
#include "lib/embed/disk_init.h"
#include "lib/json/disks.h"

namespace storpool::cli {
namespace {

absl::StatusOr<Output> Forget(Session& session, const Arguments& arguments) {
  DiskForgetRequest request;
  request.set_disk(arguments.Id("ID"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::DiskForget, request));
}

absl::StatusOr<Output> EjectOrReturn(Session& session, const Arguments& arguments,
                                     bool bring_back) {
  DiskEjectRequest request;
  request.set_disk(arguments.Id("ID"));
  request.set_bring_back(bring_back);
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::DiskEject, request));
}

absl::StatusOr<Output> Eject(Session& session, const Arguments& arguments) {
  return EjectOrReturn(session, arguments, false);
}

absl::StatusOr<Output> Return(Session& session, const Arguments& arguments) {
  return EjectOrReturn(session, arguments, true);
}

absl::StatusOr<Output> SetSoftEject(Session& session, const Arguments& arguments,
                                    Disk::SoftEject soft_eject) {
  DiskUpdateRequest request;
  request.set_disk(arguments.Id("ID"));
  request.set_soft_eject(soft_eject);
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::DiskUpdate, request));
}

absl::StatusOr<Output> SoftEject(Session& session, const Arguments& arguments) {
  const std::string what = arguments.Text("WHAT");
  return SetSoftEject(session, arguments,
                      what == "pause"                     ? Disk::SOFT_EJECT_PAUSED
                      : what == "cancel" || what == "off" ? Disk::SOFT_EJECT_OFF
                                                          : Disk::SOFT_EJECT_ON);
}

absl::StatusOr<Output> SoftEjectPause(Session& session, const Arguments& arguments) {
  return SetSoftEject(session, arguments, Disk::SOFT_EJECT_PAUSED);
}

absl::StatusOr<Output> SoftEjectCancel(Session& session, const Arguments& arguments) {
  return SetSoftEject(session, arguments, Disk::SOFT_EJECT_OFF);
}

absl::StatusOr<Output> Describe(Session& session, const Arguments& arguments) {
  DiskUpdateRequest request;
  request.set_disk(arguments.Id("ID"));
  request.set_description(arguments.Text("TEXT"));
  return ChangeOutput(session.admin.Call(&Admin::StubInterface::DiskUpdate, request));
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
  const Parameter id = DiskIdParameter();
  return {
      {.pattern = "disk init PATH",
       .summary = "Make a file or block device a disk of the cluster",
       .values = {{.word = "PATH",
                   .value = "PATH",
                   .kind = Kind::kPath,
                   .help = "A block device, a file, or where to make a file; of a large drive "
                           "also a range of bytes: PATH@OFFSET+SIZE, such as /dev/sdb@0+4T."}},
       .parameters = InitParameters(),
       .details = "Needs no server; the node that owns it is started with it afterwards. What "
                  "holds data is refused.",
       .example = "disk init /dev/nvme0n1 id 101 cluster /etc/storpool/cluster",
       .run = Init},
      {.pattern = "disk ID softEject [WHAT]",
       .summary = "Let a disk's data move to others, so that it can be taken out",
       .values = {id,
                  {.word = "WHAT",
                   .value = "WHAT",
                   .kind = Kind::kChoice,
                   .help = "on, off, pause or cancel; else on.",
                   .choices = {"on", "off", "pause", "cancel"}}},
       .details = "Follow it with relocator status --watch; then stop the node, or eject the disk, "
                  "and forget it.",
       .example = "disk 101 softEject",
       .run = SoftEject},
      {.pattern = "disk ID softEjectPause",
       .summary = "Move nothing more from a disk for now",
       .values = {id},
       .run = SoftEjectPause},
      {.pattern = "disk ID softEjectCancel",
       .summary = "Let a disk stay; what has moved moves back",
       .values = {id},
       .run = SoftEjectCancel},
      {.pattern = "disk ID eject",
       .summary = "Take a disk out at once, even if it is not empty",
       .values = {id},
       .details = "Its chains go on without it. It returns only by disk ID return.",
       .run = Eject},
      {.pattern = "disk ID return",
       .summary = "Let a disk that was ejected in again",
       .values = {id},
       .run = Return},
      {.pattern = "disk ID description [TEXT]",
       .summary = "Say what a disk is, for people",
       .values = {id,
                  {.word = "TEXT",
                   .value = "TEXT",
                   .kind = Kind::kRest,
                   .help = "Up to 30 letters, digits, and _ - and spaces; nothing takes it away."}},
       .example = "disk 101 description left bay 3",
       .run = Describe},
      {.pattern = "disk ID forget",
       .summary = "Remove a disk that is down from all groups; other disks take its chains",
       .values = {id},
       .example = "disk 101 forget",
       .run = Forget},
  };
}

}  // namespace storpool::cli
