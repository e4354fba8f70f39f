"""The tables of docs/accuracy-ctr.md: AUC and log loss of rankers on published splits, by `palate-train`. Prints Markdown.

    bench/accuracy_ctr.py [frappe|ipinyou-sample] [--rows "a;b"] [--seeds 1,2,3]     # of ../shared/data; default: frappe, all rows, three seeds

The programs are those of PALATE_BUILD, else of build/dev (`./dev deps train`, `./dev build`). A row is trained on the training
part, stopped and calibrated on the validation part, and judged once on the test part, by the engine that serves.
"""

import argparse
import gzip
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from programs import SHARED, flags, mean, run

# Of each set its fields and the files of its parts: training, validation, test.
SETS = {
    "frappe": ("user,item,daytime,weekday,isweekend,homework,cost,weather,country,city",
               ("frappe.train_rebuilt.libfm.gz", "frappe.validation.libfm.gz", "frappe.test.libfm.gz")),
    "ipinyou-sample": ("weekday,hour,useragent,ip,region,city,adexchange,domain,slotid,slotwidth,slotheight,slotvisibility,slotformat,creative,advertiser,slotprice",
                       ("train.fm.txt.gz", None, "test.fm.txt.gz")),
}
VALIDATION_SHARE = 0.2  # of the training part's lines, the last ones, where a set comes without

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


def last_lines_apart(path, work):
    """The training part without its last lines, and these."""
    with gzip.open(path, "rt") as file:
        lines = file.readlines()
    cut = round(len(lines) * (1 - VALIDATION_SHARE))
    parts = work / "train.part.txt.gz", work / "validation.part.txt.gz"
    for part, some in zip(parts, (lines[:cut], lines[cut:])):
        with gzip.open(part, "wt") as out:
            out.writelines(some)
    return parts


def examples_of(name, folder, work):
    """Its parts as examples."""
    fields, (training, validation, test) = SETS[name]
    files = [folder / training, folder / validation] if validation else last_lines_apart(folder / training, work)
    run("libfm_examples", work, fields, *files, folder / test)
    return [work / ".".join(file.name.split(".")[:2]) for file in (*files, folder / test)]


def measure(parts, settings, seed):
    begin = time.monotonic()
    network = parts[0].parent / "network"
    subprocess.run(["rm", "-rf", network], check=True)
    held_out = run("palate-train", "fit", parts[0], "--held-out", parts[1], "--out", network, "--training.seed", seed, *flags(settings))
    test = run("palate-train", "judge", network, parts[2])["click"]
    return held_out["held_out"]["click"], test, time.monotonic() - begin


def measure_trees(parts, settings, seed):
    """Trees, then judged on both parts by the engine that serves."""
    begin = time.monotonic()
    trees = parts[0].parent / "trees"
    subprocess.run(["rm", "-rf", trees], check=True)
    run("palate-train", "trees", parts[0], "--held-out", parts[1], "--out", trees, "--trees.seed", seed, *flags(TREES | settings))
    took = time.monotonic() - begin
    held_out, test = (run("palate-train", "judge", trees, part)["click"] for part in parts[1:])
    return {"auc": held_out["auc"], "loss": held_out["log_loss"]}, test, took


def measure_blend(parts, names, seed):
    """A network and trees by logistic regression over their log-odds, whose weights are fitted on the validation part."""
    begin = time.monotonic()
    measure(parts, COMMON | ROWS[names[0]], seed)
    measure_trees(parts, TREE_ROWS[names[1]], seed)
    models = [parts[0].parent / kind for kind in ("network", "trees")]
    held_out, test = (run("palate-train", "blend", *models, "--held-out", parts[1], "--judge", part) for part in parts[1:])
    print(f"blend of {' and '.join(names)}, seed {seed}: weights {test['weights']}, network alone {test['models'][0]}", file=sys.stderr)
    took = time.monotonic() - begin
    return {"auc": held_out["blend"]["auc"], "loss": held_out["blend"]["log_loss"]}, test["blend"], took


def runs_of(parts, row, seeds):
    if " + " in row:
        return [measure_blend(parts, row.split(" + "), seed) for seed in seeds]
    if row in TREE_ROWS:
        return [measure_trees(parts, TREE_ROWS[row], seed) for seed in seeds]
    return [measure(parts, COMMON | ROWS[row], seed) for seed in seeds]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", nargs="?", choices=SETS, default="frappe")
    parser.add_argument("--rows", default=";".join([*ROWS, *TREE_ROWS, "DCNv2 + LightGBM, 255 leaves"]), help="with semicolons between; a network + trees: blended")
    parser.add_argument("--seeds", default="1,2,3")
    chosen = parser.parse_args()
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        parts = examples_of(chosen.set, SHARED / "data" / chosen.set, pathlib.Path(folder))
        print("| model | test AUC | test log loss | validation AUC | validation log loss | a run |\n|---|--:|--:|--:|--:|--:|")
        for row in chosen.rows.split(";"):
            held_out, test, seconds = zip(*runs_of(parts, row, seeds))
            cells = [mean([one["auc"] for one in test]), mean([one["log_loss"] for one in test]),
                     mean([one["auc"] for one in held_out]), mean([one["loss"] for one in held_out])]
            print(f"| {row} | {' | '.join(cells)} | {statistics.mean(seconds):.0f} s |", flush=True)


if __name__ == "__main__":
    main()
