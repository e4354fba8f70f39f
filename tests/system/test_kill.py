"""kill -9 at random and at aimed moments, the short form of `./dev kill` (tests/faults/kill.py): serving under load, training,
swapping a release, importing, flushing and compacting.

PALATE_KILL_ROUNDS=1000 PALATE_KILL_SEED=7 replays a long run.
"""

import os
import pathlib
import random
import subprocess
import sys

from conftest import BIN, ROOT

ROUNDS = os.environ.get("PALATE_KILL_ROUNDS", "10")
SEED = os.environ.get("PALATE_KILL_SEED", str(random.SystemRandom().randrange(1 << 30)))


def test_nothing_acknowledged_is_lost_or_twice():
    harness = pathlib.Path(ROOT) / "tests" / "faults" / "kill.py"
    done = subprocess.run([sys.executable, harness, "--rounds", ROUNDS, "--seed", SEED], capture_output=True, text=True,
                          env={**os.environ, "PALATE_BIN": BIN})
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
