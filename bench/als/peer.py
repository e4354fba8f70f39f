#!/usr/bin/env python3
"""ALS beside its peers: same data, same start, same settings, same run. Prints a row a setting.

  peer.py --bench build/dev/bench/als/als_bench --csv goodbooks.csv
  peer.py --bench … --gowalla ../shared/data/gowalla        (adds recall@20 of folded-in users)

Needs bench/requirements.txt. The loss is computed here, in one way for all, from the factors:
(sum c (1 - x·y)² + the rest (x·y)² + regularization) / (sum c + number of the rest), what
`implicit` calls its training loss.
"""
import argparse
import gzip
import json
import os
import subprocess
import tempfile
import time

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
import numpy as np
import scipy.sparse as sp
from implicit.als import AlternatingLeastSquares


def read_lists(path):
    rows, cols = [], []
    with gzip.open(path, "rt") as file:
        for line in file:
            user, *items = map(int, line.split())
            rows += [user] * len(items)
            cols += items
    return np.array(rows), np.array(cols)


def read_data(args):
    """The training matrix (values are preferences) and the test one, or None."""
    if args.gowalla:
        train = read_lists(f"{args.gowalla}/train.txt.gz")
        test = read_lists(f"{args.gowalla}/test.txt.gz")
        shape = (max(train[0].max(), test[0].max()) + 1, max(train[1].max(), test[1].max()) + 1)
        return [sp.csr_matrix((np.ones(len(r), np.float32), (r, c)), shape) for r, c in (train, test)]
    data = np.loadtxt(args.csv, delimiter=",", skiprows=1, usecols=(0, 1), dtype=np.int64)
    rows, cols = np.unique(data[:, 0], return_inverse=True)[1], np.unique(data[:, 1], return_inverse=True)[1]
    return [sp.csr_matrix((np.ones(len(rows), np.float32), (rows, cols))), None]


def loss(matrix, users, items, alpha, regularization):
    users, items = users.astype(np.float64), items.astype(np.float64)
    coo = matrix.tocoo()
    weight = alpha * coo.data.astype(np.float64)
    total = np.einsum("ij,ij->", users @ (items.T @ items), users)
    for lo in range(0, len(coo.row), 1_000_000):
        part = slice(lo, lo + 1_000_000)
        z = np.einsum("ij,ij->i", users[coo.row[part]], items[coo.col[part]])
        total += ((1 + weight[part]) * (1 - 2 * z) + weight[part] * z * z).sum()
    total += regularization * ((users**2).sum() + (items**2).sum())
    return total / (weight.sum() + matrix.shape[0] * matrix.shape[1])


def recall_at_20(train, test, users, items):
    recalls = []
    for lo in range(0, train.shape[0], 2000):
        scores = users[lo : lo + 2000] @ items.T
        block = train[lo : lo + 2000]
        scores[block.nonzero()] = -np.inf
        top = np.argpartition(-scores, 20, axis=1)[:, :20]
        for i, row in enumerate(top):
            relevant = test.indices[test.indptr[lo + i] : test.indptr[lo + i + 1]]
            if len(relevant):
                recalls.append(np.isin(row, relevant).sum() / len(relevant))
    return float(np.mean(recalls))


