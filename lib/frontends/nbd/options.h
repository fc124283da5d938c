// The data of negotiation options, decoded, and what a server says in negotiation, encoded. Pure.
// Negotiation happens once a connection: plain strings are good enough here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lib/frontends/nbd/constants.h"

namespace storpool::nbd {

// The data of kInfo and kGo. The kinds of information that the client asks for are checked and
// left out: the server sends all that it has.
struct InfoOption {
  std::string export_name;
};

// The data of kListMetaContext and kSetMetaContext.
struct MetaContextOption {
  std::string export_name;
  std::vector<std::string> queries;
};

// Nothing if the data is malformed or a length in it is beyond its end.
std::optional<InfoOption> DecodeInfoOption(std::span<const uint8_t> data);
std::optional<MetaContextOption> DecodeMetaContextOption(std::span<const uint8_t> data);

// What a server says first.
std::string EncodeGreeting();
// The answer to kExportName: it has no magic and cannot be an error.
std::string EncodeExportNameAnswer(uint64_t size_bytes, uint16_t transmission_flags,
                                   bool no_zeroes);
std::string EncodeOptionReply(Option option, OptionReply reply, std::string_view data = {});

// The data of replies.
std::string EncodeServer(std::string_view export_name);
std::string EncodeInfoExport(uint64_t size_bytes, uint16_t transmission_flags);
std::string EncodeInfoBlockSize(uint32_t least_bytes, uint32_t preferred_bytes,
                                uint32_t most_bytes);
std::string EncodeMetaContext(uint32_t context_id, std::string_view name);

}  // namespace storpool::nbd
