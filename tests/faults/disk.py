"""Disks that fill up or fail: an error planted at every write in turn, and a file system that is really full."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from program import Client, Server, command, json_of, verify

LIKES = "".join(f'{{"type":"like","user":"u{n % 50}","item":"i{n % 40}","ts":"2026-01-01T00:00:{n % 60:02}Z"}}\n' for n in range(400))


def operations(arguments, trace):
    """What the command does to files, in order: lines `number operation path`."""
    trace.unlink(missing_ok=True)
    done = command(*arguments, faults=f"trace={trace}")
    assert done.returncode == 0, done.stderr
    return [line.split(" ", 2) for line in trace.read_text().splitlines()]


def spread(count, wanted):
    """At most `wanted` of the numbers 1 to `count`, evenly spread, both ends among them."""
    if count <= wanted:
        return list(range(1, count + 1))
    return sorted({1 + round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


def fail_each_write(make, arguments, after, how):
    """Runs `arguments(data)` with its n-th write, sync, rename, … failing, for each n of `how.points`. `make(folder)` prepares a data
    directory. Each time: the exit code says what it was, the message names the place; without the fault the same command then
    works; `after(data)` looks at the result."""
    with tempfile.TemporaryDirectory(prefix="palate-disk-") as work:
        work = pathlib.Path(work)
        first = make(work / "count")
        all_of_them = operations(arguments(first), work / "trace")
        after(first)
        failed = 0
        for n in spread(len(all_of_them), how["points"]):
            data = make(work / f"at-{n}")
            trace = work / "trace"
            trace.unlink(missing_ok=True)
            done = command(*arguments(data), faults=f"error={how['error']},nth={n},times={how['times']},trace={trace}")
            what = f"{how['error']} at {n} of {len(all_of_them)} ({' '.join(all_of_them[n - 1][1:])}): exit {done.returncode}: {done.stderr}"
            assert done.returncode in (0, how["code"]), what
            assert "terminate" not in done.stderr and "Assertion" not in done.stderr, what
            if done.returncode != 0:
                failed += 1
                assert how["says"] in done.stderr and "/" in done.stderr, what
            again = command(*arguments(data))
            assert again.returncode == 0, f"{what}\nand then, without the fault: {again.stderr}"
            after(data)
            shutil.rmtree(work / f"at-{n}", ignore_errors=True)
        return failed, len(all_of_them)


FULL = {"error": "ENOSPC", "times": 0, "code": 9, "says": "No space left"}
BROKEN = {"error": "EIO", "times": 1, "code": 8, "says": "nput/output error"}


def import_case(work):
    source = work / "e.jsonl"
    source.write_text(LIKES)

    def make(folder):
        folder.mkdir()
        return folder / "data"

    def after(data):
        found = verify(data)
        assert found["events"] == found["folded"] == 400, found

    return make, lambda data: ["import", source, "--data", data, "--quiet"], after


def train_case(world):
    def make(folder):
        shutil.copytree(world, folder / "data")
        return folder / "data"

    def after(data):
        verify(data)
        status = json_of("status", "--data", data)
        assert status["release"] >= 1 and command("recommend", status["sample_user"], "--data", data).returncode == 0

    return make, lambda data: ["train", "--data", data, "--als.iterations", "1", "--als.factors", "8", "--quiet"], after


def init_case():
    def make(folder):
        folder.mkdir()
        return folder / "palate.toml"

    return make, lambda file: ["init", "--file", file, "--force"], lambda file: file.read_text().index("[als]")


class SmallDisk:
    """A file system of a few megabytes of its own, where this user may mount one."""

    def __init__(self, folder, megabytes):
        self.path = pathlib.Path(folder)
        self.path.mkdir(parents=True)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(self.path)], capture_output=True)
        self.mounted = done.returncode == 0

    def fill(self):
        """Takes all that is left."""
        with open(self.path / "ballast", "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 65536)
            except OSError:
                pass

    def free(self):
        (self.path / "ballast").unlink()

    def close(self):
        if self.mounted:
            subprocess.run(["umount", str(self.path)], check=True)


def batch(first, count):
    return {"events": [{"event_id": f"d{n}", "type": "like", "user": f"d{n // 50}", "item": f"i{n % 40}"}
                       for n in range(first, first + count)]}


def post_until(client, state, wanted, seconds=60):
    """Posts new batches until `wanted(status)`; what is acknowledged is in `state`. Returns the answer."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        first = state["next"]
        status, answer = client.ask("/v1/events", batch(first, 200))
        state["next"] = first + 200
        if status == 200:
            state["acked"] += range(first, first + 200)
        else:
            state["open"].append(first)
        if wanted(status):
            return status, answer
    raise AssertionError(f"nothing changed within {seconds} s: {answer}")


def serve_through(data, fill, free, arguments=()):
    """A server whose disk fills up under it and becomes free again: it goes on answering, says what is wrong, takes events again,
    and has lost nothing that it acknowledged."""
    server = Server(data, *arguments)
    server.wait_ready()
    client = Client(server.port)
    state = {"next": 0, "acked": [], "open": []}
    post_until(client, state, lambda status: status == 200)
    fill()
    status, problem = post_until(client, state, lambda status: status != 200)
    assert status in (507, 503), problem
    assert problem["code"] in ("no_space", "busy", "unavailable"), problem
    for _ in range(2):  # reads go on
        status, answer = client.ask("/v1/recommendations?user=d1&n=5")
        assert status == 200 and answer["items"], answer
        post_until(client, state, lambda status: True)
    free()
    post_until(client, state, lambda status: status == 200)
    for first in state["open"]:  # what a client does with an answer that was no acknowledgement
        status, answer = client.ask("/v1/events", batch(first, 200))
        assert status == 200 and answer["accepted"] + answer["duplicates"] == 200, answer
    total = state["next"]
    assert client.ask("/readyz")[0] == 200
    code = server.stop()
    assert code == 0, server.log
    found = verify(data)
    stored = json_of("status", "--data", data)["events"]
    assert found["events"] == stored
    return total, len(state["acked"])


def root():
    return os.geteuid() == 0
