"""An epoch of ALS beside implicit and irspack: same matrix, start and settings, in the same run, losses compared.

Shapes, factors, solvers and threads are chosen by PALATE_BENCH_ALS ("goodbooks 64,128 cg 1,2"); a quick run takes the small one.
"""
import json
import os
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp

import shape as shapes
from harness import BIN, HERE, Row, Wrong

ALPHA, REGULARIZATION = 10.0, 0.1
CORE_GFLOPS, CORE_GBPS = 117.0, 105.0  # fp32 multiply-adds of one core, and what it reads from its second-level cache
STEPS = 3  # of conjugate gradients, for all
LOSS_TOLERANCE = 1e-5  # how much higher than that of implicit our loss may be, of it
PEERS = {"implicit 0.7.3": 3.0, "irspack 0.5.2": 2.0}  # and how many times faster the project promises to be


def matrix_of(name, work):
    """The shape's users by items, ones, kept in the run's folder."""
    path = work / f"{name}.npz"
    if not path.exists():
        user, item = shapes.draw(*shapes.SHAPES[name], np.random.default_rng(7))
        rows, cols = (np.unique(ids, return_inverse=True)[1] for ids in (user, item))
        matrix = sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols)))
        matrix.sort_indices()
        sp.save_npz(path, matrix, compressed=False)
    return sp.load_npz(path)


def start_of(matrix, factors):
    random = np.random.default_rng(1)
    return [random.random((rows, factors), np.float32) * np.float32(0.01) for rows in matrix.shape]


def loss(matrix, users, items):
    """(sum c (1 - x·y)² + the rest (x·y)² + regularization) / (sum c + number of the rest), as implicit defines it."""
    wide = [side.astype(np.float64) for side in (users, items)]
    total = ((wide[0].T @ wide[0]) * (wide[1].T @ wide[1])).sum()
    coo = matrix.tocoo()
    weight = ALPHA * coo.data.astype(np.float64)
    for lo in range(0, len(coo.row), 500_000):
        part = slice(lo, lo + 500_000)
        z = np.einsum("ij,ij->i", users[coo.row[part]], items[coo.col[part]]).astype(np.float64)
        total += ((1 + weight[part]) * (1 - 2 * z) + weight[part] * z * z).sum()
    total += REGULARIZATION * sum((side**2).sum() for side in wide)
    return total / (weight.sum() + matrix.shape[0] * matrix.shape[1])


def ours(matrix, setting, work):
    factors, solver, threads, epochs = setting
    folder = work / "als"
    folder.mkdir(exist_ok=True)
    users, items = start_of(matrix, factors)
    arrays = {"shape.u64": np.array(matrix.shape, np.uint64), "start.u64": matrix.indptr.astype(np.uint64),
              "index.u32": matrix.indices.astype(np.uint32), "value.f32": matrix.data, "users.f32": users, "items.f32": items}
    for name, array in arrays.items():
        array.tofile(folder / name)
    command = [BIN.parent / "als_bench", folder, factors, solver, STEPS, ALPHA, REGULARIZATION, epochs, threads]
    out = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)
    users, items = (np.fromfile(folder / f"out_{side}.f32", np.float32).reshape(-1, out["dim"]) for side in ("users", "items"))
    return min(out["epoch_s"]), loss(matrix, users, items), out["peak_mb"]


def implicit(matrix, setting):
    from implicit.als import AlternatingLeastSquares
    factors, solver, threads, epochs = setting
    confidence = matrix.copy()
    confidence.data = (1 + ALPHA * confidence.data).astype(np.float32)  # its confidence is the stored value
    model = AlternatingLeastSquares(factors=factors, regularization=REGULARIZATION, alpha=1.0, iterations=epochs,
                                    use_cg=solver == "cg", num_threads=threads, use_native=True)
    model.user_factors, model.item_factors = start_of(matrix, factors)
    seconds = []
    model.fit(confidence, show_progress=False, callback=lambda _, epoch_s, __: seconds.append(epoch_s))
    return seconds, model.user_factors, model.item_factors


