// What an NBD client says and what it understands, and a server with one export in memory: for
// unit tests of the NBD front end.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/block/block_device.h"
#include "lib/env/log_sink.h"
#include "lib/frontends/nbd/big_endian.h"
#include "lib/frontends/nbd/constants.h"
#include "lib/frontends/nbd/export_directory.h"

namespace storpool::nbd {

template <std::unsigned_integral T>
std::string Big(T value) {
  std::string out(sizeof(T), '\0');
  StoreBig(reinterpret_cast<uint8_t*>(out.data()), value);
  return out;
}

inline std::string Text(std::string_view text) {
  return Big(static_cast<uint32_t>(text.size())) + std::string(text);
}

inline std::string OptionBytes(Option option, std::string_view data = {}) {
  return Big(kOptionMagic) + Big(static_cast<uint32_t>(option)) + Text(data);
}

inline std::string GoData(std::string_view name) { return Text(name) + Big(uint16_t{0}); }

inline std::string MetaData(std::string_view name, const std::vector<std::string>& queries) {
  std::string data = Text(name) + Big(static_cast<uint32_t>(queries.size()));
  for (const std::string& query : queries) data += Text(query);
  return data;
}

inline std::string RequestBytes(Command command, uint64_t cookie, uint64_t offset_bytes,
                                uint32_t size_bytes, uint16_t flags = 0) {
  return Big(kRequestMagic) + Big(flags) + Big(static_cast<uint16_t>(command)) + Big(cookie) +
         Big(offset_bytes) + Big(size_bytes);
}

inline std::string WriteBytes(uint64_t cookie, uint64_t offset_bytes, std::string_view data,
                              uint16_t flags = 0) {
  return RequestBytes(Command::kWrite, cookie, offset_bytes, static_cast<uint32_t>(data.size()),
                      flags) +
         std::string(data);
}

// Flags, structured replies and base:allocation as asked for, then the export.
inline std::string Handshake(std::string_view name, bool structured) {
  std::string out = Big(uint32_t{kFlagFixedNewstyle | kFlagNoZeroes});
  if (structured) {
    out += OptionBytes(Option::kStructuredReply);
    out += OptionBytes(Option::kSetMetaContext, MetaData(name, {kAllocationContext}));
  }
  return out + OptionBytes(Option::kGo, GoData(name));
}

// Takes messages off the front of what the server sent.
class Answers {
 public:
  explicit Answers(std::string* sent) : sent_(*sent) {}

  template <std::unsigned_integral T>
  T Number() {
    return LoadBig<T>(reinterpret_cast<const uint8_t*>(Take(sizeof(T)).data()));
  }
  // Beyond the end: zeroes, which no test expects.
  std::string Take(size_t size_bytes) {
    std::string out = sent_.substr(0, size_bytes);
    sent_.erase(0, out.size());
    out.resize(size_bytes);
    return out;
  }
  bool empty() const { return sent_.empty(); }

  // "go: info(3) 14 bytes" would help nobody: the numbers, and the data apart.
  struct Reply {
    Option option;
    OptionReply type;
    std::string data;
  };
  Reply OptionAnswer() {
    if (Number<uint64_t>() != kOptionReplyMagic) return {};
    Reply reply;
    reply.option = static_cast<Option>(Number<uint32_t>());
    reply.type = static_cast<OptionReply>(Number<uint32_t>());
    const auto size_bytes = Number<uint32_t>();
    reply.data = Take(size_bytes);
    return reply;
  }

  // One simple reply or one chunk, in words: "7 done", "7 error 22 text", "7 data 512+1024",
  // "7 hole 0+4096.", "7 extents 4096:3 512:0." (a dot: the last chunk). Data goes to *data.
  std::string Next(std::string* data = nullptr, size_t simple_data_bytes = 0);

 private:
  std::string NextChunk(std::string* data);

  std::string& sent_;
};

class TestDirectory final : public ExportDirectory {
 public:
  absl::StatusOr<block::BlockDevice*> Find(std::string_view name) override {
    const auto it = exports.find(std::string(name));
    if (it == exports.end()) return absl::NotFoundError("no such volume");
    return it->second;
  }
  std::vector<std::string> List() override {
    std::vector<std::string> names;
    for (const auto& [name, device] : exports) names.push_back(name);
    return names;
  }

  std::map<std::string, block::BlockDevice*> exports;
};

class TestLog final : public env::LogSink {
 public:
  bool Enabled(env::LogLevel) const override { return true; }
  void Log(env::LogLevel, std::string_view, std::string_view text) override {
    lines += std::string(text) + "\n";
  }
  std::string lines;
};

}  // namespace storpool::nbd
