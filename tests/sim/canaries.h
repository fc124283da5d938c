// Bugs planted from outside, at the simulator's seams, that its checkers must find. Each breaks one
// rule of the protocol, as a wrong line in the product would.
#pragma once

#include <string>
#include <vector>

#include "lib/sim/site.h"

namespace storpool::sim {

struct Canary {
  std::string name;
  std::string violated;  // the rules that its finding may name, a regular expression
  Seams seams;
};

std::vector<Canary> Canaries();

}  // namespace storpool::sim
