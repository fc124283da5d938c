"""Plants one violation of every rule in a small clean tree; lint must find it, and nothing else."""
import os
import re
import tempfile
import unittest

from tests.lint import layers, lint, real_world, source_tree, style, tree_rules

TABLE = """# the table
base:
env: base
chain: base
env/posix*: base env
"""
README = "# x\n" + "".join(f"| [`lib/{row}`](lib/{row}/README.md) | what |\n"
                           for row in ("base", "env", "chain", "env/posix"))
HEADER = "// What it is for.\n#pragma once\n"
CLEAN = {
    "lib/LAYERS": TABLE,
    "README.md": README,
    "tests/lint/allowed.txt": "# nothing\n",
    "lib/base/types.h": HEADER + "struct Id {};\n",
    "lib/env/clock.h": HEADER + '#include "lib/base/types.h"\n',
    "lib/env/memory/clock.cc": '#include "lib/env/clock.h"\nint clock_reads{0};\n',
    "lib/env/posix/clock.cc": '#include <thread>\n#include "lib/env/clock.h"\n'
                              "auto Now() { return std::chrono::steady_clock::now(); }\n",
    "lib/chain/step.cc": '#include "lib/base/types.h"\nint Step() { return 1; }  // rand()\n'
                         'const char* kText = "std::thread open(getenv(";\n'
                         "int Use(Reader& reader) { return reader.read() + reader.open(); }\n"
                         "int Later() { auto send = [] { return 1; }; return send(); }\n",
    "lib/chain/step_test.cc": "#include <thread>\nstd::thread helper;\n",
}
for _folder in ("base", "env", "chain", "env/posix"):
    CLEAN[f"lib/{_folder}/README.md"] = "# folder\n"

LONG_FUNCTION = "int F(int a) {\n" + "  ++a;\n" * 70 + "  return a;\n}\n"
MEMBER = "absl::flat_hash_map<int, std::vector<int>> by_id_;\n"

