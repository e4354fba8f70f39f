"""The lake from outside: what DuckDB and Polars read of it, kills and full disks at every step, and beside a server."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import polars
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
import disk
from program import Client, Server, command, json_of

LONG = "PALATE_FAULTS_LONG" in os.environ
USERS, ITEMS, COUNT = 40, 25, 6000


def event(n):
    """Three days, ascending, three types, values and contexts here and there; every tenth without an item or an id."""
    one = {"type": ("click", "rating", "like")[n % 3], "user": f"user-{n * 7 % USERS}", "ts": 1_700_000_000_000_000 + n * 40_000_000}
    if n % 3 == 1:
        one["value"] = n % 5 + 0.5
    if n % 10:
        one["event_id"] = f"event-{n}"
    one["item"] = f"item-{n * 11 % ITEMS}"
    if n % 4 == 0:
        one["context"] = {"country": ("DE", "FR")[n % 8 // 4], "device": "web"}
    return one


EVENTS = [event(n) for n in range(COUNT)]


def write(path, events):
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return path


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    data = folder / "data"
    done = command("import", write(folder / "events.jsonl", EVENTS), "--data", data, "--quiet")
    assert done.returncode == 0, done.stderr
    return data


@pytest.fixture
def data(imported, tmp_path):
    shutil.copytree(imported, tmp_path / "data")
    return tmp_path / "data"


def compact(data, *arguments, **more):
    done = command("lake", "compact", "--data", data, "--json", *arguments, **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def verified(data):
    found = json_of("lake", "verify", "--data", data)
    assert found["whole"], found
    return found


def expected():
    """What the events sum up to: rows, sum of values, rows by day and by type."""
    days, types = {}, {}
    for one in EVENTS:
        day = time.strftime("%Y-%m-%d", time.gmtime(one["ts"] // 1_000_000))
        days[day] = days.get(day, 0) + 1
        types[one["type"]] = types.get(one["type"], 0) + 1
    return COUNT, sum(one.get("value", 0) for one in EVENTS), days, types


@pytest.mark.parametrize("region", ["", "country"])
def test_duckdb_and_polars_read_it_as_it_is(data, region):
    report = compact(data, "--lake.region_key", region)
    assert report["events"] == COUNT and report["duplicates"] == 0
    rows, total, days, types = expected()
    for zone in ("raw", "clean"):
        glob = str(data / "default/lake" / zone / "**" / "*.parquet")
        source = f"read_parquet('{glob}', hive_partitioning = true)"
        assert duckdb.sql(f"select count(*), sum(value), count(distinct \"user\"), count(event) from {source}").fetchall()[0] == (
            rows, total, USERS, sum("event_id" in one for one in EVENTS))
        assert {str(day): count for day, count in duckdb.sql(f"select day, count(*) from {source} group by day").fetchall()} == days
        assert duckdb.sql(f"select count(*) from {source} where epoch_us(ts) // 86400000000 <> day - date '1970-01-01'").fetchall()[0] == (0,)
        frame = polars.scan_parquet(glob, hive_partitioning=True)
        assert frame.select(polars.len(), polars.col("value").sum(), polars.col("user").n_unique()).collect().row(0) == (rows, total, USERS)
        assert dict(frame.group_by("type").len().collect().iter_rows()) == types
        assert frame.select(polars.col("ts").min()).collect().item().timestamp() == EVENTS[0]["ts"] / 1e6
        if region:
            counted = dict(frame.group_by("region").len().collect().iter_rows())
            assert counted == {"DE": COUNT // 8, "FR": COUNT // 8, None: COUNT * 3 // 4}
    items = data / "default/lake/items/*.parquet"
    assert duckdb.sql(f"select count(*), min(item) from '{items}'").fetchall()[0] == (ITEMS, "item-0")
    named = json_of("lake", "files", "--zone", "clean", "--data", data)["files"]
    assert sorted(named) == sorted(map(str, (data / "default/lake/clean").rglob("*.parquet")))
    linked = json_of("lake", "files", "--zone", "clean", "--link", data / "version", "--data", data)["files"]
    assert sorted(linked) == sorted(map(str, (data / "version/clean").rglob("*.parquet"))) and len(linked) == len(named)
    assert duckdb.sql(f"select count(*), count(distinct day) from read_parquet({linked}, hive_partitioning = true)").fetchall()[0] == (rows, len(days))
    assert verified(data)["log_events"] == COUNT
    # Whoever reads the folder sees no name of a user and no id of a client.
    for file in (data / "default/lake").rglob("*"):
        if file.is_file():
            assert b"user-7" not in file.read_bytes() and b"event-11" not in file.read_bytes()


def test_training_from_the_lake_is_training_from_the_log(data):
    compact(data)
    quick = ("--models", "als", "--als.iterations", "2", "--als.factors", "8", "--seed", "3")
    answers = []
    for source in ("log", "lake"):
        trained = json_of("train", "--data", data, "--from", source, *quick)
        assert trained["interactions"] > 0
        done = command("recommend", "user-7", "--data", data, "--json")
        slate = json.loads(done.stdout)
        answers.append([(one["item"], one["score"]) for one in slate["items"]])
    assert answers[0] == answers[1]


def test_a_kill_at_any_operation_leaves_the_old_lake_or_the_new(data, tmp_path):
    compact(data)
    more = [dict(event(n), user=f"late-{n % 9}") for n in range(COUNT, COUNT + 50)] + [dict(event(3), event_id="late")]
    assert command("import", write(tmp_path / "more.jsonl", more), "--data", data, "--quiet").returncode == 0
    lake = data / "default/lake"
    shutil.copytree(lake, tmp_path / "before")
    operations = disk.operations(["lake", "compact", "--data", data], tmp_path / "trace")
    rows = {json_of("lake", "status", "--data", data)["zones"]["clean"]["rows"]}
    assert rows == {COUNT + 51}
    killed = 0
    for n in disk.spread(len(operations), 400 if LONG else 16):
        shutil.rmtree(lake)
        shutil.copytree(tmp_path / "before", lake)
        done = command("lake", "compact", "--data", data, faults=f"error=kill,nth={n}")
        killed += done.returncode == -signal.SIGKILL
        verified(data)
        assert json_of("lake", "status", "--data", data)["zones"]["clean"]["rows"] in (COUNT, COUNT + 51)
        compact(data)
        assert json_of("lake", "status", "--data", data)["zones"]["clean"]["rows"] == COUNT + 51
        verified(data)
        assert not list((lake / "staging").iterdir())
    assert killed > 10


def test_a_full_disk_and_a_read_only_one(data):
    full = command("lake", "compact", "--data", data, faults="error=ENOSPC,op=write,path=lake,nth=3,times=0")
    assert full.returncode == 9 and "No space left" in full.stderr and "free some space" in full.stderr, full.stderr
    assert not (data / "default/lake/CURRENT").exists()
    read_only = command("lake", "compact", "--data", data, faults="error=EROFS,path=lake,times=0")
    assert read_only.returncode == 14 and "read-only" in read_only.stderr, read_only.stderr
    assert compact(data)["events"] == COUNT
    verified(data)


def test_two_at_once(data):
    compact(data)
    lock = open(data / "default/lake/LOCK")
    holder = subprocess.Popen(["flock", "-x", str(data / "default/lake/LOCK"), "sleep", "30"])
    try:
        while subprocess.run(["flock", "-n", "-x", lock.name, "true"]).returncode == 0:
            time.sleep(0.02)
        second = command("lake", "compact", "--data", data)
        assert second.returncode == 5 and "somebody else compacts" in second.stderr, second.stderr
        verified(data)  # readers need no lock
    finally:
        holder.terminate()
        holder.wait()


def test_a_server_compacts_beside_answering_and_stops_at_once(data):
    assert command("train", "--data", data, "--models", "popularity").returncode == 0
    server = Server(data, "--lake.every_s", "0.2", "--lake.grace_s", "0")
    try:
        server.wait_ready()
        client = Client(server.port)
        acknowledged = 0
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            batch = [{"type": "click", "user": "fresh", "item": "item-1", "event_id": f"f{acknowledged + i}"} for i in range(50)]
            status, _ = client.ask("/v1/events", {"events": batch})
            assert status == 200
            acknowledged += len(batch)
            found = json_of("lake", "status", "--data", data)
            if found["zones"]["raw"]["rows"] > COUNT and acknowledged >= 500:
                break
        assert found["zones"]["raw"]["rows"] > COUNT, found
        start = time.monotonic()
    finally:
        assert server.stop() == 0
    assert time.monotonic() - start < 5
    compact(data)
    assert json_of("lake", "status", "--data", data)["zones"]["clean"]["rows"] == COUNT + acknowledged
    verified(data)


def test_bad_words_are_named(data):
    done = command("lake", "tidy", "--data", data)
    assert done.returncode == 2 and "compact" in done.stderr, done.stderr
    done = command("lake", "verify", "--data", data)
    assert done.returncode == 3 and "palate lake compact" in done.stderr, done.stderr
    done = command("train", "--data", data, "--from", "lake")
    assert done.returncode == 3 and "palate lake compact" in done.stderr, done.stderr


def test_files_name_the_schema_they_were_written_under_and_old_ones_read_on(data, tmp_path):
    compact(data)
    schema = json.loads(command("schema", "show", "event", "--data", data).stdout)
    schema["properties"]["slot"]["maximum"] = 2_000_000
    (tmp_path / "event.json").write_text(json.dumps(schema))
    assert command("schema", "evolve", "event", tmp_path / "event.json", "--data", data).returncode == 0
    later = [{**event(n), "event_id": f"later-{n}"} for n in range(0, 300, 3)]
    assert command("import", write(tmp_path / "later.jsonl", later + EVENTS[:50]), "--data", data, "--no-screen", "--quiet").returncode == 0
    compact(data)
    pattern = str(data / "default" / "lake" / "clean" / "**" / "*.parquet")
    names = duckdb.sql(f"SELECT value, count(*) FROM parquet_kv_metadata('{pattern}') WHERE key = 'palate.schema' GROUP BY value").fetchall()
    assert {name for name, _ in names} == {b"event/1", b"event/2"}, names
    ((rows,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet('{pattern}', hive_partitioning = true)").fetchall()
    assert rows == json_of("status", "--data", data)["events"], "repeats are found across versions"
    assert command("lake", "verify", "--data", data).returncode == 0
