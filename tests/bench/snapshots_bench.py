"""What snapshots and clones cost as they become many: time to create, list, clone and read.

    bazel run -c opt //tests/bench:snapshots_bench -- [--snapshots=10000] [--blocks=64] [--json]

One volume; after each snapshot some random blocks are written. The goals (issue 7): create, list
and read (warm) within 2 x of the first; a clone of 500 GB within 50 ms.
"""
import argparse
import http.client
import json
import random
import statistics
import time

import nbd

from tests.integration.fixture import RunningCluster

BLOCK = 4096
MIB = 1 << 20
VOLUME_MIB = 256
CLONES = 20
READS = 2000


class Api:
    """The JSON API over one connection: what is measured is the server."""

    def __init__(self, cluster):
        self.address, self.token = cluster.http_address, cluster.token()

    def ask(self, method, query, body=None):
        """(milliseconds, data)"""
        connection = http.client.HTTPConnection(self.address, timeout=600)
        connection.connect()
        text = None if body is None else json.dumps(body)
        began = time.perf_counter()
        connection.request(method, "/ctrl/1.0/" + query, text,
                           {"Authorization": f"Storpool v1:{self.token}"})
        answer = connection.getresponse().read()
        took_ms = 1000 * (time.perf_counter() - began)
        connection.close()
        answer = json.loads(answer)
        if "error" in answer:
            raise RuntimeError(f"{query}: {answer['error']}")
        return took_ms, answer["data"]


class Bench:
    def __init__(self, cluster, options):
        self.cluster, self.options = cluster, options
        self.api, self.random = Api(cluster), random.Random(1)
        self.device = nbd.NBD()
        self.device.connect_uri(cluster.nbd_uri("test"))
        self.number = 0

    def fill(self):
        for place in range(VOLUME_MIB):
            self.device.pwrite(self.random.randbytes(MIB), place * MIB)

    def write(self, count):
        for _ in range(count):
            place = self.random.randrange(VOLUME_MIB * MIB // BLOCK)
            self.device.pwrite(self.random.randbytes(BLOCK), place * BLOCK)

    def snapshots(self, count):
        """Milliseconds of each."""
        times = []
        for _ in range(count):
            self.number += 1
            took, _ = self.api.ask("POST", "VolumeSnapshot/test", {"name": f"s{self.number}"})
            times.append(took)
            self.write(self.options.blocks)
        return times

    def lists(self):
        """Milliseconds for each object that is listed."""
        times = []
        for _ in range(5):
            took, data = self.api.ask("GET", "SnapshotsList")
            times.append(took / len(data))
        return statistics.median(times)

    def reads(self):
        """Microseconds; the second time over the same places: warm."""
        places = [self.random.randrange(VOLUME_MIB * MIB // BLOCK) for _ in range(READS)]
        for _ in range(2):
            times = []
            for place in places:
                began = time.perf_counter()
                self.device.pread(BLOCK, place * BLOCK)
                times.append(1e6 * (time.perf_counter() - began))
        return statistics.median(times)

    def clones(self):
        self.api.ask("POST", "VolumeCreate", {"name": "big", "size": 500 << 30, "template": "t"})
        self.api.ask("POST", "VolumeSnapshot/big", {"name": "golden"})
        return [self.api.ask("POST", "VolumeCreate", {"name": f"c{i}", "parent": "golden"})[0]
                for i in range(CLONES)]

    def run(self):
        chunk = min(100, self.options.snapshots // 2)
        self.fill()
        result = {"snapshots": self.options.snapshots}
        first = self.snapshots(chunk)
        result["create_ms_first"] = statistics.median(first)
        result["list_us_per_snapshot_first"] = 1000 * self.lists()
        result["read_us_first"] = self.reads()
        self.snapshots(self.options.snapshots - 2 * chunk)
        last = self.snapshots(chunk)
        result["create_ms_last"] = statistics.median(last)
        result["list_us_per_snapshot_last"] = 1000 * self.lists()
        result["read_us_last"] = self.reads()
        clones = self.clones()
        result["clone_500g_ms_median"] = statistics.median(clones)
        result["clone_500g_ms_max"] = max(clones)
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--snapshots", type=int, default=10000)
    parser.add_argument("--blocks", type=int, default=64, help="written after each")
    parser.add_argument("--json", action="store_true", help="one object instead of lines")
    options = parser.parse_args()
    with RunningCluster(size_mib=VOLUME_MIB, disk_size="8G") as cluster:
        result = Bench(cluster, options).run()
    if options.json:
        print(json.dumps({key: round(value, 3) for key, value in result.items()}))
        return
    for key, value in result.items():
        print(f"{key:<28}{value:>12.2f}")


if __name__ == "__main__":
    main()
