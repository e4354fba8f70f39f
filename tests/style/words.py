"""What no file may contain: a machine's own paths, registry addresses, unfinished work, stray white space."""

import re

import tree

# Written with a character class each, so that this file passes its own test.
FORBIDDEN = [
    (re.compile(r"(?<![\w.$}])/(work|roo[t])/"), "a path of one machine"),
    (re.compile(r"(?<![\w.$}])/home/[a-z]"), "a path of one machine"),
    (re.compile(r"index-ur[l]|registry *= *htt[p]"), "a registry's address"),
    (re.compile(r"\b(TOD[O]|FIXM[E]|XX[X])\b"), "unfinished work; finish it, or write an issue"),
    (re.compile(r"[ \t]+$", re.M), "white space at the end of a line"),
    (re.compile(r"\r"), "a carriage return"),
]
VERBATIM = {"LICENSE"}


def check(root):
    problems = []
    for path in tree.files(root):
        name = path.relative_to(root)
        # Seeds of fuzzers and planted bad input are data, byte for byte.
        if path.suffix in tree.BINARY or path.name in VERBATIM or {"fuzz_corpus", "testdata"} & set(name.parts):
            continue
        content = tree.text(path)
        for pattern, what in FORBIDDEN:
            for match in pattern.finditer(content):
                problems.append(f"{name}:{content.count(chr(10), 0, match.start()) + 1}: {what}")
        if content and not content.endswith("\n"):
            problems.append(f"{name}: no line break at the end")
    return problems
