// A planted bug (design 4.2): a recovery that takes a batch of an earlier incarnation for the next
// one, because it stands behind the end of the log: as one would that goes on in the old segment
// behind a torn tail and looks neither at incarnations nor at the hash chain.
//
// It is planted in what the disk holds: a batch that an earlier recovery had passed by is laid
// behind the newest one, with the fields that tell its incarnation and its place made to fit.
#pragma once

#include "lib/sim/site.h"

namespace storpool::sim {

Seams StaleBatchAccepted();

}  // namespace storpool::sim
