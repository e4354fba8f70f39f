"""Training of item_knn, ease, graph and mf beside their usual NumPy, SciPy, scikit-learn, implicit and LIBMF versions: same data, same run.

What comes out is compared, so both sides have done the same work. Each peer runs in a process of its own, whose peak memory is the peer's.
"""
import json
import os
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp

from areas.als import matrix_of
import batch_rows
import mf_rows
from harness import BIN, HERE, Row, Wrong

NEIGHBOURS, FACTORS, THREADS = 100, 128, 2


def ours(matrix, model, number, work):
    folder = work / "models"
    folder.mkdir(exist_ok=True)
    arrays = {"shape.u64": np.array(matrix.shape, np.uint64), "start.u64": matrix.indptr.astype(np.uint64),
              "index.u32": matrix.indices.astype(np.uint32), "value.f32": matrix.data.astype(np.float32)}
    for name, array in arrays.items():
        array.tofile(folder / name)
    command = [BIN.parent / "item_models_bench", folder, model, number, THREADS]
    out = json.loads(subprocess.run(list(map(str, command)), check=True, capture_output=True).stdout)
    return out["fit_s"], out["peak_mb"], np.fromfile(folder / "out.f32", np.float32)


def ease(matrix, dtype):
    """Steck's few lines, lambda as ours: the mean of the diagonal."""
    gram = (matrix.T @ matrix).toarray().astype(dtype)
    diagonal = np.diag_indices(gram.shape[0])
    gram[diagonal] += gram[diagonal][gram[diagonal] > 0].mean()
    inverse = np.linalg.inv(gram)
    weights = inverse / -np.diag(inverse)
    weights[diagonal] = 0
    return weights


def cosine_scipy(matrix):
    length = np.sqrt(np.asarray(matrix.power(2).sum(axis=0)).ravel())
    scaled = matrix @ sp.diags(1 / np.maximum(length, 1e-12))
    like = (scaled.T @ scaled).tocsr()
    like.setdiag(0)
    for row in range(like.shape[0]):
        part = slice(like.indptr[row], like.indptr[row + 1])
        if part.stop - part.start > NEIGHBOURS:
            like.data[part][np.argpartition(like.data[part], -NEIGHBOURS)[:-NEIGHBOURS]] = 0
    like.eliminate_zeros()
    return like.data


def cosine_implicit(matrix):
    from implicit.nearest_neighbours import CosineRecommender
    model = CosineRecommender(K=NEIGHBOURS + 1, num_threads=THREADS)  # the item itself is one of its
    model.fit(matrix, show_progress=False)
    like = model.similarity.tocsr()
    like.setdiag(0)
    like.eliminate_zeros()
    return like.data


def spectrum(matrix):
    """sklearn's, with as many power iterations of XᵀX as ours makes steps."""
    from sklearn.utils.extmath import randomized_svd
    _, values, _ = randomized_svd(matrix, FACTORS, n_iter=3, n_oversamples=16, random_state=0)
    return values**2


PEERS = {
    "NumPy float64": lambda matrix: ease(matrix.astype(np.float64), np.float64),
    "NumPy float32": lambda matrix: ease(matrix, np.float32),
    "SciPy": cosine_scipy,
    "implicit 0.7.3": cosine_implicit,
    "scikit-learn": spectrum,
}


def peer(title, path, work):
    command = [sys.executable, HERE / "areas" / "models.py", title, path, work / "peer.npy"]
    environment = os.environ | {"OPENBLAS_NUM_THREADS": str(THREADS), "PYTHONPATH": str(HERE), "PALATE_BIN": str(BIN)}
    done = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, env=environment)
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak, np.load(work / "peer.npy")


def peer_main(title, path, out):
    matrix = sp.load_npz(path)
    begin = time.monotonic()
    fitted = PEERS[title](matrix)
    seconds = time.monotonic() - begin
    with open("/proc/self/status") as status:
        peak = next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))
    np.save(out, fitted)
    print(json.dumps([seconds, peak]))


def agree(model, own, other, items):
    """What both sides have in common: weights, how much similarity there is, or the largest frequencies."""
    if model == "ease":
        own = own.reshape(items, -1)[:, :items]
        return np.abs(own - other).max() < 1e-3 * max(np.abs(other).max(), 1e-9)
    if model == "graph":
        return np.allclose(own[:FACTORS // 2], other[:FACTORS // 2], rtol=0.02)
    return abs(own.sum() - other.sum()) < 0.01 * other.sum()


def rows_of(matrix, name, model, titles, work):
    number = FACTORS if model == "graph" else NEIGHBOURS
    seconds, peak, own = ours(matrix, model, number, work)
    for title, bar in titles.items():
        peer_s, peer_peak, other = peer(title, work / f"{name}.npz", work)
        if not agree(model, own, other, matrix.shape[1]):
            raise Wrong(f"{name}, {model}: what came out differs from {title}")
        note = f"peak {peak:.0f} MiB, peer {peer_peak:.0f}"
        yield Row(f"{name}, {model}, {title}", seconds, "s", note, title, peer_s,
                  lower_is_better=True, bar=peer_s / bar)


def measure(context):
    rows, name = [], "small" if context.quick else "goodbooks"
    matrix = matrix_of(name, context.work)
    for model, titles in {"item_knn": {"SciPy": 3.0, "implicit 0.7.3": 3.0}, "ease": {"NumPy float64": 3.0, "NumPy float32": 1.0},
                          "graph": {"scikit-learn": 1.0}}.items():
        rows += rows_of(matrix, name, model, titles, context.work)
    return [*rows, *mf_rows.rows_of(matrix, name, context.work), *batch_rows.rows_of(context.csv(name), name, context.work)]


if __name__ == "__main__":
    peer_main(*sys.argv[1:])
