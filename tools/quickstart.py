"""What quickstart.sh does once everything is built; see its header."""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import nbd_copy  # noqa: E402  beside this file
from cluster import Cluster  # noqa: E402

VOLUME = "demo"
IMAGE_MIB = 576
VOLUME_SIZE = "640M"


def say(text):
    print(text, flush=True)


def step(number, text):
    say(f"== {number}. {text}")


def parse():
    parser = argparse.ArgumentParser(
        prog="quickstart.sh",
        description="Builds libstorpool, starts a cluster of one metadata daemon, three nodes and "
                    "one client on loopback, copies a file system image into a replicated volume "
                    "while a node is killed, verifies it from every mirror, and cleans up.")
    parser.add_argument("--keep", action="store_true", help="leave the cluster running")
    parser.add_argument("--dir", help="where to put disks and logs (default: a temporary folder)")
    parser.add_argument("--programs", help=argparse.SUPPRESS)
    return parser.parse_args()


def programs_in(bazel_bin):
    return {
        "storpool_metadata": f"{bazel_bin}/daemons/metadata/storpool_metadata",
        "storpool_node": f"{bazel_bin}/daemons/node/storpool_node",
        "storpool_client": f"{bazel_bin}/daemons/client/storpool_client",
        "storpoolctl": f"{bazel_bin}/cli/storpoolctl",
    }


def make_image(path, folder):
    """An ext4 image with files of this machine, IMAGE_MIB large."""
    files = os.path.join(folder, "files")
    os.makedirs(files)
    room = IMAGE_MIB * (1 << 20) * 8 // 10
    count = 0
    for top in ("/usr/lib", "/usr/share", "/usr/bin", "/usr/include"):
        for base, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                source = os.path.join(base, name)
                size = os.lstat(source).st_size + 4096
                if os.path.islink(source) or size > room:
                    continue
                target = os.path.join(files, os.path.relpath(base, "/"))
                os.makedirs(target, exist_ok=True)
                shutil.copyfile(source, os.path.join(target, name))
                room -= size
                count += 1
        if room < 1 << 20:
            break
    with open(path, "wb") as image:
        image.truncate(IMAGE_MIB << 20)
    env = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", files, path], check=True, env=env)
    shutil.rmtree(files)
    return count


def digest_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as image:
        while piece := image.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class Progress:
    """Prints how far a copy is, a line each 10 %, and runs actions at a share of it."""

    def __init__(self, what, actions=()):
        self.what, self.actions, self.next_line = what, sorted(actions), 0.1
        self.began = time.monotonic()

    def __call__(self, done, total):
        share = done / total
        while self.actions and share >= self.actions[0][0]:
            threading.Thread(target=self.actions.pop(0)[1]).start()
        while share >= self.next_line - 1e-9 and self.next_line < 1.05:
            elapsed = max(time.monotonic() - self.began, 1e-3)
            say(f"   {self.what}: {self.next_line:4.0%}  {done / elapsed / 1e6:6.0f} MB/s")
            self.next_line += 0.1


def verify(cluster, image, what):
    nbd_copy.compare(cluster.nbd_uri(VOLUME), image, Progress(what))
    say("   every byte is equal")


def run(cluster, folder):
    step(3, f"Cluster in {folder}: disks of {cluster.disk_size} for three nodes")
    cluster.create()
    cluster.start()
    disks = [str(disk) for node in cluster.nodes for _, disk in cluster.disks_of(node)]
    cluster.ctl("placementGroup", "default", "create",
                *(word for disk in disks for word in ("addDisk", disk)))
    cluster.ctl("template", "three", "create", "replication", "3", "placeAll", "default")
    cluster.ctl("volume", VOLUME, "create", "size", VOLUME_SIZE, "template", "three")
    cluster.ctl("attach", "volume", VOLUME, "client", str(cluster.client_id))
    say(cluster.ctl("service", "list"))

    step(4, f"An ext4 image of {IMAGE_MIB} MiB from files of this machine")
    image = os.path.join(folder, "image.ext4")
    say(f"   {make_image(image, folder)} files, sha256 {digest_of(image)}")

    step(5, "Copy it in over NBD; node 2 is killed on the way")
    def kill():
        cluster.nodes[2].kill()
        say("   node 2 was killed with SIGKILL")
    gap = nbd_copy.write(image, cluster.nbd_uri(VOLUME), Progress("written", [(0.45, kill)]))
    say(f"   longest gap between two completions: {gap:.2f} s")
    say(cluster.ctl("status"))
    verify(cluster, image, "compared")

    step(6, "Start node 2 again and wait for its resync")
    cluster.nodes[2].start()
    cluster.wait_services()
    say(cluster.ctl("volume", "status"))
    cluster.wait_healthy()
    say(cluster.ctl("volume", "status"))

    step(7, "Verify from each mirror alone")
    for alone in cluster.nodes:
        others = [n for n in cluster.nodes if n != alone]
        for other in others:
            cluster.nodes[other].stop()
        verify(cluster, image, f"node {alone} alone")
        for other in others:
            cluster.nodes[other].start()
        cluster.wait_services()
        cluster.wait_healthy()

    step(8, "e2fsck of what comes back")
    back = os.path.join(folder, "back.ext4")
    nbd_copy.read(cluster.nbd_uri(VOLUME), back, IMAGE_MIB << 20, Progress("read"))
    env = dict(os.environ, PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    subprocess.run(["e2fsck", "-fn", back], check=True, env=env)
    os.remove(back)

    for words in (["status"], ["service", "list"], ["disk", "list"], ["template", "list"],
                  ["volume", "list"], ["volume", "status"], ["attach", "list"]):
        say(f"$ storpoolctl {' '.join(words)}\n{cluster.ctl(*words)}")


def what_next(cluster, keep):
    if not keep:
        say("It works. With --keep the cluster stays; then try what is printed at the end.")
        return
    ctl = f"{cluster.programs['storpoolctl']} --metadata={cluster.metadata_address}"
    say(f"The cluster is running; {cluster.folder}/endpoints.json describes it. Try:\n"
        f"  {ctl} status\n"
        f"  {ctl} volume list\n"
        f"  nbdinfo {cluster.nbd_uri(VOLUME)}\n"
        f"  kill -9 {cluster.nodes[3].pid}    # node 3; then watch: {ctl} volume status\n"
        f"  kill {' '.join(str(p.pid) for p in cluster.processes())}    # stop everything")


def main():
    options = parse()
    folder = os.path.abspath(options.dir) if options.dir else tempfile.mkdtemp(prefix="storpool-")
    os.makedirs(folder, exist_ok=True)
    if os.listdir(folder):
        sys.exit(f"quickstart.sh: {folder} is not empty; choose another --dir or empty it")
    cluster = Cluster(folder, programs_in(options.programs), disks_per_node=2, disk_size="1G",
                      say=say)
    finished = False
    try:
        run(cluster, folder)
        finished = True
        if options.keep:
            cluster.write_endpoints(VOLUME)
        what_next(cluster, options.keep)
    except Exception as failed:  # the logs say why, and are kept
        say(f"quickstart.sh: {failed}\nLogs and disks are in {folder}")
        raise SystemExit(1) from failed
    finally:
        if not (finished and options.keep):
            cluster.kill_all() if not finished else cluster.stop()
        if finished and not options.keep:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
