"""The decision log and `palate replay`: whatever a server answered while events came in, users were changed and it was killed, is made
again from the log, bit for bit; and what one change makes of it."""

import concurrent.futures
import json
import shutil
import signal
import threading
import time

import httpx
import pytest
from conftest import Server, run, run_json

CONFIG = """
[decisions]
share = 1
[features]
counters = true
trust = true
[recommend]
pipeline = "all"
[pipelines.all]
stages = [
  "where expression='not category = \\"nothing\\"'",
  "personal quota=60",
  "similar quota=30 recent=3",
  "popular quota=30",
  "trending quota=20",
  "new quota=10 days=36500",
  "formula score='unit(personal) + 0.3 * unit(log1p(popularity)) + 0.1 * feature.item_rate:like:1d'",
  "calibrate strength=0.2",
  "dpp strength=0.3 places=15",
  "newcomers first=4 every=6",
  "explore temperature=2 to=8 candidates=20",
]
places = 30
deadline_ms = 1000
[pipelines.hurried]
stages = ["popular quota=20", "formula score='popularity'", "dpp"]
deadline_ms = 0.000001
"""


@pytest.fixture(scope="module")
def directory(small_world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("replay")
    (folder / "palate.toml").write_text(CONFIG)
    shutil.copytree(small_world, folder / "data")
    return folder


def flags(directory):
    return "--config", directory / "palate.toml", "--data", directory / "data"


def ask(server, **query):
    answer = httpx.get(f"{server.url}/v1/recommendations", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post_events(server, number, stop):
    """Batches of events, an item and a user in between, until told to stop."""
    i = 0
    while not stop.is_set():
        events = [{"type": "like", "user": f"u{(i + k) % 40:05}", "item": f"i{(i * 7 + k) % 180:05}", "ts": "2026-11-20T00:00:00Z",
                   "event_id": f"{number}-{i}-{k}"} for k in range(20)]
        assert httpx.post(f"{server.url}/v1/events", json=events).status_code == 200
        assert httpx.post(f"{server.url}/v1/items", json=[{"id": f"new-{number}-{i % 30}", "categories": ["fresh"]}]).status_code == 200
        assert httpx.post(f"{server.url}/v1/users", json=[{"id": f"u{i % 40:05}", "language": "de"}]).status_code == 200
        i += 1
    return i


def logged(directory, wanted, **more):
    """The newest decisions, once so many are in the log."""
    for _ in range(50):
        found = run_json("replay", *flags(directory), "--limit", "10000", *(x for k, v in more.items() for x in (f"--{k}", v)))
        if len(found) >= wanted:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{len(found)} decisions, not {wanted}")


def ask_under_load(server, number, answers):
    """Three who ask while two write; `answers` gets what came, by id."""
    stop = threading.Event()
    assert httpx.post(f"{server.url}/v1/items", json=[{"id": "new-0", "categories": ["fresh"]}]).status_code == 200

    def read(seed):
        for i in range(12):
            user = f"u{(seed * 12 + i) % 40:05}"
            first = ask(server, user=user, n=5, explain=1)
            answers[first["request_id"]] = first
            for query in ({"cursor": first["cursor"]}, {"pipeline": "hurried"}, {"pipeline": "plain", "categories": "fresh"}):
                answer = ask(server, user=user, n=5, **query)
                answers[answer["request_id"]] = answer

    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        writers = [pool.submit(post_events, server, f"{number}-{w}", stop) for w in range(2)]
        readers = [pool.submit(read, seed) for seed in range(3)]
        concurrent.futures.wait(readers)
        stop.set()
        for reader in readers:
            reader.result()
        assert sum(writer.result() for writer in writers) > 10


def test_every_answer_is_made_again_whatever_came_in_meanwhile(directory):
    answers = {}
    for number in range(2):  # the second time after a kill, with the state folded from where it was written
        server = Server(directory / "data", "--config", directory / "palate.toml").wait_ready()
        try:
            ask_under_load(server, number, answers)
            logged(directory, len(answers))
        finally:
            server.stop(signal.SIGKILL)
    decisions = logged(directory, len(answers))
    assert {d["request_id"] for d in decisions} == set(answers)
    ends = {d["as_of"] for d in decisions}
    assert len(ends) > 20, "events came in between the answers"
    for decision in decisions[:: max(1, len(decisions) // 24)]:
        again = run_json("replay", decision["request_id"], *flags(directory))
        assert again["same"] and not again["differences"] and not again["reservations"], again
        given = [(item["item"], item["title"]) for item in answers[decision["request_id"]]["items"]]
        assert [(item["item"], item["title"]) for item in again["items"]] == given


def newest(directory, pipeline="all"):
    return next(d for d in logged(directory, 1) if d["pipeline"]["name"] == pipeline and "cursor" not in d["request"] and d.get("user"))


def test_one_thing_changed_is_shown(directory):
    decision = newest(directory)
    identity, user = decision["request_id"], decision["user"]
    places = [item["item"] for item in decision["answer"]["items"]]

    def changed(*change):
        return [item["item"] for item in run_json("replay", identity, *flags(directory), *change)["changed"]]

    assert changed("--stage", "10=newcomers first=4 every=6") == places, "the same stage changes nothing"
    by_popularity = changed("--stage", "7=formula score='popularity'", "--without-stage", "11", "--without-stage", "9")
    assert by_popularity != places and len(by_popularity) == len(places)
    assert changed("-n", "12")[: len(places)] == places
    assert changed("--pipeline", "popular") != places
    only = changed("--filter", 'category = "fresh"')
    assert only and all(item.startswith("new-") for item in only)
    offset = next(json.loads(line)["position"] for line in reversed(
        run("log", *flags(directory), "--user", user, "--type", "like", "--positions").stdout.splitlines())
        if int(json.loads(line)["position"].split("@")[1]) < int(decision["as_of"].split(",")[0].split("@")[1]))
    without = run_json("replay", identity, *flags(directory), "--without-event", offset)
    assert without["same"], "the answer itself is still the same"
    assert without["changed"] != without["items"], "one like less is another answer"
    text = run("replay", identity, *flags(directory), "--without-stage", "9").stdout
    assert "the same, bit for bit" in text and "with the change:" in text


def test_what_cannot_be_is_said(directory):
    identity = newest(directory)["request_id"]

    def refused(*arguments):
        answer = run("replay", *arguments, *flags(directory))
        assert answer.returncode != 0
        return answer.stderr

    assert "decisions.share" in refused("0" * 32)
    assert "no stage 99" in refused(identity, "--stage", "99=dpp")
    assert "dpq" in refused(identity, "--stage", "9=dpq")
    assert "--stage takes a number" in refused(identity, "--stage", "dpp")
    assert "no event that came before" in refused(identity, "--without-event", "999999999")
    assert "no pipeline 'nothing'" in refused(identity, "--pipeline", "nothing")
    assert "releases" in refused(identity, "--release", "77")
    assert "other features" in refused(identity, "--features.counters", "false")


def test_who_is_forgotten_takes_his_decisions_along(directory):
    decision = newest(directory)
    assert run("forget", decision["user"], *flags(directory)).returncode == 0
    assert all(d.get("user") != decision["user"] for d in logged(directory, 1))
    assert run("replay", decision["request_id"], *flags(directory)).returncode != 0
    left = newest(directory)
    other = run("replay", left["request_id"], *flags(directory))
    assert "have been forgotten since" in other.stdout


def test_a_server_logs_no_more_than_its_share(small_world, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(small_world, data)
    server = Server(data, "--decisions.share", "0").wait_ready()
    try:
        for _ in range(20):
            ask(server, user="u00001", n=3)
        metrics = httpx.get(f"{server.url}/metrics").text
    finally:
        server.stop()
    assert 'palate_decisions_total{tenant="default"} 0' in metrics
    assert run_json("replay", "--data", data) == []
