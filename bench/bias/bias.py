#!/usr/bin/env python3
"""The tables of docs/bias.md: what corrections of logged impressions are worth, in simulated worlds. Prints Markdown.

    bench/bias/bias.py [--worlds "a;b"] [--seeds 1,2,3,4] [--users 700] [--out runs.jsonl]      # a Python that has NumPy

The programs are those of PALATE_BUILD, else of build/dev (`./dev deps train`, `./dev build`). A world is played behind an old ranker,
rankers are trained on what it logged with each correction (`palate-train`, stopped on held-out visits with the same correction), and each
orders pages of 20 items drawn uniformly for the visits of the last fifth of the days. Differences to the naive ranker of the same
world; intervals of 95 % by resampling worlds and, within them, users.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from programs import flags, run  # noqa: E402

COMMON = {"items": 400, "days": 30, "sessions_per_user": 15, "random_share": 0.2}
# What the old ranker was, what the new one sees, and the world.
WORLDS = {
    "places": ("clicked", "user", {"position_bias": 0.7, "trust_bias": 0}),
    "places and trust": ("clicked", "user", {"position_bias": 0.7, "trust_bias": 0.3}),
    "hidden choice": ("knowing", "item", {"position_bias": 0, "trust_bias": 0}),
    "seen choice": ("knowing", "user", {"position_bias": 0, "trust_bias": 0}),
    "places without order": ("own", "user", {"position_bias": 0.7, "trust_bias": 0}),
    "no bias": ("drawn", "user", {"position_bias": 0, "trust_bias": 0, "random_share": 1}),
}
# Logistic regression over ids, users' categories among them. Corrected labels are noisier than clicks: each correction chooses its L2 by its own
# held-out loss, as somebody without the truth would.
TRAINING = {"ranker.streams": "linear", "training.table_decay_all": "true", "training.learning_rate": 0.01,
            "training.table_learning_rate": 0.01, "training.batch": 4096, "training.epochs": 40, "training.patience": 2,
            "training.calibrate": "false", "training.threads": 1, "training.parts": 1}
L2 = (1e-5, 1e-4, 1e-3)
RESAMPLES = 2000




def train(part, l2, seed):
    """The held-out loss, what it was trained with, and the best epoch."""
    fitted = run("palate-train", "fit", part / "train", "--held-out", part / "held_out", "--out", part / f"network-{l2}",
                 *flags(TRAINING | {"training.table_l2": l2, "training.seed": seed}))
    return fitted["held_out"]["click"]["loss"], l2, fitted["best_epoch"]


def measure(name, seed, users):
    """Of each correction, NDCG and pairs in order by user."""
    ranker, sees, settings = WORLDS[name]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        world = COMMON | settings | {"users": users, "seed": seed}
        estimates = run("bias_bench", "examples", work, ranker, sees, *flags(world, "simulate."))
        judged = {}
        for correction in estimates["corrections"]:
            loss, l2, epoch = min(train(work / correction, l2, seed) for l2 in L2)
            network = work / correction / f"network-{l2}"
            judged[correction] = run("bias_bench", "judge", network, work / "judged") | {"l2": l2, "epoch": epoch, "held_out": loss}
    return {"world": name, "seed": seed, "estimates": estimates, "judged": judged}


def interval(worlds):
    """The mean over worlds of the mean over their users, and 95 % of it."""
    random = np.random.default_rng(7)
    means = np.array([[random.choice(users, len(users)).mean() for users in worlds] for _ in range(RESAMPLES)])
    picked = random.integers(len(worlds), size=(RESAMPLES, len(worlds)))
    drawn = np.take_along_axis(means, picked, axis=1).mean(axis=1)
    return float(np.mean([users.mean() for users in worlds])), *np.percentile(drawn, [2.5, 97.5])


def gain(runs, correction, metric):
    worlds = [np.array(one["judged"][correction][metric]) - np.array(one["judged"]["naive"][metric]) for one in runs]
    mean, low, high = interval(worlds)
    return f"{100 * mean:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def over_truth(runs, correction):
    """The mean that is predicted over the mean that is true."""
    ratios = [np.mean(one["judged"][correction]["predicted"]) / np.mean(one["judged"][correction]["truth"]) for one in runs]
    return f"{np.mean(ratios):.2f}"


def print_table(name, runs):
    naive = {metric: np.mean([np.mean(one["judged"]["naive"][metric]) for one in runs]) for metric in ("ndcg", "pairs")}
    print(f"\n{name} (naive: NDCG@10 {100 * naive['ndcg']:.2f}, pairs in order {100 * naive['pairs']:.2f}, "
          f"predicted over true {over_truth(runs, 'naive')})\n")
    print("| correction | NDCG@10 − naive | worlds better | pairs in order − naive | predicted over true |\n|---|--:|--:|--:|--:|")
    for correction in dict.fromkeys(correction for one in runs for correction in one["judged"] if correction != "naive"):
        those = [one for one in runs if correction in one["judged"]]
        better = sum(np.mean(one["judged"][correction]["ndcg"]) > np.mean(one["judged"]["naive"]["ndcg"]) for one in those)
        print(f"| {correction} | {gain(those, correction, 'ndcg')} | {better} of {len(those)} | {gain(those, correction, 'pairs')} | "
              f"{over_truth(those, correction)} |")
    last = runs[0]["estimates"]
    print(f"\n{last['rows']:,} rows learnt from in the first world; of {last['production_rows']:,} production rows "
          f"{last['effective_rows']:,.0f} effective under weights of responses", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", default=";".join(WORLDS))
    parser.add_argument("--seeds", default="1,2,3,4")
    parser.add_argument("--users", type=int, default=700)
    parser.add_argument("--out", type=pathlib.Path, help="each world's figures as a line of JSON; those that it has are not measured again")
    chosen = parser.parse_args()
    known = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out and chosen.out.exists() else []
    for name in chosen.worlds.split(";"):
        runs = []
        for seed in map(int, chosen.seeds.split(",")):
            found = [one for one in known if (one["world"], one["seed"]) == (name, seed)]
            runs.append(found[0] if found else measure(name, seed, chosen.users))
            if chosen.out and not found:
                with chosen.out.open("a") as out:
                    out.write(json.dumps(runs[-1]) + "\n")
        print_table(name, runs)


if __name__ == "__main__":
    main()
