"""The man pages of the daemons say what their --help says, and all man pages are well-formed.

`bazel run //docs:man_pages_test` in a workspace writes the daemons' pages anew instead.
Arguments: the three daemons.
"""
import os
import re
import shutil
import subprocess
import sys
import unittest

FOLDER = "docs/man"
DAEMONS = {os.path.basename(path): path for path in sys.argv[1:]}
WORKSPACE = os.environ.get("BUILD_WORKSPACE_DIRECTORY")

ABOUT = {
    "storpool_metadata": (
        "the metadata daemon of a libstorpool cluster",
        "Keeps what the cluster knows in the folder that\n.B storpoolctl metadata init\nmade, and "
        "decides; storpoolctl talks to it. It never touches data: attached volumes go on while it "
        "is away."),
    "storpool_node": (
        "the daemon of a node of a libstorpool cluster",
        "Keeps data on this machine's disks, which\n.B storpoolctl disk init\nmade. A disk is "
        "known by what is on it, never by its path: disks may move between nodes."),
    "storpool_client": (
        "the client daemon of a libstorpool cluster",
        "Has the volumes that\n.B storpoolctl attach\ngives to it, and exports each under its name "
        "over NBD."),
}
FILES = """.SH FILES
.TP
.B /etc/storpool.conf
SP_OURID stands for \\-\\-id, STORPOOL_METADATA for \\-\\-metadata; so does the environment.
"""
END = """.SH SIGNALS
SIGTERM and SIGINT end it cleanly.
.SH EXIT STATUS
0 after a clean stop; 1 if it could not start or had to stop, with the reason on standard error.
.SH SEE ALSO
.BR storpoolctl (8){}
"""


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text.startswith((".", "'")) else text


def flags_of(program):
    """[(name, help)] as --help says them."""
    said = subprocess.run([program, "--help"], stdout=subprocess.PIPE, text=True, env={},
                          check=True).stdout
    found = re.findall(r"^  --(\w+)=VALUE\n((?:      .*\n)+)", said, re.MULTILINE)
    return [(name, " ".join(text.split())) for name, text in found]


def page_of(name):
    summary, description = ABOUT[name]
    page = (f'.\\" Made by bazel run //docs:man_pages_test; change daemons/ instead.\n'
            f'.TH {name.upper()} 8 "" "libstorpool" "System administration"\n'
            f".SH NAME\n{name} \\- {summary}\n.SH SYNOPSIS\n.B {name}\n[OPTIONS]\n"
            f".SH DESCRIPTION\n{description}\n.SH OPTIONS\n")
    for flag, text in flags_of(DAEMONS[name]):
        page += f".TP\n.BI \\-\\-{roff(flag)}= VALUE\n{roff(text)}\n"
    page += (".TP\n.B \\-\\-help\nPrints these options.\n"
             ".TP\n.B \\-\\-version\nPrints the release.\n")
    others = "".join(f",\n.BR {other} (8)" for other in sorted(ABOUT) if other != name)
    return page + ("" if name == "storpool_metadata" else FILES) + END.format(others)


class ManPagesTest(unittest.TestCase):
    def test_daemons_pages_say_what_their_help_says(self):
        self.assertEqual(set(DAEMONS), set(ABOUT))
        for name in ABOUT:
            page, path = page_of(name), os.path.join(FOLDER, name + ".8")
            if WORKSPACE:
                with open(os.path.join(WORKSPACE, path), "w", encoding="utf-8") as f:
                    f.write(page)
                continue
            with open(path, encoding="utf-8") as f:
                self.assertEqual(f.read(), page, f"{path} is not what {name} --help says")

    def test_pages_are_well_formed(self):
        self.assertTrue(shutil.which("mandoc"), "tools/install.sh test installs mandoc")
        pages = sorted(os.listdir(FOLDER))
        self.assertEqual(len(pages), len(ABOUT) + 1)
        for page in pages:
            done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning",
                                   os.path.join(FOLDER, page)], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            # A page without a date: the package has one.
            said = [line for line in done.stdout.splitlines() if "missing date" not in line]
            self.assertEqual(said, [], page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
