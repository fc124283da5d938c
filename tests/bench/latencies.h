// Latencies of one run: mean and percentiles.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace storpool::bench {

class Latencies {
 public:
  void Reserve(size_t count) { nanos_.reserve(count); }
  void Add(uint64_t nanos) {
    nanos_.push_back(static_cast<uint32_t>(std::min<uint64_t>(nanos, UINT32_MAX)));
  }
  size_t count() const { return nanos_.size(); }

  double mean_us() const {
    uint64_t sum = 0;
    for (uint32_t n : nanos_) sum += n;
    return nanos_.empty() ? 0 : static_cast<double>(sum) / static_cast<double>(count()) / 1e3;
  }
  // The smallest latency that the given share (0..1) of all did not exceed, nearly.
  double Percentile(double share) {
    if (nanos_.empty()) return 0;
    const auto at =
        std::min(count() - 1, static_cast<size_t>(share * static_cast<double>(count())));
    std::nth_element(nanos_.begin(), nanos_.begin() + static_cast<std::ptrdiff_t>(at),
                     nanos_.end());
    return nanos_[at] / 1e3;
  }

 private:
  std::vector<uint32_t> nanos_;
};

}  // namespace storpool::bench
