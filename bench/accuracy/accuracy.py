"""The tables of docs/accuracy.md: each model on each set, trained with the parameters stated in sets.py and measured once on the test part.

A row is one run of `palate evaluate` in a process of its own: its wall time has reading, training and ranking all users, its peak
memory is the process's. See bench/accuracy/run.
"""
import argparse
import gzip
import os
import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import harness  # noqa: E402
from sets import SETS  # noqa: E402

SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", HERE.parents[2] / "shared")) / "data"


def flags(settings):
    """Settings by section.key as the command line has them; a list is a flag again and again."""
    for key, value in settings.items():
        for one in value if isinstance(value, list) else [value]:
            yield from (f"--{key}", str(one))


def metric(report, name, k):
    return next(m for m in report["metrics"] if m["name"] == name and m["k"] == k)


def counted_lists(source, target):
    """Lists as citeulike-a has them (a line a user, how many items, the items) as rows of CSV."""
    with gzip.open(source, "rt") as lines, open(target, "w") as out:
        out.write("user_id,item_id\n")
        for user, line in enumerate(lines):
            out.writelines(f"{user},{item}\n" for item in line.split()[1:])
    return target


def files(chosen, work):
    """Where the training and the test rows are; nothing for a set that palate splits."""
    train, test = SHARED / chosen.train, SHARED / chosen.test if chosen.test else None
    if chosen.counted:
        train, test = counted_lists(train, work / "train.csv"), counted_lists(test, work / "test.csv")
    return train, test


def evaluate(data, chosen, kinds):
    """One run over some models: the JSON of `palate evaluate`, and what it took."""
    test = files(chosen, data.parent)[1]
    test = ["--test", test] if test else ["--split", chosen.split, "--test-share", chosen.test_share]
    return harness.palate("evaluate", "--data", data, "--models", ",".join(kinds), "--k", chosen.k, *test,
                          *flags(chosen.parameters | chosen.import_settings))


def rows_of(chosen, data, models):
    for model in models or chosen.models:
        ran = evaluate(data, chosen, [*(kind for kind in chosen.fallback if kind != model), model])
        report = ran.answer["reports"][-1]
        figures = [metric(report, name, chosen.k) for name in ("recall", "ndcg")]
        cells = [f"{f['mean']:.4f} ({f['low']:.4f} to {f['high']:.4f})" for f in figures]
        yield f"| {model} | {' | '.join(cells)} | {ran.wall_s:.0f} s | {ran.peak_mib:,.0f} MiB |"


def differences(chosen, data, kinds):
    """The first of `kinds` against each of the others, on the same users."""
    answer = evaluate(data, chosen, kinds).answer
    for difference in answer["differences"]:
        figures = [metric(difference, name, chosen.k) for name in ("recall", "ndcg")]
        cells = [f"{-f['mean']:+.4f} ({-f['high']:+.4f} to {-f['low']:+.4f})" for f in figures]
        yield f"| {kinds[0]} − {difference['model']['kind']} | {' | '.join(cells)} |"


def table(name, chosen, models, work):
    work = work / name
    data = work / "data"
    work.mkdir(exist_ok=True)
    described = ["--items", SHARED / chosen.items] if chosen.items else []
    harness.palate("import", "--events", files(chosen, work)[0], *described, "--data", data, *flags(chosen.import_settings))
    yield f"### {name}\n"
    yield f"| model | recall@{chosen.k} | ndcg@{chosen.k} | wall | peak memory |\n|---|--:|--:|--:|--:|"
    yield from rows_of(chosen, data, models)
    if chosen.paired and not models:
        yield f"\n| paired over users | recall@{chosen.k} | ndcg@{chosen.k} |\n|---|--:|--:|"
        for kinds in chosen.paired:
            yield from differences(chosen, data, kinds)


def main():
    parser = argparse.ArgumentParser(prog="./dev accuracy", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"which ({', '.join(SETS)}); all without one")
    parser.add_argument("--models", help="only these, separated by commas, and no paired differences")
    parser.add_argument("--out", help="also write the tables to this file")
    arguments = parser.parse_args()
    if unknown := set(arguments.sets) - set(SETS):
        parser.error(f"unknown set {', '.join(unknown)}; there are {', '.join(SETS)}")
    if not SHARED.is_dir():
        parser.error(f"the sets are expected in {SHARED}; PALATE_SHARED names another folder that has data/")
    work, lines = pathlib.Path(tempfile.mkdtemp(prefix="palate-accuracy-")), []
    try:
        for name in arguments.sets or SETS:
            for line in table(name, SETS[name], arguments.models and arguments.models.split(","), work):
                print(line, flush=True)
                lines.append(line)
    finally:
        shutil.rmtree(work)
    if arguments.out:
        pathlib.Path(arguments.out).write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
