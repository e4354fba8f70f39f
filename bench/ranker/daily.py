"""A ranker refreshed every day from its last version, beside one trained anew: what it costs and how well it foresees. Prints Markdown (the table of
docs/training-rankers.md).

    bench/ranker/daily.py [--users 1500] [--items 1500] [--days 14] [--from-day 10] [--replay 0.1] [--seed 1] [--way "name: --training.epochs 1"]…

The programs are those of PALATE_BUILD, else of build/dev. A world is simulated; its log is taken in up to a day, a ranker trained, then day by day
another one, in two directories: from all of the log, and with examples.incremental from the day before. Both foresee the same held-out
impressions, the newest tenth, by which both stop and calibrate. A --way is one more that is incremental, with settings of its own.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PALATE = pathlib.Path(os.environ.get("PALATE_BUILD", ROOT / "build" / "dev")) / "bin" / "palate"
CONFIG = """
[features]
counters = true
[examples]
objectives = ["click:1h"]
[ranker]
width = 8
hidden = ["64", "32"]
[training]
epochs = 15
patience = 2
batch = 1024
threads = 1
"""


def palate(*arguments):
    done = subprocess.run([PALATE, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"palate {arguments[0]}: {done.stderr}")
    return done.stdout


def by_day(events):
    """Lines of the log by their day, in its order."""
    days = {}
    with open(events) as lines:
        for line in lines:
            days.setdefault(json.loads(line)["ts"][:10], []).append(line)
    return [days[day] for day in sorted(days)]


def train(common, *flags):
    told = json.loads(palate("train", *common, "--json", "--models", "ranker", *flags))
    model = next(one for one in told["models"] if one["kind"] == "ranker")
    return model["metrics"], model["seconds"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("users", 1500), ("items", 1500), ("days", 14), ("from-day", 10), ("seed", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--replay", type=float, default=0.1)
    parser.add_argument("--way", action="append", default=[])
    chosen = parser.parse_args()
    incremental = ("--examples.incremental", "true", "--examples.replay", chosen.replay)
    ways = {"anew": (), "incremental": incremental}
    ways |= {name: (*incremental, *settings.split()) for name, _, settings in (way.partition(":") for way in chosen.way)}
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        config = work / "palate.toml"
        config.write_text(CONFIG)
        world = work / "world"
        palate("simulate", "--config", config, "--data", work / "none", "--out", world, "--simulate.users", chosen.users, "--simulate.items", chosen.items,
               "--simulate.days", chosen.days, "--simulate.seed", chosen.seed)
        days = by_day(world / "events.jsonl")
        of = {way: ("--config", config, "--data", work / way) for way in ways}
        part = work / "part.jsonl"
        part.write_text("".join(line for day in days[:chosen.from_day] for line in day))
        palate("import", *of["anew"], "--no-screen", "--items", world / "items.jsonl", "--users", world / "users.jsonl", "--events", part)
        palate("train", *of["anew"], "--models", "popularity,ranker")
        for way in list(ways)[1:]:
            shutil.copytree(work / "anew", work / way)
        print("| day | | examples | epochs | training, s | share | with examples, s | held-out AUC | log loss |\n|--:|---|--:|--:|--:|--:|--:|--:|--:|")
        for number, day in enumerate(days[chosen.from_day:], chosen.from_day + 1):
            part.write_text("".join(day))
            seconds = {}
            for way, flags in ways.items():
                palate("import", *of[way], "--no-screen", "--events", part)
                metrics, whole = train(of[way], *flags)
                if (way != "anew") != ("went_on_from" in metrics):
                    sys.exit(f"day {number}: not trained as asked")
                seconds[way] = metrics["fit_seconds"]
                click = metrics["held_out"]["click"]
                print(f"| {number} | {way} | {metrics['training_rows']:,} | {metrics['epochs']} | {seconds[way]:.1f} | "
                      f"{seconds[way] / seconds['anew']:.0%} | {whole:.1f} | {click['auc']:.4f} | {click['loss']:.4f} |", flush=True)


if __name__ == "__main__":
    main()
