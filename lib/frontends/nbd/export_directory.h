// Which volumes a server exports, by name. The owner of the volumes implements it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/block/block_device.h"

namespace storpool::nbd {

class ExportDirectory {
 public:
  virtual ~ExportDirectory() = default;
  // One device may have several names. It stays until Server::CloseDevice has called back. Errors
  // are told to the client: kNotFound, kPermissionDenied, kUnavailable (later perhaps), others as
  // they are.
  virtual absl::StatusOr<block::BlockDevice*> Find(std::string_view name) = 0;
  virtual std::vector<std::string> List() = 0;
};

}  // namespace storpool::nbd
