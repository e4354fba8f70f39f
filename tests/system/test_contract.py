"""What a tenant asks of what comes in: schemas and their changes, references, budgets, quarantine and what is done with it."""

import json
import time

import pytest

from conftest import Server, run, run_json


@pytest.fixture
def data(tmp_path):
    run_json("simulate", "--data", tmp_path / "d", "--simulate.users", "20", "--simulate.items", "20", "--simulate.days", "2")
    return tmp_path / "d"


def evolve(data, path, change, *flags):
    """Writes the current schema of events, changed by `change`, to `path`, and makes it the next version."""
    schema = json.loads(run("schema", "show", "event", "--data", data).stdout)
    change(schema)
    path.write_text(json.dumps(schema))
    return run("schema", "evolve", "event", path, "--data", data, *flags)


def at_most(maximum):
    def change(schema):
        schema["properties"]["value"]["maximum"] = maximum
    return change


def event(number, **fields):
    return {"type": "rating", "user": "u1", "item": f"i{number}", "ts": f"2026-01-01T00:00:{number % 60:02}Z", "value": 3, **fields}


def test_an_incompatible_change_is_refused_with_field_and_reason(data, tmp_path):
    done = evolve(data, tmp_path / "e.json", at_most(5))
    assert done.returncode == 5 and "value: the maximum goes from none to 5" in done.stderr, done.stderr
    assert "version 1" in run("schema", "show", "--data", data).stdout
    assert evolve(data, tmp_path / "e.json", at_most(5), "--compatibility", "none").returncode == 0
    assert evolve(data, tmp_path / "e.json", at_most(10)).returncode == 0, "wider is backward compatible"
    assert evolve(data, tmp_path / "e.json", at_most(20), "--compatibility", "forward").returncode == 5
    versions = run_json("schema", "show", "--data", data)
    assert versions["event"]["version"] == 3 and versions["item"]["version"] == 1
    (change,) = run_json("schema", "diff", "event", "--version", "2", "--to", "3", "--data", data)
    assert change["path"] == "value" and change["backward"] and not change["forward"], change


def test_bad_schemas(data, tmp_path):
    for text, says in [("{", "not JSON"), ('{"oneOf":[]}', "/oneOf"), ('{"properties":{"value":{"minimum":"1"}}}', "/properties/value/minimum"),
                       ("[" * 10_000, "nested too deep")]:
        (tmp_path / "bad.json").write_text(text)
        done = run("schema", "evolve", "event", tmp_path / "bad.json", "--data", data)
        assert done.returncode == 2 and says in done.stderr and "bad.json" in done.stderr, done.stderr
    assert run("schema", "show", "shoe", "--data", data).returncode == 2
    assert run("schema", "show", "event", "--version", "9", "--data", data).returncode == 3
    assert run("schema", "show", "--data", tmp_path / "nowhere").returncode == 3


def test_a_dry_run_refuses_what_the_real_one_refuses(data, tmp_path):
    (tmp_path / "i.json").write_text('{"allOf":[{"if":{"properties":{"type":{"const":"film"}}},"then":{"required":["id"]}}]}')
    (tmp_path / "e.json").write_text('{"required":["value"]}')
    for kind, file, code, says in [("item", "i.json", 2, "conditions are of events only"), ("event", "e.json", 5, "value")]:
        for more in ([], ["--dry-run"]):
            done = run("schema", "evolve", kind, tmp_path / file, "--data", data, *more)
            assert done.returncode == code and says in done.stderr, (more, done.stderr)
    assert run_json("schema", "show", "--data", data)["item"]["version"] == 1


def test_a_server_follows_and_replay_takes_in_what_fits_later(data, tmp_path):
    server = Server(data)
    try:
        assert server.client.post("/v1/events", json=event(1, value=7)).status_code == 200
        assert evolve(data, tmp_path / "e.json", at_most(5), "--compatibility", "none").returncode == 0
        deadline = time.monotonic() + 10
        while (answer := server.client.post("/v1/events", json=event(2, value=7))).status_code == 200:
            assert time.monotonic() < deadline, "the server does not follow"
            time.sleep(0.1)
        (error,) = answer.json()["errors"]
        assert error["reason"] == "schema" and error["field"] == "value" and "event/2" in error["message"], error
        answer = server.client.post("/v1/events?partial=true", json=[event(3), event(4, value=7)]).json()
        assert answer["accepted"] == 1 and answer["refused"] == 1, answer
    finally:
        server.stop()
    before = run_json("status", "--data", data)["events"]
    (file,) = run_json("quarantine", "list", "--data", data)["refused"]
    assert file["reasons"] == {"schema": 1} and file["can_be_replayed"]
    (row,) = run_json("quarantine", "show", file["id"], "--data", data)
    assert json.loads(row["bytes"])["item"] == "i4"
    assert evolve(data, tmp_path / "e.json", at_most(10)).returncode == 0
    (replayed,) = run_json("quarantine", "replay", "--all", "--data", data)
    assert replayed["accepted"] == 1 and replayed["rejected"] == {}, replayed
    assert run_json("status", "--data", data)["events"] == before + 1
    assert run_json("quarantine", "list", "--data", data) == {"refused": [], "set_aside": []}


