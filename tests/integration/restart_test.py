"""Processes that come back: client, metadata, everything at once. What was acknowledged stays."""
import os
import shutil
import unittest

import nbd

from tests.integration.fixture import (VOLUME, RunningCluster, in_background, pause,
                                       wait_for_writes)
from tests.integration.stamps import StampWriter


class RestartTest(unittest.TestCase):
    def test_client_killed_under_load(self):
        with RunningCluster(size_mib=64) as cluster:
            writer = StampWriter(cluster.nbd_uri(VOLUME), blocks=2048, seed=2, depth=32)
            running = in_background(writer.run)
            for _ in range(3):
                wait_for_writes(cluster, writer)
                cluster.client.kill()
                cluster.client.start()
                cluster.wait_services()
                cluster.wait_healthy()
            wait_for_writes(cluster, writer)
            writer.stop = True
            running.result()
            print(f"{writer.writes} writes, {writer.reconnects} reconnects")
            self.assertGreaterEqual(writer.reconnects, 3)
            self.assertEqual(writer.verify(), [])

    def test_all_killed_at_once_during_writes(self):
        with RunningCluster(size_mib=64) as cluster:
            writer = StampWriter(cluster.nbd_uri(VOLUME), blocks=2048, seed=3)
            running = in_background(writer.run)
            for _ in range(2):
                wait_for_writes(cluster, writer)
                cluster.kill_all()
                for process in cluster.processes():
                    process.start()
                cluster.wait_services()
                cluster.wait_healthy()
            wait_for_writes(cluster, writer)
            writer.stop = True
            running.result()
            print(f"{writer.writes} writes, {writer.reconnects} reconnects")
            self.assertEqual(writer.verify(), [])

    def test_io_goes_on_without_metadata(self):
        with RunningCluster(size_mib=64) as cluster:
            writer = StampWriter(cluster.nbd_uri(VOLUME), blocks=2048, seed=4)
            running = in_background(writer.run)
            wait_for_writes(cluster, writer)
            cluster.metadata.kill()
            for _ in range(6):  # longer than any lease or time-out of ours
                before = writer.writes
                pause(1)
                self.assertGreater(writer.writes, before)
            cluster.metadata.start()
            cluster.wait_services()
            cluster.wait_healthy()
            writer.stop = True
            running.result()
            print(f"{writer.writes} writes, longest gap {writer.longest_gap_s:.2f} s")
            self.assertEqual(writer.reconnects, 0)
            self.assertEqual(writer.verify(), [])

    def test_metadata_restored_while_volumes_are_in_use(self):
        """Its folder is lost, a backup comes back; nodes and clients run on. What was made after
        the backup nobody knows any more, but its data stay on the disks."""
        with RunningCluster(size_mib=64) as cluster:
            folder = os.path.join(cluster.folder, "metadata")
            lost, backup = folder + ".lost", os.path.join(cluster.folder, "backup")
            for _ in range(2):  # so that nodes and clients have seen later leaders than the first
                cluster.metadata.stop()
                cluster.metadata.start()
                cluster.wait_services()
            cluster.ctl("metadata", "backup", backup)
            cluster.ctl("volume", "later", "create", "size", "64M", "template", "t")
            cluster.ctl("attach", "volume", "later", "client", str(cluster.client_id))
            device = nbd.NBD()
            device.connect_uri(cluster.nbd_uri("later"))
            for place in range(32):
                device.pwrite(os.urandom(1 << 20), place << 20)
            writer = StampWriter(cluster.nbd_uri(VOLUME), blocks=2048, seed=6)
            running = in_background(writer.run)
            for name in ("first", "second"):  # what follows is written in other layers
                wait_for_writes(cluster, writer)
                cluster.ctl("volume", VOLUME, "snapshot", name)
            wait_for_writes(cluster, writer)

            cluster.metadata.kill()
            os.rename(folder, lost)
            os.makedirs(folder)
            for file in ("cluster", "token"):
                shutil.copy(os.path.join(lost, file), folder)
            cluster.ctl("metadata", "restore", backup, folder)
            cluster.metadata.start()
            cluster.wait_services()
            cluster.wait_healthy()
            wait_for_writes(cluster, writer, 2000)
            cluster.ctl("volume", VOLUME, "snapshot", "third")
            wait_for_writes(cluster, writer)
            writer.stop = True
            running.result()
            print(f"{writer.writes} writes, {writer.reconnects} reconnects")
            # Sessions begin anew, and what was under way in the former ones fails.
            lost = [fault for fault in writer.verify() if "write failed" not in fault]
            self.assertEqual(lost, [])
            self.assertNotIn("later", [v["name"] for v in cluster.ctl_json("volume", "list")])
            pause(2)  # two heartbeats: how much is stored
            for disk in cluster.ctl_json("disk", "list").values():
                self.assertGreater(disk["storedSize"], 30 << 20, "the lost volume is destroyed")

    def test_clean_stop_and_start(self):
        with RunningCluster(size_mib=64) as cluster:
            writer = StampWriter(cluster.nbd_uri(VOLUME), blocks=512, seed=5)
            running = in_background(writer.run)
            wait_for_writes(cluster, writer)
            writer.stop = True
            running.result()
            for process in reversed(cluster.processes()):
                self.assertEqual(process.stop(), 0, process.log_tail())
            for process in cluster.processes():  # metadata last would do as well
                process.start()
            cluster.wait_services()
            cluster.wait_healthy()
            self.assertEqual(writer.verify(), [])


if __name__ == "__main__":
    unittest.main()
