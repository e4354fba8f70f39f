"""The log as Parquet: compaction beside DuckDB writing the same events by day, a late day, and reading it back beside Polars."""
import pathlib
import shutil
import time

import duckdb
import polars

from harness import Row, Wrong, palate


def size_of(folder):
    return sum(path.stat().st_size for path in pathlib.Path(folder).rglob("*.parquet"))


def duckdb_by_day(csv, folder):
    """Seconds and bytes of the plain job: CSV to zstd Parquet by day, each day sorted by user; one zone, no pseudonyms, no repeats."""
    shutil.rmtree(folder, ignore_errors=True)
    start = time.monotonic()
    duckdb.sql(f"""copy (select user_id as user, item_id as item, 'rating' as type, make_timestamp(timestamp * 1000000) as ts, rating as value,
                                date_trunc('day', make_timestamp(timestamp * 1000000))::date as day
                         from read_csv('{csv}') order by day, user, ts)
                   to '{folder}' (format parquet, compression zstd, partition_by (day))""")
    return time.monotonic() - start, size_of(folder)


def compacted(data, *arguments):
    shutil.rmtree(data / "default/lake", ignore_errors=True)
    return palate("lake", "compact", "--data", data, *arguments)


def compaction(context, csv, data, events):
    done = min((compacted(data) for _ in range(2)), key=lambda run: run.wall_s)
    if done.answer["events"] != events or done.answer["duplicates"]:
        raise Wrong(f"of {events} events {done.answer['events']} were compacted, {done.answer['duplicates']} as repeats")
    status = palate("lake", "status", "--data", data).answer
    seconds, bytes_there = duckdb_by_day(csv, context.work / "lake-duckdb")
    sizes = ", ".join(f"{zone} {status['zones'][zone]['bytes'] / events:.1f}" for zone in ("raw", "clean"))
    both = sum(status["zones"][zone]["bytes"] for zone in ("raw", "clean"))
    shape = f"{events:,} events, {status['days']} days"
    return [
        Row(f"compaction of {shape}, both zones, whole command", events / done.wall_s / 1e6,
            "M events/s", f"{done.wall_s:.2f} s, {done.cpu_s:.2f} CPU s, {both / done.wall_s / 1e6:.0f} MB/s written, "
            f"{done.answer['files_written']:,} files, peak {done.peak_mib:.0f} MiB", "duckdb, one zone, no pseudonyms",
            events / seconds / 1e6),
        Row(f"the clean zone on disk, {shape}", status["zones"]["clean"]["bytes"] / events, "bytes/event",
            f"{sizes} bytes an event, {both / events:.1f} MB a million for both; 16 are a user's pseudonym where he comes once a day",
            "duckdb, users as numbers", bytes_there / events, lower_is_better=True),
    ], status["days"]


def late_day(context, data, events):
    """A thousand events of a day that is long written; then everything is read again and held against the log."""
    late = context.work / "late.csv"
    first = int((context.work / "lake-head").read_text())
    late.write_text("user_id,item_id,rating,timestamp\n" + "".join(f"late{n},{n % 500 + 1},5,{first + n * 7}\n" for n in range(1000)))
    palate("import", late, "--data", data)
    done = palate("lake", "compact", "--data", data)
    if done.answer["events"] != 1000 or done.answer["files_replaced"] != 2:
        raise Wrong(f"the late events were not merged into their day: {done.answer}")
    whole = palate("lake", "verify", "--data", data)
    if not whole.answer["whole"] or whole.answer["log_events"] != events + 1000:
        raise Wrong(f"the lake is not what the log has: {whole.answer}")
    return [Row("1,000 late events merged into their day, whole command", done.wall_s * 1000, "ms"),
            Row("lake verify: every checksum and row, the log read again", whole.answer["log_events"] / whole.wall_s / 1e6, "M events/s",
                f"{whole.wall_s:.2f} s, {whole.answer['bytes'] / whole.wall_s / 1e6:.0f} MB/s")]


def reading(data, events, days):
    clean = str(data / "default/lake/clean/**/*.parquet")
    start = time.monotonic()
    frame = polars.scan_parquet(clean).select("user", "item", "type", "ts", "value", "partition", "offset").collect()
    polars_s = time.monotonic() - start
    if len(frame) != events:
        raise Wrong(f"polars reads {len(frame)} rows, not {events}")
    rows = []
    for threads in (1, 2):
        runs = {source: [palate("train", "--data", data, "--models", "popularity", "--from", source, "--threads", threads)
                         for _ in range(3)] for source in ("lake", "log")}
        seconds = {source: min(run.answer["dataset_seconds"] for run in some) for source, some in runs.items()}
        cpu = {source: min(run.cpu_s for run in some) for source, some in runs.items()}
        rows.append(Row(f"a dataset from the lake, {days} days of {events // days:,} events, {threads} threads",
                        events / seconds["lake"] / 1e6, "M events/s",
                        f"{seconds['lake']:.2f} s; whole command {cpu['lake']:.1f} CPU s, from the log {cpu['log']:.1f}; "
                        f"polars reads the same columns in {polars_s:.2f} s",
                        "the same from the log", events / seconds["log"] / 1e6))
    return rows


def full_days(context, csv):
    """The same events within a hundredth of the days."""
    short = context.work / "full-days.csv"
    with open(csv) as lines, open(short, "w") as out:
        out.write(next(lines))
        for line in lines:
            rest, ts = line.rstrip().rsplit(",", 1)
            out.write(f"{rest},{1_400_000_000 + (int(ts) - 1_400_000_000) // 100}\n")
    data = context.work / "lake-full-days"
    events = palate("import", short, "--data", data).answer["events"]["accepted"]
    rows, days = compaction(context, short, data, events)
    rows += reading(data, events, days)
    shutil.rmtree(data)
    return rows


def measure(context):
    csv = context.csv("small" if context.quick else "goodbooks")
    with open(csv) as lines:
        next(lines)
        (context.work / "lake-head").write_text(next(lines).strip().split(",")[3])
    data = context.work / "lake-data"
    events = palate("import", csv, "--data", data).answer["events"]["accepted"]
    rows, days = compaction(context, csv, data, events)
    rows += late_day(context, data, events)
    rows += reading(data, events + 1000, days)
    shutil.rmtree(data)
    rows += full_days(context, csv)
    if not context.quick:
        large = context.work / "lake-large"
        count = palate("import", context.csv("ml-20m"), "--data", large).answer["events"]["accepted"]
        done = compacted(large)
        rows.append(Row(f"compaction of {count:,} events, whole command", count / done.wall_s / 1e6, "M events/s",
                        f"{done.wall_s:.1f} s, peak {done.peak_mib:.0f} MiB"))
        shutil.rmtree(large)
    return rows
