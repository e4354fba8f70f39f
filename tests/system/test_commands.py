"""Every command of palate, from an empty folder to recommendations."""

import json
import pathlib
import signal
import subprocess
import sys
import time

from conftest import BIN, ROOT, SMALL, run, run_json


def test_help_names_every_command_and_each_has_examples():
    text = run("--help").stdout
    for name in "init check import status train evaluate recommend similar serve simulate inspect sizing version".split():
        assert f"  {name} " in text
        assert "palate " + name in run(name, "--help").stdout


def test_inspect_shows_and_verifies_what_training_made(world, tmp_path):
    model = max((world / "default" / "models" / "als").iterdir())
    told = run_json("inspect", model)
    assert told["kind"] == "artefact" and told["manifest"]["kind"] == "als" and told["verified"] == "all bytes"
    assert told["dictionary"]["keys"] == told["manifest"]["items"] and told["dictionary"]["first_keys"]
    names = run_json("inspect", model / "items.dictionary")
    assert names["kind"] == "dictionary" and names["dictionary"] == told["dictionary"]
    vectors = run_json("inspect", model / "tensors.safetensors")
    assert vectors["kind"] == "vectors" and vectors["tensors"] == told["tensors"]
    assert "whole: all bytes checked" in run("inspect", model).stdout
    damaged = bytearray((model / "items.dictionary").read_bytes())
    damaged[100] ^= 1
    (tmp_path / "damaged").write_bytes(damaged)
    refused = run("inspect", tmp_path / "damaged")
    assert refused.returncode == 6 and "damaged" in refused.stderr
    assert run("inspect", model, "--curves", tmp_path / "curves.html").returncode == 0
    assert "loss by epoch" in (tmp_path / "curves.html").read_text()
    assert run("inspect", model, "--curves", tmp_path / "curves.svg").returncode == 0
    assert (tmp_path / "curves.svg").read_text().startswith("<svg")
    popular = run("inspect", max((world / "default" / "models" / "popularity").iterdir()), "--curves", tmp_path / "none.html")
    assert popular.returncode == 13 and "no epochs" in popular.stderr and not (tmp_path / "none.html").exists()
    assert run("inspect", tmp_path / "absent").returncode == 3
    assert "palate status" in run("inspect", tmp_path).stderr


def test_version():
    told = run_json("version")
    assert told["version"].count(".") == 2 and "palate.event/1" in told["schemas"]
    assert run("--version").stdout.startswith("palate ")


def test_init_writes_what_check_accepts_and_does_not_replace(tmp_path):
    assert run("init", cwd=tmp_path).returncode == 0
    assert "# factors = " in (tmp_path / "palate.toml").read_text()
    assert run("check", cwd=tmp_path).returncode == 0
    again = run("init", cwd=tmp_path)
    assert again.returncode == 4 and "--force" in again.stderr


def test_settings_flag_over_environment_over_file(tmp_path):
    (tmp_path / "palate.toml").write_text("[als]\nfactors = 8\n")
    changed = lambda *a, **k: run_json("check", *a, cwd=tmp_path, **k)["changed"]["als.factors"]
    assert changed() == "8"
    assert changed(env={"PALATE_ALS_FACTORS": "16"}) == "16"
    assert changed("--als.factors", "32", env={"PALATE_ALS_FACTORS": "16"}) == "32"


def test_the_whole_way_at_the_shell(tmp_path):
    data = tmp_path / "data"
    made = run_json("simulate", "--data", data, *SMALL)
    assert 240 <= made["users"] <= 300 and made["items"] == 200 and made["events"] > 10_000
    again = run_json("simulate", "--data", data, *SMALL)
    assert again["events"] == 0 and again["duplicates"] == made["events"], "one seed, one world: nothing new"
    trained = run_json("train", "--data", data)
    assert [m["kind"] for m in trained["models"]] == ["popularity", "als"]
    status = run_json("status", "--data", data)
    assert status["events"] == made["events"] and status["release"] == 1 and status["items_described"] == 200
    user = status["sample_user"]
    slate = run_json("recommend", user, "--data", data, "-n", "7", "--explain", "2")
    assert slate["personalized"] and len(slate["items"]) == 7
    assert all(item["title"] and item["reasons"] for item in slate["items"])
    following = run_json("recommend", user, "--data", data, "-n", "7", "--cursor", slate["cursor"])
    assert not {i["item"] for i in slate["items"]} & {i["item"] for i in following["items"]}
    stranger = run_json("recommend", "nobody", "--data", data)
    assert not stranger["personalized"] and stranger["source"] == "popularity" and stranger["why"]
    like = run_json("similar", slate["items"][0]["item"], "--data", data, "-n", "5")
    assert len(like["items"]) == 5 and slate["items"][0]["item"] not in {i["item"] for i in like["items"]}


