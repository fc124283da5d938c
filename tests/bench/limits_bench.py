"""How exactly limits hold: IOPS and bandwidth over NBD, changed live, and what they cost below.

    bazel run -c opt //tests/bench:limits_bench -- [--seconds=10] [--json]

Goals (issue 7): within 5 % over 10 s where the limit is at most half of what the volume could do;
no added latency below the limit; fair between the volumes of one client.
"""
import argparse
import statistics
import time

import nbd

from tests.bench.results import say
from tests.integration.fixture import RunningCluster, in_background

VOLUME_MIB = 64
KIB, MIB = 1 << 10, 1 << 20
SETTLE_S = 1.5  # the burst of a limit that has just changed is over
PACE_S = 0.005  # of writes well below the limit


class Load:
    """Writes of one size, always `depth` under way; counts those answered in a span of time."""

    def __init__(self, uri, block_bytes, depth):
        self.device = nbd.NBD()
        self.device.connect_uri(uri)
        self.block, self.depth = block_bytes, depth
        self.data = nbd.Buffer.from_bytearray(bytearray(b"\x5a" * block_bytes))
        self.next, self.done = 0, 0

    def _one(self):
        def answered(error):
            if error.value != 0:
                raise OSError(error.value, "a write failed")
            self.done += 1
            return 1
        place = self.next * self.block % (VOLUME_MIB * MIB)
        self.next += 1
        self.device.aio_pwrite(self.data, place, completion=answered)

    def rate(self, seconds):
        """Answers a second, after a time to settle."""
        end = time.monotonic() + SETTLE_S
        counted_from = None
        while True:
            while self.device.aio_in_flight() < self.depth:
                self._one()
            self.device.poll(100)
            now = time.monotonic()
            if now >= end and counted_from is None:
                counted_from, began, end = self.done, now, now + seconds
            elif now >= end:
                return (self.done - counted_from) / (now - began)

    def end(self):
        while self.device.aio_in_flight() > 0:
            self.device.poll(-1)
        self.device.shutdown()


def rates(cluster, volumes, block_bytes, depth, seconds):
    """Of each volume, all at once."""
    def one(volume):
        load = Load(cluster.nbd_uri(volume), block_bytes, depth)
        try:
            return load.rate(seconds)
        finally:
            load.end()
    running = [in_background(lambda v=volume: one(v)) for volume in volumes]
    return [r.result() for r in running]


def paced_us(cluster, seconds):
    """Median of single writes, one every PACE_S."""
    device, times = nbd.NBD(), []
    device.connect_uri(cluster.nbd_uri("test"))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        device.pwrite(b"\x5a" * (4 * KIB), 0)
        times.append(time.perf_counter() - began)
        time.sleep(PACE_S)
    device.shutdown()
    return 1e6 * statistics.median(times)


def set_limit(cluster, volume, iops="0", bandwidth="0"):
    cluster.ctl("volume", volume, "update", "iops", iops, "bw", bandwidth)


def run(cluster, seconds):
    free, = rates(cluster, ["test"], 4 * KIB, 32, 3)
    for share in 2, 10:
        limit = int(free / share)
        set_limit(cluster, "test", iops=str(limit))
        rate, = rates(cluster, ["test"], 4 * KIB, 32, seconds)
        yield {"case": "iops", "unlimited": round(free), "limit": limit, "rate": round(rate, 1),
               "off_percent": round(100 * (rate / limit - 1), 2)}
    set_limit(cluster, "test")
    free, = rates(cluster, ["test"], 64 * KIB, 16, 3)
    limit_mib = int(free / 2) * 64 * KIB // MIB
    limit = limit_mib * MIB
    set_limit(cluster, "test", bandwidth=f"{limit_mib}M")
    rate, = rates(cluster, ["test"], 64 * KIB, 16, seconds)
    yield {"case": "bandwidth", "unlimited": round(free * 64 * KIB), "limit": limit,
           "rate": round(rate * 64 * KIB),
           "off_percent": round(100 * (rate * 64 * KIB / limit - 1), 2)}
    for volume in "test", "second":
        set_limit(cluster, volume, iops="1000")
    for rate in rates(cluster, ["test", "second"], 4 * KIB, 32, seconds):
        yield {"case": "two volumes", "limit": 1000, "rate": round(rate, 1),
               "off_percent": round(100 * (rate / 1000 - 1), 2)}
    below = paced_us(cluster, 3)
    set_limit(cluster, "test")
    yield {"case": "below the limit", "limited_us": round(below, 1),
           "unlimited_us": round(paced_us(cluster, 3), 1)}
    set_limit(cluster, "second")
    shares = rates(cluster, ["test", "second"], 4 * KIB, 32, seconds)
    yield {"case": "unlimited pair", "rates": [round(r) for r in shares],
           "larger_to_smaller": round(max(shares) / min(shares), 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args()
    with RunningCluster(size_mib=VOLUME_MIB, disk_size="4G") as cluster:
        cluster.ctl("volume", "second", "create", "size", f"{VOLUME_MIB}M", "template", "t")
        cluster.ctl("attach", "volume", "second", "client", str(cluster.client_id))
        say(run(cluster, options.seconds), options.json)


if __name__ == "__main__":
    main()
