#include "lib/frontends/nbd/parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/check.h"
#include "lib/base/limits.h"
#include "lib/frontends/nbd/big_endian.h"

namespace storpool::nbd {
namespace {

constexpr size_t kClientFlagsBytes = 4;
constexpr size_t kOptionHeaderBytes = 16;

}  // namespace

const uint8_t* Parser::TakeHeader(size_t size_bytes, std::span<const uint8_t>* bytes) {
  if (header_bytes_ == 0 && bytes->size() >= size_bytes) {  // The common case: nothing is copied.
    const uint8_t* header = bytes->data();
    *bytes = bytes->subspan(size_bytes);
    return header;
  }
  const size_t taken = std::min(size_bytes - header_bytes_, bytes->size());
  std::copy_n(bytes->data(), taken, header_.data() + header_bytes_);
  *bytes = bytes->subspan(taken);
  header_bytes_ += taken;
  if (header_bytes_ < size_bytes) return nullptr;
  header_bytes_ = 0;
  return header_.data();
}

Parser::Event Parser::Broken(std::string reason) {
  state_ = State::kBroken;
  broken_reason_ = std::move(reason);
  return Event::kBroken;
}

Parser::Event Parser::Next(std::span<const uint8_t>* bytes) {
  const uint8_t* header = nullptr;
  switch (state_) {
    case State::kClientFlags:
      header = TakeHeader(kClientFlagsBytes, bytes);
      if (header == nullptr) return Event::kNeedMore;
      client_flags_ = LoadBig<uint32_t>(header);
      state_ = State::kOptionHeader;
      return Event::kClientFlags;
    case State::kOptionHeader:
      header = TakeHeader(kOptionHeaderBytes, bytes);
      if (header == nullptr) return Event::kNeedMore;
      if (Event event = NextOptionHeader(header); event != Event::kNeedMore) return event;
      return NextOptionData(bytes);
    case State::kOptionData:
      return NextOptionData(bytes);
    case State::kRequestHeader:
      header = TakeHeader(kRequestHeaderBytes, bytes);
      return header == nullptr ? Event::kNeedMore : NextRequest(header);
    case State::kPayload:
      return NextPayload(bytes);
    case State::kDrop:
      return NextDrop(bytes);
    case State::kBroken:
      return Event::kBroken;
  }
  return Event::kBroken;
}

Parser::Event Parser::NextOptionHeader(const uint8_t* header) {
  if (LoadBig<uint64_t>(header) != kOptionMagic) return Broken("an option has a wrong magic");
  option_ = static_cast<Option>(LoadBig<uint32_t>(header + 8));
  option_size_bytes_ = LoadBig<uint32_t>(header + 12);
  option_too_big_ = option_size_bytes_ > kNbdOptionBytesMax;
  option_data_.clear();
  state_ = State::kOptionData;
  return Event::kNeedMore;
}

Parser::Event Parser::NextOptionData(std::span<const uint8_t>* bytes) {
  if (option_too_big_) {
    const auto dropped = static_cast<uint32_t>(std::min<size_t>(option_size_bytes_, bytes->size()));
    option_size_bytes_ -= dropped;
    *bytes = bytes->subspan(dropped);
    if (option_size_bytes_ > 0) return Event::kNeedMore;
  } else {
    const size_t taken = std::min(option_size_bytes_ - option_data_.size(), bytes->size());
    option_data_.insert(option_data_.end(), bytes->begin(), bytes->begin() + taken);
    *bytes = bytes->subspan(taken);
    if (option_data_.size() < option_size_bytes_) return Event::kNeedMore;
  }
  state_ = State::kOptionHeader;
  return Event::kOption;
}

Parser::Event Parser::NextRequest(const uint8_t* header) {
  if (LoadBig<uint32_t>(header) != kRequestMagic) return Broken("a request has a wrong magic");
  request_.flags = LoadBig<uint16_t>(header + 4);
  request_.command = static_cast<Command>(LoadBig<uint16_t>(header + 6));
  request_.cookie = LoadBig<uint64_t>(header + 8);
  request_.offset_bytes = LoadBig<uint64_t>(header + 16);
  request_.size_bytes = LoadBig<uint32_t>(header + 24);
  return Event::kRequest;
}

void Parser::TakePayload(std::span<uint8_t> target) {
  SP_CHECK(state_ == State::kRequestHeader && header_bytes_ == 0);
  payload_ = target;
  state_ = State::kPayload;
}

void Parser::DropPayload(uint32_t size_bytes) {
  SP_CHECK(state_ == State::kRequestHeader && header_bytes_ == 0);
  drop_bytes_ = size_bytes;
  state_ = State::kDrop;
}

bool Parser::Filled(size_t size_bytes) {
  SP_CHECK(state_ == State::kPayload && size_bytes <= payload_.size());
  payload_ = payload_.subspan(size_bytes);
  if (!payload_.empty()) return false;
  state_ = State::kRequestHeader;
  return true;
}

Parser::Event Parser::NextPayload(std::span<const uint8_t>* bytes) {
  const size_t taken = std::min(payload_.size(), bytes->size());
  std::copy_n(bytes->data(), taken, payload_.data());
  *bytes = bytes->subspan(taken);
  return Filled(taken) ? Event::kPayloadDone : Event::kNeedMore;
}

Parser::Event Parser::NextDrop(std::span<const uint8_t>* bytes) {
  const auto dropped = static_cast<uint32_t>(std::min<size_t>(drop_bytes_, bytes->size()));
  drop_bytes_ -= dropped;
  *bytes = bytes->subspan(dropped);
  if (drop_bytes_ > 0) return Event::kNeedMore;
  state_ = State::kRequestHeader;
  return Event::kPayloadDone;
}

}  // namespace storpool::nbd
