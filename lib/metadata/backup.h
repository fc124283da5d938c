// A consistent copy of metadata's store, and its way back (design 6.1, hazard 6.3).
//
// Format: "SPMETA01", the cluster's uuid (16 bytes), then for each key in order: key length (u32),
// key, value length (u32), value; u32 0xffffffff; SHA-256 of all before it. Little-endian.
//
// A restored cluster knows less than its members: epochs, generations, line versions and ids jump,
// members report their highest when they register, and nothing is named or granted before every
// known node has registered or an operator says so (R22).
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "lib/env/key_value.h"

namespace storpool::metadata {

// Gives the pieces of the file, each at most about 1 MiB. Of the state between two commands.
absl::Status Backup(const env::KeyValueStore& store,
                    const std::function<void(std::string_view piece)>& on_piece);

// Into an empty store. kInvalidArgument for what is no backup, kDataLoss for a damaged one,
// kAlreadyExists if the store holds a cluster.
absl::Status Restore(std::string_view backup, env::KeyValueStore& store);

}  // namespace storpool::metadata
