"""kill -9 a thousand times: `./dev kill [--rounds N] [--seed S] [--only serve,import,train]`.

A round starts the program, kills it, starts it again and checks everything: acknowledged events are there once and in order,
what was not acknowledged can be sent again, nothing else is there, and `palate verify` finds log, state, counters, releases and
artefacts whole. Half of the kills come at a random moment; the others are aimed: the process kills itself right before its n-th
write, sync, rename, or right within a compaction or a flush (PALATE_FAULTS, src/base/faults.h), which its trace proves.

The same seed draws the same kinds of rounds, moments and aims; `--from R` begins at round R of a seed.
"""

import argparse
import collections
import pathlib
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import recovery  # noqa: E402
from program import Client, Server, Writer, begin, check_histories, command, json_of, verify  # noqa: E402

SMALL = ("--simulate.users", "200", "--simulate.items", "150", "--simulate.days", "8")
# Buffers so small that tables are flushed and compacted all the time, and states are written behind every few events.
TIGHT = ("--data.log_buffer_kib", "64", "--data.state_buffer_kib", "64", "--data.state_delay_ms", "20", "--data.users_mib", "1")
AIMS = ("compaction-write", "compaction-write", "compaction-sync", "flush-write", "flush-sync", "write", "sync", "rename", "create",
        "remove")


