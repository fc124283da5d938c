#include "lib/frontends/nbd/options.h"

#include <concepts>

#include "lib/frontends/nbd/big_endian.h"

namespace storpool::nbd {
namespace {

// Takes fields off the front of an option's data. After a field that is not there in full, failed()
// stays true and all further fields are empty.
class Fields {
 public:
  explicit Fields(std::span<const uint8_t> data) : data_(data) {}

  template <std::unsigned_integral T>
  T Number() {
    if (failed_ || data_.size() < sizeof(T)) {
      failed_ = true;
      return 0;
    }
    const T value = LoadBig<T>(data_.data());
    data_ = data_.subspan(sizeof(T));
    return value;
  }

  // A length of 32 bits and as many bytes.
  std::string Text() {
    const auto size_bytes = Number<uint32_t>();
    if (failed_ || data_.size() < size_bytes) {
      failed_ = true;
      return {};
    }
    std::string text(reinterpret_cast<const char*>(data_.data()), size_bytes);
    data_ = data_.subspan(size_bytes);
    return text;
  }

  bool failed() const { return failed_; }
  bool complete() const { return !failed_ && data_.empty(); }

 private:
  std::span<const uint8_t> data_;
  bool failed_ = false;
};

template <std::unsigned_integral T>
void Append(std::string* out, T value) {
  uint8_t bytes[sizeof(T)];
  StoreBig(bytes, value);
  out->append(reinterpret_cast<const char*>(bytes), sizeof bytes);
}

}  // namespace

std::optional<InfoOption> DecodeInfoOption(std::span<const uint8_t> data) {
  Fields fields(data);
  InfoOption option;
  option.export_name = fields.Text();
  const auto kinds = fields.Number<uint16_t>();
  for (uint16_t i = 0; i < kinds && !fields.failed(); ++i) fields.Number<uint16_t>();
  if (!fields.complete()) return std::nullopt;
  return option;
}

std::optional<MetaContextOption> DecodeMetaContextOption(std::span<const uint8_t> data) {
  Fields fields(data);
  MetaContextOption option;
  option.export_name = fields.Text();
  const auto queries = fields.Number<uint32_t>();
  // Each query takes at least its length, so a wrong count ends with the data.
  for (uint32_t i = 0; i < queries && !fields.failed(); ++i) {
    option.queries.push_back(fields.Text());
  }
  if (!fields.complete()) return std::nullopt;
  return option;
}

std::string EncodeGreeting() {
  std::string out;
  Append(&out, kInitMagic);
  Append(&out, kOptionMagic);
  Append(&out, static_cast<uint16_t>(kFlagFixedNewstyle | kFlagNoZeroes));
  return out;
}

std::string EncodeExportNameAnswer(uint64_t size_bytes, uint16_t transmission_flags,
                                   bool no_zeroes) {
  std::string out;
  Append(&out, size_bytes);
  Append(&out, transmission_flags);
  if (!no_zeroes) out.append(124, '\0');
  return out;
}

std::string EncodeOptionReply(Option option, OptionReply reply, std::string_view data) {
  std::string out;
  Append(&out, kOptionReplyMagic);
  Append(&out, static_cast<uint32_t>(option));
  Append(&out, static_cast<uint32_t>(reply));
  Append(&out, static_cast<uint32_t>(data.size()));
  out.append(data);
  return out;
}

std::string EncodeServer(std::string_view export_name) {
  std::string out;
  Append(&out, static_cast<uint32_t>(export_name.size()));
  out.append(export_name);
  return out;
}

std::string EncodeInfoExport(uint64_t size_bytes, uint16_t transmission_flags) {
  std::string out;
  Append(&out, static_cast<uint16_t>(InfoType::kExport));
  Append(&out, size_bytes);
  Append(&out, transmission_flags);
  return out;
}

std::string EncodeInfoBlockSize(uint32_t least_bytes, uint32_t preferred_bytes,
                                uint32_t most_bytes) {
  std::string out;
  Append(&out, static_cast<uint16_t>(InfoType::kBlockSize));
  Append(&out, least_bytes);
  Append(&out, preferred_bytes);
  Append(&out, most_bytes);
  return out;
}

std::string EncodeMetaContext(uint32_t context_id, std::string_view name) {
  std::string out;
  Append(&out, context_id);
  out.append(name);
  return out;
}

}  // namespace storpool::nbd
