"""The bench runs: real daemons, a small volume, short rounds; what it prints has its shape."""
import json
import os
import subprocess
import unittest

BENCH = "tests/bench/cluster_bench"
VALUES = {"iops", "mean_us", "p50_us", "p99_us", "p999_us", "cpu_us_per_op"}
CASES = ["write-4k-qd1-r3-ext4", "read-4k-qd32-r3-ext4", "write-1m-qd8-r3-tmpfs"]


def bench(*options):
    done = subprocess.run([BENCH, "--volume-mib=64", "--seconds=0.3", "--rounds=1", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr}")
    return done.stdout


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


class ClusterBench(unittest.TestCase):
    def test_one_object_a_line_with_the_floor_beside(self):
        results = objects(bench("--json", *(f"--case={c}" for c in CASES)))
        self.assertEqual([r["case"] for r in results], CASES)
        for result in results:
            self.assertEqual(set(result), VALUES | {"case", "floor"})
            self.assertEqual(set(result["floor"]), VALUES)
            for value in VALUES:
                self.assertGreater(result[value], 0)
                self.assertGreater(result["floor"][value], 0)
            self.assertLessEqual(result["p50_us"], result["p99_us"])

    def test_counts_flushes_and_leaves_them_out_on_request(self):
        flushed, unflushed = objects(bench("--counters", "--case=write-4k-qd1-r3-ext4",
                                           "--case=write-4k-qd1-r3-ext4-unflushed"))
        # One flush in each of the three nodes for a write that waits for nobody.
        self.assertGreaterEqual(flushed["nodes"]["flushes"], 2.9)
        self.assertEqual(unflushed["nodes"]["flushes"], 0)
        self.assertGreater(flushed["client"]["system_calls"], 1)
        self.assertEqual(flushed["client"]["submits"], 0)

    def test_nothing_stays_behind(self):
        bench("--json", "--case=read-4k-qd1-r1-tmpfs")
        self.assertEqual([n for n in os.listdir("/dev/shm") if n.startswith("storpool-bench.")],
                         [])


if __name__ == "__main__":
    unittest.main()