# rule, {file: text}; a path that is in CLEAN gets the text added at its end.
PLANTED = [
    ("layers", {"lib/chain/step.cc": '#include "lib/env/clock.h"\n'}),
    ("layers", {"lib/chain/step.cc": '#include "lib/env/posix/clock.h"\n'}),
    ("layers", {"lib/env/memory/clock.cc": '#include "lib/chain/step.h"\n'}),
    ("layers", {"lib/base/types.h": '#include "daemons/node/wiring.h"\n'}),
    ("layers", {"lib/base/types.h": '#include "proto/node.pb.h"\n'}),
    ("layers", {"lib/base/types.h": '#include "lib/nowhere/x.h"\n'}),
    ("layers", {"lib/stray/x.cc": "int x;\n", "lib/stray/README.md": "x\n"}),
    ("layers", {"lib/LAYERS": "base: env\n"}),
    ("layers", {"lib/LAYERS": "other base\n"}),
    ("include-path", {"lib/base/types.h": '#include "limits.h"\n'}),
    ("include-path", {"lib/base/types.h": '#include "../env/clock.h"\n'}),
    ("cycle", {"lib/base/a.h": HEADER + '#include "lib/base/b.h"\n',
               "lib/base/b.h": HEADER + '#include "lib/base/a.h"\n'}),
    ("readme", {"lib/chain/README.md": "more\n" * 25}),
    ("clock", {"lib/chain/step.cc": "auto t = std::chrono::system_clock::now();\n"}),
    ("clock", {"lib/chain/step.cc": "long t = time(nullptr);\n"}),
    ("clock", {"lib/chain/step_test.cc": "int x = ::clock_gettime(0, &t);\n"}),
    ("sleep", {"lib/chain/step.cc": "void W() { usleep(10); }\n"}),
    ("sleep", {"lib/chain/step_test.cc": "void W() { std::this_thread::sleep_for(x); }\n"}),
    ("randomness", {"lib/chain/step.cc": "int x = std::rand();\n"}),
    ("randomness", {"lib/chain/step.cc": "std::mt19937 generator(1);\n"}),
    ("randomness", {"lib/chain/step_test.cc": "std::random_device device;\n"}),
    ("randomness", {"lib/chain/step.cc": "#include <random>\n"}),
    ("environment", {"lib/chain/step.cc": 'auto x = std::getenv("X");\n'}),
    ("thread", {"lib/chain/step.cc": "std::mutex mutex;\n"}),
    ("thread", {"lib/chain/step.cc": "std::condition_variable ready;\n"}),
    ("thread", {"lib/chain/step.cc": "void Y() { std::this_thread::yield(); }\n"}),
    ("thread", {"lib/base/types.h": "#include <thread>\n"}),
    ("socket", {"lib/chain/step.cc": "int s = socket(1, 2, 3);\n"}),
    ("socket", {"lib/chain/step.cc": "int s = ::epoll_wait(1, e, 3, 4);\n"}),
    ("socket", {"lib/chain/step.cc": "auto R() { return recv(1, b, 3, 0); }\n"}),
    ("socket", {"lib/chain/step.cc": "#include <sys/socket.h>\n"}),
    ("file", {"lib/chain/step.cc": 'int f = ::open("x", 0);\n'}),
    ("file", {"lib/chain/step.cc": "auto R() { return pread(1, b, 3, 0); }\n"}),
    ("file", {"lib/chain/step.cc": "std::ofstream out;\n"}),
    ("file", {"lib/chain/step.cc": 'auto f = fopen("x", "r");\n'}),
    ("file", {"lib/chain/step.cc": "#include <filesystem>\n"}),
    ("file", {"lib/chain/step.cc": "#include <rocksdb/db.h>\n"}),
    ("exceptions", {"lib/chain/step.cc": "void T() { throw 1; }\n"}),
    ("hash-order", {"lib/chain/step.cc": MEMBER + "int S() { for (auto& e : by_id_) Use(e); }\n"}),
    ("hash-order", {"lib/chain/step.h": HEADER + MEMBER,
                    "lib/chain/step.cc": "int S() { for (auto& [a, b] : by_id_) Use(b); }\n"}),
    ("hash-order", {"lib/chain/step.cc": "using Index = std::unordered_map<int, int>;\n"
                                         "int S(const Index& all) { return *all.begin(); }\n"}),
    ("test-mode", {"lib/chain/step.cc": "bool X() { return env.isSimulated(); }\n"}),
    ("test-mode", {"lib/chain/step.cc": "bool X() { return is_testing; }\n"}),
    ("test-mode", {"lib/chain/step.cc": "#ifdef SP_UNIT_TEST\n"}),
    ("function-length", {"lib/chain/step.cc": LONG_FUNCTION}),
    ("function-length", {"lib/chain/step.cc": "A::A(int a) : a_(a), b_{2} " + LONG_FUNCTION[9:]}),
    ("function-length", {"lib/chain/step_test.cc": "TEST(A, B) {" + LONG_FUNCTION[14:]}),
    ("function-length", {"tests/lint/x.py": "def f():\n" + "    x = 1\n" * 70}),
    ("file-length", {"lib/chain/step.cc": "int x;\n" * 500}),
    ("line-length", {"lib/chain/step.cc": "int x;" + " " * 90 + "int y;\n"}),
    ("trailing-space", {"lib/chain/step.cc": "int x; \n"}),
    ("unfinished", {"lib/chain/step.cc": "// TO" + "DO: later\n"}),
    ("unfinished", {"lib/chain/README.md": "FIX" + "ME\n"}),
    ("unfinished", {"lib/chain/step.cc": "int x;  // X" + "XX\n"}),
    ("vague-name", {"lib/chain/time_utils.cc": "int x;\n"}),
    ("vague-name", {"lib/base/common/x.cc": "int x;\n"}),
    ("vague-name", {"lib/chain/disk_manager.cc": "int x;\n"}),
    ("pragma-once", {"lib/chain/new.h": "// What it is for.\nint x;\n"}),
    ("opening-comment", {"lib/chain/new.h": "#pragma once\nint x;\n"}),
    ("daemon-length", {"daemons/node/main.cc": "int x;\n" * 400, "daemons/node/w.cc": "int y;\n"}),
    ("machine-path", {"README.md": "cd /ho" + "me/me/storpool\n"}),
    ("registry-host", {"README.md": "pip from https://py" + "pi.org/simple\n"}),
    ("link", {"README.md": "[x](docs/none.md)\n"}),
    ("map", {"README.md": "| `lib/gone` | x |\n"}),
    ("map", {"lib/LAYERS": "wire: base\n"}),
    ("allowed", {"tests/lint/allowed.txt": "link README.md\n"}),
]
# Violations by what is missing: rule, file to remove.
REMOVED = [("readme", "lib/chain/README.md"), ("map", "README.md"), ("layers", "lib/LAYERS")]


