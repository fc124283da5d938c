"""The bench runs: real daemons, a small volume, short rounds; what it prints has its shape."""
import json
import os
import signal
import subprocess
import unittest

BENCH = "tests/bench/cluster_bench"
VALUES = {"iops", "mean_us", "p50_us", "p99_us", "p999_us", "cpu_us_per_op"}
CASES = ["write-4k-qd1-r3-ext4", "read-4k-qd32-r3-ext4", "write-1m-qd8-r3-tmpfs"]


def start(*options):
    small = ["--volume-mib=64", "--disk-mib=512", "--seconds=0.3", "--rounds=1"]
    return subprocess.Popen([BENCH, *small, *options],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def bench(*options):
    run = start(*options)
    printed, said = run.communicate()
    if run.returncode != 0:
        raise AssertionError(f"exit code {run.returncode}: {said}")
    return printed


def folder_of(run):
    return f"/dev/shm/storpool-bench.{run.pid}"


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
        run = start("--json", "--case=read-4k-qd1-r1-tmpfs")
        said = run.communicate()[1]
        self.assertEqual(run.returncode, 0, said)
        self.assertFalse(os.path.exists(folder_of(run)))

    def test_an_interrupted_run_leaves_nothing_behind(self):
        for interrupt in signal.SIGINT, signal.SIGTERM:
            run = start("--json", "--case=write-4k-qd1-r3-tmpfs", "--rounds=1000")
            said = ""
            while "idle daemons" not in said:  # all of them run
                line = run.stderr.readline()
                self.assertTrue(line, said)
                said += line
            self.assertTrue(os.path.exists(folder_of(run)))
            run.send_signal(interrupt)
            run.communicate()
            self.assertEqual(run.returncode, -interrupt)
            self.assertFalse(os.path.exists(folder_of(run)))


if __name__ == "__main__":
    unittest.main()
