"""What a ranker trained on Frappe loses and saves in fewer bits, on the test part: the table of docs/benchmarks.md. Prints Markdown.

    bench/ranker/precisions.py [FOLDER OF frappe] [--row DCNv2] [--epochs 60] [--seed 1]     # default: ../shared/data/frappe

The programs are those of PALATE_BUILD, as of bench/accuracy_ctr.py, whose settings this trains by.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import accuracy_ctr as ctr
import programs


def ways(work, settings, seed):
    parts = [work / name.removesuffix(".libfm.gz") for name in ctr.FILES]
    programs.run("palate-train", "fit", parts[0], "--held-out", parts[1], "--out", work / "network", "--training.seed", seed, *programs.flags(settings))
    done = subprocess.run([programs.BIN / "palate-train", "precisions", work / "network", parts[2]], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def cells(way):
    change, worst = way["change"]["click"], max((error["rms"] for error in way["layer_errors"]), default=0)
    yield from (way["layers"], way["tables"], f"{way['layer_bytes'] / 1e6:.2f} MB", f"{way['table_bytes'] / 1e6:.2f} MB")
    yield from (f"{way['quality']['click']['auc']:.5f}", f"{change['auc']:+.5f}", f"{change['log_loss']:+.5f}")
    yield from (f"{worst:.2%}", f"{max(way['table_errors'].values()):.2%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=programs.SHARED / "data" / "frappe")
    parser.add_argument("--row", default="DCNv2")
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        programs.run("libfm_examples", work, ctr.FIELDS, *(chosen.folder / name for name in ctr.FILES))
        print("| layers | tables | memory of layers | of tables | test AUC | change | log loss | the layer that loses most | the table |")
        print("|---|---|--:|--:|--:|--:|--:|--:|--:|")
        for way in ways(work, ctr.COMMON | ctr.ROWS[chosen.row] | {"training.epochs": chosen.epochs}, chosen.seed):
            print(f"| {' | '.join(cells(way))} |", flush=True)


if __name__ == "__main__":
    main()
