"""Lists for everybody into a file (`palate recommend --users`) beside the usual versions, which get the very weights and vectors that
Palate trained and return arrays, on as many cores; BLAS has one thread within each of theirs, as implicit asks for. Same lists, in the same run.
Ours is the whole command: states out of the store, filters, JSON lines.
"""
import json
import multiprocessing
import os
import subprocess
import sys
import time

import numpy as np
import scipy.sparse as sp

from harness import BIN, HERE, Row, Wrong, palate

THREADS, K, PEER_USERS = 2, 20, 8192  # a user costs the peers the same in any batch
HISTORY = 400  # distinct items: the 500 events that the state keeps of a user hold them all; lists of who has more are not compared
ALPHA, LIKE, REGULARIZATION, FACTORS = 10.0, 3.0, 3.0, 64  # LIKE: the weight of the type
SETTINGS = ["--item_knn.value_power", 0, "--item_knn.neighbours", 100, "--ease.solver", "exact", "--als.factors", FACTORS, "--als.iterations", 2,
            "--als.alpha", ALPHA, "--als.regularization", REGULARIZATION]


def read_tensors(path):
    """A safetensors file by name."""
    kinds = {"F32": np.float32, "U32": np.uint32, "U64": np.uint64, "U8": np.uint8}
    with open(path, "rb") as file:
        head = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        body = file.read()
    return {name: np.frombuffer(body[slice(*one["data_offsets"])], kinds[one["dtype"]]).reshape(one["shape"])
            for name, one in head.items() if name != "__metadata__"}


def world(csv, data):
    """Imports who had what, without ratings: the names of users and items in the order of first sight, and the matrix of both."""
    plain = data.parent / "plain.csv"
    with open(csv) as source, open(plain, "w") as out:
        pairs = [line.split(",", 2)[:2] for line in source.read().splitlines()[1:]]
        out.write("user_id,item_id,timestamp\n" + "".join(f"{user},{item},{1_400_000_000 + at}\n" for at, (user, item) in enumerate(pairs)))
    palate("import", plain, "--data", data, "--import.set", "type=like", "-q")
    users, items = ({name: row for row, name in enumerate(dict.fromkeys(column))} for column in zip(*pairs))
    rows, columns = (np.fromiter((of[pair[side]] for pair in pairs), np.int64) for side, of in enumerate((users, items)))
    matrix = sp.csr_matrix((np.ones(len(pairs), np.float32), (rows, columns)), (len(users), len(items)))
    return list(users), items, matrix  # how often, which counts for als alone


def best(scores, had):
    """The K best of each row, without what the user had."""
    scores[had.nonzero()] = -np.inf
    part = np.argpartition(-scores, K, axis=1)[:, :K]
    return np.take_along_axis(part, np.argsort(-np.take_along_axis(scores, part, 1), axis=1, kind="stable"), 1)


def by_weights(items, weights):
    dense = weights["weights"][:, :items]
    return lambda rows: np.concatenate([best(np.asarray(rows[at:at + 512] @ dense), rows[at:at + 512]) for at in range(0, rows.shape[0], 512)])


def by_neighbours(items, weights):
    from implicit._nearest_neighbours import NearestNeighboursScorer
    from implicit.nearest_neighbours import ItemItemRecommender
    model = ItemItemRecommender(num_threads=1)
    model.similarity = sp.csr_matrix((weights["value"].astype(np.float64), weights["index"], weights["start"]), (items, items))
    model.scorer = NearestNeighboursScorer(model.similarity)
    return lambda rows: model.recommend(np.arange(rows.shape[0]), rows.astype(np.float64), N=K)[0]


def by_factors(items, weights):
    """implicit ranks; the users' vectors, which it would have from training, are solved beforehand and not timed."""
    from implicit.cpu.als import AlternatingLeastSquares
    model = AlternatingLeastSquares(factors=FACTORS, num_threads=THREADS)
    model.item_factors, model.user_factors = weights["item_factors"], weights["users"]
    return lambda rows: model.recommend(np.arange(rows.shape[0]), rows, N=K)[0]


ranking = None  # what the processes of a pool run


def rank(rows):
    return ranking(rows)


