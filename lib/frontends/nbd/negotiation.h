// The server's side of fixed newstyle negotiation: what a client says in, what it is answered out.
// Pure but for the directory of exports.
//
// Invariant: every option is answered exactly once, in order, whatever it is; a client that leaves
// the protocol is dropped.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lib/frontends/nbd/constants.h"
#include "lib/frontends/nbd/export_directory.h"
#include "lib/frontends/nbd/options.h"

namespace storpool::nbd {

// What was agreed on.
struct Agreement {
  std::string export_name;
  block::BlockDevice* device = nullptr;
  bool structured_replies = false;
  bool allocation_context = false;  // base:allocation, as kAllocationContextId
};

inline constexpr uint32_t kAllocationContextId = 1;

class Negotiation {
 public:
  enum class Next {
    kOption,    // the client goes on
    kTransmit,  // agreement() holds from the next byte on
    kFinish,    // say what is to be said, then close
    kDrop,      // close: drop_reason()
  };

  explicit Negotiation(ExportDirectory& exports) : exports_(exports) {}

  // Both append to *out what the client is answered.
  Next OnClientFlags(uint32_t flags);
  Next OnOption(Option option, std::span<const uint8_t> data, bool too_big, std::string* out);

  const Agreement& agreement() const { return agreement_; }
  const std::string& drop_reason() const { return drop_reason_; }

 private:
  Next Drop(std::string reason);
  Next ExportName(std::span<const uint8_t> data, std::string* out);
  Next InfoOrGo(Option option, std::span<const uint8_t> data, std::string* out);
  Next List(std::span<const uint8_t> data, std::string* out);
  Next StructuredReply(std::span<const uint8_t> data, std::string* out);
  Next MetaContext(Option option, std::span<const uint8_t> data, std::string* out);
  void Agree(const std::string& name, block::BlockDevice* device);

  ExportDirectory& exports_;
  uint32_t options_ = 0;
  bool fixed_newstyle_ = false;
  bool no_zeroes_ = false;
  bool structured_replies_ = false;
  // The last kSetMetaContext: it counts only for the export that it named.
  bool allocation_chosen_ = false;
  std::string allocation_export_;
  Agreement agreement_;
  std::string drop_reason_;
};

// What the server tells of a device in both phases.
uint16_t TransmissionFlags(const block::BlockDeviceInfo& info, bool structured_replies);

}  // namespace storpool::nbd
