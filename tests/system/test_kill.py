"""kill -9 at random moments: while serving under load, importing, training, swapping a release. After each restart every
acknowledged event is there once, nothing is there that was not sent, and state is what the events say.

PALATE_KILL_ROUNDS=1000 PALATE_KILL_SEED=7 replays a long run: `./dev test system.kill` is the short one.
"""

import os
import random
import signal
import subprocess
import threading
import time

from conftest import BIN, SMALL, Server, run, run_json

ROUNDS = int(os.environ.get("PALATE_KILL_ROUNDS", "8"))
SEED = int(os.environ.get("PALATE_KILL_SEED", str(random.SystemRandom().randrange(1 << 30))))


class Writer(threading.Thread):
    """Posts batches of likes with event ids of their own until the server dies. `sent` maps an id to what it says; `acked` are
    those whose acknowledgement arrived."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.server, self.writer = server, name
        self.sent, self.acked = {}, set()

    def run(self):
        import httpx

        client = httpx.Client(base_url=self.server.url, timeout=10)
        number = 0
        try:
            while True:
                batch = []
                for _ in range(5):
                    number += 1
                    event = {"event_id": f"{self.writer}-{number}", "type": "like", "user": f"k{self.writer}-{number // 60}",
                             "item": f"item-{self.writer}-{number}"}
                    batch.append(event)
                    self.sent[event["event_id"]] = event
                if client.post("/v1/events", json={"events": batch}).status_code == 200:
                    self.acked |= {event["event_id"] for event in batch}
        except httpx.HTTPError:
            return  # killed, as was to be expected


def items_of(client, user):
    answer = client.get(f"/v1/users/{user}")
    if answer.status_code == 404:
        return []
    return [entry["item"] for entry in answer.json()["history"]]


def check_state(server, writers, seed_note):
    for writer in writers:
        for user in {event["user"] for event in writer.sent.values()}:
            there = items_of(server.client, user)
            mine = [e for e in writer.sent.values() if e["user"] == user]
            acked = {e["item"] for e in mine if e["event_id"] in writer.acked}
            assert len(there) == len(set(there)), f"an event is there twice ({seed_note})"
            assert acked <= set(there), f"an acknowledged event is gone ({seed_note}): {acked - set(there)}"
            assert set(there) <= {e["item"] for e in mine}, f"something that nobody sent ({seed_note})"


def test_kill_while_serving_training_and_swapping(tmp_path):
    note = f"PALATE_KILL_SEED={SEED}"
    print(note)
    dice = random.Random(SEED)
    data = tmp_path / "data"
    assert run("simulate", "--data", data, *SMALL).returncode == 0
    assert run("train", "--data", data).returncode == 0
    before = run_json("status", "--data", data)["events"]
    everybody = []
    for round_number in range(ROUNDS):
        server = Server(data).wait_ready()
        writers = [Writer(server, f"{round_number}-{n}") for n in range(2)]
        for writer in writers:
            writer.start()
        trainer = None
        if dice.random() < 0.5:  # a release is swapped in about now
            trainer = subprocess.Popen([BIN, "train", "--data", str(data), "--quiet"], stdout=subprocess.DEVNULL)
        time.sleep(dice.uniform(0.05, 0.6))
        if trainer and dice.random() < 0.5:
            trainer.kill()
        server.stop(signal.SIGKILL)
        for writer in writers:
            writer.join()
        if trainer:
            trainer.wait()
        everybody += writers
        start = time.monotonic()
        again = Server(data).wait_ready()
        assert time.monotonic() - start < 10, f"recovery took {time.monotonic() - start:.1f} s ({note})"
        check_state(again, writers, note)
        if dice.random() < 0.5:  # a clean stop now and then
            assert again.stop() == 0
        else:
            again.stop(signal.SIGKILL)
    status = run_json("status", "--data", data)
    acked = sum(len(w.acked) for w in everybody)
    sent = sum(len(w.sent) for w in everybody)
    assert acked > 0 and before + acked <= status["events"] <= before + sent, note
    assert all(model["created"] for model in status["models"]), "no half-written model is listed"
    assert run("recommend", status["sample_user"], "--data", data).returncode == 0


def test_kill_while_importing(tmp_path):
    note = f"PALATE_KILL_SEED={SEED}"
    print(note)
    dice = random.Random(SEED + 1)
    rows = [f"u{n % 997},i{n % 499},{1 + n % 5},{1_500_000_000 + n}" for n in range(200_000)]
    (tmp_path / "e.csv").write_text("user_id,item_id,rating,timestamp\n" + "\n".join(rows) + "\n")
    for _ in range(max(2, ROUNDS // 2)):
        data = tmp_path / f"data-{dice.randrange(1 << 40)}"
        for _ in range(2):
            process = subprocess.Popen([BIN, "import", str(tmp_path / "e.csv"), "--data", str(data), "--quiet"],
                                       stdout=subprocess.DEVNULL)
            time.sleep(dice.uniform(0.0, 0.5))
            process.kill()
            process.wait()
        done = run_json("import", tmp_path / "e.csv", "--data", data)
        assert run_json("status", "--data", data)["events"] == len(rows), f"{note}: {done}"
        assert run("train", "--data", data, "--models", "popularity").returncode == 0