class Harness:
    def __init__(self, seed, work):
        self.seed, self.work = seed, pathlib.Path(work)
        self.counts = collections.Counter()
        self.recoveries = []  # (seconds, events in the log, kind)
        self.world = self.work / "world"
        assert command("simulate", "--data", self.world, *SMALL).returncode == 0
        done = command("train", "--data", self.world, "--als.iterations", "2", "--als.factors", "16")
        assert done.returncode == 0, done.stderr
        self.csv = self.work / "e.csv"
        rows = (f"u{n * 7919 % 997},i{n * 104729 % 499},{1 + n % 5},{1_500_000_000 + n * 37 % 90_001}\n" for n in range(60_000))
        self.csv.write_text("user_id,item_id,rating,timestamp\n" + "".join(rows))
        self.data, self.base_events, self.age = None, 0, 0

    def fresh(self, kind):
        """A copy of the trained world; kills pile up in it for some rounds."""
        if self.data is None or self.age >= 20 or self.data.name != kind:
            folder = self.work / "at"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            self.data = folder / kind
            shutil.copytree(self.world, self.data)
            self.age, self.events = 0, json_of("status", "--data", self.data)["events"]
        self.age += 1
        return self.data

    def aim(self, dice, aims=AIMS, reach=60):
        """What PALATE_FAULTS says, and where the trace of the kill will be. `reach`: about how many writes there are to hit."""
        trace = self.work / "trace"
        trace.unlink(missing_ok=True)
        operation = dice.choice(aims)
        nth = dice.randrange(1, reach if operation in ("write", "sync") else max(3, reach // 5))
        return f"error=kill,op={operation},nth={nth},trace={trace}"

    def hit(self, what):
        """Counts where an aimed kill has struck: the trace's last line says so."""
        trace = self.work / "trace"
        lines = trace.read_text().splitlines() if trace.exists() else []
        struck = bool(lines) and lines[-1].endswith("<- fault")
        self.counts[f"{what}: {lines[-1].split()[1] if struck else 'aim not reached, killed at random'}"] += 1
        return struck

    # --- rounds -----------------------------------------------------------------------------------------------------

    def serve(self, dice):
        """Kill a server under load, with a trainer that swaps a release in beside it or not."""
        data = self.fresh("served")
        tight = TIGHT if dice.random() < 0.7 else ()
        aimed = self.aim(dice) if dice.random() < 0.5 else None
        server = Server(data, *tight, faults=aimed)
        writers = [Writer(server.port, f"{self.round}-{n}", random.Random(dice.random()), dice.choice((1, 5, 40))) for n in range(3)]
        if server.port:
            for writer in writers:
                writer.start()
        trainer = None
        if dice.random() < 0.3:
            trainer = begin("train", "--data", data, "--als.iterations", "1", "--als.factors", "8", "--quiet")
            self.counts["serve: a release was trained and swapped in meanwhile"] += 1
        moment = dice.uniform(0.02, 0.5)
        if aimed:
            wait_dead(server.process, 3 + moment)
        else:
            time.sleep(moment)
        if not (aimed and self.hit("serve")):
            self.counts["serve: at a random moment"] += not aimed
        if trainer and dice.random() < 0.5:
            trainer.kill()
            self.counts["train: killed beside a server"] += 1
        server.stop(signal.SIGKILL)
        for writer in writers:
            if server.port:
                writer.join()
        if trainer:
            trainer.communicate()
        self.check_served(data, tight, writers, dice)

    def check_served(self, data, tight, writers, dice):
        again = Server(data, *tight)
        try:
            seconds = again.wait_ready()
            client = Client(again.port)
            for writer in writers:
                assert not writer.wrong, f"an answer under load was wrong: {writer.wrong}"
                check_histories(client, writer)
            for writer in writers:
                writer.resend(client)
                check_histories(client, writer)
            # Beside the running server: a reader, and the directory is whole.
            self.events += sum(len(writer.sent) for writer in writers)
            found = verify(data)
            assert found["events"] == self.events, f"{found['events']} events in the log, {self.events} were sent"
            self.recoveries.append((seconds, self.events, "serve"))
            self.counts["acknowledged events checked"] += sum(len(w.acked) for w in writers)
        finally:
            again.stop(signal.SIGTERM if dice.random() < 0.3 else signal.SIGKILL)

    def import_(self, dice):
        """Kill an import once or several times; then it runs to its end, and every row is there once."""
        folder = self.work / "imported"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        data = folder / "data"
        tight = TIGHT if dice.random() < 0.5 else ()
        for _ in range(dice.randrange(1, 4)):
            aimed = self.aim(dice, AIMS[3:], 20) if dice.random() < 0.6 else None
            process = begin("import", self.csv, "--data", data, "--quiet", *tight, faults=aimed)
            if aimed:
                wait_dead(process, 20)
                self.hit("import")
            else:
                time.sleep(dice.uniform(0.0, 0.4))
                self.counts["import: at a random moment"] += 1
            process.kill()
            process.communicate()
            self.check_partial(data)
        began = time.monotonic()
        json_of("import", self.csv, "--data", data, *tight)
        self.recoveries.append((time.monotonic() - began, 60_000, "import again"))
        found = verify(data)
        assert found["events"] == 60_000 and found["folded"] == 60_000, found
        assert found["users"] == 997 and found["items"] == 499, found

    def check_partial(self, data):
        """A reader of what a killed import left: whole as far as it goes, or nothing there yet."""
        done = command("verify", "--data", data, "--json")
        assert done.returncode in (0, 3), f"exit {done.returncode}: {done.stderr}"

    def train(self, dice):
        """Kill a training; the release is the old one or the new one, whole, and leftovers go away with the next training."""
        data = self.fresh("trained")
        aimed = self.aim(dice, ("write", "sync", "create", "rename", "mkdir"), 12) if dice.random() < 0.7 else None
        server = Server(data) if dice.random() < 0.3 else None
        process = begin("train", "--data", data, "--als.iterations", "1", "--als.factors", "8", "--quiet", faults=aimed)
        if aimed:
            wait_dead(process, 20)
            self.hit("train")
        else:
            time.sleep(dice.uniform(0.0, 0.5))
            self.counts["train: at a random moment"] += 1
        process.kill()
        process.communicate()
        if server:
            try:
                server.wait_ready()
                status, answer = Client(server.port).ask("/v1/recommendations?n=5")
                assert status == 200 and answer["items"], answer
                self.counts["swap: the server beside it was killed, too"] += 1
            finally:
                server.stop(signal.SIGKILL)
        status = json_of("status", "--data", data)
        assert all(model["created"] for model in status["models"])
        assert command("recommend", status["sample_user"], "--data", data).returncode == 0
        verify(data)
        if dice.random() < 0.3:
            assert command("train", "--data", data, "--als.iterations", "1", "--als.factors", "8").returncode == 0
            left = [p for p in (data / "default").rglob(".*.tmp-*")]
            assert not left, f"a training left what a killed one had begun: {left}"

    # --- all of them --------------------------------------------------------------------------------------------------

    def run(self, number, only):
        """Round `number`: drawn from the seed and the number alone, so that any round can be replayed."""
        self.round = number
        dice = random.Random(f"{self.seed}/{number}")
        kind = dice.choices(("serve", "import", "train"), (5, 3, 2))[0]
        if kind not in only:
            return
        self.counts[f"rounds of {kind}"] += 1
        {"serve": self.serve, "import": self.import_, "train": self.train}[kind](dice)


def wait_dead(process, seconds):
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)


def quantile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def report(harness, rounds, seconds):
    print(f"{rounds} rounds in {seconds:.0f} s, seed {harness.seed}: nothing lost, nothing twice, nothing half-written")
    for what, count in sorted(harness.counts.items()):
        print(f"  {count:8,}  {what}")
    for kind in sorted({kind for _, _, kind in harness.recoveries}):
        times = [s for s, _, k in harness.recoveries if k == kind]
        longest = max(harness.recoveries, key=lambda r: (r[2] == kind, r[0]))
        print(f"  recovery ({kind}): median {quantile(times, 0.5):.2f} s, 99 % {quantile(times, 0.99):.2f} s, "
              f"longest {longest[0]:.2f} s with {longest[1]:,} events")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first round of that seed")
    parser.add_argument("--only", default="serve,import,train")
    parser.add_argument("--recovery", nargs="*", type=int, metavar="EVENTS", help="measure starts after kills at these lengths instead")
    options = parser.parse_args()
    if options.recovery is not None:
        return recovery.main(options.recovery or [100_000, 1_000_000, 6_000_000])
    print(f"seed {options.seed} (--seed {options.seed} --rounds {options.rounds} replays it)", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="palate-kill-") as work:
        harness = Harness(options.seed, work)
        for number in range(options.first, options.first + options.rounds):
            try:
                harness.run(number, options.only.split(","))
            except BaseException:
                kept = pathlib.Path(tempfile.gettempdir()) / f"palate-kill-{options.seed}-{number}"
                shutil.copytree(work, kept, dirs_exist_ok=True)
                print(f"round {number} of seed {options.seed} failed; what it left is in {kept}. "
                      f"Again: --seed {options.seed} --from {number} --rounds 1", file=sys.stderr)
                raise
            if (number + 1) % 50 == 0:
                print(f"{number + 1 - options.first} rounds, {time.monotonic() - began:.0f} s", flush=True)
        report(harness, options.rounds, time.monotonic() - began)


if __name__ == "__main__":
    threading.excepthook = lambda args: sys.__excepthook__(*args[:3])
    main()
