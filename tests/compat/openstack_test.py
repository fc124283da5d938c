"""OpenStack's clients, unchanged: os-brick's connector and API class, and Cinder's driver, with
volumes and snapshots of Cinder's own database. What each of them did is asked from the JSON API and
read back over NBD."""
import contextlib
import platform
import subprocess
import threading
import time
import unittest

from tests.compat.openstack_fixture import CONF, OTHER_CLIENT, OTHER_HOST, OpenStackCluster, run

GIB = 1 << 30
# Longer than os-brick's ten tries at a volume that is open, shorter than its wait for what it was
# told is transient.
DETACH_S = 20

running = None


def setUpModule():
    global running
    running = OpenStackCluster(size_mib=64, disk_size="4G")
    running.__enter__()
    unittest.addModuleCleanup(running.__exit__, None, None, None)
    for name in ("one", "two"):
        running.cluster.ctl("template", name, "create", "replication", "2")


class OpenStack(unittest.TestCase):
    """What the tests ask the cluster, past the clients under test."""

    def setUp(self):
        self.client = running.cluster.client_id

    def info(self, name):
        [volume] = running.data("GET", f"Volume/{name}")
        return volume

    def volume_names(self):
        return [volume["name"] for volume in running.data("GET", "VolumesList")]

    def snapshot_names(self):
        return [snapshot["name"] for snapshot in running.data("GET", "SnapshotsList")]

    def attached(self, name):
        return [(a["client"], a["rights"]) for a in running.data("GET", "AttachmentsList")
                if a["volume"] == name]

    def io(self, name, *commands, options=()):
        words = [word for command in commands for word in ("-c", command)]
        return run("qemu-io", "-f", "raw", *options, *words, running.cluster.nbd_uri(name))

    def assert_holds(self, name, letters):
        """A letter for each MiB from the start, "0" is all zeros; the volume must be attached."""
        for number, letter in enumerate(letters):
            value = 0 if letter == "0" else ord(letter)
            said = self.io(name, f"read -P {value} {number}M 1M", options=["-r"])
            self.assertNotIn("failed", said)

    def write(self, name, letters, at_mib=0):
        self.io(name, *(f"write -P {ord(letter)} {number}M 1M"
                        for number, letter in enumerate(letters, at_mib)), "flush")

    def removed_in_the_end(self, name, snapshot=False):
        """Whatever the test comes to, so that it is in the way of no other."""
        def remove():
            if snapshot and name in self.snapshot_names():
                running.data("POST", f"SnapshotDelete/{name}")
            elif not snapshot and name in self.volume_names():
                running.data("POST", f"VolumeDelete/{name}", {"onAttached": "detachForce"})
        self.addCleanup(remove)


class Api(OpenStack):
    """os_brick.initiator.storpool_utils.StorPoolAPI"""

    def setUp(self):
        super().setUp()
        from os_brick.initiator import storpool_utils
        self.utils = storpool_utils
        conf = storpool_utils.get_conf()
        self.assertEqual(int(conf["SP_OURID"]), self.client, f"{CONF} is read")
        self.api = storpool_utils.StorPoolAPI(
            conf["SP_API_HTTP_HOST"], conf["SP_API_HTTP_PORT"], conf["SP_AUTH_TOKEN"])

    def fails(self, name, call, *arguments):
        with self.assertRaises(self.utils.StorPoolAPIError) as raised:
            call(*arguments)
        self.assertEqual(raised.exception.name, name, raised.exception)

    def test_lists(self):
        self.assertEqual(sorted(self.api.disks_list()), ["101", "201", "301"])
        self.assertLessEqual({"t", "one", "two"},
                             {template["name"] for template in self.api.volume_templates_list()})
        self.assertIn("test", [volume["name"] for volume in self.api.volumes_list()])
        self.assertEqual(self.api.volume("test")[0]["globalId"],
                         self.api.volume_get_info("test")["globalId"])

    def test_a_volume_lives(self):
        api = self.api
        self.removed_in_the_end("api-old", snapshot=True)
        for name in ("api", "api2"):
            self.removed_in_the_end(name)
        api.volume_create({"name": "api", "size": GIB, "template": "one", "tags": {"qc": "tier"}})
        self.fails("objectExists", api.volume_create,
                   {"name": "api", "size": GIB, "template": "one"})
        self.assertEqual((self.info("api")["size"], self.info("api")["tags"]),
                         (GIB, {"qc": "tier"}))
        api.snapshot_create("api", {"name": "api-old"})
        self.assertEqual(self.info("api")["parentName"], "api-old")
        api.volume_update("api", {"size": 2 * GIB, "rename": "api2"})
        self.assertEqual(self.info("api2")["size"], 2 * GIB)
        api.snapshot_update("api-old", {"tags": {"kind": "daily"}})
        [snapshot] = running.data("GET", "Snapshot/api-old")
        self.assertEqual(snapshot["tags"], {"kind": "daily"})
        api.volume_revert("api2", {"toSnapshot": "api-old"})
        api.volumes_reassign_wait({"reassign": [{"volume": "api2", "rw": [self.client]}]})
        self.assertEqual(self.attached("api2"), [(self.client, "rw")])
        self.fails("busy", api.volume_delete, "api2")
        api.volumes_reassign([{"volume": "api2", "detach": "all"}])
        api.volume_delete("api2")
        api.snapshot_delete("api-old")
        self.assertNotIn("api2", self.volume_names())
        self.assertNotIn("api-old", self.snapshot_names())
        self.fails("objectDoesNotExist", api.volume, "api2")
        self.fails("objectDoesNotExist", api.volume_delete, "api2")


