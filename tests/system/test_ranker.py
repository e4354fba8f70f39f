"""A ranker from impressions to answers: examples out of the log of a simulated world, palate-train, a release, a pipeline that asks it, and
what is said where something is missing."""

import array
import json
import os
import pathlib
import shutil
import subprocess
import time

import pytest
from conftest import BIN, Server, run, run_json

CONFIG = """
[features]
counters = true

[examples]
objectives = ["click:1h", "like:1d"]

[ranker]
width = 8
hidden = ["32"]
streams = ["linear", "fm", "mlp"]

[training]
epochs = 4
batch = 512
learning_rate = 0.003
table_learning_rate = 0.01
threads = 1

[pipelines.ranked]
stages = ["popular quota=200", "formula score='ranker.click'"]
deadline_ms = 5000

[pipelines.mixed]
stages = ["popular quota=200", "formula score='ranker.click * ranker.like + 0.001 * unit(popularity)'"]
deadline_ms = 5000

[pipelines.wrong]
stages = ["popular quota=200", "formula score='ranker.purchase'"]
deadline_ms = 5000
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A data directory of a simulated world, with a ranker in its release."""
    folder = tmp_path_factory.mktemp("ranker")
    config = folder / "palate.toml"
    config.write_text(CONFIG)
    data = folder / "data"
    common = ("--config", config, "--data", data)
    world = ("--simulate.users", "600", "--simulate.items", "400", "--simulate.days", "14", "--simulate.seed", "3")
    done = run("simulate", *common, *world)
    assert done.returncode == 0, done.stderr
    trained = run_json("train", *common, "--models", "popularity,ranker", timeout=300)
    return folder, common, trained


