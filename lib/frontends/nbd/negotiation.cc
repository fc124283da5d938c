#include "lib/frontends/nbd/negotiation.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/limits.h"

namespace storpool::nbd {
namespace {

OptionReply ReplyFor(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return OptionReply::kErrPolicy;
    case absl::StatusCode::kUnavailable:
      return OptionReply::kErrShutdown;
    default:
      return OptionReply::kErrUnknown;
  }
}

std::string Refusal(Option option, const absl::Status& status) {
  return EncodeOptionReply(option, ReplyFor(status),
                           {status.message().data(), status.message().size()});
}

// A query names a context, or, when listing, all contexts of a name space: "base:".
bool AsksForAllocation(Option option, const MetaContextOption& request) {
  if (option == Option::kListMetaContext && request.queries.empty()) return true;
  for (const std::string& query : request.queries) {
    if (query == kAllocationContext) return true;
    if (option == Option::kListMetaContext && query == "base:") return true;
  }
  return false;
}

}  // namespace

uint16_t TransmissionFlags(const block::BlockDeviceInfo& info, bool structured_replies) {
  // A completed change is durable and seen by every reader of the volume, so a flush on any
  // connection covers all of them (hazard 1.7).
  uint16_t flags = kHasFlags | kSendFlush | kCanMultiConn;
  if (structured_replies) flags |= kSendDf;
  if (info.read_only) return flags | kReadOnly;
  return flags | kSendFua | kSendTrim | kSendWriteZeroes | kSendFastZero;
}

Negotiation::Next Negotiation::Drop(std::string reason) {
  drop_reason_ = std::move(reason);
  return Next::kDrop;
}

Negotiation::Next Negotiation::OnClientFlags(uint32_t flags) {
  if ((flags & ~uint32_t{kFlagFixedNewstyle | kFlagNoZeroes}) != 0) {
    return Drop(absl::StrCat("unknown client flags ", flags));
  }
  fixed_newstyle_ = (flags & kFlagFixedNewstyle) != 0;
  no_zeroes_ = (flags & kFlagNoZeroes) != 0;
  return Next::kOption;
}

Negotiation::Next Negotiation::OnOption(Option option, std::span<const uint8_t> data, bool too_big,
                                        std::string* out) {
  if (++options_ > kNbdOptionsMax) {
    return Drop(absl::StrCat("more than ", kNbdOptionsMax, " options"));
  }
  if (option == Option::kExportName) {
    return too_big ? Drop("an export name of more than 16 KiB") : ExportName(data, out);
  }
  if (!fixed_newstyle_) return Drop("an option from a client without fixed newstyle");
  if (too_big) {
    *out += EncodeOptionReply(option, OptionReply::kErrTooBig, "more than 16 KiB of option data");
    return Next::kOption;
  }
  switch (option) {
    case Option::kAbort:
      *out += EncodeOptionReply(option, OptionReply::kAck);
      return Next::kFinish;
    case Option::kList:
      return List(data, out);
    case Option::kInfo:
    case Option::kGo:
      return InfoOrGo(option, data, out);
    case Option::kStructuredReply:
      return StructuredReply(data, out);
    case Option::kListMetaContext:
    case Option::kSetMetaContext:
      return MetaContext(option, data, out);
    case Option::kStartTls:
      *out += EncodeOptionReply(option, OptionReply::kErrPolicy,
                                "this server has no TLS; connect without it");
      return Next::kOption;
    default:
      *out += EncodeOptionReply(option, OptionReply::kErrUnsupported);
      return Next::kOption;
  }
}

void Negotiation::Agree(const std::string& name, block::BlockDevice* device) {
  agreement_.export_name = name;
  agreement_.device = device;
  agreement_.structured_replies = structured_replies_;
  agreement_.allocation_context = allocation_chosen_ && allocation_export_ == name;
}

