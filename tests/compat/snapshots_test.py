"""Snapshots, clones and background work through the public Python package `storpool`, unchanged:
each call does what it says, and its answer is whole."""
import unittest

from tests.compat.fixture import BoundCluster

GIB = 1 << 30


class Snapshots(BoundCluster):
    def clone_exists(self, name):
        return name in [volume.name for volume in self.api.volumesList()]

    def snapshot_names(self):
        return [snapshot.name for snapshot in self.api.snapshotsList()]

    def test_a_snapshot_lives(self):
        api = self.api
        api.volumeCreate({"name": "db", "size": GIB, "template": "t"})
        made = api.snapshotCreate("db", {"name": "monday", "tags": {"kind": "daily"}})
        self.assertTrue(made.ok)
        [snapshot] = api.snapshotList("monday")
        self.assertEqual((snapshot.size, snapshot.globalId, snapshot.onVolume),
                         (GIB, made.snapshotGlobalId, "db"))
        self.assertEqual(snapshot.tags, {"kind": "daily"})
        for field in ("bound", "deleted", "transient", "autoName", "creationTimestamp",
                      "placeAll", "parentName", "replication"):
            self.assertIsNotNone(getattr(snapshot, field), field)
        self.assertIn("monday", self.snapshot_names())
        self.assertEqual([s.name for s in api.volumeListSnapshots("db")], ["monday"])
        self.assertEqual(api.volumeList("db")[0].parentName, "monday")
        self.assert_whole(api.snapshotDescribe("monday").objects, "snapshotDescribe")
        self.assert_whole(api.snapshotInfo("monday").objectsPerDisk, "snapshotInfo")
        self.assert_whole(api.volumeDescribe("db").objects, "volumeDescribe")
        self.assert_whole(api.volumeInfo("db").objectsPerDisk, "volumeInfo")
        self.assertIn("monday", [space.name for space in api.snapshotsSpace()])
        self.assertIn("db", [space.name for space in api.volumesSpace()])
        status = api.volumesStatus()
        self.assertIn("db", status)
        self.assertIn("monday", status)
        self.fails("objectExists", api.snapshotCreate, "db", {"name": "monday"})

        api.snapshotUpdate("monday", {"rename": "tuesday", "bind": True})
        self.assertTrue(api.snapshotList("tuesday")[0].bound)
        api.snapshotUpdate("tuesday", {"bind": False})
        api.volumeUpdate("db", {"sizeAdd": GIB})
        api.volumeRevert("db", {"toSnapshot": "tuesday"})
        self.assertEqual(api.volumeList("db")[0].size, 2 * GIB)  # only the data goes back
        self.running.data("POST", "VolumeRevert/db", {"toSnapshot": "tuesday", "revertSize": True})
        self.assertEqual(api.volumeList("db")[0].size, GIB)

        api.volumeCreate({"name": "copy", "parent": "tuesday"})
        self.assertEqual(api.volumeList("copy")[0].parentName, "tuesday")
        api.volumeRebase("copy", {})
        api.volumeDelete("copy")
        api.volumeDelete("db")
        api.snapshotDelete("tuesday")
        self.fails("objectDoesNotExist", api.snapshotList, "tuesday")

    def test_a_group_and_a_snapshot_without_a_name(self):
        api = self.api
        for name in ("data", "log"):
            api.volumeCreate({"name": name, "size": GIB, "template": "t"})
        made = api.snapshotCreateGroup({"volumes": [{"volume": "data", "name": "data1"},
                                                    {"volume": "log"}]})
        self.assertEqual([s.volume for s in made.snapshots], ["data", "log"])
        self.assertIn("data1", self.snapshot_names())
        [unnamed] = [s for s in made.snapshots if s.volume == "log"]
        api.snapshotDeleteById(unnamed.snapshotGlobalId)
        self.fails("objectDoesNotExist", api.snapshotList, f"~{unnamed.snapshotGlobalId}")
        self.fails("objectDoesNotExist", api.snapshotCreateGroup,
                   {"volumes": [{"volume": "data", "name": "x"}, {"volume": "nobody"}]})
        self.assertNotIn("x", self.snapshot_names())

    def test_what_has_no_name_is_named_by_its_global_id(self):
        """As CloudStack makes volumes: with `name: ""`."""
        api, running = self.api, self.running
        made = running.data("POST", "VolumeCreate", {"name": "", "size": GIB, "template": "t"})
        name = f"~{made['globalId']}"
        self.assertEqual(made["name"], name)
        self.assertIn(name, [volume.name for volume in api.volumesList()])
        self.assertEqual([volume.name for volume in api.volumeList(name)], [name])
        self.assertEqual(api.volumesStatus()[name].status, "up")
        self.assertEqual(api.volumeDescribe(name).name, name)
        self.assertEqual(api.volumeInfo(name).name, name)
        self.assertIn(name, [space.name for space in api.volumesSpace()])
        other = running.data("POST", "VolumeCreate", {"name": "", "size": GIB, "template": "t"})
        api.snapshotCreate(other["name"], {"name": "of-nobody"})
        self.assertEqual(api.snapshotList("of-nobody")[0].onVolume, other["name"])
        api.volumeDelete(other["name"])
        api.snapshotDelete("of-nobody")

        # Frozen, it is a snapshot without a name; here is a clone of it, without one too.
        api.volumeFreeze(name)
        self.assertEqual([snapshot.name for snapshot in api.snapshotList(name)], [name])
        self.assertEqual(api.snapshotDescribe(name).name, name)
        clone = running.data("POST", "VolumeCreate", {"name": "", "parent": name})["name"]
        self.assertEqual(api.volumeList(clone)[0].parentName, name)
        status = api.volumesStatus()
        self.assert_whole(status, "volumesStatus")
        self.assertEqual({name, clone} - set(status), set())

        # In deletion it stays while its clone reads it; the package must take it for a snapshot.
        api.snapshotDelete(name)
        deleted = f"*{made['globalId']}"
        self.assertIn(deleted, self.snapshot_names())
        status = api.volumesStatus()
        self.assert_whole(status, "volumesStatus")
        self.assertIn(deleted, status)
        self.assertEqual(api.volumeList(clone)[0].parentName, deleted)
        self.assertIn(f"*{name}: deleted", running.cluster.ctl("volume", "quickStatus"))

        running.data("POST", f"VolumeRebase/{clone}", {})
        for task in running.cluster.ctl_json("task", "list"):
            self.assertTrue(task["name"] or task["kind"] in ("recovery", "relocator"), task)
        self.assert_whole(api.tasksList(), "tasksList")
        self.assertEqual([task for task in running.data("GET", "TasksList") if task["name"]], [])
        running.cluster.wait("the snapshot is gone", lambda: deleted not in self.snapshot_names())
        api.volumeDelete(clone)

    def test_a_frozen_volume_is_a_snapshot(self):
        api = self.api
        api.volumeCreate({"name": "image", "size": GIB, "template": "t"})
        api.volumeAcquire("image", {})
        api.volumeFreeze("image")
        self.assertFalse(self.clone_exists("image"))
        self.assertIn("image", self.snapshot_names())
        api.snapshotRebase("image", {})

    def test_clients_have_the_configuration(self):
        client = self.running.cluster.client_id
        self.assertIn(client, [one.id for one in self.api.clientsConfigDump()])
        [one] = [c for c in self.api.clientConfigWait(client) if c.id == client]
        self.assertEqual(one.configStatus, "ok")

    def test_disks_are_described_and_drained(self):
        api = self.api
        api.diskSetDesc(101, {"description": "upper bay"})
        self.assertEqual(api.disksList()[101].description, "upper bay")
        api.diskSoftEject(101)
        self.assertEqual(api.disksList()[101].softEject, "on")
        api.diskSoftEjectPause(101)
        self.assertEqual(api.disksList()[101].softEject, "paused")
        api.diskSoftEjectCancel(101)
        self.assertEqual(api.disksList()[101].softEject, "off")
        self.assert_whole(api.tasksList(), "tasksList")
        self.assertEqual(api.volumeRelocatorStatus().status, "on")
        self.assert_whole(api.volumeRelocatorDisks(), "volumeRelocatorDisks")
        self.assert_whole(api.volumeRelocatorVolumeDisks("test"), "volumeRelocatorVolumeDisks")
        self.assert_whole(api.faultSetsList(), "faultSetsList")

    def test_key_values_keep_versions(self):
        api = self.api
        api.kvsCreate("settings")
        self.fails("objectExists", api.kvsCreate, "settings")
        api.kvsUpdate("settings", {"set": {"colour": "blue", "size": "2"}})
        listed = api.kvsList("settings")
        self.assertEqual(listed.pairs, {"colour": "blue", "size": "2"})
        self.assertEqual(api.kvsGet("settings", "colour").pairs, {"colour": "blue"})
        change = {"runIfVersionIs": listed.version + 7, "set": {"colour": "red"}}
        self.assertFalse(api.kvsTryUpdate("settings", change))
        change["runIfVersionIs"] = listed.version
        self.assertTrue(api.kvsTryUpdate("settings", change))
        self.assertEqual(api.kvsGet("settings", "colour").pairs, {"colour": "red"})
        self.assertIn("settings", api.kvsBuckets().buckets)
        api.kvsDelete("settings")
        self.assertNotIn("settings", api.kvsBuckets().buckets)


if __name__ == "__main__":
    unittest.main()