def timed(matrix, threads):
    """Lists by `ranking`, and the seconds of the second turn. Where it ranks on one thread, each of two processes ranks half of the users."""
    def twice(turn):
        turn()
        begin = time.monotonic()
        return np.concatenate(turn()), time.monotonic() - begin

    if threads > 1:
        return twice(lambda: [ranking(matrix)])
    half = matrix.shape[0] // THREADS
    parts = [matrix[at * half:(at + 1) * half if at + 1 < THREADS else None] for at in range(THREADS)]
    with multiprocessing.get_context("fork").Pool(THREADS) as pool:
        return twice(lambda: pool.map(rank, parts, chunksize=1))


def solved(matrix, items):
    """The vectors that minimize what `als` does, of each row, in double."""
    items = items.astype(np.float64)
    gram = items.T @ items + REGULARIZATION * np.eye(FACTORS)
    parts = (slice(*matrix.indptr[user:user + 2]) for user in range(matrix.shape[0]))
    rows = ((items[matrix.indices[part]], ALPHA * LIKE * matrix.data[part, None]) for part in parts)
    return np.array([np.linalg.solve(gram + had.T @ (weight * had), ((1 + weight) * had).sum(0)) for had, weight in rows]).astype(np.float32)


PEERS = {"item_knn": ("implicit 0.7.3, 2 processes", by_neighbours, 1), "ease": ("NumPy float32, 2 processes", by_weights, 1),
         "als": ("implicit 0.7.3", by_factors, THREADS)}


def peer_main(model, folder):
    global ranking
    matrix = sp.load_npz(f"{folder}/peer.npz")
    _, make, threads = PEERS[model]
    ranking = make(matrix.shape[1], dict(np.load(f"{folder}/weights.npz")))
    ranked, seconds = timed(matrix, threads)
    print(json.dumps(seconds))
    np.save(f"{folder}/ranked.npy", ranked)


def lists_of(path, users, items):
    """What the command wrote, as rows of items; -1 behind the end of a list."""
    ranked = np.full((len(users), K), -1)
    with open(path) as lines:
        for row, line in enumerate(map(json.loads, lines)):
            if line["user"] != users[row]:
                raise Wrong(f"line {row} is of {line['user']}, not of {users[row]}")
            found = [items[one["item"]] for one in line["items"]]
            ranked[row, :len(found)] = found
    return ranked


def row_of(model, name, known, folder):
    users, items, matrix, data = known
    trained = palate("train", "--models", model, "--data", data, *SETTINGS, "-q").answer["models"][0]
    weights = read_tensors(data / "default" / "models" / model / trained["version"] / "tensors.safetensors")
    part = matrix[:PEER_USERS].copy()
    if model == "als":
        weights["users"] = solved(part, weights["item_factors"])
    part.data[:] = 1
    sp.save_npz(folder / "peer.npz", part)
    np.savez(folder / "weights.npz", **weights)
    (folder / "ids").write_text("\n".join(users))
    wrote = palate("recommend", "--users", folder / "ids", "--out", folder / "lists.jsonl", "-n", K, "--data", data, "--threads", THREADS, "-q")
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(HERE), "PALATE_BIN": str(BIN)}
    done = subprocess.run([sys.executable, HERE / "batch_rows.py", model, folder], check=True, capture_output=True, text=True, env=environment)
    own, other = lists_of(folder / "lists.jsonl", users, items)[:PEER_USERS], np.load(folder / "ranked.npy")
    same = np.mean([len(set(a) & set(b)) / K for a, b, had in zip(own, other, part.getnnz(1)) if had <= HISTORY])
    if same < 0.99:  # the rest are equal scores in another order, and floats beside doubles
        raise Wrong(f"{name}, {model}: of {K} items {same * K:.2f} are the peer's")
    return Row(f"{name}, lists of {K} for {len(users):,} users, {model}", len(users) / wrote.answer["seconds"], "users/s",
               f"{same:.1%} the same items", PEERS[model][0], part.shape[0] / json.loads(done.stdout.splitlines()[-1]), bar=None)


def rows_of(csv, name, work):
    folder = work / "batch"
    folder.mkdir()
    known = (*world(csv, folder / "data"), folder / "data")
    return [row_of(model, name, known, folder) for model in PEERS]


if __name__ == "__main__":
    peer_main(*sys.argv[1:])
