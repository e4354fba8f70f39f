#!/usr/bin/env python3
"""Does a ranker of two objectives satisfy more than rankers of one, at equal click-through? In simulated worlds, where satisfaction is
known. Prints the table of docs/training-rankers.md.

    bench/objectives/objectives.py [--seeds 1,2,3,4] [--users 1500]      # a Python that has NumPy

The programs are those of PALATE_BUILD, else of build/dev (`./dev deps train`, `./dev build`). A world is played behind its own policy;
networks of one shape are trained on what it logged: of clicks alone, of the share watched alone (of what was clicked), of both in one
number (the share watched, 0 without a click), and of clicks and the share watched as two heads. Each orders pages of 20 items, drawn
uniformly for the visits of the last fifth of the days; the first five count: click-through is their mean true attraction, satisfaction
their mean attraction · satisfaction, what is enjoyed of a place. The two heads are combined as click · watched^w, and w moves along the
curve; where it has the click-through of a ranker of one objective, satisfaction is compared. Intervals of 95 % by resampling worlds
and, within them, users.
"""

import argparse
import itertools
import pathlib
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from programs import flags, run  # noqa: E402

WORLD = {"items": 600, "days": 40, "sessions_per_user": 15, "position_bias": 0.5, "trust_bias": 0, "clickbait": 2}
NETWORK = {"ranker.streams": ["mlp"], "ranker.width": 8, "ranker.hidden": [64, 32], "ranker.dropout": 0.1,
           "training.table_decay_all": "true", "training.batch": 4096, "training.epochs": 40, "training.patience": 3,
           "training.threads": 1, "training.parts": 1}
L2, HEADS = (1e-6, 1e-5, 1e-4), ("shared", "mmoe")  # chosen by each ranker's own held-out loss
WEIGHTS = np.concatenate([[0], np.geomspace(0.05, 50, 40)])
TOP, RESAMPLES = 5, 2000




def train(work, plan, seed):
    """What the network that is best on its own held-out examples says of each drawn row, by output."""
    fits = []
    for l2, heads in itertools.product(L2, HEADS if plan == "both" else HEADS[:1]):
        network = work / f"{plan}-{l2}-{heads}"
        fitted = run("palate-train", "fit", work / plan / "train", "--held-out", work / plan / "held_out", "--out", network,
                     *flags(NETWORK | {"training.table_l2": l2, "ranker.heads": heads, "training.seed": seed}))
        fits.append((sum(one["loss"] for one in fitted["held_out"].values()), network))
    return {name: np.array(values) for name, values in run("objectives_bench", "scores", min(fits)[1], work / "judged").items()}


def worth(score, truth):
    """Click-through and satisfaction of the first places, a row a user."""
    pages = lambda values: np.asarray(values).reshape(-1, truth["page"])
    first = np.argsort(-pages(score), axis=1, kind="stable")[:, :TOP]
    of_first = lambda values: np.take_along_axis(pages(values), first, axis=1).mean(axis=1)
    attraction = np.asarray(truth["attraction"])
    both = np.stack([of_first(attraction), of_first(attraction * np.asarray(truth["satisfaction"]))], axis=1)
    user = pages(truth["user"])[:, 0]
    return np.stack([both[user == one].mean(axis=0) for one in np.unique(user)])


def measure(seed, users):
    """Users by (ranker …, click-through and satisfaction): those of one objective, then the curve of two heads, then of two networks."""
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        made = run("objectives_bench", "examples", work, *flags(WORLD | {"users": users, "seed": seed}, "simulate."))
        truth = run("objectives_bench", "truth", work / "judged")
        said = {plan: train(work, plan, seed) for plan in ("click", "watched", "enjoyed", "both")}
    alone = [worth(said[plan][plan], truth) for plan in ("click", "watched", "enjoyed")]
    curve = lambda click, watched: [worth(click * np.maximum(watched, 1e-9) ** w, truth) for w in WEIGHTS]
    two_heads, two_networks = curve(said["both"]["click"], said["both"]["watched"]), curve(said["click"]["click"], said["watched"]["watched"])
    print(f"world {seed}: {made['rows']:,} rows learnt from", file=sys.stderr, flush=True)
    return np.stack([*alone, *two_heads, *two_networks], axis=1)


def at_click_through(points, wanted):
    """The most satisfaction of a curve where it clicks through as often; between two of its points as the line between them."""
    best = -np.inf
    for (c0, s0), (c1, s1) in zip(points, points[1:]):
        if min(c0, c1) <= wanted <= max(c0, c1):
            best = max(best, s0 if c0 == c1 else s0 + (s1 - s0) * (wanted - c0) / (c1 - c0))
    return best if np.isfinite(best) else np.nan  # it never clicks through as often


def singles(means):
    """Rankers of one objective; the last: half of the pages by clicks, half by the share watched."""
    return np.concatenate([means[:3], [(means[0] + means[1]) / 2]])


def gains(means):
    """Of one draw, over each ranker of one objective: two heads, and two networks."""
    count = len(WEIGHTS)
    alone, two_heads, two_networks = singles(means), means[3:3 + count], means[3 + count:]
    return [[at_click_through(curve, one[0]) - one[1] for one in alone] for curve in (two_heads, two_networks)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3,4")
    parser.add_argument("--users", type=int, default=1500)
    chosen = parser.parse_args()
    worlds = [measure(seed, chosen.users) for seed in map(int, chosen.seeds.split(","))]
    total = np.mean([world.mean(axis=0) for world in worlds], axis=0)
    random, draws = np.random.default_rng(7), []
    for _ in range(RESAMPLES):
        picked = [worlds[i] for i in random.integers(len(worlds), size=len(worlds))]
        draws.append(gains(np.mean([world[random.integers(len(world), size=len(world))].mean(axis=0) for world in picked], axis=0)))
    found, draws = np.array(gains(total)), np.array(draws)
    print("| ranker of one objective | click-through | satisfaction | two heads − it, at its click-through | two networks − it |\n|---|--:|--:|--:|--:|")
    one = singles(total)
    for place, name in enumerate(("clicks", "share watched, of what was clicked", "share watched, 0 without a click", "the first two, half of the pages each")):
        cells = []
        for kind in range(2):
            drawn = draws[:, kind, place]
            reached = np.isfinite(drawn).mean()  # of draws; where it is not nearly all, there is no interval
            low, high = np.nanpercentile(drawn, [2.5, 97.5]) if reached > 0.95 else (np.nan, np.nan)
            cells.append(f"{100 * found[kind, place]:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})" if reached > 0.95 else "never clicks through so")
        print(f"| {name} | {100 * one[place, 0]:.2f} % | {100 * one[place, 1]:.2f} | {' | '.join(cells)} |")
    print("\n| w of click · watched^w | click-through | satisfaction |\n|--:|--:|--:|")
    for w in (0, 0.5, 1, 2, 5):
        at = 3 + int(np.argmin(np.abs(WEIGHTS - w)))
        print(f"| {WEIGHTS[at - 3]:.2g} | {100 * total[at, 0]:.2f} % | {100 * total[at, 1]:.2f} |")


if __name__ == "__main__":
    main()
