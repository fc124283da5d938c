"""Just enough understanding of C++ text for lint: no comments, where functions are, names."""
import re

_LITERALS = re.compile(
    r'(?P<comment>//(?:\\\n|[^\n])*|/\*.*?\*/)'
    r'|(?P<raw>(?:u8|[uUL])?R"(?P<mark>[^\s()\\]{0,16})\(.*?\)(?P=mark)")'
    r'|(?P<include>^[ \t]*#[ \t]*include[^\n]*)'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9a-zA-Z_])(?:u8|[uUL])?'(?:\\.|[^'\\\n])+')",
    re.DOTALL | re.MULTILINE)


def strip(text):
    """Blanks comments and the content of literals; every line keeps its number and columns."""
    def blank(match):
        if match.group("include"):
            return match.group(0)
        filler = re.sub(r"[^\n]", " ", match.group(0))
        return filler if match.group("comment") else '"' + filler[1:-1] + '"'
    return _LITERALS.sub(blank, text)


_SCOPE = re.compile(r"^\s*(?:(?:template\s*<.*>|inline|typedef|export)\s*)*"
                    r"(?:namespace|class|struct|union|enum|extern)\b", re.DOTALL)
_FUNCTION = re.compile(r"\)\s*(?:const|noexcept(?:\([^)]*\))?|override|final|mutable|&&?|try"
                       r"|->\s*[\w:<>,&*\s]+|requires\b.*|:\s*.*)*\s*$", re.DOTALL)

# class alignas(64) Name final : public Base<void()> -- and no function that returns a struct.
_DERIVED = re.compile(r"^\s*(?:class|struct|union|enum)\b[^(]*\(?[^()]*\)?\s*(?:final)?\s*"
                      r"(?::[^:].*)?$", re.DOTALL)


def _kind(head):
    head = re.sub(r"^\s*(?:(?:public|private|protected)\s*:\s*)+", "", head)
    head = re.sub(r"^(?:[ \t]*#.*\n|\s*\n)+", "", head)
    if _SCOPE.match(head) and not _FUNCTION.search(head):
        return "scope"
    if _DERIVED.match(head):
        return "scope"
    return "function" if _FUNCTION.search(head) and "=" not in _outside_brackets(head) else "value"


def _outside_brackets(head):
    head = re.sub(r"operator\s*\S+?\s*(?=\()", "", head)
    while True:
        shorter = re.sub(r"\([^()]*\)|\[[^\[\]]*\]", "", head)
        if shorter == head:
            return re.sub(r"[<>!=]=", "", head)
        head = shorter


def functions(code):
    """Yields (first line, lines) of each outermost function body with its signature."""
    stack = []  # (kind, line of the head, head)
    head, start, line, skip = "", 1, 1, 0
    for at, char in enumerate(code):
        inside = any(entry[0] == "function" for entry in stack)
        if char == "\n":
            line += 1
        if char == "{":
            kind = "block" if inside else _kind(head)
            stack.append((kind, start, head))
            head, start = "", line
        elif char == "}" and stack:
            kind, first, before = stack.pop()
            if kind == "function":
                yield first, line - first + 1
            head, start = (before + "{}", first) if kind == "value" else ("", line)
        elif char == ";" and not inside and skip == 0:
            head, start = "", line
        else:
            skip += (char == "(") - (char == ")")
            if not head.strip() and not char.isspace():
                start = line
                if char == "#":  # A directive is no part of the declaration after it.
                    head = ""
            head += char
            if char == "\n" and head.lstrip().startswith("#") and not head.endswith("\\\n"):
                head = ""


_HASH = re.compile(r"\b(?:absl\s*::\s*(?:flat|node)_hash_(?:map|set)"
                   r"|std\s*::\s*unordered_(?:multi)?(?:map|set))\s*<")


def _after_angle(code, at):
    depth = 0
    for i in range(at, len(code)):
        if code[i] == "<":
            depth += 1
        elif code[i] == ">" and code[i - 1] != "-":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(code)


def hash_container_names(code):
    """Names of variables, members, parameters and functions whose type is a hash container."""
    names, aliases = set(), set()
    for match in _HASH.finditer(code):
        before = re.search(r"\busing\s+(\w+)\s*=\s*$", code[:match.start()])
        if before:
            aliases.add(before.group(1))
            continue
        declared = re.match(r"[\s&*>]*(?:const\b[\s&*]*)?(\w+)\s*[;={(,)\[A-Z]",
                            code[_after_angle(code, match.end() - 1):])
        if declared:
            names.add(declared.group(1))
    for alias in aliases:
        for match in re.finditer(rf"\b{alias}\b[\s&*]+(\w+)\s*[;={{(,)]", code):
            names.add(match.group(1))
    return names
