"""A live cluster and OpenStack's clients, unchanged from their packages: os-brick's connector as a
compute host has it, and Cinder's driver with Cinder's own database and configuration."""
import ctypes
import os
import platform
import stat
import subprocess
import sys
import tempfile

from tests.compat.fixture import WHEELS, ApiCluster

OPENSTACK_WHEELS = os.path.join(WHEELS, "openstack")
OPENSTACK_PACKAGES = "tests/compat/openstack_packages.txt"
CONF = "/etc/storpool.conf"
CLONE_NEWNS = 0x20000  # sched.h
OTHER_HOST, OTHER_CLIENT = "elsewhere", 7


def run(*command):
    """Runs a program; returns its output, raises with it if the program failed."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=300)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}")
    return done.stdout


def own_etc():
    """From then on /etc is a copy that this process and its children have for themselves: os-brick
    knows the path of its configuration only as a constant."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS) != 0:
        raise RuntimeError("a mount namespace is refused, so there is no place for "
                           f"{CONF}: {os.strerror(ctypes.get_errno())}; run this as root")
    run("mount", "--make-rprivate", "/")
    copy = tempfile.mkdtemp(prefix="etc-", dir=os.environ.get("TEST_TMPDIR"))
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", copy)
    run("cp", "-a", "/etc/.", copy)
    run("mount", "--move", copy, "/etc")
    os.rmdir(copy)


class OpenStackCluster(ApiCluster):
    """with OpenStackCluster() as running: besides .cluster there are .connector of os-brick,
    .driver and .context of Cinder."""

    def __enter__(self):
        own_etc()
        super().__enter__()
        try:
            self.configure()
            self.install()
            self.stand_in_for_the_block_device()
            self.start_os_brick()
            self.start_cinder()
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, value, trace):
        privileged = sys.modules.get("os_brick.privileged")
        if privileged is not None:
            privileged.default.stop()
        super().__exit__(kind, value, trace)

    def configure(self):
        """As on a cluster of several hosts: one file, with a section for each host."""
        with open(CONF, "w", encoding="ascii") as f:
            f.write(f"SP_API_HTTP_HOST={self.host}\nSP_API_HTTP_PORT={self.port}\n"
                    f"SP_AUTH_TOKEN={self.token}\n"
                    f"[{platform.node()}]\nSP_OURID={self.cluster.client_id}\n"
                    f"[{OTHER_HOST}]\nSP_OURID={OTHER_CLIENT}\n")

    def install(self):
        """The list names all that is needed, so pip has nothing to find out."""
        if not os.path.exists(os.path.join(OPENSTACK_WHEELS, "packages.txt")):
            raise RuntimeError(f"{OPENSTACK_WHEELS} does not have the Python packages: run "
                               "tools/wheels.sh")
        target = os.path.join(self.folder, "openstack")
        run("/usr/bin/python3", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
            "--no-compile", "--root-user-action", "ignore", "--find-links", OPENSTACK_WHEELS,
            "--target", target, "--requirement", OPENSTACK_PACKAGES)
        sys.path.insert(0, target)
        # For privsep-helper, which os-brick starts to run commands as root.
        os.environ["PYTHONPATH"] = os.pathsep.join(
            [target, *filter(None, [os.environ.get("PYTHONPATH")])])
        os.environ["PATH"] = os.pathsep.join([os.path.join(target, "bin"), os.environ["PATH"]])

    def stand_in_for_the_block_device(self):
        """Volumes are exported by NBD here and are no block devices below /dev/storpool yet. The
        connector looks at these in one place only: it asks `blockdev` for the size when a volume
        has grown. This `blockdev` asks the client that has the volume attached."""
        folder = os.path.join(self.folder, "bin")
        os.mkdir(folder)
        program = os.path.join(folder, "blockdev")
        with open(program, "w", encoding="ascii") as f:
            f.write('#!/bin/sh\n[ "$1" = --getsize64 ] || exit 2\n'
                    f'exec nbdinfo --size "nbd://{self.cluster.nbd_address}/${{2#/dev/storpool/}}"')
        os.chmod(program, os.stat(program).st_mode | stat.S_IXUSR)
        os.environ["PATH"] = os.pathsep.join([folder, os.environ["PATH"]])

    def start_os_brick(self):
        from os_brick import initiator
        from os_brick.initiator import connector
        from oslo_privsep import priv_context
        as_root = "env"  # in place of sudo
        priv_context.init(root_helper=[as_root])
        self.connector = connector.InitiatorConnector.factory(initiator.STORPOOL, as_root)

    def start_cinder(self):
        """As cinder-volume does it, with a database of its own."""
        from cinder import context, objects
        from cinder.common import config  # registers the options that all of Cinder has
        from cinder.db import migration
        from cinder.volume import configuration
        from cinder.volume.drivers import storpool
        conf = config.CONF
        conf([], project="cinder", default_config_files=[])
        conf.set_override("connection", f"sqlite:///{self.folder}/cinder.sqlite", group="database")
        conf.set_override("state_path", self.folder)
        objects.register_all()
        migration.db_sync()
        self.context = context.RequestContext("user", "project", is_admin=True)
        self.driver = storpool.StorPoolDriver(
            configuration=configuration.Configuration(storpool.storpool_opts, "storpool"),
            host="control@storpool")
        self.driver.do_setup(self.context)
        self.driver.check_for_setup_error()
