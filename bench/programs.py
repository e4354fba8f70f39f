"""Palate's programs as benchmarks of rankers run them: those of PALATE_BUILD, else of build/dev."""
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("PALATE_BUILD", ROOT / "build" / "dev")) / "bin"
SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", ROOT.parent / "shared"))


def run(program, *arguments):
    """The last line of its output as JSON; None where that is none."""
    done = subprocess.run([BIN / program, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} {arguments[0]} ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout[:1] in ("{", "[") else None


def flags(settings, prefix=""):
    """Settings by section.key as the command line has them; a list is a flag again and again."""
    return [f"--{prefix}{key}={one}" for key, value in settings.items() for one in (value if isinstance(value, list) else [value])]


def mean(values):
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"
