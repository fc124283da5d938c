#include "lib/frontends/nbd/parser.h"

#include <gtest/gtest.h>

#include "lib/base/limits.h"
#include "lib/frontends/nbd/options.h"
#include "lib/frontends/nbd/test_client.h"

namespace storpool::nbd {
namespace {

std::span<const uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// All events of `input`, in words; payloads of writes are kept. Delivered in pieces.
std::string Events(std::string_view input, size_t piece_bytes, bool transmission) {
  Parser parser;
  if (transmission) parser.BeginTransmission();
  std::string out;
  std::string payload;
  while (!input.empty()) {
    std::span<const uint8_t> bytes = Bytes(input.substr(0, piece_bytes));
    input.remove_prefix(bytes.size());
    for (;;) {
      const Parser::Event event = parser.Next(&bytes);
      if (event == Parser::Event::kNeedMore) break;
      if (event == Parser::Event::kBroken) return out + "broken: " + parser.broken_reason();
      if (event == Parser::Event::kClientFlags) {
        out += absl::StrCat("flags ", parser.client_flags(), "; ");
      } else if (event == Parser::Event::kOption) {
        const auto data = parser.option_data();
        out += absl::StrCat("option ", static_cast<uint32_t>(parser.option()),
                            parser.option_too_big() ? " too big " : " ",
                            std::string(data.begin(), data.end()), "; ");
      } else if (event == Parser::Event::kPayloadDone) {
        out += "payload " + payload + "; ";
      } else {
        const Request& r = parser.request();
        out += absl::StrCat("request ", static_cast<uint16_t>(r.command), " flags ", r.flags,
                            " cookie ", r.cookie, " ", r.offset_bytes, "+", r.size_bytes, "; ");
        payload.assign(r.size_bytes, '?');
        if (r.command == Command::kWrite && r.cookie == 7) parser.DropPayload(r.size_bytes);
        if (r.command == Command::kWrite && r.cookie != 7) {
          parser.TakePayload({reinterpret_cast<uint8_t*>(payload.data()), payload.size()});
        }
      }
    }
  }
  return out;
}

TEST(Parser, UnderstandsTheSameHoweverBytesArrive) {
  const std::string negotiation = Big(uint32_t{3}) + OptionBytes(Option::kList) +
                                  OptionBytes(Option::kGo, "data") +
                                  OptionBytes(static_cast<Option>(77), "x");
  const std::string transmission =
      WriteBytes(5, 4096, "hello", kFua) + RequestBytes(Command::kRead, 6, 512, 1024) +
      WriteBytes(7, 0, "dropped") + RequestBytes(Command::kFlush, UINT64_MAX, 0, 0);
  for (const size_t piece_bytes : {1, 2, 3, 7, 16, 27, 28, 29, 1000}) {
    EXPECT_EQ(Events(negotiation, piece_bytes, false),
              "flags 3; option 3 ; option 7 data; option 77 x; ");
    EXPECT_EQ(Events(transmission, piece_bytes, true),
              "request 1 flags 1 cookie 5 4096+5; payload hello; "
              "request 0 flags 0 cookie 6 512+1024; "
              "request 1 flags 0 cookie 7 0+7; payload ???????; "
              "request 3 flags 0 cookie 18446744073709551615 0+0; ");
  }
}

TEST(Parser, KeepsNothingOfAnOptionThatIsTooBig) {
  const std::string big(kNbdOptionBytesMax + 1, 'x');
  const std::string input =
      Big(uint32_t{1}) + OptionBytes(Option::kGo, big) + OptionBytes(Option::kList);
  for (const size_t piece_bytes : {1000, 100000}) {
    EXPECT_EQ(Events(input, piece_bytes, false), "flags 1; option 7 too big ; option 3 ; ");
  }
}

TEST(Parser, StopsAtAWrongMagic) {
  EXPECT_EQ(Events(Big(uint32_t{1}) + std::string(16, 'x'), 5, false),
            "flags 1; broken: an option has a wrong magic");
  EXPECT_EQ(Events(std::string(28, 'x') + RequestBytes(Command::kRead, 1, 0, 512), 5, true),
            "broken: a request has a wrong magic");
}

TEST(Options, RefusesLengthsBeyondTheEndAndTrailingBytes) {
  EXPECT_EQ(DecodeInfoOption(Bytes(GoData("vol")))->export_name, "vol");
  const std::string with_kinds = Text("v") + Big(uint16_t{2}) + Big(uint32_t{3});
  EXPECT_TRUE(DecodeInfoOption(Bytes(with_kinds)).has_value());
  EXPECT_FALSE(DecodeInfoOption(Bytes(with_kinds + "x")).has_value());
  for (size_t n = 0; n < with_kinds.size(); ++n) {
    EXPECT_FALSE(DecodeInfoOption(Bytes(with_kinds.substr(0, n))).has_value()) << n;
  }
  EXPECT_FALSE(DecodeInfoOption(Bytes(Big(UINT32_MAX) + "name")).has_value());

  const std::string meta = MetaData("v", {"a:b", ""});
  EXPECT_EQ(DecodeMetaContextOption(Bytes(meta))->queries, (std::vector<std::string>{"a:b", ""}));
  for (size_t n = 0; n < meta.size(); ++n) {
    EXPECT_FALSE(DecodeMetaContextOption(Bytes(meta.substr(0, n))).has_value()) << n;
  }
  EXPECT_FALSE(DecodeMetaContextOption(Bytes(Text("v") + Big(UINT32_MAX))).has_value());
}

}  // namespace
}  // namespace storpool::nbd
