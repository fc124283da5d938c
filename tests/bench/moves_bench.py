"""What moving chains costs: bytes between the nodes against those needed, and how long it takes.

    bazel run -c opt //tests/bench:moves_bench -- [--volume-mib=512] [--volumes=1000] [--json]

One volume is full, the others are empty. First its two copies become three (needed: one more copy),
then all three go to disks of other nodes (needed: three). Goal (issue 7): at most 1.1 x; propagate
answers within a second. Nothing else runs: what the sockets of the nodes have received is the move.
"""
import argparse
import random
import re
import subprocess
import time

import nbd

from tests.bench.results import say
from tests.integration.fixture import VOLUME, RunningCluster

MIB = 1 << 20


def received(cluster):
    """Bytes that all nodes have received over TCP so far."""
    pids = {process.pid for process in cluster.nodes.values()}
    total = 0
    listing = subprocess.run(["ss", "-tinpHO"], stdout=subprocess.PIPE, check=True, text=True)
    for line in listing.stdout.splitlines():
        owners = {int(pid) for pid in re.findall(r"pid=(\d+)", line)}
        count = re.search(r"bytes_received:(\d+)", line)
        if owners & pids and count:
            total += int(count.group(1))
    return total


def fill(cluster, volume_mib):
    device, source = nbd.NBD(), random.Random(1)
    device.connect_uri(cluster.nbd_uri(VOLUME))
    for place in range(volume_mib):
        device.pwrite(source.randbytes(MIB), place * MIB)
    device.shutdown()


def mirrors(cluster):
    """{disk: chains that it is a mirror of}"""
    disks = cluster.ctl_json("disk", "list")
    return {int(number): disk["chains"] for number, disk in disks.items()}


class Move:
    def __init__(self, cluster, name, needed_mib, change, done):
        before, began = received(cluster), time.monotonic()
        cluster.ctl("template", "t", "update", *change, "propagate", "yes")
        self.answer_s = time.monotonic() - began
        cluster.wait("the chains are where they should be", done, timeout_s=600, poll_s=0.1)
        cluster.wait_healthy()
        self.name, self.whole_s = name, time.monotonic() - began
        self.moved_mib, self.needed_mib = (received(cluster) - before) / MIB, needed_mib

    def result(self):
        return {"move": self.name, "answer_s": round(self.answer_s, 3),
                "whole_s": round(self.whole_s, 1), "needed_mib": self.needed_mib,
                "moved_mib": round(self.moved_mib, 1),
                "ratio": round(self.moved_mib / self.needed_mib, 3)}


def run(options):
    size = options.volume_mib
    with RunningCluster(size_mib=size, disk_size=f"{3 * size + 512}M", replication=2,
                        nodes=6) as cluster:
        first, second = (101, 201, 301), (401, 501, 601)
        cluster.ctl("placementGroup", "default", *(w for d in second for w in ("rmDisk", str(d))))
        cluster.ctl("placementGroup", "second", "create",
                    *(w for d in second for w in ("addDisk", str(d))))
        cluster.wait("all chains are on the first nodes",
                     lambda: sum(mirrors(cluster)[d] for d in second) == 0)
        cluster.wait_healthy()
        for number in range(options.volumes - 1):
            cluster.ctl("volume", f"v{number}", "create", "size", "1M", "template", "t")
        fill(cluster, size)
        yield Move(cluster, "two copies to three", size, ("replication", "3"),
                   lambda: sum(mirrors(cluster).values()) == 192).result()
        yield Move(cluster, "another group", 3 * size,
                   [word for place in ("placeAll", "placeHead", "placeTail")
                    for word in (place, "second")],
                   lambda: sum(mirrors(cluster)[d] for d in first) == 0).result()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--volume-mib", type=int, default=512)
    parser.add_argument("--volumes", type=int, default=1000)
    parser.add_argument("--json", action="store_true", help="one object a line")
    options = parser.parse_args()
    say(run(options), options.json)


if __name__ == "__main__":
    main()