def test_lists_for_many_users_are_those_of_one_by_one(world, tmp_path):
    users, out = tmp_path / "users.txt", tmp_path / "lists.jsonl"
    users.write_text("u00001\r\nnobody\n\nü \"quoted\"\nu00002")
    done = run_json("recommend", "--users", users, "--out", out, "-n", "6", "--data", world)
    assert (done["users"], done["personalized"]) == (4, 2)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["user"] for line in lines] == ["u00001", "nobody", 'ü "quoted"', "u00002"]
    for line in lines:
        alone = run_json("recommend", line["user"], "-n", "6", "--data", world)
        assert line["personalized"] == alone["personalized"]
        assert [item["item"] for item in line["items"]] == [item["item"] for item in alone["items"]]
    refused = run("recommend", "--users", tmp_path / "absent", "--out", out, "--data", world)
    assert refused.returncode != 0 and "absent" in refused.stderr
    assert run("recommend", "--users", users, "--data", world).returncode == 2, "--out is missing"


def test_a_category_takes_one_value_and_leaves_the_user_alone(world):
    slate = run_json("recommend", "--category", "crime", "u00001", "--data", world)
    assert slate["known_user"], "u00001 is the user, not a second category"


def test_training_is_repeatable_whatever_the_threads(world):
    tensors = lambda m: (world / "default" / "models" / "als" / m["models"][1]["version"] / "tensors.safetensors").read_bytes()
    one = run_json("train", "--data", world, "--threads", "1")
    four = run_json("train", "--data", world, "--threads", "4")
    other = run_json("train", "--data", world, "--seed", "2")
    assert tensors(one) == tensors(four)
    assert tensors(one) != tensors(other)


def test_evaluate_reports_with_intervals_and_beats_popularity(tmp_path):
    world = tmp_path / "data"  # large enough for the difference to be clear of chance
    assert run("simulate", "--data", world, "--simulate.users", "2000", "--simulate.items", "1000").returncode == 0
    report = run_json("evaluate", "--data", world, "--k", "10", "--als.regularization", "30")  # as a small catalogue wants
    metrics = {}
    for part in report["reports"]:
        metrics[part["model"]["kind"]] = {m["name"]: m for m in part["metrics"]}
    for values in metrics.values():
        assert set(values) >= {"recall", "ndcg", "map", "mrr", "hit_rate", "coverage"}
        assert all(m["k"] == 10 and m["low"] <= m["mean"] <= m["high"] for m in values.values())
    (difference,) = report["differences"]
    ndcg = next(m for m in difference["metrics"] if m["name"] == "ndcg")
    assert ndcg["low"] > 0, "the paired interval of als over popularity is clear of 0"
    folder = pathlib.Path(report["directory"])
    assert json.loads((folder / "report.json").read_text())["reports"] == report["reports"]
    assert "recall" in (folder / "report.md").read_text()


def test_evaluate_on_a_published_split(tmp_path):
    data = tmp_path / "data"
    train = {f"u{u}": [f"i{(u * 7 + j * 3) % 40}" for j in range(6)] for u in range(60)}
    test = {user: [f"i{(int(user[1:]) * 7 + 18) % 40}", "new"] for user in train} | {"stranger": ["i1"]}
    for name, lists in (("train.txt", train), ("test.txt", test)):
        (tmp_path / name).write_text("".join(f"{user} {' '.join(items)}\n" for user, items in lists.items()))
    assert run("import", tmp_path / "train.txt", "--data", data).returncode == 0
    report = run_json("evaluate", "--data", data, "--test", tmp_path / "test.txt", "--k", "5", "--als.factors", "8")["reports"][1]
    assert report["test_file"] | {"name": 0, "hash": 0} == {
        "name": 0, "hash": 0, "rows": 121, "refused": 0, "neutral": 0, "repeated": 0, "in_training": 0, "users_untrained": 1, "items_untrained": 1}  # fmt: skip
    assert report["test_file"]["name"] == "test.txt" and len(report["test_file"]["hash"]) == 32
    assert report["users"] == 61 and report["relevant"] == 121 and report["users_fallback"] == 1
    said = run("evaluate", "--data", data, "--test", tmp_path / "test.txt", "--k", "5").stdout
    assert "1 users without training rows" in said and report["test_file"]["hash"] in said
    overlapping = run("evaluate", "--data", data, "--test", tmp_path / "train.txt")
    assert overlapping.returncode == 2 and "--test-overlap" in overlapping.stderr
    (tmp_path / "some.txt").write_text(f"u1 {train['u1'][0]}\nu2 {train['u2'][1]}\n")
    held = run_json("evaluate", "--data", data, "--test", tmp_path / "some.txt", "--test-overlap", "hold-out", "--k", "5")
    assert held["reports"][0]["train_interactions"] == 60 * 6 - 2 and held["reports"][0]["users"] == 2
    assert run("evaluate", "--data", data, "--test", tmp_path / "absent.txt").returncode == 3
    assert run("evaluate", "--data", data, "--test", tmp_path).returncode == 2


