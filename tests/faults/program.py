"""The built program under a test that harms it: commands, a server, a client. Standard library only."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = os.environ.get("PALATE_BIN", str(ROOT / "build" / "dev" / "bin" / "palate"))


def environment(faults):
    return {**os.environ, **({"PALATE_FAULTS": faults} if faults else {})}


def command(*arguments, faults=None, timeout=300, **options):
    """Runs palate to its end."""
    return subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=environment(faults), **options)


def json_of(*arguments, **options):
    done = command(*arguments, "--json", **options)
    assert done.returncode == 0, f"palate {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)


def begin(*arguments, faults=None, **options):
    """Starts palate and does not wait."""
    return subprocess.Popen([BIN, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                            env=environment(faults), **options)


class Client:
    """One connection. Errors of the network are OSError or HTTPException."""

    def __init__(self, port, timeout=20):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)

    def ask(self, path, body=None):
        text = None if body is None else json.dumps(body)
        self.connection.request("GET" if body is None else "POST", path, text, {"Content-Type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


class Server:
    """palate serve on a free port."""

    def __init__(self, data, *arguments, faults=None, seconds=60):
        self.begun = time.monotonic()
        log = pathlib.Path(data).parent / "serve.log"
        self.log = open(log, "w+")
        self.process = subprocess.Popen([BIN, "serve", "--data", str(data), "--port", "0", *map(str, arguments)],
                                        stdout=self.log, stderr=subprocess.STDOUT, env=environment(faults))
        self.port = None
        while self.port is None and self.process.poll() is None and time.monotonic() < self.begun + seconds:
            found = re.search(r"on http://[^:]+:(\d+)", self.output())
            self.port = int(found[1]) if found else None
            if not found:
                time.sleep(0.005)

    def output(self):
        return pathlib.Path(self.log.name).read_text()

    @property
    def dead(self):
        return self.process.poll() is not None

    def wait_ready(self, seconds=60):
        """Seconds from the start to the first answer that says ready."""
        while self.port and not self.dead and time.monotonic() < self.begun + seconds:
            try:
                if Client(self.port).ask("/readyz")[0] == 200:
                    return time.monotonic() - self.begun
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.01)
        raise AssertionError(f"the server is not ready: {self.output()}")

    def stop(self, how=signal.SIGTERM, seconds=30):
        if not self.dead:
            self.process.send_signal(how)
        code = self.process.wait(timeout=seconds)
        self.log.close()
        return code


TYPES = ("like", "like", "dislike", "rating", "impression", "purchase")


class Writer(threading.Thread):
    """Posts batches with event ids of its own until the server dies. `sent` has every event in the order of sending, `acked` the
    ids whose acknowledgement arrived. Its users are its own, so that their histories are known."""

    def __init__(self, port, name, dice, batch):
        super().__init__(daemon=True)
        self.port, self.writer, self.dice, self.batch = port, name, dice, batch
        self.sent, self.acked, self.wrong = [], set(), []

    def make(self, number):
        kind = self.dice.choice(TYPES)
        event = {"event_id": f"{self.writer}-{number}", "type": kind, "user": f"k{self.writer}-{number // 60}",
                 "item": f"item-{number % 977}" if number % 5 else f"item-{self.writer}-{number}"}
        if kind == "rating":
            event["value"] = self.dice.randrange(1, 6)
        return event

    def run(self):
        try:
            client = Client(self.port)
            last = []
            while True:
                batch = [self.make(len(self.sent) + n) for n in range(self.batch)]
                self.sent += batch
                again = last[: self.dice.randrange(3)]  # a client that retries what was acknowledged
                status, answer = client.ask("/v1/events", {"events": again + batch})
                if status != 200:
                    self.wrong.append((status, answer))
                    return
                if answer["accepted"] != len(batch) or answer["duplicates"] != len(again):
                    self.wrong.append((status, answer))
                self.acked |= {event["event_id"] for event in batch}
                last = batch
        except (OSError, http.client.HTTPException, ValueError):
            return  # killed, as was to be expected

    def resend(self, client):
        """What a client does that never heard: everything that was not acknowledged, again. Each counts once."""
        rest = [event for event in self.sent if event["event_id"] not in self.acked]
        if rest:
            status, answer = client.ask("/v1/events", {"events": rest})
            assert status == 200 and answer["accepted"] + answer["duplicates"] == len(rest), answer
            self.acked |= {event["event_id"] for event in rest}
        return len(rest)


def preference(event):
    """What the default event types say: the sign of the taste, 0 for none."""
    if event["type"] == "rating":
        return (event["value"] >= 4) - (event["value"] <= 2)
    return {"like": 1, "purchase": 1, "dislike": -1, "impression": 0}[event["type"]]


def is_kept(event):
    """Whether it belongs in a history: it says something about taste, and ratings do whatever they say."""
    return preference(event) != 0 or event["type"] == "rating"


def check_histories(client, writer):
    """The server's histories against a single pass over what was sent: acknowledged ones there once and in order, nothing else."""
    expected = {}
    for event in writer.sent:
        if is_kept(event):
            expected.setdefault(event["user"], []).append(event)
    for user, events in expected.items():
        status, answer = client.ask(f"/v1/users/{user}?history=500")
        there = [(e["item"], e["type"]) for e in reversed(answer["history"])] if status == 200 else []
        all_of_them = [(e["item"], e["type"]) for e in events]
        acked = [(e["item"], e["type"]) for e in events if e["event_id"] in writer.acked]
        assert there[: len(acked)] == acked, f"{user}: acknowledged events are gone or out of order: {there} instead of {acked}"
        assert there == all_of_them[: len(there)], f"{user}: {there[len(acked):]} was not sent, or came twice"
        liked = {e["item"] for e in events[: len(there)] if preference(e) > 0}
        assert status == 404 or answer["consumed"] == len(liked), f"{user}: {answer['consumed']} items consumed, not {len(liked)}"


def verify(data, **options):
    """`palate verify` says that everything is whole: blocks, state, counters, releases, artefacts."""
    done = command("verify", "--data", data, "--json", **options)
    assert done.returncode == 0, f"verify: exit {done.returncode}: {done.stderr}"
    return json.loads(done.stdout)
