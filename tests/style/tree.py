"""The files of the project, as the style tests see them."""

import re
from pathlib import Path

SKIPPED = {".git", ".venv", "build", "node_modules", "__pycache__", "palate-data", ".cache", ".pytest_cache"}
BINARY = {".png", ".gz", ".zst", ".parquet", ".bin", ".woff2", ".ico"}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
CHECKS_OF = re.compile(r"_(test|bench|fuzz)$")


def files(root, *suffixes):
    """All files below root with one of the suffixes (all without), sorted; build outputs left out."""
    found, folders = [], [Path(root)]
    while folders:
        for path in folders.pop().iterdir():
            if path.is_symlink() or path.name in SKIPPED:
                continue
            if path.is_dir():
                folders.append(path)
            elif not suffixes or path.suffix in suffixes:
                found.append(path)
    return sorted(found)


def sources(root):
    """The C++ files under src/."""
    return files(Path(root) / "src", ".h", ".cc") if (Path(root) / "src").is_dir() else []


def text(path):
    return path.read_text(encoding="utf-8", errors="replace")


def includes(path):
    """The root-relative names that a C++ file includes with quotes."""
    return INCLUDE.findall(text(path))


def stem(path):
    """x for x.h, x.cc, x_test.cc, x_bench.cc and x_fuzz.cc."""
    return CHECKS_OF.sub("", path.stem)


def is_check(path):
    """Whether a C++ file is a test, benchmark or fuzzer, or a contract suite that tests include."""
    return CHECKS_OF.search(path.stem) is not None or path.stem.endswith("contract")
