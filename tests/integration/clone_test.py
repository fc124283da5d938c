"""A clone of a large volume has its parent's data from the first read on, and its own after."""
import unittest

import nbd

from tests.integration.fixture import RunningCluster

BLOCK, SECTOR = 4096, 512
GIB = 1 << 30
PLACES = (0, 3 * GIB + BLOCK, 499 * GIB)


def filled(letter, length=BLOCK):
    return bytes([ord(letter)]) * length


class Device:
    """with Device(cluster, volume) as handle: attached, and open over NBD."""

    def __init__(self, cluster, name):
        self.cluster, self.name = cluster, name

    def __enter__(self):
        self.cluster.ctl("attach", "volume", self.name, "client", str(self.cluster.client_id))
        self.handle = nbd.NBD()
        self.handle.connect_uri(self.cluster.nbd_uri(self.name))
        return self.handle

    def __exit__(self, kind, value, trace):
        self.handle.shutdown()
        self.cluster.ctl("detach", "volume", self.name, "client", str(self.cluster.client_id))


class CloneTest(unittest.TestCase):
    def first_requests(self, clone, place):
        """Each of them is the first one of its block."""
        self.assertEqual(clone.pread(BLOCK, place), filled("a"))
        clone.pwrite(filled("b", SECTOR), place + SECTOR)
        self.assertEqual(clone.pread(BLOCK, place), filled("a", SECTOR) + filled("b", SECTOR) +
                         filled("a", BLOCK - 2 * SECTOR))
        clone.trim(BLOCK, place + BLOCK)
        self.assertEqual(clone.pread(BLOCK, place + BLOCK), bytes(BLOCK))
        clone.pwrite(filled("c"), place + 2 * BLOCK)
        clone.zero(BLOCK, place + 3 * BLOCK)
        self.assertEqual(clone.pread(2 * BLOCK, place + 2 * BLOCK), filled("c") + bytes(BLOCK))
        self.assertEqual(clone.pread(BLOCK, place + 4 * BLOCK), filled("a"))

    def test_the_first_requests_to_a_clone(self):
        with RunningCluster(size_mib=64) as cluster:
            cluster.ctl("volume", "image", "create", "size", "500G", "template", "t")
            with Device(cluster, "image") as image:
                for place in PLACES:
                    image.pwrite(filled("a", 5 * BLOCK), place)
            cluster.ctl("volume", "image", "snapshot", "golden")
            cluster.ctl("volume", "copy", "create", "parent", "golden")
            with Device(cluster, "copy") as clone:
                self.assertEqual(clone.get_size(), 500 * GIB)
                for place in PLACES:
                    self.first_requests(clone, place)
                self.assertEqual(clone.pread(BLOCK, GIB), bytes(BLOCK))
            with Device(cluster, "image") as image:
                for place in PLACES:
                    self.assertEqual(image.pread(5 * BLOCK, place), filled("a", 5 * BLOCK))

    def test_a_clone_of_a_clone_outlives_its_parents(self):
        with RunningCluster(size_mib=64) as cluster:
            cluster.ctl("volume", "one", "create", "size", "1G", "template", "t")
            with Device(cluster, "one") as one:
                one.pwrite(filled("1"), 0)
                one.pwrite(filled("1"), BLOCK)
            cluster.ctl("volume", "one", "snapshot", "s1")
            cluster.ctl("volume", "two", "create", "parent", "s1")
            with Device(cluster, "two") as two:
                two.pwrite(filled("2"), BLOCK)
            cluster.ctl("volume", "two", "snapshot", "s2")
            cluster.ctl("volume", "three", "create", "parent", "s2")
            for name in ("one", "two"):
                cluster.ctl("volume", name, "delete", name)
            for name in ("s1", "s2"):
                cluster.ctl("snapshot", name, "delete", name)
            with Device(cluster, "three") as three:
                three.pwrite(filled("3", SECTOR), 2 * BLOCK)
                expected = (filled("1") + filled("2") + filled("3", SECTOR) +
                            bytes(BLOCK - SECTOR))
                self.assertEqual(three.pread(3 * BLOCK, 0), expected)
                cluster.ctl("volume", "three", "rebase", "base")
                cluster.wait("three has no parent and nothing else is left", lambda: len(
                    cluster.ctl_json("snapshot", "list")) == 0, timeout_s=120)
                self.assertEqual(three.pread(3 * BLOCK, 0), expected)


if __name__ == "__main__":
    unittest.main()
