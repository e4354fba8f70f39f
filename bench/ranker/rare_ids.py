"""What ids lose that have no row of their own: AUC and memory of one network over Frappe's published split by how rare ids read its tables.
Prints Markdown (the table of docs/training-rankers.md).

    bench/ranker/rare_ids.py [FOLDER OF frappe] [--seeds 1,2,3] [--min 50] [--rare-rows 256] [--narrow-width 4] [--epochs 12] [--ways "own;hashed"]

The programs are those of PALATE_BUILD, else of build/dev. `palate-train ids` counts the training part; ids below --min are rare. Stopped and
calibrated on the validation part, judged on the test part by the engine that serves.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from programs import SHARED, mean, run  # noqa: E402

FIELDS = "user,item,daytime,weekday,isweekend,homework,cost,weather,country,city"
FILES = ("frappe.train_rebuilt.libfm.gz", "frappe.validation.libfm.gz", "frappe.test.libfm.gz")
WAYS = ("own", "shared", "hashed", "quotient_remainder", "narrow")
WIDTH = 16
NETWORK = ("--ranker.streams", "cross", "--ranker.streams", "mlp", "--ranker.width", WIDTH, "--ranker.hidden", "200", "--ranker.hidden", "200",
           "--training.table_l2", 0.05, "--training.table_decay_all", "true", "--training.plateau", 0.1, "--training.patience", 2,
           "--training.threads", 1, "--training.parts", 1)



def rows_of(work, way, chosen):
    """Examples written again in a folder of the way, and what it costs."""
    parts = [work / name.removesuffix(".libfm.gz") for name in FILES]
    folder = work / way
    least = 1 if way == "own" else chosen.min
    flags = ("--rare", "shared" if way == "own" else way, "--min", least, "--rare-rows", chosen.rare_rows, "--rare-min", 2, "--width", WIDTH,
             "--narrow-width", chosen.narrow_width)
    told = run("palate-train", "ids", parts[0], "--also", parts[1], "--also", parts[2], "--out", folder, "--json", *flags)
    mine = [one for one in told if one["rare"] == way]
    both = [one for one in mine if one["field"] in ("user", "item")]
    uses = sum(one["ids"] for one in both)
    return folder, {"rows": sum(one["rows"] + one["narrow_rows"] for one in mine),
                    "f32": sum(one["bytes_f32"] for one in mine) / 2**20, "i8": sum(one["bytes_i8"] for one in mine) / 2**20,
                    "ids": sum(one["colliding"] * one["ids"] for one in both) / uses,
                    "uses": statistics.mean(one["colliding_uses"] for one in both)}



def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=SHARED / "data" / "frappe")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--min", type=int, default=50)
    parser.add_argument("--rare-rows", type=int, default=256)
    parser.add_argument("--narrow-width", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--ways", default=";".join(WAYS))
    chosen = parser.parse_args()
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    print("| rare ids | rows | MiB fp32 | MiB int8 | users and apps that collide | of their uses | test AUC | test log loss |\n|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        run("libfm_examples", work, FIELDS, *(chosen.folder / name for name in FILES))
        for way in chosen.ways.split(";"):
            at, cost = rows_of(work, way, chosen)
            train, held_out, test = (at / name.removesuffix(".libfm.gz") for name in FILES)
            said = []
            for seed in seeds:
                network = work / f"{way}-{seed}"
                run("palate-train", "fit", train, "--held-out", held_out, "--out", network, "--training.seed", seed, "--training.epochs", chosen.epochs,
                    "--ranker.narrow_width", chosen.narrow_width, *NETWORK)
                said.append(run("palate-train", "judge", network, test)["click"])
            print(f"| {way.replace('_', ' ')} | {cost['rows']:,} | {cost['f32']:.3f} | {cost['i8']:.3f} | {cost['ids']:.1%} | {cost['uses']:.1%} | "
                  f"{mean([one['auc'] for one in said])} | {mean([one['log_loss'] for one in said])} |", flush=True)


if __name__ == "__main__":
    main()
