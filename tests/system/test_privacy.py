"""Users who ask to be forgotten: at once nothing is known of them, and soon no file holds what they did."""

import json
import time

import duckdb
import pytest

from conftest import Server, run, run_json

NAME, STREET = "secret-alice-77", "a-street-nobody-else-lives-in"


@pytest.fixture
def data(tmp_path):
    run_json("simulate", "--data", tmp_path / "d", "--simulate.users", "50", "--simulate.items", "40", "--simulate.days", "3")
    return tmp_path / "d"


def fill(client, count=20):
    events = [{"user": NAME, "item": f"i{n % 7 + 1:05}", "type": "like", "ts": f"2026-11-02T00:00:{n:02}Z", "context": {"note": STREET}} for n in range(count)]
    assert client.post("/v1/events", json=events).status_code == 200
    assert client.post("/v1/users", json={"id": NAME, "attributes": {"street": STREET}}).status_code == 200
    wrong = client.post("/v1/events?partial=true", json=[events[0], {"user": NAME, "type": "no-such-type"}])
    assert wrong.status_code == 200 and wrong.json()["refused"] == 1, wrong.text


def files_with(data, *texts):
    """Every file under `data` that holds one of the texts: as they are, and in Parquet's columns unpacked."""
    found = []
    for path in sorted(path for path in data.rglob("*") if path.is_file()):
        try:
            blob = path.read_bytes()
            if path.suffix == ".parquet":
                blob += str(duckdb.sql(f"select columns(*)::varchar from read_parquet('{path}', hive_partitioning=false)").fetchall()).encode()
        except (FileNotFoundError, duckdb.IOException):
            continue  # a compaction has just removed it
        found += [f"{path.relative_to(data)}: {text}" for text in texts if text.encode() in blob]
    return found


def wait_until(check, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if check():
            return True
        time.sleep(0.1)
    return False


def test_a_server_forgets_and_every_file_is_searched(data):
    run_json("lake", "compact", "--data", data)
    pseudonyms = f"select count(distinct user) from read_parquet('{data}/default/lake/clean/*/*.parquet', hive_partitioning=false)"
    ((others,),) = duckdb.sql(pseudonyms).fetchall()
    server = Server(data, "--retention.forget_within_s", "0", "--lake.every_s", "1")
    client = server.client
    fill(client)
    assert wait_until(lambda: duckdb.sql(pseudonyms).fetchall() == [(others + 1,)]), "the lake has not taken her in"
    assert client.get(f"/v1/users/{NAME}").json()["history_length"] == 20
    assert files_with(data, NAME, STREET)

    assert client.delete(f"/v1/users/{NAME}").json() == {"forgotten": 1}
    assert client.get(f"/v1/users/{NAME}").status_code == 404
    assert client.delete("/v1/users/nobody-at-all").json() == {"forgotten": 1}, "nobody is forgotten, too"
    assert wait_until(lambda: not files_with(data, NAME, STREET)), files_with(data, NAME, STREET)
    assert duckdb.sql(pseudonyms).fetchall() == [(others,)]
    assert client.post("/v1/events", json=[{"user": NAME, "item": "i00001", "type": "like", "ts": "2026-11-03T00:00:00Z"}]).status_code == 200
    assert client.get(f"/v1/users/{NAME}").json()["history_length"] == 1, "who comes back is a new user"
    assert server.stop() == 0
    whole = run_json("verify", "--data", data)
    assert whole["findings"] == [] and whole["erased"] == 21, whole
    record = max(run_json("forget", "--records", "--data", data), key=lambda record: record["events"])
    assert (record["events"], record["records"], record["quarantined"]) == (20, 1, 1) and record["gone"] > record["asked"], record
    assert NAME not in json.dumps(record)


def test_the_command_takes_a_list_and_says_what_to_do_beside_a_server(data, tmp_path):
    gone = tmp_path / "gone.txt"
    gone.write_text("u00001\nu00002\r\n\n")
    server = Server(data)
    beside = run("forget", "--file", gone, "--data", data)
    assert beside.returncode == 5 and "DELETE /v1/users/<id>" in beside.stderr, (beside.returncode, beside.stderr)
    assert server.stop() == 0
    events = run("log", "--user", "u00001", "--data", data).stdout.count("\n")
    done = run_json("forget", "--file", gone, "--data", data)
    assert done["users"] == 2 and done["events"] > events > 0, done
    assert run("log", "--user", "u00001", "--data", data).stdout == ""
    assert run_json("verify", "--data", data)["findings"] == []
    assert run("forget", "--data", data).returncode == 2
    assert run("forget", "", "--data", data).returncode == 2


def test_the_log_keeps_what_retention_says(tmp_path):
    data = tmp_path / "d"
    run_json("simulate", "--data", data, "--simulate.users", "500", "--simulate.items", "40")  # some blocks
    events = run_json("status", "--data", data)["events"]
    server = Server(data, "--retention.log_gib", "0.000001", "--retention.every_s", "1")
    assert wait_until(lambda: "has dropped its oldest" in server.output()), server.output()
    user = server.client.get("/v1/users/u00001").json()
    assert user["history_length"] > 0, "histories stay"
    assert server.stop() == 0
    left = run("log", "--data", data).stdout.count("\n")
    assert 0 < left < events
    verified = run_json("verify", "--data", data)
    assert verified["findings"] == [] and verified["dropped"] == events - left, verified
    empty = tmp_path / "none.jsonl"
    empty.write_text("")
    refused = run("import", empty, "--data", data, "--data.history_events_max", "400")  # state has to be folded anew
    assert refused.returncode == 5 and "retention.rebuild_from_kept" in refused.stderr, (refused.returncode, refused.stderr)