def build_files(files):
    """Names every source in the BUILD file of its folder, so that none of them is dead."""
    made = {}
    for path in sorted(files):
        if path.endswith(tree_rules.SOURCES):
            folder, name = os.path.split(path)
            made[folder + "/BUILD.bazel"] = made.get(folder + "/BUILD.bazel", "") + f'"{name}",\n'
    return made


def findings(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as out:
                out.write(text)
        return lint.run(root)


def planted(extra):
    files = dict(CLEAN)
    for path, text in extra.items():
        files[path] = files.get(path, "") + text
    return {**build_files(files), **files}


class PlantedTest(unittest.TestCase):
    def test_clean_tree_has_no_findings(self):
        self.assertEqual(findings(planted({})), ([], []))

    def test_each_planted_violation_is_found_alone(self):
        for rule, extra in PLANTED:
            with self.subTest(rule=rule, files=extra):
                found, _ = findings(planted(extra))
                self.assertEqual({f.rule for f in found}, {rule}, found)

    def test_what_is_missing_is_found(self):
        for rule, path in REMOVED:
            with self.subTest(rule=rule, path=path):
                files = planted({})
                del files[path]
                self.assertIn((rule, path), {(f.rule, f.path) for f in findings(files)[0]})

    def test_cycle_of_rows_is_found(self):
        files = planted({})
        files["lib/LAYERS"] = TABLE.replace("base:\n", "base: chain\n")
        self.assertEqual({f.rule for f in findings(files)[0]}, {"cycle"})

    def test_cycle_of_folders_is_found(self):
        found, _ = findings(planted({"lib/env/clock.h": '#include "lib/env/posix/clock.h"\n'}))
        self.assertEqual([(f.rule, f.path) for f in found],
                         [("cycle", "lib/LAYERS"), ("layers", "lib/env/clock.h")])

    def test_dead_files_are_found(self):
        for path in ("lib/chain/old.cc", "lib/chain/deep/old.h", "tests/old/x.py", "tools/old.sh"):
            with self.subTest(path=path):
                text = "x = 1\n" if path.endswith(".py") else HEADER
                found, _ = findings({**planted({}), path: text})
                self.assertEqual([(f.rule, f.path) for f in found], [("dead-file", path)])

    def test_files_named_by_stem_or_glob_are_alive(self):
        files = planted({})
        files["lib/chain/BUILD.bazel"] += '"write_fuzz",\nglob(["testdata/" + name + "/*.cc"])\n'
        files["lib/chain/write_fuzz.cc"] = files["lib/chain/testdata/a/b.cc"] = "int x;\n"
        self.assertEqual(findings(files), ([], []))

    def test_long_header_is_only_a_note(self):
        found, notes = findings(planted({"lib/base/types.h": "int x();\n" * 250}))
        self.assertEqual((found, [n.rule for n in notes]), ([], ["header-length"]))

    def test_allowed_finding_is_excused_and_an_unused_line_noted(self):
        line = "2026-11-23 link README.md: its page comes with the next change\n"
        files = planted({"README.md": "[x](docs/none.md)\n", "tests/lint/allowed.txt": line})
        self.assertEqual(findings(files), ([], []))
        found, notes = findings(planted({"tests/lint/allowed.txt": line}))
        self.assertEqual((found, [n.rule for n in notes]), ([], ["allowed"]))

    def test_every_rule_has_a_planted_violation(self):
        rules = set(real_world.NEVER) | set(real_world.LOGIC)
        for module in (layers, lint, real_world, source_tree, style, tree_rules):
            with open(module.__file__, encoding="utf-8") as text:
                rules |= set(re.findall(r'inding\([^\n]*\s*"([a-z-]+)",', text.read()))
        tested = {rule for rule, _ in PLANTED} | {"dead-file", "header-length"}
        self.assertEqual(rules, tested)


if __name__ == "__main__":
    unittest.main()
