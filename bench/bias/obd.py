#!/usr/bin/env python3
"""Off-policy estimates of a policy's click rate from the other policy's log (Open Bandit Dataset, small version). Prints Markdown.

    bench/bias/obd.py [FOLDER OF obd-small] [--resamples 2000]      # default: ../shared/data/obd-small; a Python that has NumPy

Each campaign has a log of the random policy and one of Bernoulli Thompson sampling, with propensities. What the one would have had is
estimated from the other's log and held against its own (Saito et al., "Open Bandit Dataset and Pipeline", NeurIPS Datasets 2021, section 4):

    IPS    mean of w·c                     w = π(item, position) / propensity of the log
    SNIPS  Σ w·c / Σ w                     (Swaminathan and Joachims, NeurIPS 2015)
    DR     mean of q(π) + w·(c − q(item))  (Dudík, Langford and Li, ICML 2011); q: click rates of items, smoothed, of the other half of
           the log (two folds), so that no click is explained by itself

What Thompson sampling would have shown is not in the random log: its propensities are those of its own log, a mean over rounds by position
and item (its share of them). Intervals: 95 %, percentiles over rows drawn with replacement; the on-policy one likewise.
"""

import argparse
import csv
import gzip
import os
import pathlib

import numpy as np

SHARED = pathlib.Path(os.environ.get("PALATE_SHARED", pathlib.Path(__file__).resolve().parents[2].parent / "shared"))
CAMPAIGNS = {"men": 34, "women": 46}
POSITIONS = 3
PRIOR = 200.0  # rows of the mean click rate that an item's is drawn towards


class Log:
    """Rows of one policy. Refuses what does not fit with the line."""

    def __init__(self, path, items):
        with gzip.open(path, "rt", newline="") as file:
            rows = []
            for number, row in enumerate(csv.DictReader(file), 2):
                item, position, click, propensity = int(row["item_id"]), int(row["position"]) - 1, int(row["click"]), float(row["propensity_score"])
                if not (0 <= item < items and 0 <= position < POSITIONS and click in (0, 1) and 0 < propensity <= 1):
                    raise ValueError(f"{path}:{number}: item {item}, position {position + 1}, click {click}, propensity {propensity}")
                rows.append((item, position, click, propensity))
        self.items = items
        self.item, self.position, self.click = (np.array([row[i] for row in rows]) for i in range(3))
        self.propensity = np.array([row[3] for row in rows])

    def shares(self):
        """How often each item was shown at each position, by position: sum 1."""
        counts = np.zeros((POSITIONS, self.items))
        np.add.at(counts, (self.position, self.item), 1)
        return counts / counts.sum(axis=1, keepdims=True)


def click_rates(log, rows):
    mean = log.click[rows].mean()
    clicks, shown = (np.bincount(log.item[rows], weights, log.items) for weights in (log.click[rows], None))
    return (clicks + PRIOR * mean) / (shown + PRIOR)


def terms_of(log, policy):
    """Of each row: its weight, its click, and what DR takes the mean of."""
    weight = policy[log.position, log.item] / log.propensity
    robust = np.empty(len(weight))
    fold = np.random.default_rng(3).integers(2, size=len(weight))
    for half in (0, 1):
        rates, rows = click_rates(log, fold != half), fold == half
        robust[rows] = policy[log.position[rows]] @ rates + weight[rows] * (log.click[rows] - rates[log.item[rows]])
    return weight, log.click, robust


def interval(values, resamples, estimate):
    random, rows = np.random.default_rng(5), len(values[0])
    drawn = [estimate(*(each[picked] for each in values)) for picked in (random.integers(rows, size=rows) for _ in range(resamples))]
    return estimate(*values), *np.percentile(drawn, [2.5, 97.5])


def estimates_of(log, policy, resamples):
    terms = terms_of(log, policy)
    ways = {"IPS": lambda w, c, r: (w * c).mean(), "SNIPS": lambda w, c, r: (w * c).sum() / w.sum(), "DR": lambda w, c, r: r.mean()}
    return {way: interval(terms, resamples, estimate) for way, estimate in ways.items()}, (terms[0].sum()**2 / (terms[0]**2).sum())


def measure(folder, resamples):
    """A line each: campaign, policy, way, (value, low, high), on-policy (value, low, high), effective rows."""
    for campaign, items in CAMPAIGNS.items():
        logs = {name: Log(folder / f"{name}_{campaign}.csv.gz", items) for name in ("random", "bts")}
        policies = {"random": np.full((POSITIONS, items), 1 / items), "bts": logs["bts"].shares()}
        for asked, logged in (("random", "bts"), ("bts", "random")):
            own = interval((logs[asked].click,), resamples, lambda c: c.mean())
            found, effective = estimates_of(logs[logged], policies[asked], resamples)
            for way, value in found.items():
                yield campaign, asked, way, value, own, effective


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=SHARED / "data" / "obd-small")
    parser.add_argument("--resamples", type=int, default=2000)
    chosen = parser.parse_args()
    print("| campaign | click rate of | from the log of the other by | estimate, % | on-policy, % | within | effective rows |\n|---|---|---|--:|--:|---|--:|")
    for campaign, asked, way, (value, low, high), own, effective in measure(chosen.folder, chosen.resamples):
        within = "yes" if low <= own[0] <= high else "no"
        print(f"| {campaign} | {asked} | {way} | {100 * value:.2f} ({100 * low:.2f} to {100 * high:.2f}) | {100 * own[0]:.2f} "
              f"({100 * own[1]:.2f} to {100 * own[2]:.2f}) | {within} | {effective:,.0f} |")


if __name__ == "__main__":
    main()
