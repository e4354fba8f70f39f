"""The table of docs/accuracy-ratings.md: RMSE on published splits of ml-100k, by `palate evaluate`. Prints Markdown.

    bench/accuracy_ratings.py [FOLDER OF ml-100k] [FOLD …]     # default: ../shared/data/ml-100k, u1

The program is PALATE_BIN, else the one of build/bench.
"""

import os
import pathlib
import sys
import tempfile

from harness import palate

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", ROOT.parent / "shared"))

# Chosen on slices cut from u1.base (`palate tune`, docs/accuracy-ratings.md), not on any test file.
ROWS = {
    "mf, gibbs with profiles (the defaults)": (),
    "mf, gibbs without profiles": ("--mf.profile", "0"),
    "mf, als": ("--mf.solver", "als", "--mf.regularization", "12", "--mf.regularization_exponent", "0"),
    "mf, sgd": ("--mf.solver", "sgd", "--mf.iterations", "60", "--mf.regularization", "0.1", "--mf.regularization_exponent", "1"),
    "mf, hogwild": ("--mf.solver", "hogwild", "--mf.iterations", "60", "--mf.regularization", "0.1", "--mf.regularization_exponent", "1"),
    "mf, gibbs with profiles and time-aware biases": ("--mf.time_bins", "20"),
}


def ask(*arguments):
    """The answer as JSON, its wall time, and the peak memory in MiB."""
    ran = palate(*arguments)
    return ran.answer, ran.wall_s, ran.peak_mib


def main():
    named = [argument for argument in sys.argv[1:] if pathlib.Path(argument).is_dir()]
    folder = pathlib.Path(named[0]) if named else SHARED / "data" / "ml-100k"
    folds = [argument for argument in sys.argv[1:] if argument not in named] or ["u1"]
    with tempfile.TemporaryDirectory() as work:
        ask("import", folder, "--data", work)
        for fold in folds:
            test = next(folder.glob(f"{fold}.test*"))
            print(f"\n{fold}:\n\n| model | RMSE | MAE | wall time | peak memory |\n|---|---|---|---:|---:|")
            for name, settings in ROWS.items():
                answer, seconds, mib = ask("evaluate", "--models", "mf", "--data", work, "--test", test, "--test-overlap", "hold-out", "--k", 20, *settings)
                values = {metric["name"]: metric for metric in answer["reports"][0]["ratings"]}
                cells = [f"{values[m]['mean']:.4f} ({values[m]['low']:.4f} to {values[m]['high']:.4f})" for m in ("rmse", "mae")]
                print(f"| {name} | {' | '.join(cells)} | {seconds:.1f} s | {mib:.0f} MiB |", flush=True)


if __name__ == "__main__":
    main()
