#include "tests/bench/measure.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "lib/env/posix/posix_clock.h"
#include "tests/bench/process_cpu.h"

namespace storpool::bench {
namespace {

constexpr double kWarmUpSeconds = 0.5;

void Sleep(double seconds) { std::this_thread::sleep_for(std::chrono::duration<double>(seconds)); }

double NowSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

const env::Clock& RealClock() {
  static const env::PosixClock clock;
  return clock;
}

}  // namespace

Measurement::Measurement(BenchCluster& cluster, std::string probe_folder)
    : cluster_(cluster), probe_folder_(std::move(probe_folder)) {
  cluster_.OnReactor([this](block::BlockDevice& device) {
    content_ = std::make_unique<Content>(device.pool(), device.info().size_bytes, 20240607);
  });
}

Measurement::~Measurement() {
  cluster_.OnReactor([this](block::BlockDevice&) {
    load_.reset();
    content_.reset();
  });
}

void Measurement::Start(const LoadOptions& options) {
  cluster_.OnReactor([&](block::BlockDevice& device) {
    load_ = std::make_unique<Load>(device, RealClock(), *content_, options);
    load_->Start();
  });
}

void Measurement::SetMeasuring(bool measuring) {
  cluster_.OnReactor([&](block::BlockDevice&) { load_->SetMeasuring(measuring); });
}

absl::Status Measurement::Finish(double limit_seconds) {
  const double end = NowSeconds() + limit_seconds;
  for (bool done = false; !done; Sleep(0.002)) {
    cluster_.OnReactor([&](block::BlockDevice&) { done = load_->done(); });
    const absl::Status running = cluster_.Check();
    if (!running.ok()) return running;
    if (!done && NowSeconds() > end) {
      return absl::DeadlineExceededError("requests do not end; the daemons' logs may say why");
    }
  }
  return load_->status();
}

absl::Status Measurement::Fill() {
  Start({.read = false, .sequential = true, .block_bytes = 1 << 20, .depth = 8, .seed = 1});
  return Finish(1800);
}

double Measurement::IdleShare(double seconds) {
  Sleep(1);
  const std::vector<pid_t> daemons = cluster_.metadata_and_nodes();
  const double began = NowSeconds();
  const uint64_t before = CpuNanos(daemons);
  Sleep(seconds);
  return static_cast<double>(CpuNanos(daemons) - before) / 1e9 / (NowSeconds() - began);
}

Measurement::Reading Measurement::Read() const {
  std::vector<pid_t> all = cluster_.metadata_and_nodes();
  all.push_back(getpid());
  Reading reading{.seconds = NowSeconds(),
                  .cpu_nanos = static_cast<double>(CpuNanos(all)),
                  .sleeps = static_cast<double>(Sleeps(all)),
                  .client = {},
                  .nodes = {}};
  if (probe_folder_.empty()) return reading;
  const pid_t self = getpid();
  reading.client = ReadProbes(probe_folder_, {&self, 1});
  reading.nodes = ReadProbes(probe_folder_, cluster_.nodes());
  return reading;
}

absl::StatusOr<Round> Measurement::Run(const Case& what, double seconds, uint64_t seed) {
  Start({.read = what.read,
         .sequential = false,
         .block_bytes = what.block_bytes,
         .depth = what.depth,
         .seed = seed});
  Sleep(kWarmUpSeconds);
  SetMeasuring(true);
  const Reading before = Read();
  Sleep(seconds);
  const Reading after = Read();
  cluster_.OnReactor([&](block::BlockDevice&) {
    load_->SetMeasuring(false);
    load_->Stop();
  });
  const absl::Status finished = Finish(60);
  if (!finished.ok()) return finished;
  Latencies& latencies = load_->latencies();
  if (latencies.count() == 0) return absl::DeadlineExceededError("nothing ended within the time");
  const auto operations = static_cast<double>(latencies.count());
  Round round;
  round.result = {.iops = operations / (after.seconds - before.seconds),
                  .mean_us = latencies.mean_us(),
                  .p50_us = latencies.Percentile(0.5),
                  .p99_us = latencies.Percentile(0.99),
                  .p999_us = latencies.Percentile(0.999),
                  .cpu_us_per_op = (after.cpu_nanos - before.cpu_nanos) / 1e3 / operations};
  round.costs.sleeps = (after.sleeps - before.sleeps) / operations;
  round.costs.client = after.client.Since(before.client).Each(operations);
  round.costs.nodes = after.nodes.Since(before.nodes).Each(operations);
  return round;
}

}  // namespace storpool::bench
