"""Each node is killed under load: no error, no differing byte, a short pause, and then health."""
import json
import os
import subprocess
import unittest

from tests.integration.fixture import MIB, VOLUME, RunningCluster, in_background, pause
from tests.integration.stamps import StampWriter
from tools import nbd_copy

LONGEST_GAP_S = 5.0


def quiet(done, total):
    del done, total


class FailoverTest(unittest.TestCase):
    def test_copy_while_each_node_is_killed_in_turn(self):
        with RunningCluster(size_mib=128) as cluster:
            source = os.path.join(cluster.folder, "source")
            with open(source, "wb") as f:
                f.write(os.urandom(96 * MIB))
            for node in cluster.nodes.values():
                killed = []

                def progress(done, total, node=node, killed=killed):
                    if done > total * 0.45 and not killed:
                        killed.append(True)
                        node.kill()
                gap = nbd_copy.write(source, cluster.nbd_uri(VOLUME), progress)
                print(f"node {node.number} killed: longest gap {gap:.2f} s")
                self.assertTrue(killed)
                self.assertLess(gap, LONGEST_GAP_S)
                nbd_copy.compare(cluster.nbd_uri(VOLUME), source, quiet)
                self.assertFalse(cluster.status()["healthy"])
                node.start()
                cluster.wait_healthy()
                nbd_copy.compare(cluster.nbd_uri(VOLUME), source, quiet)
                with open(source, "r+b") as f:  # other bytes for the next round
                    f.write(os.urandom(96 * MIB))

    def test_fio_verifies_while_a_node_is_killed(self):
        with RunningCluster(size_mib=64) as cluster:
            fio = in_background(lambda: subprocess.run(
                ["fio", "--name=v", "--ioengine=nbd", f"--uri={cluster.nbd_uri(VOLUME)}",
                 "--rw=randrw", "--bs=4k", "--iodepth=32", "--size=64m", "--io_size=96m",
                 "--verify=crc32c", "--verify_fatal=1", "--time_based", "--runtime=12",
                 "--output-format=json"],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                cwd=cluster.folder))
            pause(5)
            cluster.nodes[3].kill()
            pause(2)
            cluster.nodes[3].start()
            done = fio.result()
            self.assertEqual(done.returncode, 0, done.stdout)
            job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
            self.assertEqual(job["error"], 0)
            longest = max(job[kind]["clat_ns"]["max"] for kind in ("read", "write")) / 1e9
            print(f"longest latency {longest:.2f} s, "
                  f"{job['write']['iops']:.0f} writes/s, {job['read']['iops']:.0f} reads/s")
            self.assertLess(longest, LONGEST_GAP_S)
            cluster.wait_healthy()

    def test_writes_go_on_through_restarts_of_every_node(self):
        with RunningCluster(size_mib=64) as cluster:
            writer = StampWriter(cluster.nbd_uri(VOLUME), blocks=2048, seed=1)
            running = in_background(writer.run)
            for number in (2, 1, 3):
                pause(1)
                cluster.nodes[number].kill()
                pause(1)
                cluster.nodes[number].start()
                cluster.wait_healthy()
            writer.stop = True
            running.result()
            print(f"{writer.writes} writes, longest gap {writer.longest_gap_s:.2f} s")
            self.assertEqual(writer.reconnects, 0)
            self.assertLess(writer.longest_gap_s, LONGEST_GAP_S)
            self.assertEqual(writer.verify(), [])


if __name__ == "__main__":
    unittest.main()
