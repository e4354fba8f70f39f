"""`palate sizing` against a world that is made, trained and served."""

import pathlib
import time

from conftest import BIN, Server, run, run_json


def within(predicted, measured, share):
    assert abs(predicted - measured) <= share * measured, f"predicted {predicted:,}, measured {measured:,}"


def settled_bytes(pid):
    """What a process has resident once that no longer changes: a server answers before all of its threads have started."""
    before = 0
    for _ in range(40):
        now = int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) * 1024
        if abs(now - before) < now / 200:
            return now
        before = now
        time.sleep(0.5)
    raise AssertionError(f"{pid} does not settle: {now:,} bytes")


def test_sizing_is_within_ten_percent_of_a_real_world(tmp_path):
    data = tmp_path / "data"
    made = run_json("simulate", "--data", data, "--simulate.users", "4000", "--simulate.items", "3000")
    run_json("train", "--data", data)
    told = run_json("sizing", "--users", made["users"], "--items", made["items"], "--events", made["events"])
    database = sum(path.stat().st_size for path in (data / "default" / "db").iterdir())
    within(told["disk"]["log and state of events"] + told["disk"]["users"] + told["disk"]["items"], database, 0.10)
    als = data / "default" / "models" / "als" / "000001"
    within(told["disk"]["model als"] + told["disk"]["dictionaries"] // 2, sum(path.stat().st_size for path in als.iterdir()), 0.10)
    if b"__asan_init" in pathlib.Path(BIN).read_bytes() or b"__tsan_init" in pathlib.Path(BIN).read_bytes():
        return  # a sanitizer's memory is its own
    Server(data).stop()  # the first start after a simulation reads the write-ahead log back into memory
    server = Server(data)
    try:
        within(told["memory"]["total"], settled_bytes(server.process.pid), 0.10)
    finally:
        server.stop()


def test_sizing_says_its_assumptions_and_refuses_what_is_no_size():
    told = run("sizing", "--users", "1000000", "--items", "100000", "--events", "50000000", "--described", "0.5")
    assert told.returncode == 0 and "docs/sizing.md" in told.stdout and "identities" in told.stdout
    assert run("sizing", "--users", "5").returncode == 2
    assert run("sizing", "--users", "-1", "--items", "1", "--events", "1").returncode == 2
    assert run("sizing", "--users", "1", "--items", "1", "--events", "1", "--described", "2").returncode == 2
