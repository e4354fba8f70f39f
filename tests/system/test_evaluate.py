"""Ways to measure beyond one split: replay, groups of users, seeds; and data that leaves little to measure."""

import json
import pathlib
import re
import shutil

import pytest
from conftest import TRAIN, run, run_json

# Every model that is registered, as the help names them; those that ratings in days are enough for.
KINDS = re.search(r"Of ([a-z_, ]+); the others", " ".join(run("evaluate", "--help").stdout.split()))[1].split(", ")
TRAINED_HERE = [kind for kind in KINDS if kind != "two_tower" or TRAIN.exists()]
OF_RATINGS = ("popularity", "trending", "als", "item_knn", "user_knn", "ease", "graph", "mf", "blend")
SMALL = ("--als.factors", "4", "--als.iterations", "3", "--mf.factors", "2", "--mf.profile", "0", "--mf.iterations", "3", "--mf.samples", "3",
         "--graph.factors", "2", "--demographic.users_min", "2")  # fmt: skip


@pytest.fixture(scope="module")
def days(tmp_path_factory):
    """60 users and 30 items: on each of ten days everybody rates two items of the own half."""
    folder = tmp_path_factory.mktemp("days")
    random = __import__("random").Random(3)
    lines = ["user,item,rating,timestamp"]
    for day in range(10):
        for user in range(60):
            for place, item in enumerate(random.sample(range(user % 2 * 15, user % 2 * 15 + 15), 2)):
                lines.append(f"u{user},i{item},{5 if random.random() < 0.8 else 1},{1_700_006_400 + day * 86_400 + user * 60 + place}")
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    assert run("import", folder / "events.csv", "--data", folder / "data", "--import.set", "type=rating").returncode == 0
    return folder / "data"


REPLAY = ("evaluate", "--replay", "--replay-steps", "4", "--replay-train-every", "2", "--k", "5", "--bootstrap", "200", *SMALL)


def test_replay_walks_the_days_and_reports_over_time(days):
    report = run_json(*REPLAY, "--models", "popularity,item_knn", "--data", days)
    popularity, knn = report["models"]
    assert [step["trains"] for step in knn["steps"]] == [True, False, True, False] and knn["trainings"] == 2
    assert [step["from"][:10] for step in knn["steps"]] == ["2023-11-21", "2023-11-22", "2023-11-23", "2023-11-24"]
    assert all(a["end"] == b["begin"] for a, b in zip(knn["steps"], knn["steps"][1:]))
    assert [step["requests"] for step in knn["steps"]] == [step["requests"] for step in popularity["steps"]]
    for model in (popularity, knn):
        for step in model["steps"]:
            assert {m["name"] for m in step["online"]} == {"hit_rate", "ndcg", "mrr"}
            assert all(m["low"] <= m["mean"] <= m["high"] for m in step["online"] + step["frozen"])
    ndcg = next(m for m in knn["to_first"] if m["name"] == "ndcg")
    assert ndcg["low"] > 0, "who knows the user's half finds more than who knows what is popular"
    folder = pathlib.Path(report["directory"])
    assert json.loads((folder / "report.json").read_text())["models"] == report["models"]
    page = (folder / "report.html").read_text()
    assert "<polyline" in page and "http" not in page and "2023-11-21" in page
    assert "Over time" in (folder / "report.md").read_text()
    assert not (folder / "models").exists() and {p.name for p in folder.iterdir()} == {"report.md", "report.html", "report.json"}


def test_replay_is_the_same_on_any_number_of_threads_and_every_model_can(days):
    def figures(threads):
        report = run_json(*REPLAY, "--models", ",".join(OF_RATINGS), "--discard", "--threads", threads, "--data", days)
        assert report["directory"] == ""
        return [{k: v for k, v in model.items() if k != "seconds"} for model in report["models"]]

    one = figures("1")
    assert [model["kind"] for model in one] == list(OF_RATINGS)
    assert one == figures("3")


