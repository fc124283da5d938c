"""Snapshots of a group are of one instant: a short run of what point_in_time does for minutes."""
import json
import os
import subprocess
import unittest


class PointInTimeTest(unittest.TestCase):
    def test_snapshot_sets_are_prefixes(self):
        done = subprocess.run(
            [os.path.abspath("tests/bench/point_in_time"), "--snapshots=12", "--interval-ms=200",
             "--keep=4", "--disk-mib=1024", f"--dir={os.environ['TEST_TMPDIR']}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=240, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["snapshots"], 12)
        self.assertGreater(report["stamps"], 12, "nearly nothing was written: it proves nothing")
        self.assertGreater(report["writes"], 100)


if __name__ == "__main__":
    unittest.main()
