"""palate-train from outside: examples in, a network or trees out, judged by the engine that serves; and what goes wrong on purpose."""

import json
import math
import pathlib
import random
import subprocess

import pytest
from conftest import BIN

PROGRAMS = pathlib.Path(BIN).parent
TRAIN = PROGRAMS / "palate-train"
SMALL = ("--training.epochs", "4", "--training.batch", "256", "--training.learning_rate", "0.01", "--training.table_learning_rate", "0.01",
         "--training.table_sigma", "0.1", "--ranker.hidden", "32", "--ranker.width", "8", "--training.threads", "1")


def run(*arguments):
    return subprocess.run([TRAIN, *map(str, arguments)], capture_output=True, text=True, timeout=120)


def last(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def libfm(path, seed, rows=6000, fields=3):
    """A click is likely where user and item agree in a hidden group, and likelier in the evening."""
    draw = random.Random(seed)
    with open(path, "w") as out:
        for _ in range(rows):
            user, item, hour = draw.randrange(40), draw.randrange(30), draw.randrange(2)
            value = (2 if user % 3 == item % 3 else -2) + hour
            click = draw.random() < 1 / (1 + math.exp(-value))
            ids = [user, 100 + item, 200 + hour][:fields]
            out.write(f"{1 if click else -1} {' '.join(f'{one}:1' for one in ids)}\n")
    return path


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    files = [libfm(folder / f"world.{name}.libfm", seed, rows) for name, seed, rows in (("train", 1, 6000), ("held", 2, 4000), ("test", 3, 8000))]
    subprocess.run([PROGRAMS / "libfm_examples", folder, "user,item,hour", *files], check=True, capture_output=True)
    other = libfm(folder / "other.two.libfm", 4, 50, fields=2)
    subprocess.run([PROGRAMS / "libfm_examples", folder, "user,item", other], check=True, capture_output=True)
    return folder


@pytest.mark.parametrize("rule", ["hashed", "quotient_remainder", "narrow"])
def test_rare_ids_are_written_again_and_served_as_they_were_trained(examples, tmp_path, rule):
    files = [examples / f"world.{name}" for name in ("train", "held", "test")]
    told = last(run("ids", files[0], "--also", files[1], "--also", files[2], "--out", tmp_path, "--rare", rule, "--min", "180", "--rare-rows", "8", "--json"))
    ways = {one["rare"]: one for one in told if one["field"] == "item"}
    assert set(ways) == {"own", "shared", "hashed", "quotient_remainder", "narrow"}
    assert ways["own"]["ids"] == 30 and ways["own"]["colliding"] == 0
    done = run("fit", tmp_path / "world.train", "--held-out", tmp_path / "world.held", "--out", tmp_path / "net", *SMALL)
    trained = last(done)["held_out"]["click"]
    served = last(run("judge", tmp_path / "net", tmp_path / "world.held"))["click"]
    assert served["auc"] == pytest.approx(trained["auc"], abs=1e-4)
    again = run("ids", tmp_path / "world.train")
    assert (again.returncode != 0) == (rule != "hashed")
    assert rule == "hashed" or "share rows already" in again.stderr


def fit(examples, out, *flags):
    return run("fit", examples / "world.train", "--held-out", examples / "world.held", "--out", out, *SMALL, *flags)


def test_a_network_is_served_as_it_was_trained(examples, tmp_path):
    done = fit(examples, tmp_path / "net")
    trained = last(done)["held_out"]["click"]
    epochs = [json.loads(line) for line in done.stdout.splitlines()[:-1]]
    assert [epoch["epoch"] for epoch in epochs] == list(range(len(epochs)))
    served = last(run("judge", tmp_path / "net", examples / "world.held"))["click"]
    assert served["auc"] == pytest.approx(trained["auc"], abs=1e-4)
    assert served["log_loss"] == pytest.approx(trained["loss"], abs=1e-4)
    test = last(run("judge", tmp_path / "net", examples / "world.test"))["click"]
    assert test["auc"] > 0.8 and test["calibration_error"] < 0.05 and test["examples"] == 8000


@pytest.mark.parametrize("calibration", ["temperature", "isotonic", "none"])
def test_every_calibration_is_served_as_it_was_told(examples, tmp_path, calibration):
    weights = ("--training.positive_weights", "click=4") if calibration == "isotonic" else ()
    told = last(fit(examples, tmp_path / "net", "--training.calibration", calibration, *weights))["held_out"]["click"]
    served = last(run("judge", tmp_path / "net", examples / "world.held"))["click"]
    assert served["log_loss"] == pytest.approx(told["loss"], abs=1e-4)
    assert last(run("judge", tmp_path / "net", examples / "world.test"))["click"]["calibration_error"] < 0.06


def test_fewer_bits_lose_little_and_say_what(examples, tmp_path):
    last(fit(examples, tmp_path / "net"))
    done = run("precisions", tmp_path / "net", examples / "world.test")
    assert done.returncode == 0, done.stderr
    ways = {(line["layers"], line["tables"]): line for line in map(json.loads, done.stdout.splitlines())}
    exact = ways["fp32", "fp32"]
    assert exact["quality"] == last(run("judge", tmp_path / "net", examples / "world.test"))
    assert not exact["layer_errors"] and exact["change"]["click"]["auc"] == 0
    for (layers, tables), line in ways.items():
        assert abs(line["change"]["click"]["auc"]) < (0.005 if tables == "int4" else 0.0005), line
        assert set(line["table_errors"]) == {"user", "item", "hour"}
        assert all((error == 0) == (tables == "fp32") for error in line["table_errors"].values())
        assert bool(line["layer_errors"]) == (layers != "fp32")
        assert all(0 < error["rms"] < 0.05 for error in line["layer_errors"])
    sizes = [ways[way]["table_bytes"] for way in (("fp32", "fp32"), ("bf16", "bf16"), ("int8", "int8"), ("int8", "int4"))]
    assert sizes == sorted(sizes, reverse=True) and sizes[1] * 2 == sizes[0]
    assert 2 * ways["bf16", "bf16"]["layer_bytes"] == exact["layer_bytes"]
    assert [path.name for path in tmp_path.iterdir()] == ["net"], "nothing stays beside it"


def test_a_network_is_written_in_the_bits_that_are_asked_for(examples, tmp_path):
    last(fit(examples, tmp_path / "whole"))
    whole = last(run("judge", tmp_path / "whole", examples / "world.test"))["click"]
    last(fit(examples, tmp_path / "net", "--training.layers", "int8", "--training.tables", "int8"))
    assert json.loads((tmp_path / "net" / "manifest.json").read_text())["details"]["layers"] == "int8"
    narrow = last(run("judge", tmp_path / "net", examples / "world.test"))["click"]
    assert narrow != whole and narrow["auc"] == pytest.approx(whole["auc"], abs=0.0005)
    again = run("precisions", tmp_path / "net", examples / "world.test")
    assert again.returncode != 0 and "not in fp32" in again.stderr
    assert run("fit", "x", "--held-out", "y", "--out", "z", "--training.layers", "int4").returncode != 0


def test_groups_can_be_brought_together(examples, tmp_path):
    gap = {}
    for weight in ("0.0001", "20"):
        flags = ("--training.group_column", "hour", "--training.group_weight", weight)
        gap[weight] = last(fit(examples, tmp_path / weight, *flags))["held_out"]["click"]["gap"]
    assert gap["20"] < gap["0.0001"] / 2


def test_a_label_can_be_a_quantity_or_a_level(examples, tmp_path):
    levels = ("--ranker.ordinal", "click=2")  # labels of 0 and 1 are both the first of two levels
    assert last(fit(examples, tmp_path / "levels", *levels))["held_out"]["click"]["rmse"] > 0
    told = last(fit(examples, tmp_path / "amount", "--ranker.regression", "click", "--training.huber", "2"))["held_out"]["click"]
    served = last(run("judge", tmp_path / "amount", examples / "world.held"))["click"]
    assert served["rmse"] == pytest.approx(told["rmse"], abs=1e-4) and served["rmse"] < 0.45


@pytest.mark.parametrize("streams", ["linear", "linear,fm", "linear,fm_weighted", "cross_mlp", "two_mlp", "mask_serial", "mask_parallel", "linear,fm,mlp,cross"])
def test_every_stream_can_be_trained(examples, tmp_path, streams):
    flags = [part for name in streams.split(",") for part in ("--ranker.streams", name)]
    flags += ["--ranker.gate_fields", "true", "--ranker.gate_hidden", "true", "--training.average", "0.9", "--training.clip_norm", "1"]
    if streams.startswith("mask"):  # they take longer to begin
        flags += ["--training.epochs", "10"]
    last(fit(examples, tmp_path / "net", *flags))
    auc = last(run("judge", tmp_path / "net", examples / "world.test"))["click"]["auc"]
    assert auc > (0.5 if streams == "linear" else 0.75)  # a weight per id knows nothing of pairs


@pytest.mark.parametrize("optimizer,tables", [("sgd", "sgd"), ("adagrad", "adagrad"), ("lamb", "adam")])
def test_every_optimizer_learns(examples, tmp_path, optimizer, tables):
    rate = "0.3" if optimizer == "sgd" else "0.05"
    flags = ("--training.optimizer", optimizer, "--training.table_optimizer", tables, "--training.learning_rate", rate,
             "--training.table_learning_rate", rate, "--training.epochs", "12")
    assert last(fit(examples, tmp_path / "net", *flags))["held_out"]["click"]["auc"] > 0.7


def test_one_seed_gives_one_network_and_a_checkpoint_goes_on(examples, tmp_path):
    first = last(fit(examples, tmp_path / "a"))
    assert first == last(fit(examples, tmp_path / "b"))
    assert (tmp_path / "a/tensors.safetensors").read_bytes() == (tmp_path / "b/tensors.safetensors").read_bytes()
    keep = ("--training.checkpoint", tmp_path / "state")
    last(fit(examples, tmp_path / "c", "--training.epochs", "2", *keep))
    done = fit(examples, tmp_path / "d", *keep)
    assert last(done) == first
    assert json.loads(done.stdout.splitlines()[0])["epoch"] == 2  # the first two were not repeated
    assert (tmp_path / "a/tensors.safetensors").read_bytes() == (tmp_path / "d/tensors.safetensors").read_bytes()
    for other in (("--training.learning_rate", "0.004"), ("--mixed-precision",)):
        done = fit(examples, tmp_path / "e", *keep, *other)
        assert done.returncode == 2 and "a checkpoint of other settings or examples" in done.stderr, done.stderr


@pytest.mark.parametrize(
    "flags,code,message",
    [
        (("--ranker.streams", "crosss"), 2, "there is no 'crosss'"),
        (("--ranker.hidden", "12", "--ranker.hidden", "many"), 2, "'many' is not a width"),
        (("--ranker.width", "0"), 2, "ranker.width"),
        (("--training.learning_rate", "nan"), 2, "training.learning_rate"),
        (("--training.optimizer", "adamax"), 2, "training.optimizer"),
        (("--training.epochs", "many"), 2, "training.epochs"),
        (("--training.learning_rate", "9", "--training.table_learning_rate", "9", "--training.optimizer", "sgd", "--training.table_optimizer", "sgd",
          "--ranker.streams", "cross", "--ranker.cross_layers", "9"), 2, "diverged"),
    ],
)
def test_settings_that_do_not_fit_are_named(examples, tmp_path, flags, code, message):
    done = fit(examples, tmp_path / "net", *flags)
    assert message in done.stderr and done.returncode == code, (done.returncode, done.stderr)
    assert not (tmp_path / "net").exists()


def test_what_is_not_there_or_does_not_fit_is_named(examples, tmp_path):
    held = ("--held-out", examples / "world.held", "--out", tmp_path / "net")
    done = run("fit", tmp_path / "nowhere", *held)
    assert done.returncode == 3 and "nowhere" in done.stderr
    done = run("fit", examples / "other.two", *held)
    assert done.returncode == 2 and "other columns" in done.stderr
    last(fit(examples, tmp_path / "good"))
    done = run("judge", tmp_path / "good", examples / "other.two")
    assert done.returncode == 2 and "'hour'" in done.stderr
    done = run("judge", examples / "world.held", examples / "world.held")
    assert done.returncode == 6, done.stderr
    done = fit(examples, tmp_path / "good")
    assert done.returncode != 0 and "good" in done.stderr  # nothing is overwritten


def test_a_damaged_network_is_refused(examples, tmp_path):
    last(fit(examples, tmp_path / "net"))
    tensors = tmp_path / "net/tensors.safetensors"
    data = bytearray(tensors.read_bytes())
    data[-100] ^= 1
    tensors.write_bytes(data)
    done = run("judge", tmp_path / "net", examples / "world.test")
    assert done.returncode == 6 and "tensors.safetensors" in done.stderr


TREES = ("--trees.threads", "1", "--trees.rounds", "150", "--trees.patience", "20", "--trees.learning_rate", "0.1", "--trees.category_smooth", "1")


def trees(examples, out, *flags):
    return run("trees", examples / "world.train", "--held-out", examples / "world.held", "--out", out, *TREES, *flags)


def test_trees_are_trained_judged_and_blended(examples, tmp_path):
    trained = last(trees(examples, tmp_path / "trees"))
    assert trained["trees"] == trained["best_round"] + 1 < 150
    served = last(run("judge", tmp_path / "trees", examples / "world.held"))["click"]
    assert served["log_loss"] == pytest.approx(trained["held_out"]["click"]["loss"], abs=1e-9)
    test = last(run("judge", tmp_path / "trees", examples / "world.test"))["click"]
    assert test["auc"] > 0.8 and test["log_loss"] < 0.55  # log 2 knows nothing
    last(fit(examples, tmp_path / "net"))
    done = last(run("blend", tmp_path / "net", tmp_path / "trees", "--held-out", examples / "world.held", "--judge", examples / "world.test"))
    alone = last(run("judge", tmp_path / "net", examples / "world.test"))["click"]
    assert done["models"][0] == pytest.approx(alone) and done["models"][1] == pytest.approx(test)
    assert len(done["weights"]) == 2 and done["blend"]["log_loss"] < max(alone["log_loss"], test["log_loss"])


def test_the_text_in_the_artefact_is_lightgbms(examples, tmp_path):
    lightgbm = pytest.importorskip("lightgbm")
    last(trees(examples, tmp_path / "trees"))
    booster = lightgbm.Booster(model_file=tmp_path / "trees/model.txt")
    assert booster.num_feature() == 3
    features = json.loads((tmp_path / "trees/manifest.json").read_text())["details"]["trees"]["features"]
    assert [(one["column"], one["reading"]) for one in features] == [("user", "id"), ("item", "id"), ("hour", "id")]


def test_one_seed_gives_one_text(examples, tmp_path):
    flags = ("--trees.example_share", "0.7", "--trees.feature_share", "0.7")
    texts = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        last(trees(examples, tmp_path / name, *flags, "--trees.seed", seed))
        texts.append((tmp_path / name / "model.txt").read_text().split("parameters:")[0])
    assert texts[0] == texts[1] != texts[2]


def slates(path, seed, queries=300):
    """Rows of a query are shuffled among those of others, as logs have them. Each file has queries of its own under the same ids."""
    draw, rows = random.Random(seed), []
    for query in range(1, queries + 1):
        user = draw.randrange(40)
        for item in draw.sample(range(30), 15):
            click = draw.random() < (0.8 if user % 3 == item % 3 else 0.1)
            rows.append(f"{1 if click else -1} {query}:1 {1000 + user}:1 {2000 + item}:1\n")
    draw.shuffle(rows)
    path.write_text("".join(rows))
    return path


def test_an_order_is_learned_within_groups(examples, tmp_path):
    files = [slates(tmp_path / f"slates.{name}.libfm", seed) for name, seed in (("train", 0), ("held", 1), ("test", 2), ("more", 3))]
    slates(files[3], 3, 301)  # the last query is in no other file, so nobody knows it
    subprocess.run([PROGRAMS / "libfm_examples", tmp_path, "query,user,item", *files], check=True, capture_output=True)
    parts = (tmp_path / "slates.train", "--held-out", tmp_path / "slates.held", "--out", tmp_path / "trees")
    trained = last(run("trees", *parts, *TREES, "--trees.objective", "lambdarank", "--trees.group", "query"))
    ours = last(run("judge", tmp_path / "trees", tmp_path / "slates.held"))["click"]
    assert ours["ndcg_at_10"] == pytest.approx(trained["held_out"]["click"]["ndcg"], abs=0.01)  # but for ties, and queries without a click
    judged = last(run("judge", tmp_path / "trees", tmp_path / "slates.test"))["click"]
    assert judged["groups"] > 290 and "log_loss" not in judged
    assert judged["auc"] > 0.8 and 0.75 < judged["ndcg_at_10"] <= 1  # chance gives 0.51; who knows the hidden groups, 0.85
    done = run("judge", tmp_path / "trees", examples / "other.two")
    assert done.returncode == 2 and "'query'" in done.stderr
    done = run("trees", tmp_path / "slates.more", *parts[1:], *TREES, "--trees.objective", "lambdarank", "--trees.group", "query")
    assert done.returncode == 2 and "the id 0" in done.stderr


@pytest.mark.parametrize(
    "flags,code,message",
    [
        (("--trees.objective", "lambdarank"), 2, "trees.group"),
        (("--trees.objective", "lambdarank", "--trees.group", "nobody"), 2, "'nobody'"),
        (("--trees.objective", "multiclass"), 2, "trees.objective"),
        (("--trees.label", "like"), 2, "'like'"),
        (("--trees.leaves", "1"), 2, "trees.leaves"),
        (("--trees.library", "/nowhere/lib_lightgbm.so"), None, "/nowhere/lib_lightgbm.so"),
    ],
)
def test_settings_of_trees_that_do_not_fit_are_named(examples, tmp_path, flags, code, message):
    done = trees(examples, tmp_path / "trees", *flags)
    assert done.returncode != 0 and message in done.stderr, done.stderr
    assert code in (None, done.returncode)
    assert not (tmp_path / "trees").exists()


def test_damaged_trees_are_refused(examples, tmp_path):
    last(trees(examples, tmp_path / "trees"))
    text = tmp_path / "trees/model.txt"
    text.write_text(text.read_text().replace("num_leaves=", "num_leafs=", 1))
    done = run("judge", tmp_path / "trees", examples / "world.test")
    assert done.returncode == 6 and "model.txt" in done.stderr


def test_the_reference_page_is_what_the_program_says():
    page = pathlib.Path(__file__).resolve().parents[2] / "docs/reference/training.md"
    assert page.read_text() == run("settings").stdout, "palate-train settings > docs/reference/training.md"


def hours(path, seed, rows, fades):
    """A click is likely for some items, and in the evening; where `fades`, the hour says nothing of the later half."""
    draw = random.Random(seed)
    with open(path, "w") as out:
        for row in range(rows):
            user, item, hour = draw.randrange(40), draw.randrange(30), draw.randrange(2)
            value = (1.5 if item % 3 == 0 else -1.5) + (0 if fades and row >= rows / 2 else 3 * hour - 1.5)
            out.write(f"{1 if draw.random() < 1 / (1 + math.exp(-value)) else -1} {user}:1 {100 + item}:1 {200 + hour}:1\n")
    return path


def test_what_a_column_is_worth_and_when_it_is_lost(tmp_path):
    files = [hours(tmp_path / f"h.{name}.libfm", seed, 8000, fades) for name, seed, fades in (("train", 1, False), ("held", 2, False), ("later", 3, True))]
    subprocess.run([PROGRAMS / "libfm_examples", tmp_path, "user,item,hour", *files], check=True, capture_output=True)
    last(run("fit", tmp_path / "h.train", "--held-out", tmp_path / "h.held", "--out", tmp_path / "net", *SMALL))
    steady = last(run("importance", tmp_path / "net", tmp_path / "h.held"))["click"]["columns"]
    assert {column["column"] for column in steady[:2]} == {"item", "hour"} and steady[1]["worth"] > 0.05
    assert abs(steady[2]["worth"]) < 0.02, "the user says nothing of a click"
    assert not any(column["lost"] for column in steady)
    later = last(run("importance", tmp_path / "net", tmp_path / "h.later"))["click"]["columns"]
    assert {column["column"]: column["lost"] for column in later} == {"item": False, "hour": True, "user": False}
    few = run("importance", tmp_path / "net", tmp_path / "h.later", "--rows", "100", "--slices", "50")
    assert few.returncode != 0 and "too few" in few.stderr