def test_a_planted_future_changes_no_day_before_it(days, tmp_path):
    """The whole command, from the log: events added afterwards leave the days that were there as they were."""
    def first_days(data):
        report = run_json(*REPLAY, "--models", "popularity,als,item_knn", "--data", data)
        return {model["kind"]: {step["from"]: (step["online"], step["frozen"]) for step in model["steps"] if step["end"] <= 18 * 60} for model in report["models"]}  # fmt: skip

    data = tmp_path / "data"
    shutil.copytree(days, data)
    before = first_days(data)
    lines = ["user,item,rating,timestamp"]
    for user in range(60):  # on the last day everybody also likes an item of the other half; it says that this was long ago
        lines.append(f"u{user},i{(user + 1) % 2 * 15 + user % 15},5,{1_700_006_401 if user % 3 else 1_700_006_400 + 9 * 86_400 + 80_000}")
    (tmp_path / "more.csv").write_text("\n".join(lines) + "\n")
    assert run("import", tmp_path / "more.csv", "--data", data, "--import.set", "type=rating").returncode == 0
    after = first_days(data)
    assert before.keys() == after.keys() and all(len(steps) >= 2 for steps in before.values())
    assert after == before


def test_replay_refuses_what_it_cannot_walk(days, tmp_path):
    long = run(*REPLAY[:2], "--replay-steps", "30", "--models", "popularity", "--data", days)
    assert long.returncode == 2 and "fewer than 30 steps" in long.stderr
    both = run(*REPLAY[:2], "--seeds", "2", "--data", days)
    assert both.returncode == 2 and "--seeds" in both.stderr
    alone = run("evaluate", "--replay-steps", "3", "--data", days)
    assert alone.returncode == 2 and "--replay" in alone.stderr
    (tmp_path / "lists.txt").write_text("u1 i1 i2\nu2 i2 i3\n")
    assert run("import", tmp_path / "lists.txt", "--data", tmp_path / "data").returncode == 0
    timeless = run("evaluate", "--replay", "--data", tmp_path / "data")
    assert timeless.returncode == 2 and "real times" in timeless.stderr


def test_groups_of_users_are_asked_of_models_that_never_saw_them(days):
    report = run_json("evaluate", "--folds", "4", "--models", "popularity,item_knn", "--k", "5", "--data", days)
    popularity, knn = report["reports"]
    assert "4 groups" in knn["split"] and "passed" in knn["leak_check"]
    whole = run_json("evaluate", "--models", "popularity", "--k", "5", "--data", days)["reports"][0]
    assert knn["users"] == whole["users"], "everybody is asked once"
    assert knn["train_interactions"] == pytest.approx(0.75 * whole["train_interactions"], rel=0.2)
    ndcg = next(m for m in report["differences"][0]["metrics"] if m["name"] == "ndcg")
    assert ndcg["low"] > 0
    assert len(list(pathlib.Path(report["directory"]).glob("item_knn-group-*"))) == 4
    assert "Range" not in run("evaluate", "--folds", "4", "--models", "popularity", "--data", days).stderr
    many = run("evaluate", "--folds", "90", "--models", "popularity", "--data", days)
    assert many.returncode == 2 and "fewer groups" in many.stderr


def test_seeds_spread_apart_from_users(days):
    report = run_json("evaluate", "--seeds", "3", "--models", "popularity,als", *SMALL, "--k", "5", "--data", days)
    popularity, als = ({(m["name"], m["k"]): m for m in part["seeds"]} for part in report["reports"])
    assert len(als[("ndcg", 5)]["means"]) == 3
    assert popularity[("ndcg", 5)]["deviation"] == 0, "nothing is drawn in its training"
    assert als[("ndcg", 5)]["deviation"] > 0
    first = next(m["mean"] for m in report["reports"][1]["metrics"] if m["name"] == "ndcg")
    assert als[("ndcg", 5)]["means"][0] == first
    second = run_json("evaluate", "--seed", "2", "--split", "time", "--models", "popularity,als", *SMALL, "--k", "5", "--data", days)
    assert als[("ndcg", 5)]["means"][1] == next(m["mean"] for m in second["reports"][1]["metrics"] if m["name"] == "ndcg")
    folder = pathlib.Path(report["directory"])
    assert "Over 3 seeds" in (folder / "report.md").read_text() and "Over 3 seeds" in (folder / "report.html").read_text()
    assert not (folder / "other-seed").exists()


def test_help_names_every_model_that_can_be_trained(days):
    said = run("train", "--models", "no-such-model", "--data", days)
    assert said.returncode == 3
    assert re.search(r"Known: ([a-z_, ]+)", said.stderr)[1].split(", ") == KINDS and set(OF_RATINGS) <= set(KINDS)