class Setting:
    def __init__(self, args, train, factors, solver, threads):
        self.args, self.train, self.factors, self.solver, self.threads = args, train, factors, solver, threads
        rng = np.random.default_rng(1)
        self.users = (rng.random((train.shape[0], factors), np.float32) * 0.01)
        self.items = (rng.random((train.shape[1], factors), np.float32) * 0.01)

    def ours(self):
        with tempfile.TemporaryDirectory() as folder:
            write = lambda name, array, kind: np.ascontiguousarray(array, kind).tofile(f"{folder}/{name}")
            write("shape.u64", self.train.shape, np.uint64)
            write("start.u64", self.train.indptr, np.uint64)
            write("index.u32", self.train.indices, np.uint32)
            write("value.f32", self.train.data, np.float32)
            write("users.f32", self.users, np.float32)
            write("items.f32", self.items, np.float32)
            a = self.args
            command = [a.bench, folder, self.factors, self.solver, 3, a.alpha, a.regularization, a.epochs, self.threads]
            out = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)
            read = lambda name: np.fromfile(f"{folder}/{name}", np.float32).reshape(-1, out["dim"])[:, : self.factors]
            return (out["epoch_s"], out["cpu_s"]), read("out_users.f32"), read("out_items.f32"), read("folded.f32"), out["fold_in_us"], out["peak_mb"]

    def implicit(self):
        # implicit's confidence is the stored value, so 1 + alpha * value has to be stored.
        confidence = self.train.copy()
        confidence.data = (1 + self.args.alpha * confidence.data).astype(np.float32)
        model = AlternatingLeastSquares(
            factors=self.factors, regularization=self.args.regularization, alpha=1.0, iterations=self.args.epochs,
            use_cg=self.solver == "cg", num_threads=self.threads, use_native=True)
        model.user_factors, model.item_factors = self.users.copy(), self.items.copy()
        seconds, cpu = [], [time.process_time()]

        def note(_, epoch_s, __):
            seconds.append(epoch_s)
            cpu.append(time.process_time())

        model.fit(confidence, show_progress=False, callback=note)
        folded = model.recalculate_user(np.arange(self.train.shape[0]), confidence)
        return (seconds, np.diff(cpu).tolist()), model.user_factors, model.item_factors, folded

    def irspack(self):
        # Its objective is alpha0 * all (x·y)² + sum over the seen (1 - x·y)²: ours divided by alpha, but for the seen pairs' 1 + alpha.
        from irspack import IALSRecommender
        model = IALSRecommender(
            self.train, n_components=self.factors, alpha0=1 / self.args.alpha, reg=self.args.regularization / self.args.alpha, nu=0.0,
            solver_type="CG" if self.solver == "cg" else "CHOLESKY", max_cg_steps=3, n_threads=self.threads,
            train_epochs=self.args.epochs)
        model._start_learning() if hasattr(model, "_start_learning") else model.start_learning()
        seconds, cpu = [], []
        for _ in range(self.args.epochs):
            begin, begin_cpu = time.time(), time.process_time()
            model.run_epoch()
            seconds.append(time.time() - begin)
            cpu.append(time.process_time() - begin_cpu)
        return (seconds, cpu), np.asarray(model.get_user_embedding()), np.asarray(model.get_item_embedding())

    def gigaflop(self):
        """Of an epoch, by the algorithm: 14 f an entry and side (three steps; the last needs no new residual) or f² for an explicit matrix."""
        f, rows = self.factors, sum(self.train.shape)
        if self.solver == "cg":
            return (28 * self.train.nnz * f + 9 * rows * f * f) / 1e9
        return (2 * self.train.nnz * f * f + rows * (f**3 / 3 + 3 * f * f)) / 1e9


def row(setting, args, train, test):
    s = setting
    (ours, ours_cpu), users, items, folded, fold_us, peak = s.ours()
    text = [f"{s.factors} {s.solver}, {s.threads}", f"{min(ours):.3f} / {min(ours_cpu):.3f}"]
    losses = [loss(train, users, items, args.alpha, args.regularization)]
    for peer in [s.implicit] + ([s.irspack] if args.irspack else []):
        (wall, cpu), users2, items2, *folded2 = peer()
        losses.append(loss(train, users2, items2, args.alpha, args.regularization))
        text.append(f"{min(wall):.3f} / {min(cpu):.3f}")
        text.append(f"{min(wall) / min(ours):.2f} / {min(cpu) / min(ours_cpu):.2f}")
        if folded2 and test is not None:
            print(f"recall@20 folded in: {recall_at_20(train, test, folded, items):.4f}, implicit {recall_at_20(train, test, folded2[0], items2):.4f}")
    rate = s.gigaflop() / min(ours_cpu)
    text += [" ".join(f"{x:.7f}" for x in losses), f"{rate:.1f} ({rate / args.core_gflops:.0%})", f"{peak:.0f}", f"{fold_us:.1f}"]
    print("| " + " | ".join(text) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--csv")
    source.add_argument("--gowalla")
    parser.add_argument("--factors", type=int, nargs="+", default=[64])
    parser.add_argument("--solvers", nargs="+", default=["cg", "cholesky"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--alpha", type=float, default=10.0)
    parser.add_argument("--regularization", type=float, default=0.1)
    parser.add_argument("--core-gflops", type=float, default=117.0, help="what one core reaches in fp32 (measured)")
    parser.add_argument("--irspack", action="store_true", help="irspack beside")
    args = parser.parse_args()
    train, test = read_data(args)
    print(f"{train.shape[0]} users, {train.shape[1]} items, {train.nnz} interactions; the fastest of {args.epochs} epochs, seconds / CPU seconds\n")
    peers = ["implicit"] + (["irspack"] if args.irspack else [])
    columns = ["factors, solver, threads", "palate"] + [x for p in peers for x in (p, "ratio")]
    columns += ["loss of each", "GFLOP/s a CPU second (share of the limit)", "peak MB", "fold-in us"]
    print("| " + " | ".join(columns) + " |\n" + "|---" * len(columns) + "|", flush=True)
    for factors in args.factors:
        for solver in args.solvers:
            for threads in args.threads:
                row(Setting(args, train, factors, solver, threads), args, train, test)


if __name__ == "__main__":
    main()
