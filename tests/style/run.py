#!/usr/bin/python3
"""The style tests: run.py [check ...] [--tighten]. Needs only Python's standard library and clang-format-19."""

import sys
from pathlib import Path

import dead
import formatting
import layers
import lengths
import links
import readmes
import selftest
import words

CHECKS = {
    "selftest": selftest.check,
    "layers": layers.check,
    "lengths": lengths.check,
    "readmes": readmes.check,
    "dead": dead.check,
    "words": words.check,
    "links": links.check,
    "formatting": formatting.check,
}


def main(arguments):
    root = Path(__file__).resolve().parents[2]
    if arguments == ["--tighten"]:
        lengths.tighten(root)
        return 0
    unknown = [name for name in arguments if name not in CHECKS]
    if unknown:
        print(f"no such check: {' '.join(unknown)}; there are: {' '.join(CHECKS)}")
        return 2
    failed = 0
    chosen = arguments or list(CHECKS)
    for name in chosen:
        problems = CHECKS[name](root)
        failed += bool(problems)
        print(f"style.{name}: {'ok' if not problems else f'{len(problems)} problems'}")
        for problem in problems:
            print(f"  {problem}")
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
