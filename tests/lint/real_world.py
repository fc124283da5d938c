"""Logic is deterministic: no clock, thread, socket, file, environment or hardware randomness
outside the rows of lib/LAYERS marked "*", no test modes, no order taken from a hash."""
import posixpath
import re

from tests.lint import cpp_text
from tests.lint.source_tree import Finding

# A plain call or ::call, not a method and not a declaration of the same name in the file.
_CALL = r"(?<![\w.:])(?<!->)(?:std\s*::\s*|::\s*)?\b({})\s*\("

# Allowed nowhere in logic, tests included: they make a run differ from the next.
NEVER = {
    "clock": [
        r"\bstd\s*::\s*chrono\s*::\s*(?:system|steady|high_resolution|utc|file)_clock\b",
        r"\babsl\s*::\s*(?:Now|GetCurrentTimeNanos|SleepFor)\b",
        _CALL.format("time|clock_gettime|gettimeofday|timespec_get|localtime|localtime_r"
                     "|timerfd_create|setitimer"),
        r"(?:\bstd\s*|[^\w\s]\s*)::\s*clock\s*\(|\b__rdtscp?\b|\b_rdtsc\b|__builtin_ia32_rdtsc",
    ],
    "sleep": [
        r"\bsleep_(?:for|until)\b",
        _CALL.format("sleep|usleep|nanosleep|clock_nanosleep|sched_yield"),
    ],
    "randomness": [
        r"\bstd\s*::\s*(?:random_device|mt19937(?:_64)?|minstd_rand0?|default_random_engine"
        r"|knuth_b|ranlux\w+)\b",
        r"\babsl\s*::\s*(?:BitGen|InsecureBitGen)\b",
        _CALL.format("rand|srand|random|drand48|lrand48|rand_r|arc4random|getrandom|getentropy"),
    ],
    "environment": [_CALL.format("getenv|secure_getenv|setenv|unsetenv|putenv|gethostname")],
}
# Allowed in unit tests, which may need a temporary file or a helper thread.
LOGIC = {
    "thread": [
        r"\bstd\s*::\s*(?:jthread|thread|(?:recursive_|shared_|timed_)*mutex|condition_variable\w*"
        r"|this_thread|async|promise|future|barrier|latch|counting_semaphore|binary_semaphore"
        r"|lock_guard|unique_lock|scoped_lock|shared_lock|call_once|once_flag)\b",
        r"\babsl\s*::\s*(?:Mutex\w*|CondVar|Notification|BlockingCounter|Barrier)\b",
        r"\bpthread_\w+|\bthread_local\b",
        _CALL.format("fork|vfork|execve?|execvp?|waitpid|clone|kill|signal|sigaction|popen|system"),
    ],
    "socket": [
        _CALL.format("socket|socketpair|bind|connect|listen|accept4?|recv|recvfrom|recvm?msg"
                     "|send|sendto|sendm?msg|p?poll|select|epoll_\\w+|eventfd|getaddrinfo"
                     "|setsockopt|getsockopt|shutdown|inet_\\w+"),
    ],
    "file": [
        _CALL.format("open|openat|creat|close|p?readv?|p?writev?|preadv2|pwritev2|lseek|fsync"
                     "|fdatasync|sync|fallocate|f?truncate|unlink|rename|mkdir|rmdir|[fl]?stat"
                     "|opendir|readdir|mmap|munmap|ioctl|flock|fcntl|dup2?|pipe2?|fopen|fdopen"
                     "|fread|fwrite|fclose|mkstemp|mkdtemp|io_\\w+"),
        r"\bstd\s*::\s*(?:basic_)?[io]?f(?:ile)?stream\b|\bstd\s*::\s*filesystem\b",
    ],
}
HEADERS = {
    "thread": r"<(?:thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier"
              r"|stop_token|pthread\.h|signal\.h|csignal|sched\.h|sys/wait\.h|spawn\.h)>"
              r'|"absl/synchronization/.*"',
    "socket": r"<(?:sys/socket\.h|sys/epoll\.h|sys/eventfd\.h|sys/un\.h|poll\.h|netdb\.h"
              r'|netinet/.*|arpa/inet\.h|ifaddrs\.h)>|[<"]grpc.*',
    "file": r"<(?:unistd\.h|fcntl\.h|fstream|filesystem|dirent\.h|sys/(?:stat|mman|uio|ioctl|file"
            r'|statvfs|vfs)\.h|linux/.*|libaio\.h|liburing\.h)>|[<"]rocksdb/.*',
    "randomness": r'<(?:random|sys/random\.h)>|"absl/random/.*"',
    "clock": r'<(?:sys/time\.h|sys/timerfd\.h)>|"absl/time/clock\.h"',
}
_TEST_MODE = (r"\b(?:[gk]_?|_)?(?:[iI]s|[iI]n|[uU]nder|[rR]unning(?:In|_in)?|[fF]or)_?"
              r"(?:[sS]imulat\w*|[tT]est(?:s|ing|_?[mM]ode|_?[eE]nv\w*)?|[uU]nit_?[tT]ests?)_?\b")