class Connector(OpenStack):
    """os_brick.initiator.connectors.storpool.StorPoolConnector"""

    def setUp(self):
        super().setUp()
        self.connector = running.connector
        self.id = self._testMethodName.removeprefix("test_")
        self.name = f"os--volume-{self.id}"
        self.removed_in_the_end(self.name)
        running.data("POST", "VolumeCreate", {"name": self.name, "size": GIB, "template": "one"})
        self.properties = {"client_id": self.client, "volume": self.id, "access_mode": "rw"}

    def test_attach_and_detach(self):
        device = self.connector.connect_volume(self.properties)
        self.assertEqual(device, {
            "type": "block", "path": f"/dev/storpool-byid/{self.info(self.name)['globalId']}"})
        self.assertEqual(self.attached(self.name), [(self.client, "rw")])
        self.write(self.name, "A")
        self.assert_holds(self.name, "A")
        self.connector.disconnect_volume(self.properties, device)
        self.assertEqual(self.attached(self.name), [])
        # By the name that older connectors gave.
        self.connector.connect_volume(self.properties)
        self.connector.disconnect_volume(
            {**self.properties, "device_path": f"/dev/storpool/{self.name}"}, None)
        self.assertEqual(self.attached(self.name), [])

    def test_read_only(self):
        device = self.connector.connect_volume({**self.properties, "access_mode": "ro"})
        self.assertEqual(self.attached(self.name), [(self.client, "ro")])
        with self.assertRaises(AssertionError):
            self.write(self.name, "A")
        self.assert_holds(self.name, "0")
        self.connector.disconnect_volume(self.properties, device)

    def test_grows_while_attached(self):
        device = self.connector.connect_volume(self.properties)
        self.assertEqual(self.connector.extend_volume(self.properties), GIB)
        running.data("POST", f"VolumeUpdate/{self.name}", {"size": 3 * GIB})
        self.assertEqual(self.connector.extend_volume(self.properties), 3 * GIB)
        self.connector.disconnect_volume(self.properties, device)

    def test_detached_by_force_in_the_end(self):
        device = self.connector.connect_volume(self.properties)
        with self.held_open():
            before = time.monotonic()
            self.connector.disconnect_volume(self.properties, device)
            self.assertLess(time.monotonic() - before, DETACH_S)
            self.assertEqual(self.attached(self.name), [])

    @contextlib.contextmanager
    def held_open(self):
        holder = subprocess.Popen(
            ["qemu-io", "-f", "raw", running.cluster.nbd_uri(self.name)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            holder.stdin.write("read 0 4k\n")
            holder.stdin.flush()
            self.assertIn("read 4096", next(line for line in holder.stdout if "read " in line))
            yield holder
        finally:
            holder.kill()
            holder.communicate()

    def test_released_by_itself(self):
        """As after a check by LUKS: who has it open lets go while os-brick tries again."""
        device = self.connector.connect_volume(self.properties)
        with self.held_open() as holder:
            threading.Timer(0.5, holder.kill).start()
            self.connector.disconnect_volume(self.properties, device)
            self.assertEqual(self.attached(self.name), [])

    def test_what_is_not_there(self):
        from os_brick import exception
        with self.assertRaisesRegex(exception.BrickException, "objectDoesNotExist"):
            self.connector.connect_volume({**self.properties, "volume": "nobody"})


class Cinder(OpenStack):
    """cinder.volume.drivers.storpool.StorPoolDriver"""

    def setUp(self):
        super().setUp()
        from cinder import exception, objects
        from cinder.volume import volume_types
        self.objects, self.volume_types = objects, volume_types
        self.Failed = exception.VolumeBackendAPIException
        self.driver, self.made = running.driver, []

    def tearDown(self):
        """Newest first; what a test has deleted itself is no error to the driver."""
        for kind, thing in reversed(self.made):
            getattr(self.driver, f"delete_{kind}")(thing)
        self.assertEqual([n for n in self.volume_names() if n.startswith("os--")], [])
        running.cluster.wait("no snapshot is left, nor what clones had between them",
                             lambda: self.snapshot_names() == [])

    # ---- what Cinder's API service would have made -----------------------------------------------

    def type_of(self, template):
        """The id of a volume type that names the template."""
        name = f"in-{template}"
        known = self.volume_types.get_all_types(running.context)
        if name in known:
            return known[name]["id"]
        return self.volume_types.create(running.context, name,
                                        {"storpool_template": template})["id"]

    def volume(self, size=1, template="one"):
        volume = self.objects.Volume(running.context, size=size, status="available",
                                     volume_type_id=template and self.type_of(template))
        volume.create()
        self.made.append(("volume", volume))
        self.removed_in_the_end(self.name(volume))
        return volume

    def snapshot(self, volume):
        snapshot = self.objects.Snapshot(running.context, volume_id=volume.id, status="available",
                                         volume_size=volume.size)
        snapshot.create()
        self.made.append(("snapshot", snapshot))
        self.removed_in_the_end(self.name_of_snapshot(snapshot), snapshot=True)
        return snapshot

    def created(self, **more):
        volume = self.volume(**more)
        self.driver.create_volume(volume)
        return volume

    def snapped(self, volume):
        snapshot = self.snapshot(volume)
        self.driver.create_snapshot(snapshot)
        return snapshot

    @staticmethod
    def name(volume):
        return f"os--volume-{volume.id}"

    @staticmethod
    def name_of_snapshot(snapshot):
        return f"os--snap--none--snapshot-{snapshot.id}"

    @contextlib.contextmanager
    def connected(self, volume):
        """As Nova attaches a volume for a while; gives its name."""
        connection = self.driver.initialize_connection(volume, {"host": platform.node()})
        self.assertEqual(connection["driver_volume_type"], "storpool")
        device = running.connector.connect_volume(connection["data"])
        self.assertEqual(self.attached(self.name(volume)), [(self.client, "rw")])
        yield self.name(volume)
        running.connector.disconnect_volume(connection["data"], device)
        self.driver.terminate_connection(volume, {"host": platform.node()})
        self.assertEqual(self.attached(self.name(volume)), [])

    def wrote(self, volume, letters, at_mib=0):
        with self.connected(volume) as name:
            self.write(name, letters, at_mib)

    def assert_volume_holds(self, volume, letters):
        with self.connected(volume) as name:
            self.assert_holds(name, letters)

    # ---- tests -----------------------------------------------------------------------------------

    def test_create_and_delete(self):
        volume = self.created(size=2)
        info = self.info(self.name(volume))
        self.assertEqual((info["size"], info["templateName"], info["replication"]),
                         (2 * GIB, "one", 2))
        self.assertEqual(self.driver.get_pool(volume), "template_one")
        self.assertRaises(self.Failed, self.driver.create_volume, volume)
        self.driver.delete_volume(volume)
        self.assertNotIn(self.name(volume), self.volume_names())
        self.driver.delete_volume(volume)

    def test_create_without_a_type(self):
        info = self.info(self.name(self.created(template=None)))
        self.assertEqual((info["size"], info["templateName"], info["replication"]), (GIB, "", 3))

    def test_extend(self):
        volume = self.created()
        self.wrote(volume, "AB")
        self.driver.extend_volume(volume, 3)
        self.assertEqual(self.info(self.name(volume))["size"], 3 * GIB)
        self.assert_volume_holds(volume, "AB0")

    def test_extend_while_attached(self):
        volume = self.created()
        with self.connected(volume):
            self.driver.extend_volume(volume, 3)
            data = self.driver.initialize_connection(volume, {"host": platform.node()})["data"]
            self.assertEqual(running.connector.extend_volume(data), 3 * GIB)

    def test_delete_while_attached(self):
        volume = self.created()
        data = self.driver.initialize_connection(volume, {"host": platform.node()})["data"]
        running.connector.connect_volume(data)
        self.driver.delete_volume(volume)
        self.assertNotIn(self.name(volume), self.volume_names())
        self.assertEqual(self.attached(self.name(volume)), [])

    def test_snapshot_and_volume_from_it(self):
        volume = self.created()
        self.wrote(volume, "A")
        snapshot = self.snapped(volume)
        snapshot_name = self.name_of_snapshot(snapshot)
        [info] = running.data("GET", f"Snapshot/{snapshot_name}")
        self.assertEqual((info["size"], info["onVolume"]), (GIB, self.name(volume)))
        self.wrote(volume, "B")
        self.assertRaises(self.Failed, self.driver.create_snapshot, snapshot)
        copy = self.volume(size=2)
        self.driver.create_volume_from_snapshot(copy, snapshot)
        info = self.info(self.name(copy))
        self.assertEqual((info["size"], info["parentName"], info["templateName"]),
                         (2 * GIB, snapshot_name, "one"))
        self.assert_volume_holds(copy, "A0")
        self.wrote(copy, "C", at_mib=1)
        # The copy outlives both.
        self.driver.delete_snapshot(snapshot)
        self.assertNotIn(snapshot_name, self.snapshot_names())
        self.driver.delete_snapshot(snapshot)
        self.assert_volume_holds(volume, "B0")
        self.driver.delete_volume(volume)
        self.assert_volume_holds(copy, "AC0")

    def test_clone(self):
        source = self.created()
        self.wrote(source, "AB")
        clone = self.volume(size=2)
        self.driver.create_cloned_volume(clone, source)
        self.wrote(source, "C")
        info = self.info(self.name(clone))
        self.assertEqual((info["size"], info["templateName"]), (2 * GIB, "one"))
        self.assert_volume_holds(clone, "AB0")
        self.wrote(clone, "D")
        self.assert_volume_holds(source, "CB")
        self.driver.delete_volume(source)
        self.assert_volume_holds(clone, "DB")

    def test_clone_into_another_template(self):
        source = self.created()
        self.wrote(source, "A")
        clone = self.volume(template="two")
        between = f"os--clone--none--snapshot-{clone.id}"
        self.removed_in_the_end(between, snapshot=True)
        self.driver.create_cloned_volume(clone, source)
        self.assertEqual(self.info(self.name(clone))["templateName"], "two")
        self.assertEqual(self.info(self.name(source))["templateName"], "one")
        self.assert_volume_holds(clone, "A0")
        [snapshot] = running.data("GET", f"Snapshot/{between}")
        self.assertEqual(snapshot["tags"], {"transient": "1.0"})
        running.data("POST", f"SnapshotDelete/{between}")  # as whoever looks for the tag does
        self.assert_volume_holds(clone, "A0")

    def test_revert(self):
        volume = self.created()
        self.wrote(volume, "AB")
        snapshot = self.snapped(volume)
        self.wrote(volume, "CC")
        self.driver.revert_to_snapshot(running.context, volume, snapshot)
        self.assert_volume_holds(volume, "AB")
        self.wrote(volume, "D")
        # Cinder does not write down a smaller size.
        self.driver.extend_volume(volume, 2)
        self.driver.revert_to_snapshot(running.context, volume, snapshot)
        self.assertEqual(self.info(self.name(volume))["size"], 2 * GIB)
        self.assert_volume_holds(volume, "AB0")
        self.driver.delete_snapshot(snapshot)
        self.assertRaises(self.Failed, self.driver.revert_to_snapshot, running.context, volume,
                          snapshot)

    def test_migrated_volumes_swap_their_names(self):
        old, new = self.created(), self.created(template="two")
        ids = [self.info(self.name(volume))["globalId"] for volume in (old, new)]
        update = self.driver.update_migrated_volume(running.context, old, new, "available")
        self.assertEqual(update, {"_name_id": None})
        self.assertEqual([self.info(self.name(volume))["globalId"] for volume in (new, old)], ids)

    def test_hosts(self):
        volume = self.volume()
        for host, client in ((platform.node(), self.client), (OTHER_HOST, OTHER_CLIENT)):
            self.assertTrue(self.driver.validate_connector({"host": host}))
            data = self.driver.initialize_connection(volume, {"host": host})["data"]
            self.assertEqual(data, {"client_id": client, "volume": volume.id,
                                    "access_mode": "rw"})

    def test_room(self):
        stats = self.driver.get_volume_stats(refresh=True)
        self.assertEqual((stats["vendor_name"], stats["storage_protocol"]),
                         ("StorPool", "storpool"))
        pools = {pool["pool_name"]: pool for pool in stats["pools"]}
        self.assertLessEqual({"default", "template_t", "template_one", "template_two"}, set(pools))
        disks = running.data("GET", "DisksList").values()
        total_gib = sum(disk["agCount"] for disk in disks) / 2
        self.assertEqual(pools["default"]["total_capacity_gb"], total_gib)
        self.assertTrue(0 < pools["default"]["free_capacity_gb"] <= total_gib)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
