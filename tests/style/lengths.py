"""Functions, files, lines and parameter lists stay short: STYLE's limits, today's exceptions in ratchet.json."""

import json
import re
from pathlib import Path

import cpp
import tree

FUNCTION_MAX, FUNCTION_MOST = 70, 40
FILE_MAX, FILE_MOST = 1000, 600
MOST = 0.95
COLUMNS_MAX = 100
PARAMETERS_MAX = 4


def read_functions(name, source):
    try:
        return cpp.functions(source)
    except ValueError as error:
        raise SystemExit(f"tests/style/cpp.py cannot read {name}: {error}") from error


# Prettier puts a function's end where it began.
WEB_FUNCTION = re.compile(r"^(?:export )?(?:async )?function (\w+).*?^}$", re.M | re.S)


def measure_web(root):
    """The same of web/: what is over a limit there."""
    over = {}
    for path in tree.files(Path(root) / "web", ".ts", ".tsx", ".css") if (Path(root) / "web").is_dir() else []:
        name, source = path.relative_to(root), tree.text(path)
        if source.count("\n") > FILE_MOST:
            over[f"{name}: lines (at most {FILE_MOST})"] = source.count("\n")
        for function in WEB_FUNCTION.finditer(source):
            lines = function[0].count("\n") + 1
            if lines > FUNCTION_MAX:
                over[f"{name}: {function[1]}: lines (at most {FUNCTION_MAX})"] = lines
    return over


def measure(root):
    """What is over a limit, key to size; and the sizes of all functions and files."""
    over, functions, lengths = measure_web(root), [], []
    for path in tree.sources(root):
        name, source = path.relative_to(root), tree.text(path)
        lines = source.splitlines()
        lengths.append(len(lines))
        if len(lines) > FILE_MAX:
            over[f"{name}: lines (at most {FILE_MAX})"] = len(lines)
        widest = max(map(len, lines), default=0)
        if widest > COLUMNS_MAX:
            over[f"{name}: columns (at most {COLUMNS_MAX})"] = widest
        for function in read_functions(name, source):
            label = f"{name}: {function.name}"
            if function.lines:
                functions.append(function.lines)
            if function.lines > FUNCTION_MAX:
                over[f"{label}: lines (at most {FUNCTION_MAX})"] = function.lines
            if function.parameters > PARAMETERS_MAX and not function.name.isupper():
                over[f"{label}: parameters (at most {PARAMETERS_MAX})"] = function.parameters
    return over, functions, lengths


def share(sizes, limit):
    return sum(size <= limit for size in sizes) / len(sizes) if sizes else 1.0


def ratchet_file(root):
    return Path(root) / "tests/style/ratchet.json"


def check(root):
    over, functions, files = measure(root)
    allowed = json.loads(tree.text(ratchet_file(root))) if ratchet_file(root).exists() else {}
    problems = [f"{key}: {size}" for key, size in over.items() if size > allowed.get(key, 0)]
    for key, size in allowed.items():
        if over.get(key, 0) < size:
            problems.append(f"ratchet.json: '{key}' is better than {size} now; run tests/style/run.py --tighten")
    if share(functions, FUNCTION_MOST) < MOST:
        problems.append(f"only {share(functions, FUNCTION_MOST):.1%} of functions are within {FUNCTION_MOST} lines")
    if share(files, FILE_MOST) < MOST:
        problems.append(f"only {share(files, FILE_MOST):.1%} of files are within {FILE_MOST} lines")
    return problems


def tighten(root):
    """Lowers and removes exceptions that are no longer needed; never adds one."""
    over, _, _ = measure(root)
    allowed = json.loads(tree.text(ratchet_file(root)))
    kept = {key: min(size, over[key]) for key, size in sorted(allowed.items()) if key in over}
    ratchet_file(root).write_text(json.dumps(kept, indent=2) + "\n")
