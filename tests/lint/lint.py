#!/usr/bin/env python3
"""Holds the house rules over the whole source tree.

Usage: python3 tests/lint/lint.py [ROOT]

Prints one line a finding, "path:line: rule: text", and exits 1 if there is any. Without ROOT it
reads the tree that this file really lies in, also when Bazel calls it through a link.
tests/lint/allowed.txt may excuse a finding for a while; it says since when and why.
"""
import os
import re
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(HERE)))

# pylint: disable=wrong-import-position
from tests.lint import layers, real_world, source_tree, style, tree_rules  # noqa: E402

ALLOWED = "tests/lint/allowed.txt"


def read_allowed(tree):
    """Returns ({(rule, path)}, findings about lines that are not "DATE rule path: reason")."""
    allowed, findings = set(), []
    source = tree.files.get(ALLOWED)
    for number, line in enumerate(source.lines if source else [], 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"20\d\d-\d\d-\d\d ([\w-]+) (\S+): \S.*", line)
        if match:
            allowed.add((match.group(1), match.group(2)))
        else:
            findings.append(source_tree.Finding(ALLOWED, number, "allowed",
                                                "not: DATE rule path: reason"))
    return allowed, findings


def run(root):
    """Returns (findings, notes) of the tree below root."""
    tree = source_tree.SourceTree(root)
    table = layers.load(tree)
    allowed, findings = read_allowed(tree)
    findings += layers.check(tree, table)
    findings += real_world.check(tree, table)
    styled, notes = style.check(tree)
    findings += styled
    findings += tree_rules.check(tree, table)
    used = {(f.rule, f.path) for f in findings}
    notes += [source_tree.Finding(ALLOWED, 1, "allowed", f"{rule} {path} is no longer needed")
              for rule, path in sorted(allowed - used)]
    return sorted({f for f in findings if (f.rule, f.path) not in allowed}), notes


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.dirname(HERE))
    if not os.path.exists(os.path.join(root, layers.TABLE)):
        print(f"{root} is not the source tree: it has no {layers.TABLE}")
        return 1
    findings, notes = run(root)
    for note in notes:
        print(f"note: {note.path}:{note.line}: {note.rule}: {note.text}")
    for finding in findings:
        print(f"{finding.path}:{finding.line}: {finding.rule}: {finding.text}")
    print(f"{len(findings)} findings, {len(notes)} notes")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
