"""What the daemons use while nothing is asked of them: per cent of a core, and sleeps a second.

    bazel run -c opt //tests/bench:idle_bench -- [--seconds=20] [--rounds=3] [--json]

Metadata, three nodes with one disk each and a client with an attached volume, default options.
Medians of the rounds, for each daemon and for all together; the goal is under 1 % for all.
"""
import argparse
import json
import os
import statistics
import sys
import time

from tests.integration.fixture import RunningCluster, pause

SETTLE_S = 3  # a daemon that has just started is not at rest


def threads(pid):
    folder = f"/proc/{pid}/task"
    return [os.path.join(folder, task) for task in os.listdir(folder)]


def cpu_seconds(pid):
    """What its threads have run so far, to the nanosecond."""
    total = 0
    for thread in threads(pid):
        with open(os.path.join(thread, "schedstat"), encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


def sleeps(pid):
    """How often its threads have waited for something: each costs a wake-up."""
    total = 0
    for thread in threads(pid):
        with open(os.path.join(thread, "status"), encoding="ascii") as f:
            total += sum(int(line.split()[1]) for line in f
                         if line.startswith("voluntary_ctxt_switches"))
    return total


def measure(processes, seconds):
    """{name: (per cent of a core, sleeps a second)}"""
    def read():
        return time.monotonic(), [(cpu_seconds(p.pid), sleeps(p.pid)) for p in processes]
    began, before = read()
    pause(seconds)
    ended, after = read()
    span = ended - began
    return {f"{p.role} {p.number}".removesuffix(" 0"):
            (100 * (a[0] - b[0]) / span, (a[1] - b[1]) / span)
            for p, b, a in zip(processes, before, after)}


def medians(rounds):
    together = [tuple(sum(one[i] for one in r.values()) for i in (0, 1)) for r in rounds]
    lines = {name: [r[name] for r in rounds] for name in rounds[0]} | {"together": together}
    return {name: tuple(statistics.median(v[i] for v in values) for i in (0, 1))
            for name, values in lines.items()}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", action="store_true", help="one object instead of a table")
    options = options.parse_args()
    with RunningCluster() as cluster:
        cluster.wait_healthy()
        pause(SETTLE_S)
        print("pids: " + " ".join(str(p.pid) for p in cluster.processes()), file=sys.stderr)
        result = medians([measure(cluster.processes(), options.seconds)
                          for _ in range(options.rounds)])
    if options.json:
        print(json.dumps({name: {"core_percent": round(cpu, 3), "sleeps_per_s": round(slept, 1)}
                          for name, (cpu, slept) in result.items()}))
        return
    print(f"{'daemon':<12}{'% of a core':>12}{'sleeps/s':>10}")
    for name, (cpu, slept) in result.items():
        print(f"{name:<12}{cpu:>12.2f}{slept:>10.1f}")


if __name__ == "__main__":
    main()