def rated_data(folder):
    """60 users who rate 12 of 40 items after taste and quality, some of it apart as a test file."""
    random = __import__("random").Random(5)
    quality = [random.gauss(0, 0.7) for _ in range(40)]
    train, test = ["user,item,rating,timestamp"], ["user,item,rating,timestamp"]
    for user in range(60):
        for place, item in enumerate(random.sample(range(40), 12)):
            rating = 3 + quality[item] + (1 if user % 2 == item % 2 else -1) + random.gauss(0, 0.3)
            line = f"u{user},i{item},{min(5, max(1, round(rating)))},{1_600_000_000 + user * 100 + place}"
            (test if place >= 9 else train).append(line)
    for name, lines in (("train.csv", train), ("test.csv", test)):
        (folder / name).write_text("\n".join(lines) + "\n")
    data = folder / "data"
    assert run("import", folder / "train.csv", "--data", data, "--import.set", "type=rating").returncode == 0
    return data


def plain_rmse(folder, predict):
    rows = [line.split(",") for line in (folder / "test.csv").read_text().split()[1:]]
    return (sum((float(r) - predict(u, i)) ** 2 for u, i, r, _ in rows) / len(rows)) ** 0.5


MF = ("--mf.factors", "2", "--mf.profile", "4", "--mf.iterations", "20", "--mf.samples", "20")


def test_ratings_are_predicted_measured_and_compared(tmp_path):
    data = rated_data(tmp_path)
    test = ("--test", tmp_path / "test.csv", "--import.set", "type=rating", "--k", "5", "--data", data)
    report = run_json("evaluate", "--models", "popularity,mf", *MF, *test)
    popularity, mf = report["reports"]
    assert popularity["train_interactions"] == 60 * 9, "every rating is a training row, three stars, too"
    assert {m["name"] for m in popularity["ratings"]} == {"auc", "gauc"}
    rmse = next(m for m in mf["ratings"] if m["name"] == "rmse")
    values = [float(line.split(",")[2]) for line in (tmp_path / "train.csv").read_text().split()[1:]]
    mean = sum(values) / len(values)
    assert rmse["low"] < rmse["mean"] < rmse["high"] and rmse["mean"] < 0.7 * plain_rmse(tmp_path, lambda user, item: mean)
    assert {m["name"] for m in mf["exposure"]} == {"gini", "diversity"}
    assert {part["by"] for part in mf["breakdowns"]} >= {"user activity", "item popularity"}
    page = (pathlib.Path(report["directory"]) / "report.html").read_text()
    assert "<svg" in page and "http" not in page and "rmse" in page
    one = run_json("evaluate", "--models", "mf", *MF, "--mf.solver", "als", "--mf.regularization", "2", *test)
    assert pathlib.Path(one["directory"]).name == "000002"
    compared = run_json("compare", "1/mf", "2", "--data", data)
    difference = next(m for m in compared["differences"] if m["name"] == "rmse")
    assert difference["mean"] > 0 and difference["low"] <= difference["mean"] <= difference["high"]
    assert "difference" in run("compare", "1/popularity", "1/mf", "--data", data).stdout
    which = run("compare", "1", "2", "--data", data)
    assert which.returncode == 2 and "1/mf, 1/popularity" in which.stderr
    assert run("compare", "7", "2", "--data", data).returncode == 3
    other = run_json("evaluate", "--models", "mf", *MF, "--split", "hold-out", "--k", "5", "--data", data)
    refused = run("compare", "1/mf", other["directory"], "--data", data)
    assert refused.returncode == 2 and "same users" in refused.stderr


