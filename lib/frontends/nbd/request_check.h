// Whether a request of the transmission phase may reach the device, decided before its payload is
// received. Pure.
#pragma once

#include "absl/status/status.h"
#include "lib/block/block_device.h"
#include "lib/frontends/nbd/parser.h"

namespace storpool::nbd {

struct Refusal {
  Error error = Error::kNone;
  const char* text = "";
};

// kNone: it may. Disconnect is not asked about.
Refusal CheckRequest(const Request& request, const block::BlockDeviceInfo& info,
                     bool structured_replies, bool allocation_context);

// What a device's answer is called in NBD. `request`: running out of range means "no space" for
// what adds data, "invalid" for all else.
Error ErrorFor(const absl::Status& status, const Request& request);

}  // namespace storpool::nbd