def irspack(matrix, setting):
    # alpha0 * all (x·y)² + sum over the seen (1 - x·y)²: ours divided by alpha, but for the seen pairs' 1 + alpha.
    from irspack import IALSRecommender
    factors, solver, threads, epochs = setting
    model = IALSRecommender(matrix, n_components=factors, alpha0=1 / ALPHA, reg=REGULARIZATION / ALPHA, nu=0.0, max_cg_steps=3,
                            solver_type={"cg": "CG", "cholesky": "CHOLESKY"}.get(solver, "IALSPP"), n_threads=threads)
    model._start_learning() if hasattr(model, "_start_learning") else model.start_learning()
    seconds = []
    for _ in range(epochs):
        begin = time.monotonic()
        model.run_epoch()
        seconds.append(time.monotonic() - begin)
    return seconds, np.asarray(model.get_user_embedding()), np.asarray(model.get_item_embedding())


def peer(name, path, setting):
    """In a process of its own, whose peak memory is the peer's. Seconds of the fastest epoch, loss, MiB."""
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, HERE / "areas" / "als.py", name, path, json.dumps(setting)]
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, env=environment | {"PYTHONPATH": str(HERE)})
    return json.loads(done.stdout.splitlines()[-1])


def peer_main(name, path, setting):
    matrix, setting = sp.load_npz(path), json.loads(setting)
    seconds, users, items = {"implicit": implicit, "irspack": irspack}[name](matrix, setting)
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    print(json.dumps([min(seconds), loss(matrix, users, items), peak]))


def limit_of(matrix, setting, seconds):
    """Of an epoch, by the algorithm: arithmetic and what is read, each as a share of what the cores can do."""
    factors, solver, threads, _ = setting
    rows, short = sum(matrix.shape), 0
    if solver == "cg":  # a residual, two steps and half of a third: four passes over each side's entries
        flop, read = 28 * matrix.nnz * factors, 2 * 4 * matrix.nnz * factors * 4
    else:  # rows with fewer entries than factors are systems of that size
        flop, read = 0, 2 * matrix.nnz * factors * 4
        for counts in (np.diff(matrix.indptr), np.diff(matrix.tocsc().indptr)):
            large, small = np.maximum(counts, factors).astype(float), np.minimum(counts, factors).astype(float)
            flop += (large * small**2 + small**3 / 3).sum()
    flop += 4 * 2 * rows * factors**2 / 2 * 2  # both tables rotated twice
    return (f"{flop / seconds / 1e9:.0f} GFLOP/s ({flop / seconds / 1e9 / CORE_GFLOPS / threads:.0%}), "
            f"{read / seconds / 1e9:.0f} GB/s ({read / seconds / 1e9 / CORE_GBPS / threads:.0%})")


def rows_of(matrix, name, setting, work):
    factors, solver, threads, _ = setting
    rows, (seconds, own_loss, peak) = [], ours(matrix, setting, work)
    for title, bar in PEERS.items():
        peer_s, peer_loss, peer_peak = peer(title.split()[0], work / f"{name}.npz", setting)
        # irspack weighs a seen pair by alpha, not 1 + alpha, and starts elsewhere: its loss is near, not comparable.
        if title.startswith("implicit") and own_loss > peer_loss * (1 + LOSS_TOLERANCE):
            raise Wrong(f"{name}, {factors} factors, {solver}: loss {own_loss:.7f}, {title} {peer_loss:.7f}")
        note = f"loss {own_loss:.6f}, peer {peer_loss:.6f}; peak {peak:.0f} MiB, peer {peer_peak:.0f}"
        rows.append(Row(f"{name}, {factors} factors, {solver}, {threads} thread{'s' * (threads > 1)}", seconds, "s/epoch", note, title,
                        peer_s, limit_of(matrix, setting, seconds), lower_is_better=True, bar=peer_s / bar))
        rows[-1].name += f", {title.split()[0]}"
    return rows


def measure(context):
    chosen = os.environ.get("PALATE_BENCH_ALS", "small 64 cg,cholesky 1" if context.quick else
                            "goodbooks,ml-20m 64,128,256 cg,cholesky 1,2")
    names, factors, solvers, threads = (part.split(",") for part in chosen.split())
    rows = []
    for name in names:
        matrix = matrix_of(name, context.work)
        for f in map(int, factors):
            for solver in solvers:
                for t in map(int, threads):
                    rows += rows_of(matrix, name, (f, solver, t, 3 if f < 256 and solver == "cg" else 1), context.work)
    return rows


if __name__ == "__main__":
    peer_main(*sys.argv[1:])
