"""How long a start takes after a kill, against the length of the log: `./dev kill --recovery 100000 1000000 6000000`."""

import json
import pathlib
import random
import signal
import tempfile
import time

from program import Server, Writer, begin, command, json_of


def write_csv(path, events):
    dice = random.Random(events)
    users, items = max(50, events // 112), 10_000
    with open(path, "w") as file:
        file.write("user_id,item_id,rating,timestamp\n")
        for n in range(events):
            file.write(f"u{dice.randrange(users)},i{int(items * dice.random() ** 2)},{dice.randrange(1, 6)},{1_500_000_000 + n}\n")


def start(data):
    """A server, and the seconds until it says that it serves: the log is read back, the state is at its end."""
    server = Server(data)
    return server, time.monotonic() - server.begun


def measure(events):
    with tempfile.TemporaryDirectory(prefix="palate-recovery-") as work:
        work = pathlib.Path(work)
        write_csv(work / "e.csv", events)
        data = work / "data"
        whole = json_of("import", work / "e.csv", "--data", data)["events"]
        server, clean = start(data)
        writers = [Writer(server.port, f"{n}", random.Random(n), 100) for n in range(3)]
        for writer in writers:
            writer.start()
        time.sleep(5)
        server.stop(signal.SIGKILL)
        server, loaded = start(data)
        server.stop(signal.SIGKILL)
        again, unfolded = work / "killed", 0
        # Right before the fold: every event is in the log and none in the state.
        process = begin("import", work / "e.csv", "--data", again, "--quiet")
        time.sleep(max(0.0, whole["seconds"] - whole["fold_seconds"] * 0.7))
        process.kill()
        process.communicate()
        found = command("verify", "--data", again, "--json")
        if found.returncode == 0:
            found = json.loads(found.stdout)
            unfolded = found["events"] - found["folded"]
        server, folding = start(again)
        server.stop(signal.SIGKILL)
        print(f"{events:>12,} events: import {whole['seconds']:.2f} s (fold {whole['fold_seconds']:.2f} s); ready after a clean stop "
              f"{clean:.2f} s, after a kill under load {loaded:.2f} s ({sum(len(w.sent) for w in writers):,} events in 5 s), with "
              f"{unfolded:,} events to fold {folding:.2f} s", flush=True)


def main(sizes):
    for events in sizes:
        measure(events)
