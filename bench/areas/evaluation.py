"""Ranking the whole catalogue for everybody: the index beside implicit's and Faiss's exact search, and `palate evaluate`."""
import json
import subprocess
import sys
import time

import harness
import numpy as np
from harness import Row, Wrong, palate

THREADS, DIM = 2, 64
CORE_GOPS = 469.0  # of 8-bit products and sums that one core reaches (measured); the limit of the arithmetic


def vectors(context, users, items):
    """Drawn from a normal distribution: lengths are alike, so that nothing can be skipped."""
    random = np.random.default_rng(4)
    arrays = [random.standard_normal((count, DIM), np.float32) for count in (users, items)]
    for name, array in zip(("users", "items"), arrays):
        array.tofile(context.work / f"{name}.f32")
    return arrays


def ours(context, users, k):
    command = [harness.BIN.parent / "top_k_bench", context.work, DIM, k, THREADS]
    report = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)
    return report, np.fromfile(context.work / "ranked.u32", np.uint32).reshape(users, k)


def by_implicit(users, items, k):
    from implicit.cpu.topk import topk

    start = time.monotonic()
    ranked, _ = topk(items, users, k, num_threads=THREADS)
    return time.monotonic() - start, ranked


def by_faiss(users, items, k):
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlatIP(DIM)
    index.add(items)
    start = time.monotonic()
    _, ranked = index.search(users, k)
    return time.monotonic() - start, ranked


def check_same(users, items, ranked, other):
    """Lists may differ only where two scores are so near that one sum of floats cannot tell them apart."""
    row, place = np.nonzero(ranked != other)
    if len(row) > 1e-4 * ranked.size:
        raise Wrong(f"{len(row)} of {ranked.size} places differ")
    score = lambda ids: np.einsum("ij,ij->i", users[row].astype(np.float64), items[ids].astype(np.float64))
    if len(row) and np.abs(score(ranked[row, place]) - score(other[row, place])).max() > 1e-3:
        raise Wrong("lists differ in items whose scores are far apart")


def ranking_rows(context, users_count, items_count, k, bar=None):
    users, items = vectors(context, users_count, items_count)
    report, ranked = ours(context, users_count, k)
    gops = 2e-9 * report["screened"] * users_count * DIM / report["rank_s"]
    note = f"{report['rescored']:.0f} of {report['screened']:,.0f} scored again, {report['bytes_item']:.0f} bytes an item beside the vectors"
    name = f"top-{k} of {items_count:,} items for {users_count:,} users, {DIM} factors"
    for peer, search in (("implicit", by_implicit), ("Faiss Flat", by_faiss)):
        part = slice(0, 4096)  # a query costs the peers the same in any batch
        seconds, other = search(users[part], items, k)
        check_same(users, items, ranked[part], other)
        yield Row(name, report["rank_s"], "s", note, peer, seconds * users_count / len(other),
                  f"{gops / CORE_GOPS / THREADS:.0%} of 8-bit products", lower_is_better=True, bar=bar)
        note, bar = "", None
    yield Row(f"index of {items_count:,} items", report["build_s"], "s", "one thread", lower_is_better=True)


def command_row(context):
    """The command, from a data set of that size: what ranking and intervals take of it."""
    users, items, ratings = (5_000, 2_000, 200_000) if context.quick else (52_643, 91_599, 2_984_108)
    csv = context.csv("small" if context.quick else f"{users}x{items}x{ratings}")
    data = context.work / "catalogue-data"
    palate("import", csv, "--data", data)
    built = palate("train", "--data", data, "--als.iterations", "1")
    evaluated = palate("evaluate", "--data", data, "--als.iterations", "1")
    als = next(report for report in evaluated.answer["reports"] if report["model"]["kind"] == "als")
    yield Row(f"dataset of {ratings:,} ratings", built.answer["dataset_seconds"], "s", lower_is_better=True)
    yield Row(f"evaluate als: vectors, top-50, metrics, intervals, {users:,} users", als["seconds"]["ranking"] + als["seconds"]["intervals"],
              "s", f"ranking {als['seconds']['ranking']:.2f} s, intervals {als['seconds']['intervals']:.2f} s", lower_is_better=True,
              bar=None if context.quick else 3)


def measure(context):
    shape = (5_000, 20_000) if context.quick else (52_643, 91_599)
    return [
        *ranking_rows(context, *shape, 10, bar=None if context.quick else 3),
        *ranking_rows(context, *shape, 100),
        *ranking_rows(context, 5_000 if context.quick else 53_424, 10_000, 100),
        *command_row(context),
    ]
