"""Size, names and plain tidiness of each file, and of the functions in it."""
import ast
import posixpath
import re

from tests.lint import cpp_text
from tests.lint.source_tree import Finding

LINE_MAX = 100
FUNCTION_MAX = 70
FILE_MAX = 500
HEADER_MAX = 250  # Reported only.
DAEMON_MAX = 400

CODE = (".h", ".cc", ".c", ".py", ".sh", ".bzl", ".bazel", ".proto")
_VAGUE = re.compile(r"(?:^|[_.-])(?:utils?|common|helpers?|managers?|misc)(?:$|[_.-])")
_UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|X{3}|HA[C]K)\b")
_FOLDER = r"(?:home|work|root|Users|builds)"
_MACHINE = re.compile(rf"(?<![\w.$}}{{)\]*/-])/{_FOLDER}/[\w.-]+")
_REGISTRY = re.compile(
    r"\b(?:pypi\.(?:org|python\.org)|files\.pythonhosted\.org|registry\.[\w-]+\.\w+"
    r"|(?:(?:index|static)\.)?crates\.io|(?:proxy|sum)\.golang\.org"
    r"|(?:deb|security|snapshot)\.debian\.org|(?:repo1?\.)?maven\.org|(?:gh|g|mc)cr\.io|docker\.io"
    r"|[\w.-]*artifactory[\w.-]*\.\w+|[\w-]+(?:\.[\w-]+)*\.internal)\b")
_STAND_INS = "third_party/stubs/"


def check(tree):
    """Returns (findings, notes); a note is printed and fails nothing."""
    findings, notes = [], []
    for path in tree.paths:
        for part in path.split("/"):
            if _VAGUE.search(part) and not path.startswith(_STAND_INS):
                findings.append(Finding(path, 1, "vague-name", f"{part} says nothing"))
    for source in tree.files.values():
        findings += _lines(source)
        findings += _size(source, notes)
        if source.is_header:
            findings += _header(source)
    findings += _daemons(tree)
    return findings, notes


def _lines(source):
    is_code = source.path.endswith(CODE)
    is_golden = "/testdata/" in source.path  # what a program printed: a last field may be empty
    for number, line in enumerate(source.lines, 1):
        if line != line.rstrip() and not is_golden:
            yield Finding(source.path, number, "trailing-space", "white space at the end of a line")
        if is_code and len(line) > LINE_MAX:
            yield Finding(source.path, number, "line-length", f"{len(line)} columns")
        if _UNFINISHED.search(line):
            yield Finding(source.path, number, "unfinished", "finish it, or write an issue")
        if _MACHINE.search(line):
            yield Finding(source.path, number, "machine-path",
                          f"{_MACHINE.search(line).group(0)} exists on one machine only")
        if _REGISTRY.search(line):
            yield Finding(source.path, number, "registry-host",
                          f"{_REGISTRY.search(line).group(0)}: the build is offline")


def _python_functions(source):
    try:
        nodes = ast.walk(ast.parse(source.text))
    except SyntaxError as error:
        yield error.lineno or 1, FUNCTION_MAX + 1
        return
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno - node.lineno + 1


def _size(source, notes):
    findings = []
    if source.path.endswith(CODE) and not source.path.startswith("third_party/"):
        count = len(source.lines)
        if count > FILE_MAX:
            findings.append(Finding(source.path, count, "file-length", f"{count} lines"))
        elif source.is_header and count > HEADER_MAX:
            notes.append(Finding(source.path, count, "header-length", f"{count} lines"))
    functions = (cpp_text.functions(source.code) if source.is_cpp else
                 _python_functions(source) if source.path.endswith(".py") else ())
    for first, count in functions:
        if count > FUNCTION_MAX:
            findings.append(Finding(source.path, first, "function-length", f"{count} lines"))
    return findings


def _header(source):
    if "#pragma once" not in source.lines:
        yield Finding(source.path, 1, "pragma-once", "#pragma once is missing")
    opening = [line for line in source.lines if line.strip() and line != "#pragma once"]
    if not opening or not opening[0].startswith(("//", "/*")):
        yield Finding(source.path, 1, "opening-comment",
                      "a header opens with what it is for and what always holds")


def _daemons(tree):
    lines = {}
    for source in tree.cpp("daemons"):
        parts = source.path.split("/")
        if len(parts) > 2:
            lines[parts[1]] = lines.get(parts[1], 0) + len(source.lines)
    return [Finding(posixpath.join("daemons", name), 1, "daemon-length",
                    f"{count} lines; wiring only, at most {DAEMON_MAX}")
            for name, count in sorted(lines.items()) if count > DAEMON_MAX]
