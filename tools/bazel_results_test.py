"""Feeds build event files of all kinds of runs to bazel_results and checks what is counted."""
import contextlib
import io
import json
import os
import tempfile
import unittest

from tools import bazel_results

GOOD_XML = """<testsuites><testsuite>
<testcase name="One" classname="T" status="run"/><testcase name="Two" classname="T" status="run"/>
<testcase name="Off" classname="T" status="notrun"/>
</testsuite></testsuites>"""
BAD_XML = """<testsuites><testsuite><testcase name="One" classname="T" status="run"/>
<testcase name="Two" classname="T" status="run"><failure message="x"/></testcase>
</testsuite></testsuites>"""


class BazelResultsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.events = []

    def configured(self, label, kind="cc_test rule"):
        self.events.append({"id": {"targetConfigured": {"label": label}},
                            "configured": {"targetKind": kind}})

    def ran(self, label, status, xml=None, log=None, run=1):
        outputs = []
        for name, text in (("test.xml", xml), ("test.log", log)):
            if text is not None:
                path = os.path.join(self.folder, f"{len(self.events)} {name}")
                with open(path, "w", encoding="utf-8") as out:
                    out.write(text)
                outputs.append({"name": name, "uri": "file://" + path.replace(" ", "%20")})
        self.events.append({"id": {"testResult": {"label": label, "run": run}},
                            "testResult": {"status": status, "testActionOutput": outputs}})

    def completed(self, label, success):
        self.events.append({"id": {"targetCompleted": {"label": label}},
                            "completed": {"success": True} if success else {}})

    def finish(self, finished=True, lines=0, end="SUCCESS"):
        path = os.path.join(self.folder, "events.json")
        if finished:
            self.events.append({"id": {"buildFinished": {}},
                                "finished": {"exitCode": {"name": end}}})
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(event) + "\n" for event in self.events)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            code = bazel_results.main(path, lines)
        return code, printed.getvalue().splitlines()

    def test_counts_cases_and_not_those_that_are_off(self):
        self.configured("//a:t")
        self.configured("//a:lib", "cc_library rule")
        self.ran("//a:t", "PASSED", GOOD_XML)
        self.assertEqual(self.finish(), (0, ["2 passed, 0 failed"]))

    def test_names_the_failed_case_and_prints_the_end_of_its_log(self):
        self.configured("//a:t")
        self.ran("//a:t", "FAILED", BAD_XML, log="first\nsecond\nthird\n")
        code, printed = self.finish(lines=2)
        self.assertEqual(code, 1)
        self.assertEqual(printed[1:3], ["second", "third"])
        self.assertEqual(printed[3:], ["FAILED //a:t T.Two", "1 passed, 1 failed"])

    def test_crash_without_a_failed_case_counts_once(self):
        self.configured("//a:t")
        self.ran("//a:t", "TIMEOUT", GOOD_XML)
        self.ran("//a:u", "FAILED", "<testsu")
        code, printed = self.finish()
        self.assertEqual((code, printed[0]), (1, "FAILED //a:t TIMEOUT"))
        self.assertEqual(printed[-1], "2 passed, 2 failed")

    def test_target_that_did_not_build_counts(self):
        self.configured("//a:t")
        self.configured("//a:u")
        self.ran("//a:t", "PASSED", GOOD_XML)
        self.assertEqual(self.finish(),
                         (1, ["FAILED //a:u did not build or run", "2 passed, 1 failed"]))

    def test_library_that_did_not_build_counts(self):
        self.configured("//a:t")
        self.configured("//a:b", "cc_binary rule")
        self.completed("//a:t", True)
        self.completed("//a:b", False)
        self.ran("//a:t", "PASSED", GOOD_XML)
        self.assertEqual(self.finish(end="BUILD_FAILURE"),
                         (1, ["FAILED //a:b did not build or run", "2 passed, 1 failed"]))

    def test_package_that_does_not_load_counts(self):
        self.configured("//a:t")
        self.ran("//a:t", "PASSED", GOOD_XML)
        self.assertEqual(self.finish(end="PARSING_FAILURE"),
                         (1, ["FAILED bazel ended with PARSING_FAILURE", "2 passed, 1 failed"]))

    def test_each_run_counts_and_only_the_last_attempt(self):
        self.configured("//a:t")
        self.ran("//a:t", "FAILED", BAD_XML)
        self.ran("//a:t", "PASSED", GOOD_XML)
        self.ran("//a:t", "PASSED", GOOD_XML, run=2)
        self.assertEqual(self.finish(), (0, ["4 passed, 0 failed"]))

    def test_nothing_ran_or_bazel_died_is_a_failure(self):
        self.assertEqual(self.finish(), (1, ["FAILED no test ran", "0 passed, 1 failed"]))
        self.events.clear()
        self.configured("//a:t")
        self.ran("//a:t", "PASSED", GOOD_XML)
        self.assertEqual(self.finish(finished=False)[1][-1], "2 passed, 1 failed")


if __name__ == "__main__":
    unittest.main()