_TEST_MACRO = r"^[ \t]*#[ \t]*(?:el)?if(?:n?def)?\b.*\b\w*(?:UNIT_?TEST|TESTING|SIMULAT)\w*"
_THROW = r"\b(?:throw|catch)\b|\btry\s*\{"


_BEFORE_A_CALL = ("return", "else", "do", "case", "co_return", "co_await", "co_yield", "and", "or",
                  "not", "throw")


def _declares(source, name, at):
    """Whether `name(` at that place declares, or calls something that the file itself declares."""
    before = re.search(r"(\w+)(\w[&*>]+)?[ \t]+$", source.code[max(0, at - 80):at])
    if before and (before.group(2) or before.group(1) not in _BEFORE_A_CALL):
        return True
    return re.search(rf"(?:\bauto\b|[&*>])\s*&?\s*{name}\s*[=;,){{]|\b{name}\s*=\s*\[",
                     source.code)


def _calls(source, rules):
    for rule, patterns in rules.items():
        for pattern in patterns:
            for number, match in source.find(pattern):
                name = match.group(1) if match.re.groups else None
                if name and "::" not in match.group(0) and _declares(source, name, match.start()):
                    continue
                what = re.sub(r"\s+|\($", "", match.group(0))
                yield Finding(source.path, number, rule,
                              f"{what}: the real world is reached through lib/env only")


def check(tree, layers):
    """Findings of all rules of this file, over lib/ (and test modes over everything shipped)."""
    findings = []
    for source in tree.cpp("lib"):
        findings += _hash_iteration(tree, source)
        row = layers.row_of(source.path)
        if row in layers.real or source.is_bench:
            continue
        findings += _calls(source, NEVER)
        loose = source.is_test or source.is_fuzz
        if not loose:
            findings += _calls(source, LOGIC)
        for number, quoted in source.includes():
            for rule, pattern in HEADERS.items():
                if re.fullmatch(pattern, quoted) and not (loose and rule in LOGIC):
                    findings.append(Finding(source.path, number, rule,
                                            f"{quoted} has no place outside real-world folders"))
        if not loose:
            findings += [Finding(source.path, number, "exceptions", "errors are absl::Status")
                         for number, _ in source.find(_THROW)]
    for source in tree.cpp("lib", "daemons", "cli", "bindings"):
        if source.is_test or source.is_bench or source.is_fuzz:
            continue
        code = source.code
        for pattern in (_TEST_MODE, _TEST_MACRO):
            for number, match in source.find("(?m)" + pattern, code):
                findings.append(Finding(source.path, number, "test-mode",
                                        f"{match.group(0).strip()}: code never asks who runs it"))
    return findings


def _hash_iteration(tree, source):
    header = tree.files.get(posixpath.splitext(source.path)[0] + ".h")
    if source.is_test:
        header = tree.files.get(source.path.replace("_test.cc", ".h"))
    names = cpp_text.hash_container_names(source.code)
    if header and header is not source:
        names |= cpp_text.hash_container_names(header.code)
    if not names:
        return []
    any_name = "|".join(sorted(names))
    patterns = (rf"\bfor\s*\([^;{{}}]*?[^:]:(?!:)\s*[^;{{}}]*?\b({any_name})(?:\(\))?\s*\)",
                rf"\b({any_name})(?:\(\))?\s*(?:\.|->)\s*c?begin\s*\(")
    return [Finding(source.path, number, "hash-order",
                    f"{match.group(1)} is a hash container; its order must not be seen")
            for pattern in patterns for number, match in source.find(pattern)]
