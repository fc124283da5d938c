// Where metadata listens unless told otherwise: the daemon's default and everybody else's.
#pragma once

namespace storpool::rpc {

inline constexpr char kMetadataDefaultAddress[] = "127.0.0.1:7480";

}  // namespace storpool::rpc
