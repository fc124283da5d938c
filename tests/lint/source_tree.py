"""The files that lint looks at: read once, with the C++ ones also stripped to bare code."""
import collections
import fnmatch
import os
import posixpath
import re

from tests.lint import cpp_text

Finding = collections.namedtuple("Finding", "path line rule text")

# Kinds of files that are read; everything else (images, disk images, corpora) is only listed.
TEXT = (".h", ".cc", ".c", ".proto", ".py", ".sh", ".bzl", ".bazel", ".md", ".txt", ".rc", ".run",
        ".yml", ".yaml", ".service")
TEXT_NAMES = ("LAYERS", "WORKSPACE", "LICENSE", ".bazelrc", ".bazelignore", ".clang-format",
              ".clang-tidy", ".gitignore", "run")


class SourceFile:
    """One file: path relative to the root, its text, and for C++ its code without comments."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.is_cpp = path.endswith((".h", ".cc", ".c"))
        self.is_header = path.endswith(".h")
        self.code = cpp_text.strip(text) if self.is_cpp else ""
        stem = posixpath.splitext(posixpath.basename(path))[0]
        self.is_test = self.is_cpp and stem.endswith("_test")
        self.is_bench = self.is_cpp and stem.endswith("_bench")
        self.is_fuzz = self.is_cpp and stem.endswith("_fuzz")

    def find(self, pattern, text=None):
        """Yields (line number, match) for each match in the code, or in `text` where given."""
        text = self.code if text is None else text
        for match in re.finditer(pattern, text):
            yield text.count("\n", 0, match.start()) + 1, match

    def includes(self):
        """Yields (line number, name with its quotes or angle brackets) for each #include."""
        for number, line in enumerate(self.lines, 1):
            match = re.match(r'\s*#\s*include\s+(".*?"|<.*?>)', line)
            if match:
                yield number, match.group(1)


class SourceTree:
    """All files below a root that are not ignored. paths is sorted; files holds the text ones."""

    def __init__(self, root):
        self.root = root
        self.ignored = self._ignored()
        self.paths = sorted(self._walk())
        self.files = {}
        for path in self.paths:
            name = posixpath.basename(path)
            if name.endswith(TEXT) or name in TEXT_NAMES:
                with open(os.path.join(root, path), encoding="utf-8", errors="replace") as text:
                    self.files[path] = SourceFile(path, text.read())

    def cpp(self, *folders):
        """The C++ files below the given top folders, or all of them."""
        return [f for f in self.files.values()
                if f.is_cpp and (not folders or f.path.split("/")[0] in folders)]

    def _ignored(self):
        patterns = ["/.git", "__pycache__"]
        path = os.path.join(self.root, ".gitignore")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as text:
                patterns += [line.strip() for line in text if line.strip() and line[0] != "#"]
        return [pattern.rstrip("/") for pattern in patterns]

    def _is_ignored(self, path):
        for pattern in self.ignored:
            name = path if pattern.startswith("/") else posixpath.basename(path)
            if fnmatch.fnmatch(name, pattern.lstrip("/")):
                return True
        return False

    def _walk(self):
        for folder, folders, names in os.walk(self.root):
            here = os.path.relpath(folder, self.root).replace(os.sep, "/")
            prefix = "" if here == "." else here + "/"
            folders[:] = [name for name in folders if not self._is_ignored(prefix + name)
                          and not os.path.islink(os.path.join(folder, name))]
            for name in names:
                if not self._is_ignored(prefix + name):
                    yield prefix + name
