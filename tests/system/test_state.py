"""Where states are (the data directory, Redis) and what is read from them: features now and as of a position, Redis down and back."""

import json
import pathlib
import signal
import subprocess
import time

import pytest

from conftest import SMALL, run, run_json

EVERYTHING = ("--features.counters", "true", "--features.trust", "true", "--features.co_views", "16")


class Redis:
    """A real Redis on a Unix socket; what it has acknowledged survives kill()."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    @property
    def flags(self):
        return ("--state.kind", "redis", "--redis.address", f"{self.folder}/socket", "--redis.timeout_ms", "500")

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", f"{self.folder}/socket", "--dir", str(self.folder)]
            + ["--appendonly", "yes", "--save", ""],
            stdout=subprocess.DEVNULL,
        )
        for _ in range(200):
            pong = subprocess.run(["redis-cli", "-s", f"{self.folder}/socket", "ping"], capture_output=True, text=True)
            if pong.stdout == "PONG\n":
                return
            time.sleep(0.05)
        raise AssertionError("redis-server does not start")

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def redis(tmp_path):
    folder = tmp_path / "redis"
    folder.mkdir()
    server = Redis(folder)
    yield server
    server.kill()


def event(user, item, kind="like"):
    return {"events": [{"type": kind, "user": user, "item": item}]}


def test_the_reference_page_is_what_the_features_declare():
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "features.md"
    assert page.read_text() == run("features", "--reference").stdout, "palate features --reference > docs/reference/features.md"


def test_features_are_the_same_live_and_as_of_the_same_position(world, tmp_path):
    status = run_json("status", "--data", world)
    asked = ("features", "--data", world, *EVERYTHING, "--user", status["sample_user"], "--now", status["last"])
    refused = run(*asked)
    assert refused.returncode == 7 and "writer" in refused.stderr, "the state was folded without these features"
    items = run_json("recommend", status["sample_user"], "--data", world)["items"][:3]
    one = {"type": "like", "user": "ann", "item": items[0]["item"], "ts": status["last"]}
    (tmp_path / "one.jsonl").write_text(json.dumps(one) + "\n")
    run_json("import", tmp_path / "one.jsonl", "--data", world, *EVERYTHING)
    asked += tuple(word for item in items for word in ("--item", item["item"]))
    live = run_json(*asked)
    assert live["known_user"] and len(live["items"]) == 3
    first = live["items"][0]["features"]
    assert first["user_count:click:7d"] > 0 and first["user_trust"] > 0 and len(first) > 200
    then = run_json(*asked, "--as-of", live["as_of"])
    assert then == live
    earlier = run_json(*asked, "--as-of", live["as_of"].replace(f"@{status['events'] + 1}", "@100"))
    assert earlier["items"] != live["items"]
    assert run_json("verify", "--data", world, *EVERYTHING)["whole"]
    listed = run("features", "--data", world)
    assert "item_trending" in listed.stdout and "off" in listed.stdout
    assert run("features", "--user", "x", "--feature", "nonsense", "--data", world, *EVERYTHING).returncode == 2


def test_states_in_redis_outlive_it_and_its_absence_is_said(tmp_path, redis, serve):
    data = tmp_path / "data"
    made = run("simulate", "--data", data, *SMALL, *redis.flags)
    assert made.returncode == 0, made.stderr
    assert run("train", "--data", data, *redis.flags).returncode == 0
    status = run_json("status", "--data", data, *redis.flags)
    server = serve(data, *redis.flags, "--data.state_delay_ms", "50").wait_ready()
    ask = lambda user: server.client.get("/v1/recommendations", params={"user": user}).json()
    known = status["sample_user"]
    item = ask(known)["items"][0]["item"]
    assert server.client.post("/v1/events", json=event("ann", item)).status_code in (200, 202)
    assert ask(known)["personalized"] and ask("ann")["personalized"]

    redis.kill()
    assert ask(known)["personalized"], "who is in memory is answered from there"
    stranger = ask("nobody-yet")
    assert not stranger["personalized"] and "cannot be reached" in stranger["why"] and stranger["items"]
    refused = server.client.post("/v1/events", json=event("bob", item))
    assert refused.status_code == 503, refused.text

    redis.start()
    deadline = time.monotonic() + 30
    while server.client.post("/v1/events", json=event("bob", item)).status_code >= 500 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ask("bob")["personalized"] and ask("ann")["personalized"]
    assert ask("nobody-yet")["why"] == "unknown user"
    assert server.stop() == 0
    whole = run_json("verify", "--data", data, *redis.flags)
    assert whole["whole"] and whole["users"] == run_json("status", "--data", data, *redis.flags)["users"]


def test_a_redis_belongs_to_one_data_directory(tmp_path, redis):
    for name, code in (("one", 0), ("two", 5)):
        done = run("simulate", "--data", tmp_path / name, *SMALL, *redis.flags)
        assert done.returncode == code, done.stderr
    assert "redis.prefix" in done.stderr
    assert run("simulate", "--data", tmp_path / "two", *SMALL, *redis.flags, "--redis.prefix", "other").returncode == 0
