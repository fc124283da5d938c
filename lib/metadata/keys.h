// The keys of metadata's store. Numbers are fixed-width hexadecimal, so that a scan is in order.
//
//   cluster              ClusterRecord       applied              log index, hexadecimal
//   node/ID              Node                disk/ID              DiskRecord
//   client/ID            ClientRecord        group/ID             PlacementGroup
//   template/ID          Template            table/ID             Table
//   chain/RAW            ChainRecord
//   volume/ID            Volume              line/LINEAGE         Line, without layers
//   layer/LIN-LAYER      LayerRecord         removed/LIN-LAYER    RemovedRecord
//   lost/LINEAGE         Line, whole, of a volume that a restore has forgotten
//   operation/ID         OperationRecord     fill/LINEAGE         FillRecord
//   bucket/ID            BucketRecord
//   attachment/VOL-CLI   AttachmentRecord    fence/ID             FenceRecord
//   drop/LINEAGE         DropRecord          former/DISK-CHAIN    FormerRecord
//   section/NAME         version of a section: log index of its last change (design 6.6); a line's
//                        section has its line version and no record
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace storpool::metadata {

inline constexpr char kClusterKey[] = "cluster";
inline constexpr char kAppliedKey[] = "applied";
inline constexpr char kSectionPrefix[] = "section/";

std::string EncodeKey(uint64_t number);
std::string EncodeKey(std::pair<uint64_t, uint64_t> numbers);
bool DecodeKey(std::string_view text, uint64_t& number);
bool DecodeKey(std::string_view text, std::pair<uint64_t, uint64_t>& numbers);

}  // namespace storpool::metadata