def test_unknown_items_and_users(data, tmp_path):
    (tmp_path / "e.csv").write_text("user_id,item_id,rating,timestamp\nstranger,i1,4,1700000000\n")
    for what in ("users", "items"):
        done = run("import", tmp_path / "e.csv", "--data", data, f"--validation.unknown_{what}", "refuse", "--json")
        assert done.returncode == 2 and json.loads(done.stdout)["events"]["reasons"] == {f"unknown_{what[:-1]}": 1}, done.stdout
    assert run_json("import", tmp_path / "e.csv", "--data", data)["events"]["accepted"] == 1


def test_a_source_beyond_its_budget_is_set_aside_and_the_others_are_not(data):
    server = Server(data)
    try:
        bad = [event(i, value="no number") for i in range(600)]
        for _ in range(2):
            assert server.client.post("/v1/events?partial=true&source=app", json=bad).json()["refused"] == 600
        answer = server.client.post("/v1/events?partial=true&source=app", json=[event(1), event(2)]).json()
        assert answer["accepted"] == 0 and {error["reason"] for error in answer["errors"]} == {"set_aside"}, answer
        assert server.client.post("/v1/events?partial=true&source=web", json=[event(3)]).json()["accepted"] == 1
        assert server.client.post("/v1/events?source=a%20b", json=[event(3)]).status_code == 400
    finally:
        server.stop()
    replayed = run_json("quarantine", "replay", "--all", "--reason", "set_aside", "--data", data)
    assert sum(file["accepted"] for file in replayed) == 2, replayed


def test_an_unusual_file_waits_until_it_is_released(data, tmp_path):
    def write(name, rows):
        lines = [f"{name}-{i},i{i % 50},4,{1_700_000_000 + i}" for i in range(rows)]
        (tmp_path / name).write_text("user_id,item_id,rating,timestamp\n" + "\n".join(lines) + "\n")
        return tmp_path / name
    for day in range(3):
        assert run_json("import", write(f"day-{day}.csv", 200), "--data", data)["events"]["accepted"] == 200
    done = run("import", write("day-3.csv", 4000), "--data", data)
    assert done.returncode == 5 and "4000 rows; 200 are usual" in done.stderr, done.stderr
    (batch,) = run_json("quarantine", "list", "--data", data)["set_aside"]
    assert run_json("quarantine", "release", batch["id"], "--data", data)["accepted"] == 4000
    assert run_json("quarantine", "list", "--data", data)["set_aside"] == []
    assert run("quarantine", "release", batch["id"], "--data", data).returncode == 3
    run("import", write("day-4.csv", 5), "--data", data)
    (batch,) = run_json("quarantine", "list", "--data", data)["set_aside"]
    (tmp_path / "day-4.csv").write_text("something else")
    assert run("quarantine", "release", batch["id"], "--data", data).returncode == 5
    assert run("quarantine", "drop", batch["id"], "--data", data).returncode == 0
    assert run_json("import", write("day-4.csv", 5), "--data", data, "--no-screen")["events"]["accepted"] == 5


def test_the_log_is_read_from_a_position_or_a_time_and_reads_back(data, tmp_path):
    def lines(*flags):
        done = run("log", "--data", data, *flags)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    events = run_json("status", "--data", data)["events"]
    every = lines("--positions")
    assert [row["position"] for row in every] == [f"events/0@{i}" for i in range(events)]
    middle = every[events // 2]
    assert lines("--from", middle["position"], "--positions") == every[events // 2:]
    assert lines("--from", events // 2, "--limit", 3, "--positions") == every[events // 2:events // 2 + 3]
    since = [row for row in every if row["ts"] >= middle["ts"]]  # simulated: received when it happened
    assert lines("--since", middle["ts"], "--positions") == since
    assert lines("--until", middle["ts"], "--positions") == [row for row in every if row["ts"] < middle["ts"]]
    mine = [row for row in every if row["user"] == middle["user"] and row["type"] == middle["type"]]
    assert lines("--user", middle["user"], "--type", middle["type"], "--positions") == mine
    assert len(lines("--stream", "items")) == 20
    assert run("log", "--data", data, "--from", "items/0@3").returncode == 2
    assert run("log", "--data", data, "--since", "yesterday").returncode == 2
    for stream, flag in (("items", "--items"), ("events", "--events")):
        (tmp_path / f"{stream}.jsonl").write_text(run("log", "--data", data, "--stream", stream).stdout)
        run_json("import", flag, tmp_path / f"{stream}.jsonl", "--data", tmp_path / "copy")
    assert run_json("status", "--data", tmp_path / "copy")["events_by_type"] == run_json("status", "--data", data)["events_by_type"]
