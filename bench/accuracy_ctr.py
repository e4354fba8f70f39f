"""The table of docs/accuracy-ctr.md: AUC and log loss of rankers on Frappe's published split, by `palate-train`. Prints Markdown.

    bench/accuracy_ctr.py [FOLDER OF frappe] [--rows "a;b"] [--seeds 1,2,3]     # default: ../shared/data/frappe, all rows, three seeds

The programs are those of PALATE_BUILD, else of build/dev (`./dev deps train`, `./dev build`). A row is trained on the training
part, stopped and calibrated on the validation part, and judged once on the test part, by the engine that serves.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = pathlib.Path(os.environ.get("PALATE_BUILD", ROOT / "build" / "dev")) / "bin"
SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", ROOT.parent / "shared"))
FIELDS = "user,item,daytime,weekday,isweekend,homework,cost,weather,country,city"
FILES = ("frappe.train_rebuilt.libfm.gz", "frappe.validation.libfm.gz", "frappe.test.libfm.gz")

# Chosen on the validation part, which training also stops and calibrates by; never on the test part.
COMMON = {"training.table_l2": 0.05, "training.table_decay_all": "true", "training.epochs": 60, "training.plateau": 0.1, "training.patience": 3,
          "training.threads": 1, "training.parts": 1}
ROWS = {
    "LR": {"ranker.streams": ["linear"], "training.table_l2": 0, "training.table_learning_rate": 0.01},
    "FM": {"ranker.streams": ["linear", "fm"]},
    "FwFM": {"ranker.streams": ["linear", "fm_weighted"]},
    "DeepFM": {"ranker.streams": ["linear", "fm", "mlp"]},
    "MLP": {"ranker.streams": ["mlp"]},
    "crosses alone": {"ranker.streams": ["cross"]},
    "DCNv2": {"ranker.streams": ["cross", "mlp"]},
    "DCNv2 without l2": {"ranker.streams": ["cross", "mlp"], "training.table_l2": 0},
    "DCNv2, l2 on touched rows": {"ranker.streams": ["cross", "mlp"], "training.table_decay_all": "false"},
    "DCNv2, rank 32": {"ranker.streams": ["cross", "mlp"], "ranker.cross_rank": 32},
    "DCNv2, mlp on the crosses": {"ranker.streams": ["cross_mlp"]},
    "DCNv2 with gates": {"ranker.streams": ["cross", "mlp"], "ranker.gate_fields": "true", "ranker.gate_hidden": "true"},
    "two mlps, fused": {"ranker.streams": ["two_mlp"]},
}
# Categories have many apps and users: splits may send more of them one way than LightGBM's 32.
TREES = {"trees.threads": 1}
TREE_ROWS = {
    "LightGBM": {},
    "LightGBM, 255 leaves": {"trees.leaves": 255},
    "LightGBM, 255 leaves, 512 ids a split, less smooth": {"trees.leaves": 255, "trees.category_limit": 512, "trees.category_smooth": 1, "trees.category_l2": 1},
}


def run(program, *arguments):
    """The last line of its output, as JSON."""
    done = subprocess.run([BIN / program, *map(str, arguments)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} {arguments[0]} failed")
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout.startswith("{") else None


def flags(settings):
    for key, value in settings.items():
        for one in value if isinstance(value, list) else [value]:
            yield from (f"--{key}", str(one))


def measure(work, settings, seed):
    begin = time.monotonic()
    network = work / "network"
    subprocess.run(["rm", "-rf", network], check=True)
    parts = [work / name.removesuffix(".libfm.gz") for name in FILES]
    held_out = run("palate-train", "fit", parts[0], "--held-out", parts[1], "--out", network, "--training.seed", seed, *flags(settings))
    test = run("palate-train", "judge", network, parts[2])["click"]
    return held_out["held_out"]["click"], test, time.monotonic() - begin


def measure_trees(work, settings, seed):
    """Trees, then judged on both parts by the engine that serves."""
    begin = time.monotonic()
    trees = work / "trees"
    subprocess.run(["rm", "-rf", trees], check=True)
    parts = [work / name.removesuffix(".libfm.gz") for name in FILES]
    run("palate-train", "trees", parts[0], "--held-out", parts[1], "--out", trees, "--trees.seed", seed, *flags(TREES | settings))
    took = time.monotonic() - begin
    held_out, test = (run("palate-train", "judge", trees, part)["click"] for part in parts[1:])
    return {"auc": held_out["auc"], "loss": held_out["log_loss"]}, test, took


def measure_blend(work, names, seed):
    """A network and trees by logistic regression over their log-odds, whose weights are fitted on the validation part."""
    begin = time.monotonic()
    measure(work, COMMON | ROWS[names[0]], seed)
    measure_trees(work, TREE_ROWS[names[1]], seed)
    parts = [work / name.removesuffix(".libfm.gz") for name in FILES]
    models = (work / "network", work / "trees")
    held_out, test = (run("palate-train", "blend", *models, "--held-out", parts[1], "--judge", part) for part in parts[1:])
    print(f"blend of {' and '.join(names)}, seed {seed}: weights {test['weights']}, network alone {test['models'][0]}", file=sys.stderr)
    took = time.monotonic() - begin
    return {"auc": held_out["blend"]["auc"], "loss": held_out["blend"]["log_loss"]}, test["blend"], took


def runs_of(work, row, seeds):
    if " + " in row:
        return [measure_blend(work, row.split(" + "), seed) for seed in seeds]
    if row in TREE_ROWS:
        return [measure_trees(work, TREE_ROWS[row], seed) for seed in seeds]
    return [measure(work, COMMON | ROWS[row], seed) for seed in seeds]


def mean(values):
    spread = f" ± {statistics.stdev(values):.4f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.4f}{spread}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=SHARED / "data" / "frappe")
    parser.add_argument("--rows", default=";".join([*ROWS, *TREE_ROWS, "DCNv2 + LightGBM, 255 leaves"]), help="with semicolons between; a network + trees: blended")
    parser.add_argument("--seeds", default="1,2,3")
    chosen = parser.parse_args()
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        run("libfm_examples", work, FIELDS, *(chosen.folder / name for name in FILES))
        print("| model | test AUC | test log loss | validation AUC | validation log loss | a run |\n|---|--:|--:|--:|--:|--:|")
        for row in chosen.rows.split(";"):
            held_out, test, seconds = zip(*runs_of(work, row, seeds))
            cells = [mean([one["auc"] for one in test]), mean([one["log_loss"] for one in test]),
                     mean([one["auc"] for one in held_out]), mean([one["loss"] for one in held_out])]
            print(f"| {row} | {' | '.join(cells)} | {statistics.mean(seconds):.0f} s |", flush=True)


if __name__ == "__main__":
    main()