def data_of(folder, rows):
    """A data directory of rows (user, item, rating), a second apart; users and items say a little of themselves."""
    lines = ["user,item,rating,timestamp"] + [f"{u},{i},{r},{1_700_000_000 + n}" for n, (u, i, r) in enumerate(rows)]
    (folder / "events.csv").write_text("\n".join(lines) + "\n")
    users = [{"id": user, "region": "NO" if n % 2 else "PT"} for n, user in enumerate(dict.fromkeys(user for user, _, _ in rows))]
    items = [{"id": item, "tags": [f"tag {n % 2}"]} for n, item in enumerate(dict.fromkeys(item for _, item, _ in rows))]
    for name, records in (("users", users), ("items", items)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    described = ("--users", folder / "users.jsonl", "--items", folder / "items.jsonl")
    assert run("import", folder / "events.csv", *described, "--data", folder / "data", "--import.set", "type=rating").returncode == 0
    return folder / "data"


MANY = [(f"u{u}", f"i{i}") for u in range(8) for i in range(6)]
BAD_DATA = {
    "one user": [("u0", f"i{i}", 5) for i in range(12)],
    "one item": [(f"u{u}", "i0", 5) for u in range(12)],
    "one row": [("u0", "i0", 5)],
    "constant ratings": [(u, i, 4) for u, i in MANY][:40],
    "duplicate pairs": [(u, i, r) for r in (5, 1, 5) for u, i in MANY[::2]],
    "users with everything": [(u, i, 5 - (n % 2) * 4) for n, (u, i) in enumerate(MANY)],
    "only dislikes": [(u, i, 1) for u, i in MANY],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", BAD_DATA)
def test_poor_data_gives_a_model_or_a_clear_error(kind, case, tmp_path):
    """Training, measuring, serving: an answer, or a refusal that says what to do; never a crash."""
    data = data_of(tmp_path, BAD_DATA[case])
    trained = run("train", "--models", "popularity" if kind == "popularity" else f"popularity,{kind}", *SMALL, "--data", data)
    refuses(trained)
    if trained.returncode == 0:
        answer = run_json("recommend", "u0", "--data", data)
        assert isinstance(answer["items"], list)
        assert run("recommend", "nobody", "--data", data).returncode == 0
    for split in ("time", "hold-out", "leave-last-out"):
        refuses(run("evaluate", "--models", kind, *SMALL, "--k", "3", "--bootstrap", "100", "--split", split, "--discard", "--data", data))


def refuses(done):
    """It worked, or said in one line of some length what is wrong; by a code of its own."""
    assert done.returncode in (0, 2, 3, 13), (done.returncode, done.stderr)
    if done.returncode:
        assert len(done.stderr.strip()) > 30 and "internal" not in done.stderr.lower(), done.stderr


@pytest.mark.parametrize("kind", TRAINED_HERE)
def test_an_all_cold_test_part_is_measured_as_missed(kind, tmp_path):
    data = data_of(tmp_path, [(u, i, 5 - (n % 3 == 0) * 4) for n, (u, i) in enumerate(MANY)])
    (tmp_path / "test.csv").write_text("user,item,rating,timestamp\n" + "".join(f"stranger{n},new{n},5,1760000000\n" for n in range(5)))
    report = run_json("evaluate", "--models", kind, *SMALL, "--k", "3", "--test", tmp_path / "test.csv", "--import.set", "type=rating", "--data", data)
    (part,) = report["reports"]
    assert part["users"] == 5 and part["test_file"]["users_untrained"] == 5 and part["test_file"]["items_untrained"] == 5
    assert all(m["mean"] == 0 for m in part["metrics"] if m["name"] in ("recall", "ndcg", "hit_rate"))


def test_nothing_at_all_is_refused_by_every_command(tmp_path):
    (tmp_path / "none.csv").write_text("user,item,rating,timestamp\n")
    run("import", tmp_path / "none.csv", "--data", tmp_path / "data", "--import.set", "type=rating")
    for command in (["train"], ["evaluate"], ["evaluate", "--replay"], ["evaluate", "--folds", "2"], ["tune", "--model", "als", "--trials", "2"]):
        done = run(*command, "--data", tmp_path / "data")
        assert done.returncode not in (0, 1) and done.stderr.strip(), command
        assert "Traceback" not in done.stderr and "internal" not in done.stderr.lower()
