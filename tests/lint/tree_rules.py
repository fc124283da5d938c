"""Rules about files as such: none is dead, links lead somewhere, the README's map is true."""
import fnmatch
import posixpath
import re

from tests.lint.source_tree import Finding

# Top folders whose code and scripts must belong to the build.
BUILT = ("lib", "daemons", "cli", "bindings", "tests", "proto", "bazel", "docs")
SOURCES = (".h", ".cc", ".c", ".proto", ".py", ".sh", ".bzl")
# The root's scripts and what tools/ holds are run by people: some other file must name them.
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def check(tree, layers):
    """Findings about dead files, links and the map of folders in README.md."""
    return _dead_files(tree) + list(_links(tree)) + _map(tree, layers)


def _build_file(tree, path):
    folder = posixpath.dirname(path)
    while True:
        build = posixpath.join(folder, "BUILD.bazel")
        if build in tree.files:
            return build
        if not folder:
            return None
        folder = posixpath.dirname(folder)


def _strings(text):
    text = re.sub(r"(?m)^\s*#.*$", "", text)
    return set(re.findall(r'"([^"\n]*)"', text))


def _globs(text):
    for match in re.finditer(r"glob\(([^()]*(?:\([^()]*\)[^()]*)*)\)", text):
        for expression in match.group(1).split(","):
            pieces = re.findall(r'"([^"]*)"|(\w+)', expression)
            pattern = "".join(literal if literal else "*" for literal, _ in pieces)
            if "*" in pattern and any(literal for literal, _ in pieces):
                yield pattern.replace("**", "*")


def _named(build, path):
    """Whether the BUILD file names the file: in full, by its stem (in a loop), or by a glob."""
    name = posixpath.relpath(path, posixpath.dirname(build.path) or ".")
    stem = posixpath.splitext(name)[0]
    strings = _strings(build.text)
    if strings & {name, ":" + name, stem}:
        return True
    return any(fnmatch.fnmatch(name, pattern) for pattern in _globs(build.text))


def _dead_files(tree):
    findings = []
    everything = {path: file.text for path, file in tree.files.items() if path != "LICENSE"}
    for path in tree.paths:
        if not path.endswith(SOURCES) or path.startswith("third_party/stubs/"):
            continue
        name = posixpath.basename(path)
        if path.endswith((".sh", ".bzl")) or not path.startswith(BUILT):
            if not any(name in text for other, text in everything.items() if other != path):
                findings.append(Finding(path, 1, "dead-file", "no other file names it"))
            continue
        build = _build_file(tree, path)
        if build is None:
            findings.append(Finding(path, 1, "dead-file", "no BUILD.bazel above it"))
            continue
        label = f"//{posixpath.dirname(build)}:" + posixpath.relpath(path, posixpath.dirname(build)
                                                                     or ".")
        if not _named(tree.files[build], path) and not any(
                label in text for other, text in everything.items() if other != path):
            findings.append(Finding(path, 1, "dead-file", f"{build} does not name it"))
    return findings


def _links(tree):
    for source in tree.files.values():
        if not source.path.endswith(".md"):
            continue
        for number, line in enumerate(source.lines, 1):
            for target in _LINK.findall(line):
                if re.match(r"[a-z]+:|#", target):
                    continue
                path = posixpath.normpath(posixpath.join(posixpath.dirname(source.path),
                                                         target.split("#")[0]))
                if not any(p == path or p.startswith(path + "/") for p in tree.paths):
                    yield Finding(source.path, number, "link", f"{target} does not exist")


def _map(tree, layers):
    """Each row of lib/LAYERS has its line in the README's table of folders, and the reverse."""
    readme = tree.files.get("README.md")
    if readme is None:
        return [Finding("README.md", 1, "map", "the README is missing")]
    listed, findings = {}, []
    for number, line in enumerate(readme.lines, 1):
        match = re.match(r"\|\s*\[?`(lib/[\w/]+?)/?`", line)
        if match:
            listed[match.group(1)[len("lib/"):]] = number
    for row in layers.rows:
        if row not in listed:
            findings.append(Finding("README.md", 1, "map", f"the table lacks lib/{row}"))
    for folder, number in listed.items():
        if folder not in layers.rows:
            findings.append(Finding("README.md", number, "map", f"lib/{folder} is no row"))
    return findings
