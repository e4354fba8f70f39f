"""Models of the real LightGBM, of every objective and kind of split, scored by room infer from their text: to the bit."""

import json
import pathlib
import subprocess

import lightgbm
import numpy as np
import pytest
from conftest import BIN

SCORE = pathlib.Path(BIN).parent / "trees_score"
OBJECTIVES = ["binary", "regression", "regression_l1", "huber", "fair", "quantile", "mape", "poisson", "gamma", "tweedie",
              "cross_entropy", "cross_entropy_lambda", "lambdarank", "rank_xendcg"]
CATEGORIES = [6, 7]


def table(seed, rows=4000):
    """Numbers, numbers with NaN or zeros, and two columns of categories, one of them wide."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(rows, 8)).astype(np.float32)
    x[draw.random(rows) < 0.2, 1] = np.nan
    x[draw.random(rows) < 0.5, 2] = 0
    x[:, 3] = draw.integers(-3, 4, rows)
    x[draw.random(rows) < 0.1, 3] = np.nan
    x[:, 4] = draw.exponential(size=rows) * 1e6
    x[:, 6], x[:, 7] = draw.integers(0, 5, rows), draw.zipf(1.3, rows) % 900
    x[draw.random(rows) < 0.05, 6] = np.nan
    # What the columns mean, missing values included; so that every split has its reason.
    y = np.nan_to_num(x[:, 0]) + np.isnan(x[:, 1]) + 0.7 * (x[:, 2] == 0) + np.sin(np.nan_to_num(x[:, 3])) + (x[:, 6] == 2) + (x[:, 7] % 3)
    return x, (y + draw.normal(size=rows) * 0.3).astype(np.float32)


def odd_rows(seed):
    """Unseen categories, infinities, zeros of all sizes, and the trained kind."""
    x, _ = table(seed, 700)
    draw = np.random.default_rng(seed + 1)
    odd = np.array([0, -0.0, 1e-36, -1e-36, 1e-35, 1e-34, np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 2.0**31, -1, -0.5, 899.5, 5000, 1e9], np.float32)
    place = draw.random(x.shape) < 0.2
    x[place] = draw.choice(odd, place.sum())
    return x


def label(objective, y):
    if objective == "binary":
        return (y > 1.5).astype(int)
    if objective.startswith("cross"):
        return 1 / (1 + np.exp(-y))
    if objective in ("lambdarank", "rank_xendcg"):
        return np.clip(np.round(y), 0, 4).astype(int)
    return np.exp(y / 4) if objective in ("poisson", "gamma", "tweedie", "mape") else y


def train(objective, seed=1, rounds=30, **settings):
    x, y = table(seed)
    group = [50] * (len(y) // 50) if objective in ("lambdarank", "rank_xendcg") else None
    data = lightgbm.Dataset(x, label(objective, y), group=group, categorical_feature=CATEGORIES)
    settings = {"objective": objective, "verbose": -1, "num_threads": 1, "min_data_in_leaf": 5, "seed": seed, "min_data_per_group": 5, **settings}
    return lightgbm.train(settings, data, rounds)


def score(folder, text, rows):
    (folder / "model.txt").write_text(text)
    rows.astype(np.float32).tofile(folder / "rows")
    command = [SCORE, folder / "model.txt", folder / "rows", folder / "scores", "0"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    return done, np.fromfile(folder / "scores") if done.returncode == 0 else None


def check(folder, booster, rows):
    done, scores = score(folder, booster.model_to_string(), rows)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == len(rows)
    theirs = booster.predict(rows, num_threads=1)
    assert len(np.unique(theirs)) > 10
    np.testing.assert_array_equal(scores, theirs)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_scores_as_the_library(tmp_path, objective):
    check(tmp_path, train(objective), odd_rows(2))


@pytest.mark.parametrize(
    "settings",
    [
        {"sigmoid": 2.5},
        {"zero_as_missing": True},
        {"use_missing": False},
        {"num_leaves": 300, "min_data_in_leaf": 1},
        {"num_leaves": 2},
        {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6},
        {"boosting": "dart", "drop_rate": 0.5},
        {"max_cat_to_onehot": 1000},
        {"max_cat_threshold": 500, "cat_smooth": 0, "cat_l2": 0},
        {"extra_trees": True, "max_bin": 1000},
        {"is_unbalance": True},
    ],
    ids=lambda settings: ",".join(f"{key}={value}" for key, value in settings.items()),
)
def test_every_kind_of_split_scores_as_the_library(tmp_path, settings):
    for seed in (3, 4):
        check(tmp_path, train("binary", seed, 20, **settings), odd_rows(seed + 10))


def test_a_square_root_is_squared(tmp_path):
    check(tmp_path, train("regression", reg_sqrt=True), odd_rows(5))


def test_trees_of_one_leaf_are_constants(tmp_path):
    booster = train("binary", rounds=3, min_data_in_leaf=100000)
    done, scores = score(tmp_path, booster.model_to_string(), odd_rows(6))
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(scores, booster.predict(odd_rows(6)))


@pytest.mark.parametrize("settings,message", [({"linear_tree": True}, "linear"), ({"objective": "multiclass", "num_class": 3}, "classes")])
def test_what_is_not_scored_is_refused(tmp_path, settings, message):
    x, y = table(7, 500)
    target = np.clip(np.round(y), 0, 2) if "num_class" in settings else y
    booster = lightgbm.train({"objective": "regression", "verbose": -1, **settings}, lightgbm.Dataset(x[:, :6], target), 3)
    done, _ = score(tmp_path, booster.model_to_string(), x[:, :6])
    assert done.returncode == 2 and message in done.stderr, done.stderr


def test_a_damaged_text_is_refused_or_scored(tmp_path):
    """A byte changed anywhere ends in an error with its line, or in a model; never in a crash."""
    text = train("binary", 8, 2, num_leaves=7).model_to_string().split("\nfeature_importances")[0]
    draw = np.random.default_rng(9)
    refused = 0
    for _ in range(60):
        at = int(draw.integers(len(text)))
        damaged = text[:at] + chr(draw.choice([32, 45, 48, 57, 61, 10, 65])) + text[at + 1:]
        done, _ = score(tmp_path, damaged, odd_rows(8))
        assert done.returncode in (0, 2, 6, 7), (at, done.returncode, done.stderr)
        refused += done.returncode != 0
        assert done.returncode == 0 or "trees: " in done.stderr
    assert refused > 10
