"""clang-format-19 would change nothing."""

import re
import shutil
import subprocess

import tree

TOOL = "clang-format-19"


def check(root):
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
