// A process's network as the simulator wants it: every frame that leaves goes into the trace and
// the counters, and a seam may change it on its way.
#pragma once

#include <memory>
#include <string>

#include "lib/env/stream.h"
#include "lib/sim/site.h"

namespace storpool::sim {

// `site` and the reactor outlive it.
std::unique_ptr<env::Network> MakeTappedNetwork(Site& site, env::Reactor& reactor,
                                                std::string host);

}  // namespace storpool::sim