Negotiation::Next Negotiation::ExportName(std::span<const uint8_t> data, std::string* out) {
  const std::string name(data.begin(), data.end());
  absl::StatusOr<block::BlockDevice*> device = exports_.Find(name);
  // This option has no way to say no.
  if (!device.ok()) return Drop(absl::StrCat("export \"", name, "\": ", device.status().message()));
  const block::BlockDeviceInfo info = (*device)->info();
  *out += EncodeExportNameAnswer(info.size_bytes, TransmissionFlags(info, structured_replies_),
                                 no_zeroes_);
  Agree(name, *device);
  return Next::kTransmit;
}

Negotiation::Next Negotiation::InfoOrGo(Option option, std::span<const uint8_t> data,
                                        std::string* out) {
  const std::optional<InfoOption> request = DecodeInfoOption(data);
  if (!request.has_value()) {
    *out += EncodeOptionReply(option, OptionReply::kErrInvalid, "malformed option data");
    return Next::kOption;
  }
  absl::StatusOr<block::BlockDevice*> device = exports_.Find(request->export_name);
  if (!device.ok()) {
    *out += Refusal(option, device.status());
    return Next::kOption;
  }
  const block::BlockDeviceInfo info = (*device)->info();
  const uint16_t flags = TransmissionFlags(info, structured_replies_);
  *out += EncodeOptionReply(option, OptionReply::kInfo, EncodeInfoExport(info.size_bytes, flags));
  *out += EncodeOptionReply(option, OptionReply::kInfo,
                            EncodeInfoBlockSize(kSectorBytes, kBlockBytes, kNbdRequestBytesMax));
  *out += EncodeOptionReply(option, OptionReply::kAck);
  if (option == Option::kInfo) return Next::kOption;
  Agree(request->export_name, *device);
  return Next::kTransmit;
}

Negotiation::Next Negotiation::List(std::span<const uint8_t> data, std::string* out) {
  if (!data.empty()) {
    *out += EncodeOptionReply(Option::kList, OptionReply::kErrInvalid, "list takes no data");
    return Next::kOption;
  }
  for (const std::string& name : exports_.List()) {
    *out += EncodeOptionReply(Option::kList, OptionReply::kServer, EncodeServer(name));
  }
  *out += EncodeOptionReply(Option::kList, OptionReply::kAck);
  return Next::kOption;
}

Negotiation::Next Negotiation::StructuredReply(std::span<const uint8_t> data, std::string* out) {
  const bool empty = data.empty();
  if (empty) structured_replies_ = true;
  *out += EncodeOptionReply(Option::kStructuredReply,
                            empty ? OptionReply::kAck : OptionReply::kErrInvalid);
  return Next::kOption;
}

Negotiation::Next Negotiation::MetaContext(Option option, std::span<const uint8_t> data,
                                           std::string* out) {
  const bool set = option == Option::kSetMetaContext;
  if (set) allocation_chosen_ = false;  // Whatever comes of it, the former choice is over.
  const std::optional<MetaContextOption> request = DecodeMetaContextOption(data);
  if (!request.has_value() || !structured_replies_) {
    *out += EncodeOptionReply(
        option, OptionReply::kErrInvalid,
        request.has_value() ? "ask for structured replies first" : "malformed option data");
    return Next::kOption;
  }
  absl::StatusOr<block::BlockDevice*> device = exports_.Find(request->export_name);
  if (!device.ok()) {
    *out += Refusal(option, device.status());
    return Next::kOption;
  }
  if (AsksForAllocation(option, *request)) {
    *out +=
        EncodeOptionReply(option, OptionReply::kMetaContext,
                          EncodeMetaContext(set ? kAllocationContextId : 0, kAllocationContext));
    if (set) {
      allocation_chosen_ = true;
      allocation_export_ = request->export_name;
    }
  }
  *out += EncodeOptionReply(option, OptionReply::kAck);
  return Next::kOption;
}

}  // namespace storpool::nbd
