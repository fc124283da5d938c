// Control messages (proto/cluster.proto) to the model and back: the only code that knows both.
//
// Contract: what ToModel returns has passed its Validate(), and every number was bounded before it
// was narrowed; anything else is kInvalidArgument with the name of the thing.
// ToMessage(ToModel(m)) == m for every valid m.
#pragma once

#include "absl/status/statusor.h"
#include "lib/model/chain_config.h"
#include "lib/model/line.h"
#include "proto/cluster.pb.h"

namespace storpool::control {

// Raises that may ride on one name: one for each session of the table's volumes that was fenced
// while the chain was not open, which are all of them when everything starts at once.
inline constexpr int kRaisesPerNameMax = 1 << 20;

absl::StatusOr<model::ChainConfig> ToModel(const ChainConfig& message);
// `last_opened` may be absent (never opened): then epoch 0 without members. It must be of the same
// chain and not of a higher epoch.
absl::StatusOr<model::NamedConfig> ToModel(const NamedConfig& message);
absl::StatusOr<model::Raise> ToModel(const Raise& message);
absl::StatusOr<model::Line> ToModel(const Line& message);

ChainConfig ToMessage(const model::ChainConfig& config);
NamedConfig ToMessage(const model::NamedConfig& config);
Raise ToMessage(const model::Raise& raise);
Line ToMessage(const model::Line& line);

}  // namespace storpool::control
