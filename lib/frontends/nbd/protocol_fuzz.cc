// Anything may arrive on a socket: a whole server under a stream of arbitrary bytes, in pieces, on
// a connection in any phase. The device's contract is checked; nothing may leak or hang.
#include "lib/frontends/nbd/test_server.h"

namespace storpool::nbd {
namespace {

// The first byte says how bytes arrive and in which phase they begin.
void Feed(std::string_view input) {
  if (input.empty()) return;
  const auto choice = static_cast<uint8_t>(input[0]);
  input.remove_prefix(1);
  TestServer test({.size_bytes = 1 << 20, .read_only = (choice & 8) != 0});
  const std::shared_ptr<Wire> wire =
      (choice & 3) == 0 ? test.network.ConnectToServer() : test.Open((choice & 1) != 0);
  if ((choice & 4) != 0) test.delay.Hold();
  wire->Deliver(input, size_t{1} << (choice >> 4));
  if ((choice & 4) == 0) test.reactor.RunUntilIdle();
  if (!wire->closed_by_server) wire->Disconnect();
  if ((choice & 4) != 0) test.delay.Release();
  test.reactor.RunUntilIdle();
  SP_CHECK(test.server.counters().connections_open == 0);
  SP_CHECK(test.memory.pool().blocks_in_use() == 0);
}

}  // namespace
}  // namespace storpool::nbd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  storpool::nbd::Feed({reinterpret_cast<const char*>(data), size});
  return 0;
}
