"""Nodes are killed under load: writes go on, and what was missed comes back, for all to see."""
import os
import signal
import unittest

from tests.integration.fixture import MIB, VOLUME, RunningCluster, in_background, wait_for_writes
from tests.integration.stamps import StampWriter
from tools import nbd_copy

LONGEST_GAP_S = 5.0


class Killer:
    """Writes in the background through what is done to the cluster; then nothing may be lost."""

    def __init__(self, cluster, blocks, seed):
        self.cluster = cluster
        self.writer = StampWriter(cluster.nbd_uri(VOLUME), blocks, seed)
        self.running = in_background(self.writer.run)

    def kill_and_bring_back(self, number):
        wait_for_writes(self.cluster, self.writer)
        self.cluster.kill(self.cluster.nodes[number])
        wait_for_writes(self.cluster, self.writer)
        self.cluster.nodes[number].start()
        self.cluster.wait_services()
        self.cluster.wait_healthy()

    def end(self, test):
        wait_for_writes(self.cluster, self.writer)
        self.writer.stop = True
        self.running.result()
        print(f"{self.writer.writes} writes, longest gap {self.writer.longest_gap_s:.2f} s")
        test.assertEqual(self.writer.reconnects, 0)
        test.assertLess(self.writer.longest_gap_s, LONGEST_GAP_S)
        test.assertEqual(self.writer.verify(), [])


class FailoverTest(unittest.TestCase):
    def test_writes_go_on_through_restarts_of_every_node(self):
        with RunningCluster(size_mib=64) as cluster:
            killer = Killer(cluster, blocks=2048, seed=1)
            for number in (2, 1, 3):
                killer.kill_and_bring_back(number)
            killer.end(self)

    def test_nodes_with_several_disks(self):
        with RunningCluster(size_mib=256, disk_size="512M", disks_per_node=2) as cluster:
            used = [d for d in cluster.ctl_json("disk", "list").values() if d["chains"] > 0]
            self.assertEqual(len(used), 6)
            killer = Killer(cluster, blocks=16384, seed=6)  # chunks on several chains
            for number in (1, 2, 3):
                killer.kill_and_bring_back(number)
            killer.end(self)
            # Both disks of a node serve: each alone holds everything of its chains.
            for number in (1, 2):
                self.assertEqual(cluster.nodes[number].stop(), 0)
            self.assertEqual(killer.writer.verify(), [])

    def test_a_resync_is_shown_until_it_is_over(self):
        with RunningCluster(size_mib=256) as cluster:
            source = os.path.join(cluster.folder, "source")
            for _ in range(5):  # a fast machine may be through before anybody has looked
                with open(source, "wb") as f:
                    f.write(os.urandom(192 * MIB))
                cluster.kill(cluster.nodes[3])
                nbd_copy.write(source, cluster.nbd_uri(VOLUME), lambda done, total: None)
                self.assertEqual(self.volume(cluster)["status"], "degraded")
                cluster.nodes[3].start()
                left = self.watch_resync(cluster)
                if left:
                    break
            print(f"left, in MiB: {[f'{one / MIB:.0f}' for one in left]}")
            self.assertGreater(len(left), 0)
            # Rises while chains begin, then falls: an estimate, never too low.
            self.assertLessEqual(max(left), 194 * MIB)
            last = self.volume(cluster)
            self.assertEqual((last["status"], last["syncingDataBytes"]), ("up", 0))
            nbd_copy.compare(cluster.nbd_uri(VOLUME), source, lambda done, total: None)

    @staticmethod
    def volume(cluster):
        """Without what it holds: that would wait for the node that is held."""
        return cluster.ctl_json("volume", "quickStatus")[0]

    def watch_resync(self, cluster):
        """What `volume status` said was left, until health. Until that is seen node 3 runs for some
        milliseconds at a time, and stands still while somebody looks, or a fast machine would be
        through before the next heartbeat says how far it is. [] if it was over all the same."""
        left = []

        def look():
            status = self.volume(cluster)
            if status["syncingDataBytes"] > 0:
                left.append(status["syncingDataBytes"])
            return status["status"]

        def look_at_a_standstill():
            os.kill(cluster.nodes[3].pid, signal.SIGSTOP)
            try:
                status = look()
                if not left:
                    return status == "up"
                disks = cluster.ctl("disk", "list")
                if self.volume(cluster)["syncingDataBytes"] > 0:  # it was when disks were listed
                    self.assertIn("disk 301 is syncing: ", disks)
                return True
            finally:
                os.kill(cluster.nodes[3].pid, signal.SIGCONT)

        cluster.wait("the resync is shown", look_at_a_standstill, poll_s=0.005)
        cluster.wait("the volume is up", lambda: look() == "up", poll_s=0.05)
        cluster.wait_services()
        cluster.wait_healthy()
        return left

    def test_a_forgotten_disk_comes_back_as_a_new_one(self):
        with RunningCluster(size_mib=64) as cluster:
            killer = Killer(cluster, blocks=2048, seed=7)
            wait_for_writes(cluster, killer.writer)
            cluster.kill(cluster.nodes[3])
            cluster.wait("disk 301 is down", lambda: cluster.ctl_json("disk", "list")["301"]
                         ["status"] != "up")
            cluster.ctl("disk", "301", "forget")
            wait_for_writes(cluster, killer.writer)
            path = cluster.nodes[3].disks[0]
            cluster.ctl("disk", "init", path, "id", "301", "cluster", cluster.cluster_file,
                        "force", "yes")
            cluster.nodes[3].start()
            cluster.wait_services()
            cluster.wait_healthy()
            killer.end(self)
            for number in (1, 2):  # the new disk alone has everything
                self.assertEqual(cluster.nodes[number].stop(), 0)
            self.assertEqual(killer.writer.verify(), [])

    def test_a_forgotten_disk_comes_back_as_it_was(self):
        with RunningCluster(size_mib=64) as cluster:
            killer = Killer(cluster, blocks=2048, seed=8)
            wait_for_writes(cluster, killer.writer)
            cluster.kill(cluster.nodes[2])
            cluster.wait("disk 201 is down", lambda: cluster.ctl_json("disk", "list")["201"]
                         ["status"] != "up")
            cluster.ctl("disk", "201", "forget")
            wait_for_writes(cluster, killer.writer)
            cluster.nodes[2].start()  # it discards what it has, and receives everything again
            cluster.wait_services()
            cluster.wait_healthy()
            killer.end(self)


if __name__ == "__main__":
    unittest.main()
