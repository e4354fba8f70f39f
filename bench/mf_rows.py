"""Factorization of ratings by stochastic gradient descent beside LIBMF: same ratings, factors, epochs and threads, in the same run.

What counts is how far both are off on ratings that they did not see; LIBMF has no biases, so it may not be nearer for its time.
"""
import json
import os
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp

from harness import BIN, HERE, Row, Wrong

THREADS, RUNS = 2, 3  # the fastest counts, on both sides
# Factors, epochs, regularization of both; our first step. LIBMF keeps its default of 0.1, which its adaptive steps are made for.
FACTORS, EPOCHS, REGULARIZATION, RATE = 32, 20, 0.05, 0.02


def ratings_of(matrix):
    """Stars for the matrix's pairs: biases, eight tastes, noise. A tenth apart."""
    random = np.random.default_rng(5)
    users, items = (random.standard_normal((rows, 8), np.float32) / 8**0.25 for rows in matrix.shape)
    user_bias, item_bias = (random.standard_normal(rows).astype(np.float32) * 0.4 for rows in matrix.shape)
    coo = matrix.tocoo()
    mean = 3.6 + user_bias[coo.row] + item_bias[coo.col] + 0.5 * np.einsum("ij,ij->i", users[coo.row], items[coo.col])
    stars = np.clip(np.round(mean + 0.7 * random.standard_normal(coo.nnz)), 1, 5).astype(np.float32)
    held = random.random(coo.nnz) < 0.1
    train = sp.csr_matrix((stars[~held], (coo.row[~held], coo.col[~held])), matrix.shape)
    train.sort_indices()
    return train, (coo.row[held].astype(np.uint32), coo.col[held].astype(np.uint32), stars[held])


def write(folder, train, held):
    folder.mkdir(exist_ok=True)
    arrays = {"shape.u64": np.array(train.shape, np.uint64), "start.u64": train.indptr.astype(np.uint64),
              "index.u32": train.indices.astype(np.uint32), "value.f32": train.data,
              "user.u32": held[0], "item.u32": held[1], "rating.f32": held[2]}
    for name, array in arrays.items():
        array.tofile(folder / name)


def ours(folder, solver):
    command = [BIN.parent / "mf_bench", folder, solver, FACTORS, EPOCHS, REGULARIZATION, RATE, THREADS]
    runs = [json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout) for _ in range(RUNS)]
    return min(runs, key=lambda run: run["fit_s"])


def libmf_main(folder):
    from libmf import mf
    load = lambda name, kind: np.fromfile(f"{folder}/{name}", kind)
    shape, start = load("shape.u64", np.uint64), load("start.u64", np.uint64)
    rows = np.repeat(np.arange(shape[0], dtype=np.float32), np.diff(start).astype(np.int64))
    triples = np.stack([rows, load("index.u32", np.uint32).astype(np.float32), load("value.f32", np.float32)], 1)
    model = mf.MF(k=FACTORS, nr_threads=THREADS, nr_bins=20, nr_iters=EPOCHS, lambda_p2=REGULARIZATION, lambda_q2=REGULARIZATION,
                  lambda_p1=0.0, lambda_q1=0.0, eta=0.1, quiet=True)
    seconds = []
    for _ in range(RUNS):
        begin = time.monotonic()
        model.fit(triples)
        seconds.append(time.monotonic() - begin)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    asked = np.stack([load("user.u32", np.uint32), load("item.u32", np.uint32)], 1).astype(np.float32)
    said = np.clip(model.predict(asked), 1, 5)
    rmse = float(np.sqrt(np.mean((said.astype(np.float64) - load("rating.f32", np.float32)) ** 2)))
    print("\n" + json.dumps([min(seconds), peak, rmse]))


def rows_of(matrix, name, work):
    folder = work / f"mf-{name}"
    train, held = ratings_of(matrix)
    write(folder, train, held)
    environment = os.environ | {"PYTHONPATH": str(HERE), "PALATE_BIN": str(BIN)}
    done = subprocess.run([sys.executable, str(HERE / "mf_rows.py"), str(folder)], check=True, capture_output=True, text=True, env=environment)
    peer_s, peer_peak, peer_rmse = json.loads(done.stdout.splitlines()[-1])
    for solver in ("sgd", "hogwild"):
        own = ours(folder, solver)
        if own["rmse"] > peer_rmse * 1.005:
            raise Wrong(f"{name}, mf {solver}: RMSE {own['rmse']:.4f} on what was held out, LIBMF {peer_rmse:.4f}")
        note = f"RMSE {own['rmse']:.4f}, peer {peer_rmse:.4f}; peak {own['peak_mb']:.0f} MiB, peer {peer_peak:.0f} (Python's included); fold-in {own['fold_in_us']:.1f} µs a user"
        yield Row(f"{name}, mf {solver}, {FACTORS} factors, {EPOCHS} epochs, {train.nnz:,} ratings", own["fit_s"], "s", note, "LIBMF", peer_s,
                  lower_is_better=True, bar=peer_s)


if __name__ == "__main__":
    libmf_main(sys.argv[1])
