"""The layers of lib/: what lib/LAYERS lists is what folders include, and there is no cycle."""
import posixpath
import re

from tests.lint.source_tree import Finding

TABLE = "lib/LAYERS"
TOP_FOLDERS = ("daemons", "cli", "bindings", "tests")
README_LINES_MAX = 25


class Layers:
    """The parsed table. rows: folder -> folders it may include; real: rows marked "*"."""

    def __init__(self, text):
        self.rows, self.real, self.findings = {}, set(), []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = re.fullmatch(r"([\w/]+)(\*?):((?: [\w/]+)*)", line.rstrip())
            if not match or match.group(1) in self.rows:
                self.findings.append(Finding(TABLE, number, "layers", f"bad or second row: {line}"))
                continue
            self.rows[match.group(1)] = match.group(3).split()
            if match.group(2):
                self.real.add(match.group(1))
        for row, allowed in self.rows.items():
            for name in allowed:
                if name not in self.rows and name != "proto":
                    self.findings.append(Finding(TABLE, 1, "layers", f"{row} names {name}: no row"))

    def row_of(self, path):
        """The row that owns lib/<folder>/...: the longest one, or None."""
        folder = posixpath.dirname(path)[len("lib/"):]
        while folder:
            if folder in self.rows:
                return folder
            folder = posixpath.dirname(folder)
        return None


def load(tree):
    table = tree.files.get(TABLE)
    return Layers(table.text if table else "")


def _cycles(graph):
    """Yields one cycle, as a list of nodes, for each strongly connected part of more than one."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for after in sorted(graph.get(node, ())):
            found = visit(after) if after != node else None
            if found:
                return found
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        found = visit(node)
        if found:
            yield found
            done.update(path)
            path.clear()


def _check_include(layers, source, number, quoted):
    """Returns the findings of one #include, and the row of lib/ that it reaches (or None)."""
    def finding(rule, text):
        return [Finding(source.path, number, rule, text)]
    if quoted.startswith("<"):
        return [], None
    name = quoted.strip('"')
    if "/" not in name or name.startswith(".") or "/../" in name:
        return finding("include-path", f"include {quoted} by its full path, from the root"), None
    top = name.split("/")[0]
    own_top = source.path.split("/")[0]
    if own_top != "lib":
        return [], None
    row = layers.row_of(source.path)
    if top == "proto":
        allowed = row is None or "proto" in layers.rows[row]
        return ([] if allowed else
                finding("layers", f"{row} includes {name}; its row does not name proto")), None
    if top in TOP_FOLDERS:
        return finding("layers", f"lib/ never includes {top}/"), None
    if top != "lib" or row is None:
        return [], None
    target = layers.row_of(name)
    if target is None:
        return finding("layers", f"{name} is in no row of {TABLE}"), None
    if target != row and target not in layers.rows[row]:
        return finding("layers", f"{row} includes {name}; its row does not name {target}"), target
    return [], target


def check(tree, layers):
    """All findings about includes, rows, cycles and the README of each folder."""
    findings = list(layers.findings)
    if TABLE not in tree.files:
        findings.append(Finding(TABLE, 1, "layers", "the table is missing"))
    used, headers, folders = {}, {}, {}
    for source in tree.cpp():
        row = layers.row_of(source.path) if source.path.startswith("lib/") else None
        if source.path.startswith("lib/"):
            folders.setdefault(row or posixpath.dirname(source.path)[len("lib/"):], row)
        for number, quoted in source.includes():
            found, target = _check_include(layers, source, number, quoted)
            findings += found
            if target and target != row:
                used.setdefault(row, set()).add(target)
            if source.is_header:
                headers.setdefault(source.path, set()).add(quoted.strip('"'))
    for folder, row in sorted(folders.items()):
        if row is None:
            findings.append(Finding(f"lib/{folder}", 1, "layers", f"no row in {TABLE}"))
        findings += _check_readme(tree, f"lib/{folder}/README.md")
    table = {row: {n for n in names if n in layers.rows} for row, names in layers.rows.items()}
    for what, graph in (("rows of the table", table), ("folders", used), ("headers", headers)):
        for cycle in _cycles(graph):
            findings.append(Finding(TABLE if what != "headers" else cycle[0], 1, "cycle",
                                    f"cycle of {what}: " + " -> ".join(cycle)))
    return findings


def _check_readme(tree, path):
    if path not in tree.files:
        return [Finding(path, 1, "readme", "every folder of lib/ says what it is for")]
    lines = len(tree.files[path].lines)
    if lines > README_LINES_MAX:
        return [Finding(path, lines, "readme", f"{lines} lines; the most is {README_LINES_MAX}")]
    return []
