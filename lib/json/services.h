// The cluster as a whole and its services as JSON.
#pragma once

#include <string>

#include "lib/json/json.h"
#include "proto/admin.pb.h"

namespace storpool::json {

Json JsonOf(const StatusAnswer& status);
Json JsonOf(const Service& service);

// StorPool's ClusterStatus: services by kind and id; without clients for `ServersList`.
Json ClusterStatus(const ServiceListAnswer& services, bool with_clients);
// Nodes as peers of the network, by id.
Json Peers(const ServiceListAnswer& services);

// Nodes that may fail together, by the name of their fault set.
Json FaultSets(const ServiceListAnswer& services);

// A uuid as people write it.
std::string UuidText(const std::string& bytes);

}  // namespace storpool::json
