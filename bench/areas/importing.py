"""Files into the durable log and the state, beside parsers that do nothing else with the same file, each counting its rows."""
import datetime
import itertools
import os
import random
import shutil
import time
import uuid

import duckdb
import pandas
import polars
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from harness import Row, Wrong, palate

STAGES = ("read", "log", "fold")  # of palate import --json; what is left is opening and closing


def write_events(path, count):
    """JSON lines in our own form, ascending in time, with ids of the client and a context of two keys."""
    draw = random.Random(5)
    start = datetime.datetime(2026, 1, 1)
    contexts = list(itertools.product(("ios", "android", "web"), ("DE", "FR", "US", "GB")))
    with open(path, "w") as out:
        for i in range(count):
            device, country = contexts[i % len(contexts)]
            at = start + datetime.timedelta(seconds=i * 20_000_000 // count)
            out.write(f'{{"event_id":"{uuid.UUID(int=draw.getrandbits(128))}","type":"click","user":"u{draw.randrange(53_424)}",'
                      f'"item":"i{draw.randrange(10_000)}","ts":"{at.isoformat()}Z","value":1.0,'
                      f'"context":{{"device":"{device}","country":"{country}"}}}}\n')


def bare(peers, path, rows):
    """The fastest of some parsers on the file, in the page cache like ours; each must find all rows."""
    best = None
    for name, parse in peers.items():
        start = time.monotonic()
        found = parse(str(path))
        seconds = time.monotonic() - start
        if found != rows:
            raise Wrong(f"{name} finds {found} rows in {path}, palate import {rows}")
        if best is None or seconds < best[1]:
            best = (name, seconds)
    return best[0], rows / best[1] / 1e6


def imported(context, path):
    """The faster of two runs of the whole command into an empty data directory."""
    runs = []
    for _ in range(2):
        shutil.rmtree(context.work / "import-data", ignore_errors=True)
        runs.append(palate("import", "--events", path, "--data", context.work / "import-data"))
    return min(runs, key=lambda run: run.wall_s)


def measure_file(context, path, what, peers, bar):
    done = imported(context, path)
    events = done.answer["events"]
    if events["accepted"] != events["rows"]:
        raise Wrong(f"of {events['rows']} rows in {path} only {events['accepted']} were accepted")
    stages = ", ".join(f"{stage} {events[f'{stage}_seconds']:.2f}" for stage in STAGES)
    rate = events["rows"] / done.wall_s / 1e6
    peer, peer_rate = bare(peers, path, events["rows"])
    cores = done.cpu_s / (done.wall_s * len(os.sched_getaffinity(0)))
    return Row(f"import {what}, {events['rows']:,} rows, whole command", rate, "M rows/s",
               f"{done.wall_s:.2f} s ({stages}), {done.cpu_s:.2f} CPU s, peak {done.peak_mib:.0f} MiB", "the fastest bare parser",
               peer_rate, limit=f"{100 * rate / peer_rate:.0f} % of {peer}'s parsing, cores busy {100 * cores:.0f} %", bar=bar)


def measure(context):
    csv = context.csv("small" if context.quick else "goodbooks")
    parquet = context.work / "events.parquet"
    polars.read_csv(csv).write_parquet(parquet)
    lines = context.work / "events.jsonl"
    write_events(lines, 200_000 if context.quick else 5_000_000)
    # The bars are for sizes at which opening a database no longer counts.
    bars = (None, None) if context.quick else (5, 1)
    return [
        measure_file(context, csv, "CSV", {
            "polars": lambda path: len(polars.read_csv(path)),
            "pyarrow": lambda path: pyarrow.csv.read_csv(path).num_rows,
            "duckdb": lambda path: len(duckdb.read_csv(path).to_arrow_table()),
            "pandas": lambda path: len(pandas.read_csv(path)),
        }, bars[0]),
        measure_file(context, lines, "JSON lines", {
            "polars": lambda path: len(polars.read_ndjson(path)),
            "pyarrow": lambda path: pyarrow.json.read_json(path).num_rows,
            "duckdb": lambda path: len(duckdb.read_json(path, format="newline_delimited").to_arrow_table()),
        }, bars[1]),
        measure_file(context, parquet, "Parquet", {
            "polars": lambda path: len(polars.read_parquet(path)),
            "pyarrow": lambda path: pyarrow.parquet.read_table(path).num_rows,
        }, None),
    ]