def asked(server, pipeline, user, **more):
    answer = server.client.get("/v1/recommendations", params={"user": user, "n": 20, "pipeline": pipeline, "trace": "true", **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_it_is_trained_and_knows_more_than_chance(world):
    _, _, trained = world
    ranker = next(model for model in trained["models"] if model["kind"] == "ranker")
    click = ranker["metrics"]["held_out"]["click"]
    assert click["auc"] > 0.6, ranker["metrics"]
    assert ranker["metrics"]["training_rows"] > 1000
    assert ranker["metrics"]["held_out_rows"] > 100


def test_a_pipeline_asks_it(world):
    folder, common, _ = world
    server = Server(folder / "data", "--config", folder / "palate.toml")
    try:
        people = [user["user"] for user in server.client.get("/v1/users", params={"prefix": "u"}).json()["users"]][:12]
        lists = {}
        for user in people:
            ranked = asked(server, "ranked", user)
            stages = {stage["stage"]: stage for stage in ranked["trace"]}
            assert stages["formula"]["state"] == "ran", stages
            scores = [item["score"] for item in ranked["items"]]
            lists[user] = [item["item"] for item in ranked["items"]]
            assert len(scores) == 20
        assert len({tuple(items) for items in lists.values()}) > 6, "people get lists of their own"
        plain = [item["item"] for item in asked(server, "plain", people[0])["items"]]
        assert lists[people[0]] != plain
        mixed = {stage["stage"]: stage for stage in asked(server, "mixed", people[0])["trace"]}
        assert mixed["formula"]["state"] == "ran", mixed
        wrong = {stage["stage"]: stage for stage in asked(server, "wrong", people[0])["trace"]}
        assert "does not say 'purchase'; it says click, like" in wrong["formula"]["state"]
    finally:
        server.stop()


def test_features_that_have_moved_are_set_aside_and_told(world, tmp_path):
    """The world has ended: nobody is shown anything any more, so counts of the last days fall to nothing."""
    folder, _, _ = world
    config = tmp_path / "palate.toml"
    config.write_text(CONFIG + "\n[decisions]\nshare = 1.0\n")
    server = Server(folder / "data", "--config", config)

    def set_aside():
        lines = [line for line in server.client.get("/metrics").text.splitlines() if line.startswith("palate_ranker_feature_set_aside{")]
        return {line.split('feature="')[1].split('"')[0]: line.endswith(" 1") for line in lines}

    try:
        assert set_aside() and not any(set_aside().values()), "nothing is judged before many requests"
        for _ in range(260):
            asked(server, "ranked", "u00001")
        assert any(aside for name, aside in set_aside().items() if name.startswith("category_count:impression")), set_aside()
        assert "the ranker is served without category_count:impression" in server.output()
        answer = asked(server, "ranked", "u00001")
        assert {stage["stage"]: stage for stage in answer["trace"]}["formula"]["state"] == "ran"
    finally:
        server.stop()
    again = run_json("replay", answer["request_id"], "--config", config, "--data", folder / "data")
    assert again["same"] is True, again


def test_trees_beside_the_network(world, tmp_path):
    """Trained on the same examples; what is served is what both say, and an answer is made again to the bit."""
    folder, _, _ = world
    data, config = tmp_path / "data", tmp_path / "palate.toml"
    shutil.copytree(folder / "data", data)
    config.write_text(CONFIG + "\n[trees]\nbeside_network = true\nrounds = 60\n\n[decisions]\nshare = 1.0\n")
    common = ("--config", config, "--data", data)
    trained = run_json("train", *common, "--models", "popularity,ranker", timeout=300)
    metrics = next(model for model in trained["models"] if model["kind"] == "ranker")["metrics"]
    assert set(metrics["blend"]) == {"click", "like"}, metrics
    for objective, told in metrics["blend"].items():
        best = min(told["network"]["log_loss"], told["trees"]["log_loss"])
        assert told["both"]["log_loss"] <= best + 1e-6, (objective, told)
        assert told["both"]["auc"] > 0.6 and told["weights"][1] > 0 and told["rounds"] > 0, (objective, told)
    server = Server(data, "--config", config)
    try:
        answer = asked(server, "mixed", "u00001")
        assert {stage["stage"]: stage for stage in answer["trace"]}["formula"]["state"] == "ran"
    finally:
        server.stop()
    assert run_json("replay", answer["request_id"], *common)["same"] is True
    for flag in ("--examples.incremental=true", "--examples.position=em"):
        both = run("train", *common, "--models", "ranker", flag)
        assert both.returncode == 2 and "exclude each other" in both.stderr, both.stderr
    # Ids with two rows each, and a network in few bits.
    rare = ("--examples.rare", "quotient_remainder", "--examples.rare_rows", "64", "--examples.vocabulary_min", "60")
    other = run_json("train", *common, "--models", "ranker", *rare, "--training.tables", "int8", "--training.epochs", "1", timeout=300)
    assert set(other["models"][0]["metrics"]["blend"]) == {"click", "like"}
    server = Server(data, "--config", config)
    try:
        assert {stage["stage"]: stage for stage in asked(server, "mixed", "u00001")["trace"]}["formula"]["state"] == "ran"
    finally:
        server.stop()


def test_what_the_user_does_counts_at_once(world):
    folder, common, _ = world
    server = Server(folder / "data", "--config", folder / "palate.toml")
    try:
        before = [item["item"] for item in asked(server, "ranked", "somebody-new")["items"]]
        events = [{"type": "like", "user": "somebody-new", "item": item} for item in before[10:20]]
        sent = server.client.post("/v1/events", json=events)
        assert sent.status_code == 200, sent.text
        after = [item["item"] for item in asked(server, "ranked", "somebody-new", after=sent.json()["position"])["items"]]
        assert [item for item in before[:10] if item in after] != after[:10]
    finally:
        server.stop()


def test_examples_can_be_made_and_trained_on_by_hand(world, tmp_path):
    folder, common, _ = world
    made = run_json("examples", "--out", tmp_path / "examples", *common)
    assert made["training_rows"] + made["held_out_rows"] + made["unfinished"] + made["between"] == made["impressions"]
    assert made["positives"]["click"] > made["positives"]["like"] > 0
    assert made["ids"] == [], "nobody asked"
    told = run_json("examples", "--out", tmp_path / "told", "--ids", "--examples.vocabulary_min", "60", *common)["ids"]
    items = {way["rare"]: way for way in told if way["field"] == "item"}
    assert items["own"]["colliding"] == 0 < items["shared"]["colliding"]
    assert items["shared"]["bytes_f32"] < items["own"]["bytes_f32"]
    assert "quotient_remainder" in run("examples", "--out", tmp_path / "text", "--ids", *common).stdout
    train = pathlib.Path(BIN).parent / "palate-train"
    done = subprocess.run(
        [train, "fit", *made["training"], "--held-out", made["held_out"], "--out", tmp_path / "net", "--training.epochs", "1", "--ranker.hidden", "8",
         "--ranker.width", "4", "--training.threads", "1"],
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, done.stderr
    again = run("examples", "--out", tmp_path / "examples", *common)
    assert again.returncode != 0 and "is not empty" in again.stderr


def trained_again(world, tmp_path, *flags):
    """The ranker of a copy of the world, trained once more."""
    folder, _, _ = world
    data = tmp_path / "data"
    shutil.copytree(folder / "data", data)
    common = ("--config", folder / "palate.toml", "--data", data)
    done = run("train", *common, "--models", "ranker", "--json", *flags, timeout=300)
    assert done.returncode == 0, done.stderr
    return data, json.loads(done.stdout)["models"][0]["metrics"], done.stderr


@pytest.mark.parametrize("rule", ["hashed", "quotient_remainder", "narrow"])
def test_rare_ids_have_rows_by_every_rule(world, tmp_path, rule):
    folder, _, trained = world
    before = next(model for model in trained["models"] if model["kind"] == "ranker")["metrics"]
    data, metrics, _ = trained_again(world, tmp_path, "--examples.rare", rule, "--examples.rare_rows", "64", "--examples.vocabulary_min", "60")
    assert metrics["held_out"]["click"]["auc"] > before["held_out"]["click"]["auc"] - 0.05
    server = Server(data, "--config", folder / "palate.toml")
    try:
        ranked = asked(server, "ranked", "somebody")
        stages = {stage["stage"]: stage for stage in ranked["trace"]}
        assert stages["formula"]["state"] == "ran", stages
        assert len({item["score"] for item in ranked["items"]}) > 10
    finally:
        server.stop()


def test_a_ranker_goes_on_from_its_last_version(world, tmp_path):
    _, _, trained = world
    before = next(model for model in trained["models"] if model["kind"] == "ranker")["metrics"]
    incremental = ("--examples.incremental", "true", "--examples.replay", "0.2", "--training.epochs", "1")
    _, metrics, _ = trained_again(world, tmp_path, *incremental)
    assert metrics["went_on_from"] == "000001"
    assert metrics["training_rows"] == metrics["replayed_rows"], "nothing is new"
    assert 0.15 < metrics["replayed_rows"] / before["training_rows"] < 0.25
    click = metrics["held_out"]["click"]
    assert click["auc"] > before["held_out"]["click"]["auc"] - 0.02, "what was learnt before is still known"
    _, alone, _ = trained_again(world, tmp_path / "alone", "--training.epochs", "1", "--examples.negatives", "0.2")
    assert click["loss"] < alone["held_out"]["click"]["loss"], "an epoch from nothing knows less"


def layers(data, version):
    """The weights of a version's layers, by name."""
    content = (data / "default/models/ranker" / version / "tensors.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    begin, tensors = 8 + length, {}
    for name, tensor in json.loads(content[8:begin]).items():
        if name.endswith("_linear.weight"):
            first, end = tensor["data_offsets"]
            tensors[name] = array.array("f", content[begin + first : begin + end])
    return tensors


def test_small_steps_leave_a_ranker_where_it_was(world, tmp_path):
    moved = {}
    for rate in ("0.001", "1"):
        incremental = ("--examples.incremental", "true", "--examples.replay", "0.3", "--training.epochs", "1", "--examples.incremental_rate", rate)
        data, metrics, _ = trained_again(world, tmp_path / rate, *incremental)
        assert metrics["went_on_from"] == "000001"
        before, after = layers(data, "000001"), layers(data, "000002")
        pairs = [pair for name in before for pair in zip(before[name], after[name], strict=True)]
        moved[rate] = sum(abs(a - b) for a, b in pairs) / len(pairs)
    # Means and scales that the network normalizes by move at any rate.
    assert 0 < moved["0.001"] < 0.4 * moved["1"], moved


def test_a_ranker_in_few_bits_is_served_and_gone_on_from(world, tmp_path):
    folder, _, trained = world
    before = next(model for model in trained["models"] if model["kind"] == "ranker")["metrics"]
    narrow = ("--training.layers", "bf16", "--training.tables", "int4")
    data, metrics, _ = trained_again(world, tmp_path, *narrow)
    assert metrics["held_out"]["click"]["auc"] > before["held_out"]["click"]["auc"] - 0.02
    assert 0.01 < max(metrics["table_errors"].values()) < 0.2, metrics["table_errors"]
    server = Server(data, "--config", folder / "palate.toml")
    try:
        ranked = asked(server, "ranked", "somebody")
        assert {stage["stage"]: stage for stage in ranked["trace"]}["formula"]["state"] == "ran", ranked["trace"]
        assert len({item["score"] for item in ranked["items"]}) > 10
    finally:
        server.stop()
    incremental = ("--examples.incremental", "true", "--examples.replay", "0.2", "--training.epochs", "1")
    common = ("--config", folder / "palate.toml", "--data", data)
    after = run_json("train", *common, "--models", "ranker", *incremental, *narrow, timeout=300)["models"][0]["metrics"]
    assert after["went_on_from"] == "000002"
    assert after["held_out"]["click"]["auc"] > before["held_out"]["click"]["auc"] - 0.02, "what was learnt before is still known"


def test_another_network_is_trained_anew(world, tmp_path):
    _, metrics, said = trained_again(world, tmp_path, "--examples.incremental", "true", "--training.epochs", "1", "--ranker.width", "4")
    assert "went_on_from" not in metrics
    assert "anew rather than from version 000001: 'region' is 4 wide, and was 8" in said
    assert metrics["training_rows"] > 1000


def test_settings_that_decide_what_is_learnt_train_anew(world, tmp_path):
    """A window of an outcome, what a network normalizes, an empty list where the default is none."""
    folder, _, _ = world
    config = tmp_path / "other.toml"
    incremental = ("--examples.incremental", "true", "--training.epochs", "1")
    for setting, says in (('objectives = ["click:2h", "like:1d"]', "examples.objectives was"), ("batch_norm = false", "ranker.batch_norm was true"),
                          ("attend = []", "ids of 'history' are read in another way")):
        old = setting.split(" = ")[0]
        text = "\n".join(line for line in CONFIG.splitlines() if not line.startswith(f"{old} ="))
        section = "[examples]" if old == "objectives" else "[ranker]"
        config.write_text(text.replace(section, f"{section}\n{setting}"))
        data = tmp_path / old
        shutil.copytree(folder / "data", data)
        done = run("train", "--config", config, "--data", data, "--models", "ranker", "--json", *incremental, timeout=300)
        assert done.returncode == 0, done.stderr
        assert f"anew rather than from version 000001: {says}" in done.stderr, done.stderr
        assert "went_on_from" not in json.loads(done.stdout)["models"][0]["metrics"]
    details = json.loads((data / "default/models/ranker/000002/manifest.json").read_text())["details"]
    assert "attend" not in json.dumps(details["network"]), "no history is attended to"


def test_what_is_missing_is_said(world, tmp_path):
    folder, common, _ = world
    nowhere = run("train", *common, "--models", "ranker", env={"PALATE_TRAIN": str(tmp_path / "nothing")})
    assert nowhere.returncode != 0 and "where there is nothing" in nowhere.stderr
    misspelt = run("train", *common, "--models", "ranker", "--examples.objectives", "clik:1h")
    assert misspelt.returncode != 0 and "did you mean 'click'" in misspelt.stderr
    assert not os.listdir(folder / "data" / "default" / "examples"), "nothing is left behind"
    fresh = (*common[:2], "--data", tmp_path / "fresh")
    assert run("simulate", *fresh, "--simulate.users", "50", "--simulate.items", "50", "--simulate.days", "3").returncode == 0
    alone = run("train", *fresh, "--models", "ranker")
    assert alone.returncode != 0 and "there is no release yet: train something that answers along with it" in alone.stderr
    evaluated = run("evaluate", *common, "--models", "ranker")
    assert evaluated.returncode != 0 and "ranker" in evaluated.stderr


def test_features_that_are_no_longer_kept_are_named(world):
    folder, _, _ = world
    other = folder / "other.toml"
    other.write_text(CONFIG.replace("counters = true", "counters = false"))
    shutil.copytree(folder / "data", folder / "copy")
    server = Server(folder / "copy", "--config", other)
    try:
        deadline = time.monotonic() + 30
        while "palate train --models ranker" not in server.output() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert "needs [features] counters; keep it, or train again with `palate train --models ranker`" in server.output()
        assert server.client.get("/readyz").status_code == 503
    finally:
        server.stop()
