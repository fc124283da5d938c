// How long the client waits for what. None of it decides anything about data: all are only about
// when to ask again.
#pragma once

#include "lib/base/types.h"

namespace storpool::client {

// A refused request is sent again after this, doubling up to the second; news of the chain end it.
inline constexpr Duration kRetryFirst = Duration::Millis(2);
inline constexpr Duration kRetryMax = Duration::Millis(100);

// A connection that failed is tried again after this, doubling; one that is not complete after
// kConnectTime has failed.
inline constexpr Duration kReconnectFirst = Duration::Millis(1);
inline constexpr Duration kReconnectMax = Duration::Millis(500);
inline constexpr Duration kConnectTime = Duration::Millis(1000);

// Every kTick, chains without an answer for kPatience ask again, elsewhere; a node that has said
// nothing at all for kNodeSilence with requests out is connected to anew.
inline constexpr Duration kTick = Duration::Millis(250);
inline constexpr Duration kPatience = Duration::Millis(1000);
inline constexpr Duration kNodeSilence = Duration::Millis(3000);

// Metadata is asked again after it has refused this client for now.
inline constexpr Duration kRegisterAgain = Duration::Millis(250);

// A piece of a fill that has failed (a full disk, a damaged parent) is tried again.
inline constexpr Duration kFillAgain = Duration::Millis(5000);

}  // namespace storpool::client
