"""A server under load from the same two cores."""
import json
import statistics
import time

from harness import Row, Server, Wrong, wrk


def freshness(server, rounds):
    """Milliseconds from sending an event to having read an answer that differs: p50, p99, the share that differs."""
    times, changed = [], 0
    for n in range(rounds):
        user, item = 1 + n * 37 % 5000, 1 + n * 101 % 1500
        path = f"/v1/recommendations?user={user}&n=20"
        _, before = server.request("GET", path)
        event = json.dumps({"type": "like", "user": str(user), "item": str(item)})
        start = time.monotonic()
        status, receipt = server.request("POST", "/v1/events", event)
        _, after = server.request("GET", path)
        times.append((time.monotonic() - start) * 1e3)
        names = [[i["item"] for i in json.loads(answer)["items"]] for answer in (before, after)]
        if status != 200 or str(item) in names[1]:
            raise Wrong(f"an event was refused, or what was consumed comes back: {receipt}")
        changed += names[0] != names[1]
    return statistics.median(times), sorted(times)[int(len(times) * 0.99)], changed / rounds


def ingest_rate(server, batches):
    """Durable events per second over HTTP in batches of 100, one connection."""
    events = 0
    start = time.monotonic()
    for n in range(batches):
        batch = [{"type": "click", "user": f"b{n}-{k % 10}", "item": str(1 + (n * 7 + k) % 1500)} for k in range(100)]
        status, receipt = server.request("POST", "/v1/events", json.dumps({"events": batch}))
        if status != 200:
            raise Wrong(f"a batch was refused: {receipt}")
        events += json.loads(receipt)["accepted"]
    return events / (time.monotonic() - start)


def measure(context):
    shape, seconds = ("small", 2) if context.quick else ("goodbooks", 8)
    with Server(context.data(shape)) as server:
        rate, p99 = wrk(server.url, '"/v1/recommendations?n=10&user=" .. (n * 7919 % 5000 + 1)', seconds)
        constant, _ = wrk(server.url, '"/healthz"', seconds)
        fresh_p50, fresh_p99, changed = freshness(server, 300)
        return [
            Row("personal top-10 over HTTP, wrk on the same cores", rate, "requests/s", f"p99 {p99:.1f} ms under full load",
                "a constant body", constant, bar=10_000),
            Row("event sent to changed answer read, p99", fresh_p99, "ms", f"p50 {fresh_p50:.1f} ms, top 20 differs in {changed:.0%}",
                bar=5, lower_is_better=True),
            Row("events over HTTP, batches of 100, durable, one connection", ingest_rate(server, 300), "events/s"),
            Row("resident memory of the server", server.resident_mib(), "MiB", lower_is_better=True),
        ]
