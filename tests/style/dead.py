"""No file lies about unused: sources are in a target, headers are included, test and docs files are reached."""

import re
from pathlib import Path

import links
import tree


def built_rooms(root):
    """The rooms that src/CMakeLists.txt goes through."""
    match = re.search(r"foreach\(room ([^)]*)\)", tree.text(Path(root) / "src/CMakeLists.txt"))
    return set(match[1].split()) if match else set()


def dead_sources(root):
    src, built = Path(root) / "src", built_rooms(root)
    users = {}
    bench = Path(root) / "bench"
    for path in [*tree.sources(root), *(tree.files(bench, ".h", ".cc") if bench.is_dir() else [])]:
        for name in tree.includes(path):
            users.setdefault(name, []).append(path)
    for path in tree.sources(root):
        name = path.relative_to(src)
        room = name.parts[0]
        if path.suffix == ".cc" and (room not in built or not (src / room / "CMakeLists.txt").is_file()):
            yield f"src/{name} is in no target: {room} needs a CMakeLists.txt and its place in src/CMakeLists.txt"
        if path.suffix == ".h":
            # A contract suite may stand beside the one test that runs it; any other header serves somebody else.
            others = [user for user in users.get(str(name), []) if user.parent / tree.stem(user) != path.with_suffix("")]
            if not (others or tree.is_check(path) and users.get(str(name))):
                yield f"src/{name} is included by nothing but its own source and tests"


def dead_pages(root):
    """Pages of docs/ that no link reaches from the README."""
    reached, open_pages = set(), [Path(root) / "README.md"]
    while open_pages:
        page = open_pages.pop()
        if page in reached or not page.is_file():
            continue
        reached.add(page)
        targets = [(page.parent / target).resolve() for target, _ in links.targets(page) if target]
        open_pages += [target for target in targets if target.suffix == ".md"]
    docs = Path(root) / "docs"
    pages = tree.files(docs, ".md") if docs.is_dir() else []
    return [f"{page.relative_to(root)} is linked from nowhere" for page in pages if page not in reached]


def dead_tests(root):
    """Python files of tests/ that neither pytest collects nor another file names."""
    tests = Path(root) / "tests"
    scripts = tree.files(tests, ".py") if tests.is_dir() else []
    for path in scripts:
        if path.name.startswith("test_") or path.name == "conftest.py":
            continue
        word = re.compile(rf"\b{re.escape(path.stem)}\b")
        users = [*scripts, *tree.files(tests, ".txt", ".sh"), *(Path(root) / name for name in ("dev", ".ci/run"))]
        if not any(user != path and user.is_file() and word.search(tree.text(user)) for user in users):
            yield f"{path.relative_to(root)} is used by nothing"


def check(root):
    root = Path(root).resolve()
    return [*dead_sources(root), *dead_pages(root), *dead_tests(root)]
