// Every command of storpoolctl, by the object that it is about.
#pragma once

#include <vector>

#include "cli/command.h"
#include "cli/session.h"

namespace storpool::cli {

std::vector<Command> ClusterCommands();
std::vector<Command> MetadataCommands();
std::vector<Command> DiskCommands();
std::vector<Command> DiskListCommands();
std::vector<Command> PlacementGroupCommands();
std::vector<Command> TemplateCommands();
std::vector<Command> VolumeCommands();
std::vector<Command> VolumeStatusCommands();
std::vector<Command> VolumeChangeCommands();
std::vector<Command> SnapshotCommands();
std::vector<Command> SpaceCommands();
std::vector<Command> AttachCommands();
std::vector<Command> RelocatorCommands();

// All of them, in the order of the help.
std::vector<Command> AllCommands();

// StorPool's words for what is not here. They stand in no help and are not run: the summary says
// why, and is the answer.
std::vector<Command> AbsentCommands();

// What most commands share.

// "OK", and info if there is any.
Output ChangeOutput(const ChangeAnswer& answer);
absl::StatusOr<Output> ChangeOutput(const absl::StatusOr<ChangeAnswer>& answer);
// "ID" of "disk ID forget".
Parameter DiskIdParameter();
// Of a command without a server: no generation.
Output LocalOutput(json::Json data, std::string text);

}  // namespace storpool::cli
