"""The public Python package `storpool`, unchanged: each of its calls is answered by the truth, or
by an error that says which feature is not here, as docs/compatibility.md lists it."""
import re
import unittest

from tests.compat.fixture import ApiCluster, BoundCluster, install_packages

GIB = 1 << 30
TABLE = "docs/compatibility.md"
ERROR = "honest error"


def listed():
    """{name of the call in the bindings: what the page says about it}"""
    rows = {}
    with open(TABLE, encoding="utf-8") as page:
        for line in page:
            match = re.match(r"\| `(\w+)` \| (GET|POST) `([^`]+)` \| ([a-z ]+) \|", line)
            if match:
                rows[match.group(1)] = (match.group(2), match.group(3), match.group(4))
    return rows


class Bindings(BoundCluster):
    def test_the_page_lists_exactly_the_calls_of_the_package(self):
        known = {}
        for name in dir(self.spapi.Api):
            doc = getattr(getattr(self.spapi.Api, name), "spDoc", None)
            if getattr(doc, "path", None) is not None:
                query = doc.path.removeprefix("/ctrl/1.0/").removeprefix("MultiCluster/")
                known[name] = (doc.method, query)
        self.assertEqual(len(known), 122)
        page = {name: row[:2] for name, row in listed().items()}
        self.assertEqual(page, known)

    def test_absent_features_say_so(self):
        for name, (method, query, how) in listed().items():
            path = re.sub(r"\{(\w+)\}", "1", query)
            if how == ERROR:
                error = self.running.error(method, path, {} if method == "POST" else None)
                self.assertEqual(error["name"], "notSupported", name)
                self.assertFalse(error["transient"])
            else:
                self.assertEqual(how, "works", name)
                status, answer = self.running.ask(method, path, "[" if method == "POST" else None)
                self.assertNotIn(answer.get("error", {}).get("name"),
                                 ("unknownCall", "notSupported"), f"{name}: {status}")

    def test_lists_are_whole(self):
        api = self.api
        disks = api.disksList()
        self.assertEqual(sorted(disks), [101, 201, 301])
        self.assert_whole(disks, "disksList")
        self.assertTrue(all(disk.up for disk in disks.values()))
        self.assertEqual(sorted(api.serverDisksList(2)), [201])
        services = api.servicesList()
        self.assertEqual(services.clusterStatus, "running")
        self.assertEqual(sorted(services.servers), [1, 2, 3])
        self.assertEqual(services.servers[1].status, "running")
        self.assertTrue(any(mgmt.active for mgmt in services.mgmt.values()))
        self.assertEqual(api.serversList().clients, {})
        self.assertEqual(api.serversListBlocked().clusterStatus, "running")
        self.assertEqual(sorted(api.peersList()), [1, 2, 3])
        self.assert_whole(api.volumesQuickStatus(), "volumesQuickStatus")
        self.assertEqual(api.volumesQuickStatus()["test"].status, "up")
        self.assert_whole(api.volumeTemplatesList(), "volumeTemplatesList")
        self.assert_whole(api.volumeTemplatesStatus(), "volumeTemplatesStatus")
        self.assert_whole(api.placementGroupsList(), "placementGroupsList")

    def test_a_volume_lives(self):
        api = self.api
        made = api.volumeCreate({"name": "db1", "size": GIB, "template": "t"})
        self.assertTrue(made.ok)
        for name in ("db1", f"~{made.globalId}"):
            [volume] = api.volumeList(name)
            self.assertEqual((volume.size, volume.globalId), (GIB, made.globalId))
            for field in ("iops", "bw", "parentName", "placeAll", "placeHead", "placeTail",
                          "objectsCount", "creationTimestamp", "visibleVolumeId", "replication"):
                self.assertIsNotNone(getattr(volume, field), field)
        self.assertIn("db1", [v.name for v in api.volumesList()])
        self.fails("objectExists", api.volumeCreate, {"name": "db1", "size": GIB, "template": "t"})
        client = self.running.cluster.client_id
        api.volumesReassignWait({"reassign": [{"volume": "db1", "rw": [client]}]})
        self.assertIn(("db1", client, "rw"),
                      [(a.volume, a.client, a.rights) for a in api.attachmentsList()])
        self.fails("busy", api.volumeDelete, "db1")
        api.volumesReassign([{"volume": "db1", "detach": "all"}])
        self.running.cluster.wait("db1 is detached", lambda: "db1" not in [
            attachment.volume for attachment in api.attachmentsList()])
        self.assertTrue(api.volumeDelete("db1").ok)
        self.fails("objectDoesNotExist", api.volumeList, "db1")
        self.fails("objectDoesNotExist", api.volumeDelete, f"~{made.globalId}")

    def test_groups_and_templates_live(self):
        api = self.api
        api.placementGroupUpdate("fast", {"addDisks": [101, 201]})
        self.assertEqual(set(api.placementGroupDescribe("fast").disks), {101, 201})
        api.placementGroupUpdate("fast", {"rename": "quick", "rmDisks": [201]})
        self.assertEqual(set(api.placementGroupsList()["quick"].disks), {101})
        api.volumeTemplateCreate({"name": "one", "replication": 1, "placeAll": "quick"})
        self.assertEqual(api.volumeTemplateDescribe("one").placeTail, "quick")
        self.fails("busy", api.placementGroupDelete, "quick")
        api.volumeTemplateUpdate("one", {"rename": "single", "size": GIB})
        self.assertEqual(api.volumeTemplateDescribe("single").size, GIB)
        api.volumeTemplateDelete("single")
        api.placementGroupDelete("quick")
        self.fails("objectDoesNotExist", api.volumeTemplateDescribe, "single")

    def test_prefixes_are_aliases(self):
        several = self.spapi.Api(self.running.host, self.running.port, self.running.token,
                                 multiCluster=True)
        self.assertIn("test", [v.name for v in several.volumesList()])
        name = self.running.cluster.status()["clusterName"]
        self.assertEqual(sorted(self.api.disksList(clusterName=f"~{name}")), [101, 201, 301])

    def test_a_client_that_nobody_knows(self):
        with self.assertRaises(self.spapi.ApiError) as raised:
            self.api.volumesReassign([{"volume": "test", "rw": [99]}])
        self.assertEqual((raised.exception.name, raised.exception.desc),
                         ("invalidParam", "No such client registered"))


class DownDisk(unittest.TestCase):
    def test_is_a_down_disk_to_the_bindings(self):
        install_packages()
        from storpool import spapi
        with ApiCluster(size_mib=64, disk_size="256M") as running:
            running.cluster.kill(running.cluster.nodes[2])
            api = spapi.Api(running.host, running.port, running.token)
            running.cluster.wait("disk 201 is down", lambda: not api.disksList()[201].up)
            self.assertTrue(api.disksList()[101].up)
            self.assertEqual(api.servicesList().servers[2].status, "down")


if __name__ == "__main__":
    unittest.main()
