#include "lib/wire/frame_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"

namespace storpool::wire {

std::span<const uint8_t> FrameReader::Collect(std::span<const uint8_t>& bytes, size_t size_bytes) {
  if (partial_bytes_ == 0 && bytes.size() >= size_bytes) {
    const std::span<const uint8_t> whole = bytes.first(size_bytes);
    bytes = bytes.subspan(size_bytes);
    return whole;
  }
  const size_t part = std::min(bytes.size(), size_bytes - partial_bytes_);
  if (part > 0) std::memcpy(partial_.data() + partial_bytes_, bytes.data(), part);
  partial_bytes_ += part;
  bytes = bytes.subspan(part);
  if (partial_bytes_ < size_bytes) return {};
  partial_bytes_ = 0;
  return {partial_.data(), size_bytes};
}

absl::Status FrameReader::TakeHeader(std::span<const uint8_t> bytes) {
  std::memcpy(&header_, bytes.data(), sizeof header_);
  SP_RETURN_IF_ERROR(CheckHeader(header_));
  if (header_.payload_bytes > payload_bytes_max_) {
    return absl::DataLossError(absl::StrCat(TypeName(static_cast<FrameType>(header_.type)),
                                            " frame: a payload of ", header_.payload_bytes,
                                            " bytes is not allowed here"));
  }
  have_header_ = true;
  return absl::OkStatus();
}

absl::Status FrameReader::OnBytes(std::span<const uint8_t> bytes) {
  while (true) {
    if (!have_header_) {
      if (bytes.empty()) return absl::OkStatus();
      const std::span<const uint8_t> header = Collect(bytes, kFrameHeaderBytes);
      if (header.empty()) return absl::OkStatus();
      SP_RETURN_IF_ERROR(TakeHeader(header));
    }
    if (!have_body_) {
      const size_t size_bytes = header_.body_bytes;
      body_ = Collect(bytes, size_bytes);
      if (body_.size() < size_bytes) return absl::OkStatus();
      have_body_ = true;
      payload_filled_ = 0;
      if (header_.payload_bytes > 0) payload_ = pool_->Allocate(header_.payload_bytes);
    }
    const size_t missing = header_.payload_bytes - payload_filled_;
    const size_t part = std::min(missing, bytes.size());
    if (part > 0) std::memcpy(payload_.data() + payload_filled_, bytes.data(), part);
    payload_filled_ += part;
    bytes = bytes.subspan(part);
    if (part < missing) {
      // The body must outlive `bytes`.
      if (!body_.empty() && body_.data() != partial_.data()) {
        std::memcpy(partial_.data(), body_.data(), body_.size());
        body_ = {partial_.data(), body_.size()};
      }
      return absl::OkStatus();
    }
    SP_RETURN_IF_ERROR(Deliver());
  }
}

std::span<uint8_t> FrameReader::DirectTarget() {
  if (!have_body_) return {};
  const size_t missing = header_.payload_bytes - payload_filled_;
  if (header_.payload_bytes < kDirectReceiveBytes || missing == 0) return {};
  return {payload_.data() + payload_filled_, missing};
}

absl::Status FrameReader::OnFilled(size_t size_bytes) {
  SP_CHECK(have_body_ && size_bytes <= header_.payload_bytes - payload_filled_);
  payload_filled_ += size_bytes;
  return payload_filled_ == header_.payload_bytes ? Deliver() : absl::OkStatus();
}

absl::Status FrameReader::Deliver() {
  have_header_ = false;
  have_body_ = false;
  ++frames_;
  if (header_.type == static_cast<uint8_t>(FrameType::kKeepAlive)) return absl::OkStatus();
  absl::StatusOr<Message> message = Decode(header_, body_, std::move(payload_), *pool_);
  if (!message.ok()) return message.status();
  if (!sink_.OnMessage(*std::move(message))) {
    return absl::CancelledError("the receiver wants no more");
  }
  return absl::OkStatus();
}

}  // namespace storpool::wire
