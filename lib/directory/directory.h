// The cluster map as a node or a client knows it (design 6.6): where disks are, which members a
// chain has, which layers a lineage has. A pure step object: sections from metadata and hints from
// members go in, what changed comes out.
//
// Invariant (hazard 4.1): knowledge never goes back. Of each chain the newest named and the newest
// opened config are kept, by epoch; of each line the newest version; of the disks the newest
// section. Equal numbers with different content change nothing and are an alarm. A line that came
// in part is taken over where it fits; who cannot take it is told to ask for the whole.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/status/statusor.h"
#include "lib/base/types.h"
#include "lib/model/chain_config.h"
#include "lib/model/line.h"
#include "lib/wire/messages.h"
#include "proto/control.pb.h"

namespace storpool::directory {

// What one step changed; each list is sorted and names a thing once.
struct Changes {
  bool disks = false;  // an address or a disk's place
  std::vector<TableId> tables;
  std::vector<ChainId> chains;
  std::vector<LineageId> lines;
  // Of these a newer line came, but only what has changed since a version that is not known here:
  // subscribe to line/LINEAGE again, with version 0.
  std::vector<LineageId> incomplete;
  std::vector<uint32_t> attachments;  // ids of the clients whose attachments these are
  std::vector<std::string> alarms;    // for the log and for metadata: contradictions

  bool empty() const;
};

class Directory {
 public:
  // Sections in any order, repeated, late or partial. An error means that the section is malformed
  // and names what; then nothing of it was taken over.
  absl::StatusOr<Changes> Apply(const Section& section);
  Changes Apply(const model::NamedConfig& config);
  // A config that a member has adopted or that metadata has opened.
  Changes Apply(const model::ChainConfig& config);
  Changes Apply(const model::Line& line);
  Changes Apply(const wire::ConfigHint& hint) { return Apply(hint.config); }
  Changes Apply(const wire::LineHint& hint) { return Apply(hint.line); }

  // nullptr if unknown. Valid until the next Apply.
  const model::ChainConfig* NewestNamed(ChainId chain) const;
  const model::ChainConfig* NewestOpened(ChainId chain) const;
  // With its view.
  const model::Line* FindLine(LineageId lineage) const;

  // The address of the reactor that owns the disk; empty if unknown. Valid until the next Apply.
  std::string_view AddressOf(DiskId disk) const;
  // How many chains the table has; 0 if the table is not known. Configs of its
  // chains may still be on their way.
  uint32_t ChainsOf(TableId table) const;

  // Those of a client as metadata last sent them; nullptr before that.
  const AttachmentsSection* AttachmentsOf(ClientId client) const;

  // For Subscribe and Heartbeat: the newest version taken over of each section, by name; of a line
  // its own version, wherever it came from.
  const absl::btree_map<std::string, uint64_t>& section_versions() const { return versions_; }

 private:
  struct Chain {
    model::ChainConfig named;   // epoch 0: unknown
    model::ChainConfig opened;  // epoch 0: unknown
  };

  void Merge(const model::ChainConfig& config, Changes& changes);
  void Merge(const model::Line& line, Changes& changes);
  absl::Status ApplyDisks(const DisksSection& section, bool newer, Changes& changes);
  absl::Status ApplyTable(const TableSection& section, Changes& changes);
  absl::Status ApplyAttachments(std::string_view name, const AttachmentsSection& section,
                                bool newer, Changes& changes);

  absl::btree_map<ChainId, Chain> chains_;
  absl::btree_map<LineageId, model::Line> lines_;
  absl::btree_map<TableId, uint32_t> tables_;
  absl::btree_map<DiskId, std::string> addresses_;
  absl::btree_map<uint32_t, AttachmentsSection> attachments_;
  absl::btree_map<std::string, uint64_t> versions_;
};

}  // namespace storpool::directory