def test_tuning_finds_goes_on_and_keeps_off_the_test_part(tmp_path):
    data = rated_data(tmp_path)
    study = ["tune", "--model", "mf", "--metric", "rmse", "--data", data, "--trials", "6", "--rungs", "2", "--parallel", "2",
             "--range", "mf.regularization=0.01:100", "--range", "mf.factors=1:3", "--range", "mf.profile=0:4", "--validation-share", "0.2",
             "--mf.solver", "als", "--mf.iterations", "6", "--split", "hold-out"]  # fmt: skip
    found = run_json(*study)
    assert (found["run"], found["known"]) == (8, 0), "six short trials, two whole ones"
    values = [trial["value"] for trial in found["trials"] if trial["rung"] == 1]
    assert values == sorted(values) and len(found["trials"]) == 6
    again = run_json(*study)
    assert (again["run"], again["known"]) == (0, 8) and again["trials"] == found["trials"]
    folder = pathlib.Path(found["directory"])
    assert "[mf]" in (folder / "best.toml").read_text()
    (folder / "trial-00002-0.json").unlink()
    assert run_json(*study)["run"] == 1
    other = run(*study, "--seed", "2")
    assert other.returncode == 5 and "study of something else" in other.stderr
    interrupted = subprocess.Popen([BIN, *map(str, study), "--study", "other", "--quiet"], stdout=subprocess.PIPE)
    time.sleep(0.4)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(timeout=60) in (0, 130)
    resumed = run_json(*study, "--study", "other")
    assert resumed["run"] + resumed["known"] == 8 and resumed["trials"] == found["trials"]
    assert run("tune", "--model", "oracle", "--data", data).returncode == 3
    assert run("tune", "--model", "mf", "--range", "mf.factor=1:2", "--data", data).returncode == 2
    space = run_json("tune", "--space", "--model", "als", "--als.iterations", "7")
    assert space["effort"] == {"name": "als.iterations", "full": 7}
    assert not list((data / "default").glob("evaluations/*")), "trials leave nothing behind"


def test_optuna_runs_the_same_trials_and_goes_on(tmp_path):
    data = rated_data(tmp_path)

    def study(trials):
        done = subprocess.run(
            [sys.executable, ROOT / "python" / "tune_optuna.py", "--palate", BIN, "--study", tmp_path / "study.db", "--model", "mf",
             "--metric", "rmse", "--trials", str(trials), "--rungs", "2", "--range", "mf.factors=1:3", "--range", "mf.profile=0:2",
             "--validation-share", "0.2", "--", "--data", data, "--split", "hold-out", "--mf.solver", "als", "--mf.iterations", "6"],
            capture_output=True, text=True, timeout=300)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    first = study(3)
    assert first["trials"] == 3 and 0 < first["value"] < 2 and set(first["settings"]) >= {"mf.factors", "mf.regularization"}
    more = study(5)
    assert more["trials"] == 5 and more["value"] <= first["value"]


def test_simulate_writes_files_that_import_reads(tmp_path):
    made = run_json("simulate", "--out", tmp_path / "world", *SMALL, cwd=tmp_path)
    done = run_json("import", tmp_path / "world", "--data", tmp_path / "data")
    assert done["events"]["accepted"] == made["events"]
    assert done["items"]["accepted"] == 200 and done["users"]["accepted"] == made["users"]
    again = run_json("import", tmp_path / "world", "--data", tmp_path / "data")
    assert again["events"]["accepted"] == 0


def test_ctrl_c_leaves_nothing_half_written(tmp_path):
    data = tmp_path / "data"
    run("simulate", "--data", data, *SMALL)
    before = run_json("status", "--data", data)
    process = subprocess.Popen([BIN, "train", "--data", str(data), "--als.factors", "1024", "--als.iterations", "500"],
                               stderr=subprocess.PIPE, text=True)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and "stopped on request" in errors
    after = run_json("status", "--data", data)
    assert after["models"] == [m for m in after["models"] if m["kind"] == "popularity"], "no half-written als"
    assert after["release"] == before["release"] == 0
    assert not [p for p in (data / "default" / "models").rglob("*.tmp-*")]


def test_the_reference_page_is_what_the_code_declares():
    page = pathlib.Path(__file__).resolve().parents[2] / "docs" / "reference" / "config.md"
    assert page.read_text() == run("check", "--reference").stdout, "palate check --reference > docs/reference/config.md"
