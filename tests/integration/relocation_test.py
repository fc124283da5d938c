"""Chains move under load: more copies, other groups, other disks to read; nothing differs then."""
import time
import unittest

from tests.integration.fixture import (VOLUME, RunningCluster, in_background, pause,
                                       wait_for_writes)
from tests.integration.stamps import StampWriter

VOLUMES = 1000
ANSWER_S = 1.0


class Load:
    """Writes in the background while chains move."""

    def __init__(self, cluster, blocks, seed):
        self.cluster = cluster
        self.writer = StampWriter(cluster.nbd_uri(VOLUME), blocks, seed)
        self.start()
        wait_for_writes(cluster, self.writer, blocks * 2)

    def start(self):
        self.writer.stop = False
        self.running = in_background(self.writer.run)

    def end(self, test):
        wait_for_writes(self.cluster, self.writer)
        self.writer.stop = True
        self.running.result()
        print(f"{self.writer.writes} writes, longest gap {self.writer.longest_gap_s:.2f} s")
        test.assertEqual(self.writer.reconnects, 0)
        test.assertEqual(self.writer.verify(), [])


def disks(cluster):
    return {int(number): disk for number, disk in cluster.ctl_json("disk", "list").items()}


def wait_moved(cluster, done):
    """Until `done()`, and health."""
    cluster.wait("the chains are where they should be", done, timeout_s=300, poll_s=0.2)
    cluster.wait_healthy()


def group(cluster, name, *members):
    cluster.ctl("placementGroup", name, "create",
                *(word for d in members for word in ("addDisk", str(d))))


def mirrors(cluster):
    return sum(disk["chains"] for disk in disks(cluster).values())


class RelocationTest(unittest.TestCase):
    def test_two_copies_become_three_under_load(self):
        with RunningCluster(size_mib=64, replication=2) as cluster:
            load = Load(cluster, blocks=4096, seed=21)
            self.assertEqual(mirrors(cluster), 128)
            cluster.ctl("template", "t", "update", "replication", "3", "propagate", "yes")
            wait_moved(cluster, lambda: mirrors(cluster) == 192)
            load.end(self)
            # The new copies are whole: any two nodes may go.
            for number in (1, 2):
                self.assertEqual(cluster.nodes[number].stop(), 0)
            self.assertEqual(load.writer.verify(), [])

    def test_another_group_under_load(self):
        with RunningCluster(size_mib=64, replication=2, nodes=4) as cluster:
            load = Load(cluster, blocks=4096, seed=22)
            group(cluster, "right", 301, 401)
            cluster.ctl("template", "t", "update", "placeAll", "right", "placeHead", "right",
                        "placeTail", "right", "propagate", "yes")
            wait_moved(cluster, lambda: all(
                disk["chains"] == (64 if number in (301, 401) else 0)
                for number, disk in disks(cluster).items()))
            load.end(self)
            for number in (1, 2):  # nothing is left there that anybody needs
                self.assertEqual(cluster.nodes[number].stop(), 0)
            self.assertEqual(load.writer.verify(), [])

    def test_reads_come_from_the_disks_of_place_tail(self):
        with RunningCluster(size_mib=64, replication=2, nodes=4) as cluster:
            group(cluster, "hdd", 101, 201)
            group(cluster, "ssd", 301, 401)
            load = Load(cluster, blocks=4096, seed=23)
            cluster.ctl("template", "t", "update", "placeAll", "hdd", "placeHead", "hdd",
                        "placeTail", "ssd", "propagate", "yes")
            wait_moved(cluster, lambda: not cluster.ctl_json(
                "relocator", "status")["volumesToRelocate"])
            self.assertEqual(sum(disks(cluster)[n]["chains"] for n in (301, 401)), 64)
            wait_for_writes(cluster, load.writer)
            pause(2)  # two heartbeats: the counters are of now
            before = disks(cluster)
            load.end(self)  # reads all of it
            pause(2)
            after = disks(cluster)
            reads = {number: after[number]["reads"] - before[number]["reads"] for number in after}
            print(f"reads by disk: {reads}")
            self.assertGreater(sum(reads[n] for n in (301, 401)), 0)
            self.assertEqual(sum(reads[n] for n in (101, 201)), 0)

    def test_moves_between_the_disks_of_one_node(self):
        with RunningCluster(size_mib=64, disk_size="512M", disks_per_node=2) as cluster:
            hdd, ssd = (101, 201, 301), (102, 202, 302)
            group(cluster, "hdd", *hdd)
            group(cluster, "ssd", *ssd)
            load = Load(cluster, blocks=4096, seed=24)
            self.assertGreater(sum(disks(cluster)[n]["chains"] for n in ssd), 0)
            cluster.ctl("template", "t", "update", "placeAll", "hdd", "placeHead", "hdd",
                        "placeTail", "hdd", "propagate", "yes")
            wait_moved(cluster, lambda: all(
                disk["chains"] == (64 if number in hdd else 0)
                for number, disk in disks(cluster).items()))
            cluster.ctl("template", "t", "update", "placeTail", "ssd", "propagate", "yes")
            wait_moved(cluster, lambda: sum(disks(cluster)[n]["chains"] for n in ssd) == 64 and
                       sum(disks(cluster)[n]["chains"] for n in hdd) == 128)
            load.end(self)

    def test_a_volume_moves_to_another_template(self):
        with RunningCluster(size_mib=96, nodes=4) as cluster:
            group(cluster, "right", 301, 401)
            cluster.ctl("template", "two", "create", "replication", "2", "placeAll", "right")
            load = Load(cluster, blocks=8192, seed=25)
            load.end(self)
            attachment = ["volume", VOLUME, "client", str(cluster.client_id)]
            cluster.ctl("detach", *attachment)
            cluster.ctl("volume", VOLUME, "update", "template", "two")
            cluster.ctl("attach", *attachment)
            load.start()  # while what it had is copied
            cluster.wait("the volume is filled", lambda: not cluster.ctl_json("task", "list"))
            load.end(self)
            self.assertEqual(cluster.ctl_json("volume", VOLUME, "info")["templateName"], "two")
            for number in (1, 2):  # nothing of it is left there
                self.assertEqual(cluster.nodes[number].stop(), 0)
            self.assertEqual(load.writer.verify(), [])

    def test_a_thousand_volumes_are_changed_at_once(self):
        with RunningCluster(size_mib=64, replication=2) as cluster:
            for number in range(VOLUMES):
                cluster.ctl("volume", f"v{number}", "create", "size", "1G", "template", "t")
            began = time.monotonic()
            cluster.ctl("template", "t", "update", "replication", "3", "iops", "1000", "propagate",
                        "yes")
            took = time.monotonic() - began
            print(f"propagate over {VOLUMES} volumes: {took:.3f} s")
            self.assertLess(took, ANSWER_S)
            wait_moved(cluster, lambda: mirrors(cluster) == 192)


if __name__ == "__main__":
    unittest.main()
