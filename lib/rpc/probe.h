// Tells a process that is gone from one that is silent: after its stream broke, nobody listens at
// its address any more (design 6.7: a connection reset followed by refusal).
#pragma once

#include <string>

namespace storpool::rpc {

// Tries to connect to "host:port" a few times within about 60 ms; true only if the last try was
// refused at once. Blocks: not for a reactor's thread.
bool ConnectionIsRefused(const std::string& address);

}  // namespace storpool::rpc
