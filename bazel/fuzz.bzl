"""Fuzz tests, which stand beside the code that they feed."""

def fuzz_test(name, srcs, deps = [], corpus = None, runs = 20000, size = "small", tags = []):
    """A test of LLVMFuzzerTestOneInput over a corpus.

    With --config=fuzz it is a libFuzzer binary that makes `runs` inputs of its own, starting from
    the corpus, under the address and undefined-behaviour sanitizers; in every other configuration
    it replays the corpus. Look longer with
    bazel run --config=fuzz //folder:name -- -max_total_time=600

    Args:
      name: of the test, "<what>_fuzz".
      srcs: sources; one of them defines LLVMFuzzerTestOneInput.
      deps: libraries.
      corpus: folder of this package with at least one input; "corpus/<name>" unless given.
      runs: inputs that libFuzzer tries.
      size: Bazel's, for the time-out.
      tags: more tags; all fuzz tests have "fuzz".
    """
    corpus = corpus or "corpus/" + name
    native.cc_test(
        name = name,
        size = size,
        srcs = srcs,
        args = select({
            "//bazel:fuzzing": [
                "-runs=%d" % runs,
                "-seed=1",
            ],
            "//conditions:default": [],
        }) + [native.package_name() + "/" + corpus],
        data = native.glob([corpus + "/**"], allow_empty = False),
        linkopts = select({
            "//bazel:fuzzing": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = tags + ["fuzz"],
        deps = deps + select({
            "//bazel:fuzzing": [],
            "//conditions:default": ["//bazel:replay_main"],
        }),
    )
