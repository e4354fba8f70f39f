"""Two towers from the log to answers: palate train, evaluate, a server, and items that came after training."""

import shutil
import time

import pytest
from conftest import TRAIN, Server, run, run_json

CONFIG = """
[two_tower]
width = 16
hidden = 32
epochs = 15
batch = 128
negatives = 64
term_rows = 1024
subword_rows = 4096
id_dropout = 0.3
table_learning_rate = 0.1

[pipelines.towers]
stages = ["personal model=two_tower quota=100", "formula score='model.two_tower'"]
deadline_ms = 5000
"""

pytestmark = pytest.mark.skipif(not TRAIN.exists(), reason="palate-train is not built")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two_tower")
    config = folder / "palate.toml"
    config.write_text(CONFIG)
    common = ("--config", config, "--data", folder / "data")
    done = run("simulate", *common, "--simulate.users", "400", "--simulate.items", "200", "--simulate.days", "10", "--simulate.seed", "5")
    assert done.returncode == 0, done.stderr
    trained = run_json("train", *common, "--models", "popularity,two_tower", timeout=300)
    return folder, common, trained


def test_the_loss_falls(world):
    _, _, trained = world
    metrics = next(model for model in trained["models"] if model["kind"] == "two_tower")["metrics"]
    losses = metrics["loss_by_epoch"]
    assert len(losses) == 15 and losses[-1] < 0.98 * losses[0], losses
    assert metrics["text_loss_by_epoch"][-1] < metrics["text_loss_by_epoch"][0]
    assert metrics["rows"] > 500


def test_it_is_evaluated_like_any_model(world):
    _, common, _ = world
    answer = run_json("evaluate", *common, "--models", "popularity,two_tower", "--k", "10", "--discard", timeout=300)
    kinds = [report["model"]["kind"] for report in answer["reports"]]
    assert kinds == ["popularity", "two_tower"]
    recall = next(m for m in answer["reports"][1]["metrics"] if m["name"] == "recall")
    assert 0 < recall["mean"] < 1


def test_lists_and_what_is_alike(world):
    folder, common, _ = world
    people = run_json("recommend", "u1", *common, "-n", "5")
    assert people["items"]
    server = Server(folder / "data", "--config", folder / "palate.toml")
    try:
        server.wait_ready()
        user = server.client.get("/v1/users", params={"prefix": "u"}).json()["users"][0]["user"]
        answer = server.client.get("/v1/recommendations", params={"user": user, "n": 10}).json()
        assert answer["model"]["kind"] == "two_tower" and len(answer["items"]) == 10, answer
        piped = server.client.get("/v1/recommendations", params={"user": user, "n": 10, "pipeline": "towers"})
        assert piped.status_code == 200 and len(piped.json()["items"]) == 10, piped.text
        item = answer["items"][0]["item"]
        alike = server.client.get("/v1/similar", params={"item": item, "n": 5}).json()
        assert len(alike["items"]) == 5 and item not in [one["item"] for one in alike["items"]]
    finally:
        server.stop()


def test_a_new_item_is_recommended_at_once(world, tmp_path):
    """By its words and tags alone, which are those of what the user likes most."""
    folder, _, _ = world
    data = tmp_path / "data"
    shutil.copytree(folder / "data", data)
    server = Server(data, "--config", folder / "palate.toml")
    try:
        server.wait_ready()
        user = server.client.get("/v1/users", params={"prefix": "u"}).json()["users"][0]["user"]
        best = server.client.get("/v1/recommendations", params={"user": user, "n": 1}).json()["items"][0]["item"]
        known = server.client.get(f"/v1/items/{best}").json()["item"]
        twin = {key: known[key] for key in ("titles", "categories", "tags", "languages", "regions", "creator") if key in known}
        assert twin.get("categories"), known
        posted = server.client.post("/v1/items", json=twin | {"id": "brand-new"})
        assert posted.status_code < 300, posted.text
        deadline, found = time.monotonic() + 30, []
        while "brand-new" not in found and time.monotonic() < deadline:
            time.sleep(0.2)
            alike = server.client.get("/v1/similar", params={"item": "brand-new", "n": 20})
            found = ["brand-new"] if alike.status_code == 200 and len(alike.json()["items"]) == 20 else []
        assert found, alike.text
        everything = server.client.get("/v1/recommendations", params={"user": user, "n": 100}).json()
        assert "brand-new" in [item["item"] for item in everything["items"]]
    finally:
        server.stop()


def test_an_item_that_is_described_after_it_was_seen_is_known_by_its_words(world, tmp_path):
    """First an event about something that nobody has said anything of, then what it is."""
    folder, _, _ = world
    data = tmp_path / "data"
    shutil.copytree(folder / "data", data)
    server = Server(data, "--config", folder / "palate.toml")

    def alike():
        return server.client.get("/v1/similar", params={"item": "seen-first", "n": 20})

    try:
        server.wait_ready()
        user = server.client.get("/v1/users", params={"prefix": "u"}).json()["users"][0]["user"]
        best = server.client.get("/v1/recommendations", params={"user": user, "n": 1}).json()["items"][0]["item"]
        known = server.client.get(f"/v1/items/{best}").json()["item"]
        sent = server.client.post("/v1/events", json=[{"type": "click", "user": user, "item": "seen-first"}])
        assert sent.status_code == 200, sent.text
        time.sleep(3)  # longer than a server takes to see that there are new items
        assert alike().status_code == 404, "nothing is said of it"
        twin = {key: known[key] for key in ("titles", "categories", "tags", "languages", "regions", "creator") if key in known}
        assert server.client.post("/v1/items", json=twin | {"id": "seen-first"}).status_code < 300
        deadline = time.monotonic() + 30
        while alike().status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        found = [one["item"] for one in alike().json()["items"]]
        assert len(found) == 20 and "seen-first" not in found
    finally:
        server.stop()


def test_without_palate_train_it_says_so(world, tmp_path):
    _, common, _ = world
    nowhere = run("train", *common, "--models", "two_tower", env={"PALATE_TRAIN": str(tmp_path / "nothing")})
    assert nowhere.returncode != 0
    assert "PALATE_TRAIN" in nowhere.stderr


@pytest.mark.parametrize("setting, says", [("width=0", "two_tower.width"), ("vector=nothing", "nothing")])
def test_wrong_settings_are_named(world, setting, says):
    _, common, _ = world
    key, value = setting.split("=")
    wrong = run("train", *common, "--models", "two_tower", f"--two_tower.{key}", value)
    assert wrong.returncode != 0
    assert says in wrong.stderr
