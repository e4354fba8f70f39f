"""Each room and each model has a README of about a screen; a room's names every header (`x.h` or x) that other rooms include."""

import re
from pathlib import Path

import tree

LINES_MAX = 60


def public_headers(root):
    """Headers, relative to src/, that a file of another room includes (tests aside)."""
    src = Path(root) / "src"
    found = set()
    for path in tree.sources(root):
        room = path.relative_to(src).parts[0]
        if not tree.is_check(path):
            found |= {name for name in tree.includes(path) if Path(name).parts[0] != room}
    return found


def folders(root):
    src = Path(root) / "src"
    yield from (path for path in sorted(src.iterdir()) if path.is_dir())
    if (src / "models").is_dir():
        yield from (path for path in sorted((src / "models").iterdir()) if path.is_dir() and list(path.glob("*.cc")))


def check(root):
    src, problems = Path(root) / "src", []
    public = public_headers(root)
    for folder in folders(root):
        name, readme = folder.relative_to(root), folder / "README.md"
        if not readme.is_file():
            problems.append(f"{name}/ has no README.md")
            continue
        words = tree.text(readme)
        if len(words.splitlines()) > LINES_MAX:
            problems.append(f"{name}/README.md: {len(words.splitlines())} lines, at most {LINES_MAX}")
        if folder.parent == src:
            below = [header for header in sorted(public) if Path(header).parts[0] == folder.name]
            missing = [header for header in below if not re.search(rf"\b{Path(header).stem}\b", words)]
            problems += [f"{name}/README.md does not mention {header}" for header in missing]
    return problems
