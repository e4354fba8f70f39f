"""A server under load from the same two cores, beside what a team would write instead (bench/twin)."""
import contextlib
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import harness
from harness import Row, Server, Wrong, palate

TWIN = harness.HERE / "twin"
SHAPES = {"small": (5_000, 2_000), "goodbooks": (53_424, 10_000)}
FRESH_RATE = 100
CONNECTIONS = 16


def load(url, *arguments, **options):
    """What `palate load --json` measured; nothing may have failed."""
    flags = [f"--{name}={value}" for name, value in options.items()]
    report = palate("load", url, "--warmup=0.5", *arguments, *flags).answer
    failed = {k: report[k] for k in ("refused", "broken", "timed_out", "unsent", "unchanged") if report[k]}
    if failed:
        raise Wrong(f"under load {failed}: {report['first_failure']}")
    return report


def ask(url, method, path, body=None):
    host = url.removeprefix("http://")
    with contextlib.closing(http.client.HTTPConnection(host, timeout=20)) as client:
        client.request(method, path, body, {"content-type": "application/json"} if body else {})
        answer = client.getresponse()
        return answer.status, json.loads(answer.read())


def check_answers(url, had):
    """Lists are personal, full, and without what the user had: `had` is some users' items by their ids."""
    lists = {}
    for user, items in had.items():
        status, answer = ask(url, "GET", f"/v1/recommendations?user={user}&n=10")
        lists[user] = [item["item"] for item in answer["items"]] if status == 200 else []
        if len(set(lists[user])) != 10 or items & set(lists[user]):
            raise Wrong(f"user {user} got {status}: {lists[user]}")
    if len({tuple(items) for items in lists.values()}) < len(lists) * 0.9:
        raise Wrong("answers are not personal")


def histories(csv, users):
    """The items that each of `users` liked."""
    had = {str(user): set() for user in users}
    with open(csv) as lines:
        for line in lines:
            user, item, rating, _ = line.split(",")
            if user in had and rating in ("4", "5"):
                had[user].add(item)
    return had


def resident_mib(pids):
    """Proportional, so that pages two processes share count once."""
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            total += int(line.split()[1]) if line.startswith("Pss:") else 0
    return total / 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        time.sleep(0.05)
    raise Wrong(f"nothing listens on port {port}")


def descendants(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return found


@contextlib.contextmanager
def started(command, port, log, **options):
    process = subprocess.Popen(command, stdout=log, stderr=log, **options)
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextlib.contextmanager
def twin(csv):
    """The URL of the twin with the same data, and the pids of all that it consists of."""
    with tempfile.TemporaryDirectory() as folder, open(f"{folder}/log", "w") as log:
        redis_port, port = free_port(), free_port()
        redis = ["redis-server", "--port", redis_port, "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        durable = ["--appendonly", "yes", "--appendfsync", "always"]
        environment = {**os.environ, "TWIN_FOLDER": folder, "TWIN_REDIS_PORT": str(redis_port)}
        web = [sys.executable, "-m", "uvicorn", "app:app", "--workers", "2", "--port", port, "--log-level", "warning"]
        with started([*map(str, redis + durable)], redis_port, log) as store:
            subprocess.run([sys.executable, TWIN / "prepare.py", csv, folder, str(redis_port)], check=True)
            with started([*map(str, web)], port, log, cwd=TWIN, env=environment) as workers:
                yield f"http://127.0.0.1:{port}", lambda: [store.pid, *descendants(workers.pid)]


def run(url, ids, seconds):
    """Every figure of one server, ours or the twin; the writes last."""
    peak = load(url, seconds=seconds, connections=CONNECTIONS, **ids)["rate"]
    half = load(url, seconds=seconds, connections=CONNECTIONS, rate=peak / 2, **ids)
    fresh = load(url, "--fresh", seconds=seconds, rate=min(FRESH_RATE, peak / 20), connections=4, **ids)
    constant = load(url, seconds=seconds, connections=CONNECTIONS, send="/healthz")["rate"]
    events = load(url, seconds=seconds, connections=8, send="events", **ids)["rate"] * 100
    return {
        "peak": peak,
        "constant": constant,
        "half": half["kinds"]["recommend"]["latency_ms"],
        "late": half["generator_was_late"],
        "fresh": fresh["kinds"]["fresh"]["latency_ms"],
        "events": events,
    }


def growth_rows(url, ids, counts, seconds):
    for connections in counts:
        peak = load(url, seconds=seconds, connections=connections, **ids)["rate"]
        half = load(url, seconds=seconds, connections=connections, rate=peak / 2, **ids)["kinds"]["recommend"]["latency_ms"]
        note = f"open loop at half of it: p50 {half['p50']:.2f} ms, p99 {half['p99']:.2f} ms"
        yield Row(f"personal top-10, {connections:,} connections", peak, "requests/s", note)


def rows(ours, other, mib, other_mib):
    half, fresh = ours["half"], ours["fresh"]
    peer = {"peer": "FastAPI, implicit, Redis"}
    late = ", the generator was late" if ours["late"] else ""
    yield Row("personal top-10, closed loop", ours["peak"], "requests/s", f"{CONNECTIONS} connections, load from the same cores",
              **peer, peer_value=other["peak"], bar=10_000)
    yield Row("a constant body from the same server", ours["constant"], "requests/s", **peer, peer_value=other["constant"])
    yield Row("personal as a share of constant", ours["peak"] / ours["constant"], "", bar=0.5)
    yield Row("p99 at half of its own peak, open loop", half["p99"], "ms",
              f"p50 {half['p50']:.2f} ms; the peer: {other['half']['p50']:.2f} ms{late}", **peer, peer_value=other["half"]["p99"],
              lower_is_better=True, bar=5)
    yield Row("event sent to changed list read, p99", fresh["p99"], "ms",
              f"p50 {fresh['p50']:.2f} ms; the peer: {other['fresh']['p50']:.2f} ms", **peer, peer_value=other["fresh"]["p99"],
              lower_is_better=True, bar=5)
    yield Row("events over HTTP in batches of 100, durable", ours["events"], "events/s", "8 connections", **peer,
              peer_value=other["events"], bar=100_000)
    yield Row("resident memory", mib, "MiB", "the peer's Redis included", **peer, peer_value=other_mib, lower_is_better=True)


def measure(context):
    shape, seconds = ("small", 1.5) if context.quick else ("goodbooks", 8)
    users, items = SHAPES[shape]
    ids = {"users": f"1..{users}", "items": f"1..{items}"}
    had = histories(context.csv(shape), range(7, users, users // 50))
    growth = []
    with Server(context.data(shape)) as server:
        check_answers(server.url, had)
        if not context.quick:
            growth += growth_rows(server.url, ids, (1, 16, 256, 1000), 3)
        mib = resident_mib([server.process.pid])
        ours = run(server.url, ids, seconds)
    with twin(context.csv(shape)) as (url, pids):
        check_answers(url, had)
        other_mib = resident_mib(pids())
        other = run(url, ids, seconds)
    return [*rows(ours, other, mib, other_mib), *growth]
