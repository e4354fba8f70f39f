"""The whole way of a feed under load from the same two cores: five sources, a thousand candidates, filters, ALS plus a linear ranker,
variety over fifty places; what its stages cost, what a reason costs, and how soon a new item is there."""
import json
import statistics
import subprocess
import time

import harness
from harness import Row, Server, Wrong

from areas.serving import CONNECTIONS, SHAPES, ask, load

STAGES = [
    "where expression='attributes.year >= 1960'",
    "personal quota=500",
    "similar quota=300 recent=10",
    "popular quota=200",
    "new quota=100",
    "creators quota=100 liked=1",
    "formula score='unit(personal) + 0.2 * unit(log1p(popularity)) + 0.1 * unit(attribute.year) + 0.1 * unit(retrieval)'",
    "dpp strength=0.2 places=50 candidates=500",
]
RATE = 2_000
MICROSECONDS = 1e-3


def configured(context):
    config = context.work / "pipeline.toml"
    stages = ",\n".join(json.dumps(stage) for stage in STAGES)
    config.write_text(f"[recommend]\npipeline = \"full\"\n[pipelines.full]\nplaces = 50\ndeadline_ms = 1000\nstages = [{stages}]\n")
    return config


def describe(server, items):
    """Categories, creators and years for all items."""
    for first in range(1, items + 1, 1000):
        batch = [{"id": str(i), "categories": [f"c{i % 30}", f"d{i % 7}"], "creator": f"m{i % 500}", "attributes": {"year": str(1950 + i % 75)}}
                 for i in range(first, min(first + 1000, items + 1))]
        status, answer = server.request("POST", "/v1/items", json.dumps(batch))
        if status != 200:
            raise Wrong(f"items were answered {status}: {answer[:200]}")


def traced(url, users, **more):
    """The median of each stage's microseconds, and of whole requests in ms, over `users`."""
    stages, whole, candidates = {}, [], []
    for user in users:
        query = "&".join(f"{key}={value}" for key, value in {"user": user, "n": 10, **more}.items())
        begin = time.perf_counter()
        status, answer = ask(url, "GET", f"/v1/recommendations?{query}")
        whole.append((time.perf_counter() - begin) * 1e3)
        if status != 200 or len(answer["items"]) != 10 or answer["level"] != "full":
            raise Wrong(f"user {user} got {status}: {answer}")
        for stage in answer.get("trace", []):
            if stage["state"] != "ran":
                raise Wrong(f"a stage did not run: {stage}")
            stages.setdefault(stage["stage"], []).append(stage["us"])
        candidates += [stage["candidates"] for stage in answer.get("trace", [])][-1:]
    return {stage: statistics.median(us) for stage, us in stages.items()}, statistics.median(whole), candidates


def fresh_ms(url, count):
    """From sending an item to the answer that has it, of each of `count` items."""
    waits = []
    for i in range(count):
        begin = time.perf_counter()
        ask(url, "POST", "/v1/items", json.dumps({"id": f"fresh-{time.time_ns()}-{i}", "attributes": {"year": "2020"}}))
        for _ in range(100):
            _, answer = ask(url, "GET", "/v1/recommendations?user=7&n=1&pipeline=new")
            if answer["items"][0]["item"].startswith("fresh-") and answer["items"][0]["item"].endswith(f"-{i}"):
                break
        else:
            raise Wrong("a new item does not come")
        waits.append((time.perf_counter() - begin) * 1e3)
    return sorted(waits)


def bench_tool(wanted):
    """The quickest of three repetitions by name: its `real_time` in microseconds, and its counters."""
    command = [harness.BIN.parent / "recommend_bench", f"--benchmark_filter={wanted}", "--benchmark_format=json",
               "--benchmark_repetitions=3", "--benchmark_min_time=0.2"]
    out = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)
    least = {}
    for run in out["benchmarks"]:
        if run["run_type"] == "iteration":
            least[run["run_name"]] = min(least.get(run["run_name"], run), run, key=lambda one: one["real_time"])
    return least


def in_process(quick):
    """What an answer costs by items of the catalogue, and what share of the best the sources find where they look at parts of it."""
    runs = bench_tool("full_pipeline/10000$" if quick else "full_pipeline/|nearly_best/")
    sizes = {name: run["real_time"] for name, run in runs.items() if name.startswith("full_pipeline")}
    first = {name: run["first_us"] for name, run in runs.items() if name in sizes}
    curve = ", ".join(f"{int(name.split('/')[1]):,}: {us:.0f} µs ({first[name]:.0f} at first)" for name, us in sizes.items())
    yield Row("full pipeline in the process, by items of the catalogue", next(iter(sizes.values())) * MICROSECONDS, "ms", curve,
              lower_is_better=True)
    for name, run in runs.items():
        if name.startswith("nearly_best"):
            yield Row(f"share found of the 500 best for a user, {int(name.split('/')[1]):,} items", run["recall_personal_500"], "",
                      f"{1e6 / run['items_per_second']:.0f} µs instead of {run['exact_us']:.0f}; of the 30 most like an item "
                      f"{run['recall_similar_30']:.3f}")


def measure(context):
    shape, seconds = ("small", 1.5) if context.quick else ("goodbooks", 8)
    users, items = SHAPES[shape]
    ids = {"users": f"1..{users}", "items": f"1..{items}"}
    some = range(7, users, users // 100)
    with Server(context.data(shape), "--config", configured(context)) as server:
        describe(server, items)
        stages, _, candidates = traced(server.url, some, trace="true")
        peak = load(server.url, seconds=seconds, connections=CONNECTIONS, **ids)["rate"]
        steady = load(server.url, seconds=seconds, connections=CONNECTIONS, rate=min(RATE, peak * 0.8), **ids)
        plain = traced(server.url, some)[1]
        reasons = traced(server.url, some, explain=3)[1]
        waits = fresh_ms(server.url, 50 if context.quick else 300)
    latency = steady["kinds"]["recommend"]["latency_ms"]
    cost = ", ".join(f"{stage} {us:.0f}" for stage, us in stages.items())
    diversity = bench_tool("diversify/dpp$")
    return [
        Row("full pipeline, closed loop", peak, "requests/s", f"{CONNECTIONS} connections; median of "
            f"{statistics.median(candidates):.0f} candidates; µs by stage: {cost}", bar=RATE),
        Row(f"full pipeline, p99 at {min(RATE, peak * 0.8):,.0f} requests/s, open loop", latency["p99"], "ms",
            f"p50 {latency['p50']:.2f} ms", lower_is_better=True, bar=5),
        Row("three reasons for each of ten items, added", max(reasons - plain, 0), "ms", f"{plain:.2f} ms without", lower_is_better=True,
            bar=1),
        Row("item sent to item recommended, p99", waits[int(len(waits) * 0.99) - 1], "ms", f"p50 {statistics.median(waits):.2f} ms",
            lower_is_better=True, bar=10),
        *in_process(context.quick),
        Row("dpp, 50 of 500 with 64 dimensions", next(iter(diversity.values()))["real_time"] * MICROSECONDS, "ms", lower_is_better=True,
            bar=0.5),
    ]
