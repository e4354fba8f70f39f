"""clang-format-19 would change nothing in src/, Prettier nothing in web/."""

import re
import shutil
import subprocess
from pathlib import Path

import tree

TOOL = "clang-format-19"
PRETTIER = "node_modules/prettier/bin/prettier.cjs"


def check(root):
    return check_sources(root) + check_web(Path(root) / "web")


def check_web(web):
    if not web.is_dir():
        return []
    own = web.parent / ".venv/bin/node"  # there where the system has none that is new enough
    node = own if own.exists() else shutil.which("node")
    if not (web / PRETTIER).exists():
        return ["web/node_modules is not installed: ./dev deps web"]
    run = subprocess.run([node, PRETTIER, "--list-different", "."], cwd=web, capture_output=True, text=True, check=False)
    if run.returncode and not run.stdout:
        return [run.stderr.strip()]
    return [f"web/{name}: not formatted; ./dev fmt" for name in run.stdout.split()]


def check_sources(root):
    if not shutil.which(TOOL):
        return [f"{TOOL} is not installed: ./dev deps test"]
    sources = [str(path) for path in tree.sources(root)]
    if not sources:
        return []
    run = subprocess.run([TOOL, "--dry-run", "-Werror", *sources], capture_output=True, text=True, check=False)
    wrong = sorted(set(re.findall(r"^(.*?):\d+:\d+: error", run.stderr, re.M)))
    if run.returncode and not wrong:
        return [run.stderr.strip()]
    return [f"{name}: not formatted; ./dev fmt" for name in wrong]
